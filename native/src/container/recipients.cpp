#include "container/recipients.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/platform.h"
#include "base/status.h"
#include "base/utf8.h"
#include "container/base64.h"

namespace lnx::container {
namespace {

using nlohmann::json;

constexpr char kHead[] = "{\"r\":";
constexpr char kMiddle[] = ",\"mac\":\"";
constexpr char kTail[] = "\"}";
constexpr size_t kMacText = 44;  // base64 of 32 bytes
constexpr size_t kMaxFamilyKeyBytes = 1 << 20;

Bytes Text(const char* text) { return {reinterpret_cast<const uint8_t*>(text), std::strlen(text)}; }

[[noreturn]] void Malformed(const std::string& found, const std::string& where) {
  Fail(LNX_E_RECIPIENTS, {found, "{\"r\":[...],\"mac\":\"...\"} without spaces", where});
}

bool Field(const json& item, const char* name, size_t bytes, std::vector<uint8_t>* out) {
  return item.contains(name) && item[name].is_string() && DecodeBase64(item[name].get<std::string>(), out) &&
         out->size() == bytes;
}

// The array exactly as it stands in the file (it is what the MAC covers), and the MAC.
Bytes Split(Bytes block, std::vector<uint8_t>* mac, const std::string& where) {
  const size_t frame = sizeof(kHead) - 1 + sizeof(kMiddle) - 1 + kMacText + sizeof(kTail) - 1;
  const auto* text = reinterpret_cast<const char*>(block.data);
  if (block.size < frame + 2 || std::memcmp(text, kHead, sizeof(kHead) - 1) != 0) Malformed("another block", where);
  const size_t array_bytes = block.size - frame;
  const char* after = text + sizeof(kHead) - 1 + array_bytes;
  if (std::memcmp(after, kMiddle, sizeof(kMiddle) - 1) != 0 ||
      std::memcmp(after + sizeof(kMiddle) - 1 + kMacText, kTail, sizeof(kTail) - 1) != 0 ||
      !DecodeBase64(std::string(after + sizeof(kMiddle) - 1, kMacText), mac) || mac->size() != 32) {
    Malformed("another block", where);
  }
  return block.subspan(sizeof(kHead) - 1, array_bytes);
}

bool UnwrapFamily(const json& item, const FamilyKey& family, const Preamble& preamble, crypto::Key256* cek) {
  std::vector<uint8_t> nonce, wrapped;
  if (!Field(item, "nonce", 12, &nonce) || !Field(item, "ct", 48, &wrapped)) return false;
  crypto::Key256 wrapping;
  crypto::HkdfSha256({family.key.data(), family.key.size()}, preamble.salt, Text("lnx/1 family wrap"), wrapping.data(),
                     wrapping.size());
  crypto::AesGcm gcm({wrapping.data(), wrapping.size()});
  platform::SecureWipe(wrapping.data(), wrapping.size());
  return gcm.Decrypt({nonce.data(), nonce.size()}, preamble.commitment, {wrapped.data(), wrapped.size()}, cek->data());
}

// The family key comes from a licence; it lives here no longer than the unwrapping takes.
bool UnwrapBySource(const json& item, const std::string& kid, const Preamble& preamble, const PublicManifest& manifest,
                    KeySource& source, const std::string& where, crypto::Key256* cek) {
  FamilyKey family{kid, {}};
  if (!source.Family(manifest, kid, &family.key)) return false;
  const bool opened = UnwrapFamily(item, family, preamble, cek);
  platform::SecureWipe(family.key.data(), family.key.size());
  if (!opened) {
    Fail(LNX_E_KEY_COMMITMENT, {"a key named \"" + kid + "\" that does not open this file", "the key it was packed with", where});
  }
  return true;
}

SealedKey ReadSealed(const json& item, const Preamble& preamble, const std::string& where) {
  SealedKey sealed;
  if (!item.contains("to") || !item["to"].is_string() || !Field(item, "enc", 65, &sealed.enc) ||
      !Field(item, "ct", 48, &sealed.ciphertext)) {
    Malformed("a p256 recipient without to, enc, ct", where);
  }
  sealed.to = item["to"].get<std::string>();
  const Bytes head = Text("lnx/1 container-key");
  sealed.info.assign(head.begin(), head.end());
  sealed.info.push_back(0);
  sealed.info.insert(sealed.info.end(), preamble.salt.begin(), preamble.salt.end());
  sealed.aad.assign(preamble.commitment.begin(), preamble.commitment.end());
  return sealed;
}

bool Committed(const crypto::Key256& cek, const Preamble& preamble) {
  uint8_t commitment[32];
  crypto::HkdfSha256({cek.data(), cek.size()}, preamble.salt, Text("lnx/1 commit"), commitment, sizeof commitment);
  return crypto::ConstantTimeEqual({commitment, sizeof commitment}, preamble.commitment);
}

}  // namespace

crypto::Key256 FindContentKey(Bytes recipients_json, const Preamble& preamble, const PublicManifest& manifest,
                              const KeyRing& keys, const std::string& where) {
  std::vector<uint8_t> mac;
  const Bytes array = Split(recipients_json, &mac, where);
  const json recipients = json::parse(array.begin(), array.end(), nullptr, false);
  if (!recipients.is_array()) Malformed("no array of recipients", where);
  if (recipients.size() > kMaxRecipients) {
    Fail(LNX_E_LIMIT, {std::to_string(recipients.size()) + " recipients", "at most " + std::to_string(kMaxRecipients), where});
  }

  crypto::Key256 cek{};
  bool opened = false;
  std::string needed;
  for (const json& item : recipients) {
    if (!item.is_object() || !item.contains("type") || !item["type"].is_string()) Malformed("a recipient without type", where);
    const auto type = item["type"].get<std::string>();
    if (type == "open") {
      std::vector<uint8_t> key;
      if (!Field(item, "key", 32, &key)) Malformed("an open recipient without its key", where);
      std::copy(key.begin(), key.end(), cek.begin());
      platform::SecureWipe(key.data(), key.size());
      opened = true;
    } else if (type == "family") {
      if (!item.contains("kid") || !item["kid"].is_string()) Malformed("a family recipient without kid", where);
      const auto kid = item["kid"].get<std::string>();
      needed += (needed.empty() ? "" : ", ") + std::string("family key \"") + Shortened(kid, 64) + "\"";
      for (const FamilyKey& family : keys.families) {
        if (!opened && family.kid == kid) {
          if (!UnwrapFamily(item, family, preamble, &cek)) {
            Fail(LNX_E_KEY_COMMITMENT,
                 {"a key named \"" + kid + "\" that does not open this file", "the key it was packed with", where});
          }
          opened = true;
        }
      }
      if (!opened && keys.source != nullptr) opened = UnwrapBySource(item, kid, preamble, manifest, *keys.source, where, &cek);
    } else if (type == "p256") {
      const SealedKey sealed = ReadSealed(item, preamble, where);
      needed += (needed.empty() ? "" : ", ") + std::string("token ") + Shortened(sealed.to, 32);
      opened = keys.source != nullptr && keys.source->Direct(manifest, sealed, &cek);
    } else {
      needed += (needed.empty() ? "" : ", ") + std::string("recipient type \"") + Shortened(type, 32) + "\"";
    }
    if (opened) break;
  }
  if (!opened) {
    if (keys.source != nullptr) keys.source->Refuse(manifest);
    std::string have;
    for (const FamilyKey& family : keys.families) have += (have.empty() ? "" : ", ") + std::string("\"") + family.kid + "\"";
    Fail(LNX_E_NO_RECIPIENT,
         {have.empty() ? "no family key at hand" : "family keys " + have, needed.empty() ? "a recipient" : needed, where});
  }
  if (!Committed(cek, preamble)) {
    platform::SecureWipe(cek.data(), cek.size());
    Fail(LNX_E_KEY_COMMITMENT, {"a key that is not committed to in the header", "the key it was packed with", where});
  }
  crypto::Key256 mac_key;
  crypto::HkdfSha256({cek.data(), cek.size()}, preamble.salt, Text("lnx/1 recipients"), mac_key.data(), mac_key.size());
  const crypto::Digest expected = crypto::HmacSha256({mac_key.data(), mac_key.size()}, array);
  if (!crypto::ConstantTimeEqual({expected.data(), expected.size()}, {mac.data(), mac.size()})) {
    platform::SecureWipe(cek.data(), cek.size());
    Fail(LNX_E_RECIPIENTS, {"a list that was changed after packing", "a list whose MAC matches", where});
  }
  return cek;
}

KeyRing KeyRing::Load(const std::string& path) {
  KeyRing ring;
  const std::string chosen = path.empty() ? platform::GetEnv("LNX_KEY_FILE") : path;
  if (chosen.empty()) return ring;
  std::unique_ptr<platform::FileView> file;
  try {
    file = platform::FileView::Open(chosen, kMaxFamilyKeyBytes);
  } catch (const Error& error) {
    Fail(LNX_E_KEY_FILE, {error.finding().found, "a family key file", chosen, {}, error.finding().os_code});
  }
  const std::string expected = "{\"lnx_family_keys\":[{\"kid\": text, \"key\": base64 of 32 bytes}]}";
  const json document = json::parse(file->bytes().begin(), file->bytes().end(), nullptr, false);
  if (!document.is_object() || !document.contains("lnx_family_keys") || !document["lnx_family_keys"].is_array()) {
    Fail(LNX_E_KEY_FILE, {"no list of family keys", expected, chosen});
  }
  for (const json& item : document["lnx_family_keys"]) {
    std::vector<uint8_t> key;
    if (!item.is_object() || !item.contains("kid") || !item["kid"].is_string() || !Field(item, "key", 32, &key)) {
      Fail(LNX_E_KEY_FILE, {"a malformed family key", expected, chosen});
    }
    FamilyKey family{item["kid"].get<std::string>(), {}};
    std::copy(key.begin(), key.end(), family.key.begin());
    platform::SecureWipe(key.data(), key.size());
    ring.families.push_back(std::move(family));
  }
  return ring;
}

KeyRing::~KeyRing() {
  for (FamilyKey& family : families) platform::SecureWipe(family.key.data(), family.key.size());
}

}  // namespace lnx::container
