#include "license/terms.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/moment.h"
#include "base/status.h"
#include "container/base64.h"
#include "container/fields.h"
#include "container/trust.h"

namespace lnx::license {
namespace {

using container::Refusal;
using nlohmann::json;

constexpr size_t kMaxList = 1024, kMaxDongles = 16, kMaxText = 200;

class Fields {
 public:
  Fields(const json& object, const Refusal& refuse, std::string place)
      : object_(object), refuse_(refuse), place_(std::move(place)) {
    if (!object.is_object()) refuse_("no object in " + place_, "an object");
  }

  bool Has(const char* name) const { return object_.contains(name) && !object_[name].is_null(); }
  [[noreturn]] void Bad(const char* name, const std::string& expected) const {
    refuse_("\"" + std::string(name) + "\" in " + place_ + " that cannot be read", expected);
  }

  std::string Text(const char* name, size_t max = kMaxText) const {
    if (!object_.contains(name)) return "";
    if (!object_[name].is_string()) Bad(name, "a text");
    auto text = object_[name].get<std::string>();
    const auto characters = std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
    if (static_cast<size_t>(characters) > max) Bad(name, "at most " + std::to_string(max) + " characters");
    return text;
  }

  std::string Id(const char* name, bool required) const {
    if (!required && !Has(name)) return "";
    if (!object_.contains(name) || !IsId(object_[name])) Bad(name, "1 to 63 of 0-9 A-Z a-z . _ -");
    return object_[name].get<std::string>();
  }

  static bool IsId(const json& value) {
    if (!value.is_string()) return false;
    const auto text = value.get<std::string>();
    return !text.empty() && text.size() <= 63 && std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' || c == '_' || c == '-';
    });
  }

  uint64_t Number(const char* name, uint64_t low, uint64_t high, uint64_t otherwise) const {
    if (!object_.contains(name)) return otherwise;
    if (!object_[name].is_number_unsigned() || object_[name].get<uint64_t>() < low || object_[name].get<uint64_t>() > high) {
      Bad(name, std::to_string(low) + " .. " + std::to_string(high));
    }
    return object_[name].get<uint64_t>();
  }

  void Moment(const char* name, int64_t* moment) const {
    if (!container::ReadMoment(object_, name, moment)) Bad(name, "a time like 2026-11-21T07:30:00Z");
  }

  const json& List(const char* name, size_t low, size_t high) const {
    static const json empty = json::array();
    if (low == 0 && !object_.contains(name)) return empty;
    if (!object_.contains(name) || !object_[name].is_array() || object_[name].size() < low || object_[name].size() > high) {
      Bad(name, "a list of " + std::to_string(low) + " to " + std::to_string(high));
    }
    return object_[name];
  }

  bool Flag(const char* name) const {
    if (!object_.contains(name)) return false;
    if (!object_[name].is_boolean()) Bad(name, "true or false");
    return object_[name].get<bool>();
  }

  void Binary(const char* name, size_t bytes, std::vector<uint8_t>* out) const {
    if (!object_.contains(name) || !object_[name].is_string() ||
        !container::DecodeBase64(object_[name].get<std::string>(), out) || out->size() != bytes) {
      Bad(name, "base64 of " + std::to_string(bytes) + " bytes");
    }
  }

  const json& At(const char* name) const { return object_[name]; }

 private:
  const json& object_;
  const Refusal& refuse_;
  std::string place_;
};

bool IsHex(const std::string& text, size_t digits) {
  return text.size() == digits &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Dongle ReadDongle(const json& item, const Refusal& refuse) {
  const Fields fields(item, refuse, "a dongle");
  Dongle dongle;
  const std::string type = fields.Text("type"), role = item.contains("role") ? fields.Text("role") : "main";
  if (type != "piv-p256-9e" && type != "software-p256") fields.Bad("type", "\"piv-p256-9e\" or \"software-p256\"");
  if (role != "main" && role != "spare") fields.Bad("role", "\"main\" or \"spare\"");
  if (!item.contains("pub") || !container::ReadPoint(item["pub"], &dongle.point)) fields.Bad("pub", "base64 of a point of P-256");
  fields.Flag("attested");
  dongle.serial = fields.Text("serial");
  dongle.software = type == "software-p256";
  dongle.spare = role == "spare";
  dongle.keyid = container::KeyId({dongle.point.data(), dongle.point.size()});
  return dongle;
}

WrappedKey ReadKey(const json& item, const License& license, const Refusal& refuse) {
  const Fields fields(item, refuse, "a key");
  WrappedKey key;
  if (!item.contains("kid")) fields.Bad("kid", "a text");
  key.kid = fields.Text("kid");
  key.to = fields.Text("to");
  if (license.FindDongle(key.to) == nullptr) fields.Bad("to", "the key id of a dongle of this licence");
  fields.Binary("enc", 65, &key.enc);
  fields.Binary("ct", 48, &key.ciphertext);
  return key;
}

LicensedModel ReadModel(const json& item, const Refusal& refuse) {
  const Fields fields(item, refuse, "a model");
  LicensedModel model;
  if (!item.contains("model_id")) fields.Bad("model_id", "a text");
  model.model_id = fields.Text("model_id");
  model.min_epoch = fields.Number("min_epoch", 0, (1ull << 53) - 1, 0);
  fields.Moment("not_after", &model.not_after);
  return model;
}

void ReadGrace(const Fields& fields, const Refusal& refuse, Grace* grace) {
  if (!fields.Has("grace")) return;
  const Fields inner(fields.At("grace"), refuse, "grace");
  grace->boot_s = static_cast<uint32_t>(inner.Number("boot_s", 0, 86400, grace->boot_s));
  grace->unplug_s = static_cast<uint32_t>(inner.Number("unplug_s", 0, 86400, grace->unplug_s));
  grace->expired_h = static_cast<uint32_t>(inner.Number("expired_h", 0, 24 * 366, grace->expired_h));
}

// "1.2.3" as a comparable number; 0 for anything else.
uint64_t CoreVersion(const std::string& text) {
  unsigned part[3] = {};
  int end = 0;
  if (std::sscanf(text.c_str(), "%4u.%4u.%4u%n", &part[0], &part[1], &part[2], &end) != 3 ||
      static_cast<size_t>(end) != text.size()) {
    return 0;
  }
  return (static_cast<uint64_t>(part[0]) << 40) + (static_cast<uint64_t>(part[1]) << 20) + part[2];
}

void CheckWhole(const License& license, const Refusal& refuse) {
  if (license.not_after != kNever && license.not_before != -kNever && license.not_after <= license.not_before) {
    refuse("a not_after that is not later than not_before", "a span of time");
  }
  std::set<std::string> ids;
  for (const Dongle& dongle : license.dongles) {
    if (!ids.insert(dongle.keyid).second) refuse("a dongle that is listed twice", "each dongle once");
  }
  if (license.evaluation && (license.not_after == kNever || license.not_after - license.issued_at > kEvaluationSeconds)) {
    refuse("an evaluation licence without an end within 90 days", "a not_after at most 90 days after issued_at");
  }
}

}  // namespace

License ReadTerms(const json& payload, const Refusal& refuse) {
  const Fields fields(payload, refuse, "the licence");
  if (!payload.contains("v") || !payload["v"].is_number_integer() || payload["v"] != 1) {
    const std::string shown =
        payload.contains("v") ? payload["v"].dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 40) : "none";
    Fail(LNX_E_LICENSE_VERSION, {"licence version " + shown, "version 1", refuse.where});
  }
  License license;
  license.license_id = fields.Id("license_id", true);
  license.issue = static_cast<uint32_t>(fields.Number("issue", 1, INT32_MAX, 1));
  license.replaces = fields.Id("replaces", false);
  license.customer = fields.Text("customer");
  license.product = fields.Text("product");
  license.edition = fields.Text("edition");
  if (!fields.Has("issued_at")) fields.Bad("issued_at", "a time like 2026-11-21T07:30:00Z");
  fields.Moment("issued_at", &license.issued_at);
  fields.Moment("not_before", &license.not_before);
  fields.Moment("not_after", &license.not_after);
  if (fields.Has("maintenance_until") &&
      (!fields.At("maintenance_until").is_string() ||
       !ParseDay(fields.At("maintenance_until").get<std::string>(), &license.maintenance_until))) {
    fields.Bad("maintenance_until", "a day like 2027-12-31");
  }
  license.warn_days = static_cast<uint32_t>(fields.Number("warn_days", 0, 3660, 30));
  if (fields.Has("host")) fields.Bad("host", "null: this version cannot bind a licence to a PC");
  if (fields.Has("features")) license.features = ReadFeatures(fields.At("features"), refuse);
  ReadGrace(fields, refuse, &license.grace);
  for (const json& item : fields.List("dongles", 1, kMaxDongles)) license.dongles.push_back(ReadDongle(item, refuse));
  for (const json& item : fields.List("models", 0, kMaxList)) license.models.push_back(ReadModel(item, refuse));
  for (const json& item : fields.List("keys", 0, kMaxList)) license.keys.push_back(ReadKey(item, license, refuse));
  for (const json& item : fields.List("revokes", 0, kMaxList)) {
    if (!Fields::IsId(item)) fields.Bad("revokes", "a list of license_id");
    license.revokes.push_back(item.get<std::string>());
  }
  for (const json& item : fields.List("runtime_sha256", 0, 64)) {
    if (!item.is_string() || !IsHex(item.get<std::string>(), 64)) fields.Bad("runtime_sha256", "64 hex digits each");
    license.runtime_sha256.push_back(item.get<std::string>());
  }
  license.evaluation =
      std::any_of(license.dongles.begin(), license.dongles.end(), [](const Dongle& dongle) { return dongle.software; });
  CheckWhole(license, refuse);
  const std::string min_core = payload.contains("min_core") ? fields.Text("min_core") : "1.0.0";
  const uint64_t needed = CoreVersion(min_core);
  if (needed == 0 && min_core != "0.0.0") fields.Bad("min_core", "major.minor.patch");
  if (needed > CoreVersion(LNX_VERSION)) {
    Fail(LNX_E_CORE_TOO_OLD, {"version " LNX_VERSION, "version " + min_core + " or later", refuse.where});
  }
  return license;
}

}  // namespace lnx::license
