#include "container/trust.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "base/platform.h"
#include "base/status.h"
#include "base/utf8.h"
#include "container/base64.h"
#include "crypto/crypto.h"

namespace lnx::container {
namespace {

constexpr char kPayloadType[] = "application/vnd.lnx.container;v=1";
constexpr size_t kMaxKeyFileBytes = 64 * 1024;

// The DSSE pre-authentication encoding (secure-systems-lab/dsse, protocol.md).
std::vector<uint8_t> Pae(Bytes body) {
  const std::string type = kPayloadType;
  const std::string head = "DSSEv1 " + std::to_string(type.size()) + " " + type + " " + std::to_string(body.size) + " ";
  std::vector<uint8_t> text(head.begin(), head.end());
  text.insert(text.end(), body.begin(), body.end());
  return text;
}

std::string TrustFolder() {
  std::string folder = platform::GetEnv("LNX_TRUST_DIR");
  if (!folder.empty()) return folder;
#if defined(_WIN32)
  return platform::JoinPath(platform::GetEnv("ProgramData"), "LNX\\trust");
#else
  return "/etc/lnx/trust";
#endif
}

TrustedKey ReadKey(const std::string& path) {
  std::unique_ptr<platform::FileView> file;
  try {
    file = platform::FileView::Open(path, kMaxKeyFileBytes);
  } catch (const Error& error) {
    Fail(LNX_E_KEY_FILE, {error.finding().found, "a PEM file with a public key", path, {}, error.finding().os_code});
  }
  const Bytes bytes = file->bytes();
  const std::string pem(reinterpret_cast<const char*>(bytes.data), bytes.size);
  return {crypto::ReadP256PublicPem(pem, path), path};
}

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

std::string KeyId(Bytes point) {
  const crypto::Digest digest = crypto::Sha256(point);
  static const char* digits = "0123456789abcdef";
  std::string id;
  for (size_t i = 0; i < 8; ++i) {
    id += digits[digest[i] >> 4];
    id += digits[digest[i] & 15];
  }
  return id;
}

TrustStore TrustStore::Load(const std::vector<std::string>& pem_files) {
  TrustStore store;
  for (const std::string& path : platform::ListFiles(TrustFolder())) {
    if (EndsWith(path, ".pem")) store.keys.push_back(ReadKey(path));
  }
  for (const std::string& path : pem_files) store.keys.push_back(ReadKey(path));
  return store;
}

std::string CheckSignature(Bytes signatures_json, Bytes signed_part, const TrustStore& trust, const std::string& where) {
  const auto json = nlohmann::json::parse(signatures_json.begin(), signatures_json.end(), nullptr, false);
  const std::string expected = "[{\"keyid\": 16 hex digits, \"sig\": base64 of 64 bytes}]";
  if (!json.is_array() || json.empty() || json.size() > 16)
    Fail(LNX_E_SIGNATURE, {"a malformed signature block", expected, where});
  std::string seen;
  std::vector<uint8_t> message;
  bool known = false;
  for (const auto& item : json) {
    if (!item.is_object() || item.size() != 2 || !item.contains("keyid") || !item["keyid"].is_string() || !item.contains("sig") ||
        !item["sig"].is_string()) {
      Fail(LNX_E_SIGNATURE, {"a malformed signature", expected, where});
    }
    const auto id = item["keyid"].get<std::string>();
    seen += (seen.empty() ? "" : ", ") + Shortened(id, 32);
    for (const TrustedKey& key : trust.keys) {
      if (KeyId({key.point.data(), key.point.size()}) != id) continue;
      known = true;
      std::vector<uint8_t> signature;
      if (message.empty()) message = Pae(signed_part);
      if (DecodeBase64(item["sig"].get<std::string>(), &signature) &&
          crypto::VerifyP256({key.point.data(), key.point.size()}, {message.data(), message.size()},
                             {signature.data(), signature.size()})) {
        return id;
      }
    }
  }
  if (known) Fail(LNX_E_SIGNATURE, {"a signature by " + seen + " that does not match the file", "the signed content", where});
  std::string trusted;
  for (const TrustedKey& key : trust.keys) {
    trusted += (trusted.empty() ? "" : ", ") + KeyId({key.point.data(), key.point.size()}) + " (" + key.source + ")";
  }
  Fail(LNX_E_UNTRUSTED_KEY,
       {"signed by " + seen, trusted.empty() ? "a trusted key; none is installed" : "one of " + trusted, where});
}

}  // namespace lnx::container
