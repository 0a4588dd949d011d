// A supplier's desk for the tests: a root, the keys of its list, and licences with any payload.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "container/dsse.h"
#include "container/key_list.h"
#include "container/trust.h"
#include "crypto/crypto.h"
#include "crypto/hpke.h"
#include "license/license.h"

namespace lnx::license::desk {

using nlohmann::json;

inline std::string Base64(Bytes bytes) {
  static const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size; i += 3) {
    uint32_t group = static_cast<uint32_t>(bytes[i]) << 16;
    if (i + 1 < bytes.size) group |= static_cast<uint32_t>(bytes[i + 1]) << 8;
    if (i + 2 < bytes.size) group |= bytes[i + 2];
    for (int k = 0; k < 4; ++k) text += i + static_cast<size_t>(k) <= bytes.size ? digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}
inline Bytes View(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }
inline Bytes View(const crypto::Point256& point) { return {point.data(), point.size()}; }

struct Desk {
  crypto::P256KeyPair root = crypto::GenerateP256(), license_key = crypto::GenerateP256(), container_key = crypto::GenerateP256();
  crypto::Key256 family{};

  static json Envelope(const std::string& type, const std::string& payload, const crypto::P256KeyPair& key) {
    const std::vector<uint8_t> message = container::PreAuthentication(type, View(payload));
    const crypto::Signature256 signature = crypto::SignP256(key, {message.data(), message.size()});
    return {
        {"payloadType", type},
        {"payload", Base64(View(payload))},
        {"signatures", {{{"keyid", container::KeyId(View(key.point))}, {"sig", Base64({signature.data(), signature.size()})}}}}};
  }

  json KeyList(uint32_t issue = 1) const {
    const auto entry = [](const crypto::P256KeyPair& key, const char* role) {
      return json{{"keyid", container::KeyId(View(key.point))}, {"pub", Base64(View(key.point))}, {"role", role}, {"name", ""}};
    };
    const json list = {{"v", 1},
                       {"issue", issue},
                       {"issued_at", "2026-01-01T00:00:00Z"},
                       {"keys", {entry(license_key, "license"), entry(container_key, "container")}}};
    return Envelope("application/vnd.lnx.keylist+json;v=1", list.dump(), root);
  }

  container::TrustStore Trust(bool with_list = true) const {
    container::TrustStore trust;
    trust.roots.push_back({container::KeyId(View(root.point)), "test", root.point});
    if (with_list) trust.lists.push_back(container::OpenKeyList(View(KeyList().dump()), trust.roots, "list"));
    return trust;
  }

  json Terms(const crypto::Point256& dongle, const char* type = "piv-p256-9e", const std::string& id = "lic-1") const {
    const std::string kid = "fam", info = std::string("lnx/1 license-key") + '\0' + id;
    const crypto::HpkeSealed sealed = crypto::HpkeSeal(View(dongle), View(info), View(kid), {family.data(), family.size()});
    return {{"v", 1},
            {"license_id", id},
            {"issue", 1},
            {"issued_at", "2026-11-01T00:00:00Z"},
            {"customer", "Plant 7"},
            {"dongles", {{{"type", type}, {"pub", Base64(View(dongle))}, {"serial", "4711"}}}},
            {"keys",
             {{{"kid", kid},
               {"to", container::KeyId(View(dongle))},
               {"enc", Base64(View(sealed.enc))},
               {"ct", Base64({sealed.ciphertext.data(), sealed.ciphertext.size()})}}}}};
  }

  std::string File(const json& terms) const {
    return Envelope("application/vnd.lnx.license+json;v=1", terms.dump(), license_key).dump();
  }
};

}  // namespace lnx::license::desk
