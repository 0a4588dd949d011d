#include "container/key_list.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/moment.h"
#include "base/utf8.h"
#include "container/base64.h"
#include "container/dsse.h"
#include "container/fields.h"
#include "container/trust.h"
#include "crypto/crypto.h"

namespace lnx::container {
namespace {

using nlohmann::json;

constexpr char kType[] = "application/vnd.lnx.keylist+json;v=1";
constexpr size_t kMaxKeyListBytes = 256 << 10;
constexpr size_t kMaxKeys = 64;

RoleKey ReadRoleKey(const json& item, const Refusal& refuse) {
  RoleKey key;
  if (!item.is_object() || !item.contains("keyid") || !item["keyid"].is_string() || !item.contains("pub") ||
      !ReadPoint(item["pub"], &key.point)) {
    refuse("a key that is no point of P-256", "{\"keyid\", \"pub\", \"role\", ...}");
  }
  key.keyid = item["keyid"].get<std::string>();
  if (KeyId({key.point.data(), key.point.size()}) != key.keyid) refuse("a key with the id of another", "the id of the key");
  const std::string role = item.contains("role") && item["role"].is_string() ? item["role"].get<std::string>() : "";
  if (role != "container" && role != "license") refuse("role \"" + Shortened(role, 32) + "\"", "\"container\" or \"license\"");
  key.role = role == "license" ? Role::kLicense : Role::kContainer;
  if (!ReadMoment(item, "not_before", &key.not_before) || !ReadMoment(item, "not_after", &key.not_after)) {
    refuse("a day that cannot be read", "a time like 2026-11-21T07:30:00Z, or null");
  }
  if (item.contains("name") && item["name"].is_string()) key.name = item["name"].get<std::string>();
  return key;
}

}  // namespace

bool ReadPoint(const json& value, std::array<uint8_t, 65>* point) {
  std::vector<uint8_t> bytes;
  if (!value.is_string() || !DecodeBase64(value.get<std::string>(), &bytes) || bytes.size() != point->size() ||
      !crypto::OnCurveP256({bytes.data(), bytes.size()})) {
    return false;
  }
  std::copy(bytes.begin(), bytes.end(), point->begin());
  return true;
}

bool ReadMoment(const json& object, const char* name, int64_t* moment) {
  if (!object.contains(name) || object[name].is_null()) return true;
  return object[name].is_string() && ParseMoment(object[name].get<std::string>(), moment);
}

KeyList OpenKeyList(const json& document, const std::vector<RootKey>& roots, const std::string& where) {
  const Refusal refuse{LNX_E_KEY_LIST, where};
  const Envelope envelope = ParseEnvelope(document, kType, refuse);
  std::vector<NamedKey> named;
  std::string names;
  for (const RootKey& root : roots) {
    named.push_back({root.keyid, {root.point.data(), root.point.size()}});
    names += (names.empty() ? "one of the roots " : ", ") + root.keyid;
  }
  bool known = false;
  KeyList list;
  list.root = SignedBy(envelope, named, &known);
  if (list.root.empty() && known) {
    refuse("a signature by " + Signers(envelope) + " that does not match the list", "the list as it was signed");
  }
  if (list.root.empty()) refuse("signed by " + Signers(envelope), names.empty() ? "a trusted root; none is installed" : names);

  const json payload = ParseStrict({envelope.payload.data(), envelope.payload.size()}, refuse);
  int64_t issued_at = 0;
  const bool whole = payload.is_object() && payload.contains("v") && payload["v"] == 1 && payload["v"].is_number_integer() &&
                     payload.contains("issue") && payload["issue"].is_number_unsigned() && payload["issue"] >= 1 &&
                     payload["issue"] <= INT32_MAX && payload.contains("issued_at") && payload["issued_at"].is_string() &&
                     ReadMoment(payload, "issued_at", &issued_at) && payload.contains("keys") && payload["keys"].is_array() &&
                     payload["keys"].size() <= kMaxKeys;
  if (!whole) refuse("another structure", "a key list of version 1");
  list.issue = payload["issue"].get<uint32_t>();
  for (const json& item : payload["keys"]) list.keys.push_back(ReadRoleKey(item, refuse));
  return list;
}

KeyList OpenKeyList(Bytes text, const std::vector<RootKey>& roots, const std::string& where) {
  const Refusal refuse{LNX_E_KEY_LIST, where};
  if (text.size > kMaxKeyListBytes) refuse(std::to_string(text.size) + " bytes", "at most " + std::to_string(kMaxKeyListBytes));
  return OpenKeyList(ParseStrict(text, refuse), roots, where);
}

void AddKeyList(KeyList list, std::vector<KeyList>* lists) {
  const auto same = std::find_if(lists->begin(), lists->end(), [&](const KeyList& known) { return known.root == list.root; });
  if (same == lists->end()) {
    lists->push_back(std::move(list));
  } else if (same->issue < list.issue) {
    *same = std::move(list);
  }
}

}  // namespace lnx::container
