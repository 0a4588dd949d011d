#include "container/trust.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/clock.h"
#include "base/moment.h"
#include "base/platform.h"
#include "base/status.h"
#include "base/utf8.h"
#include "container/base64.h"
#include "container/dsse.h"
#include "crypto/crypto.h"

namespace lnx::container {
namespace {

constexpr char kPayloadType[] = "application/vnd.lnx.container;v=1";
constexpr size_t kMaxPublicKeyBytes = 64 * 1024;
constexpr size_t kMaxListBytes = 256 * 1024;
constexpr char kRootEnd[] = ".root-pub.pem", kListEnd[] = ".keylist.json";

std::string TrustFolder() {
  std::string folder = platform::GetEnv("LNX_TRUST_DIR");
  if (!folder.empty()) return folder;
#if defined(_WIN32)
  return platform::JoinPath(platform::GetEnv("ProgramData"), "LNX\\trust");
#else
  return "/etc/lnx/trust";
#endif
}

std::unique_ptr<platform::FileView> ReadFile(const std::string& path, size_t max_bytes, LnxStatus status) {
  try {
    return platform::FileView::Open(path, max_bytes);
  } catch (const Error& error) {
    Fail(status, {error.finding().found, "a readable file", path, {}, error.finding().os_code});
  }
}

TrustedKey ReadKey(const std::string& path) {
  const auto file = ReadFile(path, kMaxPublicKeyBytes, LNX_E_KEY_FILE);
  const std::string pem(reinterpret_cast<const char*>(file->bytes().data), file->bytes().size);
  return {crypto::ReadP256PublicPem(pem, path), path};
}

bool IsGiven(const std::string& path, const std::vector<std::string>& given) {
  return std::find(given.begin(), given.end(), path) != given.end();
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

namespace {

// The keys that may sign containers: those trusted by themselves and those that a list gives this role.
std::vector<NamedKey> ContainerKeys(const TrustStore& trust) {
  std::vector<NamedKey> keys;
  for (const TrustedKey& key : trust.keys) {
    const Bytes point{key.point.data(), key.point.size()};
    keys.push_back({KeyId(point), point});
  }
  for (const KeyList& list : trust.lists) {
    for (const RoleKey& key : list.keys) {
      if (key.role == Role::kContainer) keys.push_back({key.keyid, {key.point.data(), key.point.size()}});
    }
  }
  return keys;
}

// The roots that are built into this library; empty unless the supplier's build names them (container/roots.inc).
std::vector<RootKey> BuiltInRoots() {
  std::vector<RootKey> roots;
  static const std::vector<std::array<uint8_t, 65>> points = {
#include "container/roots.inc"
  };
  roots.reserve(points.size());
  for (const auto& point : points) roots.push_back({KeyId({point.data(), point.size()}), "built-in", point});
  return roots;
}

}  // namespace

TrustStore TrustStore::Load(const std::vector<std::string>& given) {
  TrustStore store;
  std::vector<std::string> files = platform::ListFiles(TrustFolder());
  files.insert(files.end(), given.begin(), given.end());
  store.roots = BuiltInRoots();
  const bool pinned = !store.roots.empty();  // then no other root counts
  for (const std::string& path : files) {
    if (pinned || !EndsWith(path, kRootEnd)) continue;
    const TrustedKey key = ReadKey(path);
    store.roots.push_back({KeyId({key.point.data(), key.point.size()}), path, key.point});
  }
  for (const std::string& path : files) {
    if (EndsWith(path, kListEnd)) {
      AddKeyList(OpenKeyList(ReadFile(path, kMaxListBytes, LNX_E_KEY_LIST)->bytes(), store.roots, path), &store.lists);
    } else if (!EndsWith(path, kRootEnd) && (EndsWith(path, ".pem") || IsGiven(path, given))) {
      store.keys.push_back(ReadKey(path));
    }
  }
  return store;
}

std::string CheckSignature(Bytes signatures_json, Bytes signed_part, const TrustStore& trust, const std::string& where) {
  const auto json = nlohmann::json::parse(signatures_json.begin(), signatures_json.end(), nullptr, false);
  const std::string expected = "[{\"keyid\": 16 hex digits, \"sig\": base64 of 64 bytes}]";
  if (!json.is_array() || json.empty() || json.size() > 16)
    Fail(LNX_E_SIGNATURE, {"a malformed signature block", expected, where});
  const std::vector<NamedKey> keys = ContainerKeys(trust);
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
    for (const NamedKey& key : keys) {
      if (key.keyid != id) continue;
      known = true;
      std::vector<uint8_t> signature;
      if (message.empty()) message = PreAuthentication(kPayloadType, signed_part);
      if (DecodeBase64(item["sig"].get<std::string>(), &signature) &&
          crypto::VerifyP256(key.point, {message.data(), message.size()}, {signature.data(), signature.size()})) {
        return id;
      }
    }
  }
  if (known) Fail(LNX_E_SIGNATURE, {"a signature by " + seen + " that does not match the file", "the signed content", where});
  std::string trusted;
  for (const TrustedKey& key : trust.keys) {
    trusted += (trusted.empty() ? "" : ", ") + KeyId({key.point.data(), key.point.size()}) + " (" + key.source + ")";
  }
  for (const KeyList& list : trust.lists) {
    for (const RoleKey& key : list.keys) {
      if (key.role == Role::kContainer) trusted += (trusted.empty() ? "" : ", ") + key.keyid + " (list of " + list.root + ")";
    }
  }
  Fail(LNX_E_UNTRUSTED_KEY,
       {"signed by " + seen, trusted.empty() ? "a trusted key; none is installed" : "one of " + trusted, where});
}

void CheckDaysOfKey(const TrustStore& trust, const std::string& keyid, const std::string& released, const std::string& where) {
  for (const NamedKey& key : ContainerKeys({trust.keys, {}, {}})) {
    if (key.keyid == keyid) return;  // trusted by itself, without days
  }
  int64_t first = UnixNanos() / 1000000000, last = first;
  if (ParseDay(released, &last)) {
    first = last - 86399;
  } else if (ParseMoment(released, &last)) {
    first = last;
  }
  for (const KeyList& list : trust.lists) {
    for (const RoleKey& key : list.keys) {
      if (key.keyid != keyid || (key.not_before <= last && first <= key.not_after)) continue;
      Fail(LNX_E_UNTRUSTED_KEY, {"signed by " + keyid + " for " + (released.empty() ? "today" : released),
                                 "a release within the days of that key", where});
    }
  }
}

}  // namespace lnx::container
