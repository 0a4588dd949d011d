#include "license/license.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/moment.h"
#include "base/status.h"
#include "container/dsse.h"
#include "container/fields.h"
#include "container/trust.h"
#include "license/terms.h"

namespace lnx::license {
namespace {

using container::Role;
using container::RoleKey;
using container::TrustStore;
using nlohmann::json;

constexpr char kType[] = "application/vnd.lnx.license+json;v=1";

// The license key of a list that signed. LNX_E_LICENSE_UNTRUSTED, LNX_E_LICENSE_SIGNATURE.
const RoleKey& FindSigner(const container::Envelope& envelope, const std::vector<container::KeyList>& lists,
                          const TrustStore& trust, const std::string& where) {
  std::vector<container::NamedKey> keys;
  std::vector<const RoleKey*> entries;
  const auto signs = [&](const std::string& keyid) {
    return std::any_of(envelope.signatures.begin(), envelope.signatures.end(),
                       [&](const container::EnvelopeSignature& signature) { return signature.keyid == keyid; });
  };
  bool other_role = std::any_of(trust.keys.begin(), trust.keys.end(), [&](const container::TrustedKey& key) {
    return signs(container::KeyId({key.point.data(), key.point.size()}));
  });
  for (const container::KeyList& list : lists) {
    for (const RoleKey& key : list.keys) {
      other_role = other_role || (key.role != Role::kLicense && signs(key.keyid));
      if (key.role != Role::kLicense) continue;
      keys.push_back({key.keyid, {key.point.data(), key.point.size()}});
      entries.push_back(&key);
    }
  }
  bool known = false;
  const std::string signer = container::SignedBy(envelope, keys, &known);
  for (const RoleKey* entry : entries) {
    if (entry->keyid == signer) return *entry;
  }
  const std::string names = container::Signers(envelope);
  if (known) {
    Fail(LNX_E_LICENSE_SIGNATURE, {"a signature by " + names + " that does not match", "the licence as it was signed", where});
  }
  std::string wanted;
  for (const RoleKey* entry : entries) wanted += (wanted.empty() ? "a license key: " : ", ") + entry->keyid;
  Fail(LNX_E_LICENSE_UNTRUSTED, {"signed by " + names + (other_role ? ", a key that signs containers" : ""),
                                 wanted.empty() ? "a license key of an installed key list; there is none" : wanted, where});
}

std::string Days(const RoleKey& key) {
  return (key.not_before == -kNever ? "any time" : FormatMoment(key.not_before)) + " to " +
         (key.not_after == kNever ? "any time" : FormatMoment(key.not_after));
}

}  // namespace

const Dongle* License::FindDongle(const std::string& keyid) const {
  const auto found = std::find_if(dongles.begin(), dongles.end(), [&](const Dongle& dongle) { return dongle.keyid == keyid; });
  return found == dongles.end() ? nullptr : &*found;
}

License Verify(Bytes file, const TrustStore& trust, const std::string& where) {
  const container::Refusal refuse{LNX_E_LICENSE_FORMAT, where};
  if (file.size > kMaxLicenseBytes) {
    refuse(std::to_string(file.size) + " bytes", "at most " + std::to_string(kMaxLicenseBytes) + " bytes");
  }
  json document = container::ParseStrict(file, refuse);
  std::vector<container::KeyList> lists = trust.lists;
  if (document.is_object() && document.contains("key_list")) {
    container::AddKeyList(container::OpenKeyList(document["key_list"], trust.roots, where + ", key_list"), &lists);
    document.erase("key_list");
  }
  const container::Envelope envelope = container::ParseEnvelope(document, kType, refuse);
  const RoleKey& signer = FindSigner(envelope, lists, trust, where);
  License license = ReadTerms(container::ParseStrict({envelope.payload.data(), envelope.payload.size()}, refuse), refuse);
  if (!signer.Valid(license.issued_at)) {
    Fail(LNX_E_LICENSE_UNTRUSTED,
         {"signed on " + FormatMoment(license.issued_at) + " by " + signer.keyid, "a day of that key: " + Days(signer), where});
  }
  license.where = where;
  return license;
}

std::vector<uint8_t> WrapInfo(const License& license) {
  const std::string info = std::string("lnx/1 license-key") + '\0' + license.license_id;
  return {info.begin(), info.end()};
}

void RequireModel(const License& license, const container::PublicManifest& model, int64_t now) {
  if (!license.models.empty()) {
    const auto own = std::find_if(license.models.begin(), license.models.end(),
                                  [&](const LicensedModel& listed) { return listed.model_id == model.model_id; });
    if (own == license.models.end()) {
      std::string listed;
      for (const LicensedModel& item : license.models) listed += (listed.empty() ? "one of " : ", ") + item.model_id;
      Fail(LNX_E_MODEL_NOT_LICENSED, {"model \"" + model.model_id + "\"", listed, license.where});
    }
    if (now > own->not_after) {
      Fail(LNX_E_MODEL_NOT_LICENSED, {"model \"" + model.model_id + "\", licensed until " + FormatMoment(own->not_after),
                                      "a licence that still covers it", license.where});
    }
    if (model.epoch < own->min_epoch) {
      Fail(LNX_E_MODEL_ROLLED_BACK, {"epoch " + std::to_string(model.epoch) + " of model \"" + model.model_id + "\"",
                                     std::to_string(own->min_epoch) + " or later", license.where});
    }
  }
  int64_t released = 0;
  const bool dated = ParseMoment(model.released, &released) || ParseDay(model.released, &released);
  if (dated && released > license.maintenance_until) {
    Fail(LNX_E_MAINTENANCE_EXPIRED, {"model \"" + model.model_id + "\" of " + model.released,
                                     "released up to " + FormatMoment(license.maintenance_until).substr(0, 10), license.where});
  }
}

bool StandsFor(const License& other, const License& own) {
  const bool same_dongle = std::any_of(own.dongles.begin(), own.dongles.end(),
                                       [&](const Dongle& dongle) { return other.FindDongle(dongle.keyid) != nullptr; });
  if (!same_dongle || other.evaluation != own.evaluation) return false;  // that it is an evaluation stands in each result
  if (!other.runtime_sha256.empty() && other.runtime_sha256 != own.runtime_sha256) return false;
  const bool families = std::all_of(own.keys.begin(), own.keys.end(), [&](const WrappedKey& key) {
    return std::any_of(other.keys.begin(), other.keys.end(), [&](const WrappedKey& carried) { return carried.kid == key.kid; });
  });
  if (!families || other.models.empty()) return families;
  return !own.models.empty() && std::all_of(own.models.begin(), own.models.end(), [&](const LicensedModel& model) {
    return std::any_of(other.models.begin(), other.models.end(), [&](const LicensedModel& listed) {
      return listed.model_id == model.model_id && listed.min_epoch <= model.min_epoch && listed.not_after >= model.not_after;
    });
  });
}

std::vector<std::shared_ptr<const License>> Counting(std::vector<std::shared_ptr<const License>> all) {
  std::set<std::string> gone;
  for (const auto& license : all) {
    if (!license->replaces.empty()) gone.insert(license->replaces);
    gone.insert(license->revokes.begin(), license->revokes.end());
  }
  all.erase(std::remove_if(all.begin(), all.end(), [&](const auto& license) { return gone.count(license->license_id) > 0; }),
            all.end());
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a->issue > b->issue; });
  // An older licence that has no dongle of its own left is out: the newest of each dongle counts alone.
  std::set<std::string> served;
  std::vector<std::shared_ptr<const License>> standing;
  for (const auto& license : all) {
    bool fresh = false;
    for (const Dongle& dongle : license->dongles) fresh = served.insert(dongle.keyid).second || fresh;
    if (fresh) standing.push_back(license);
  }
  return standing;
}

}  // namespace lnx::license
