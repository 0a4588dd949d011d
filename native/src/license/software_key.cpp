#include "license/software_key.h"

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/platform.h"
#include "base/status.h"
#include "container/base64.h"
#include "container/dsse.h"

namespace lnx::license {
namespace {

using nlohmann::json;

constexpr char kEnd[] = ".softkey.json";
constexpr size_t kMaxKeyFileBytes = 64 << 10;
constexpr char kForm[] = "{\"lnx_software_key\":{\"private\": base64 of 32 bytes, \"pub\": base64 of 65 bytes}}";

bool Binary(const json& object, const char* name, size_t bytes, std::vector<uint8_t>* out) {
  return object.contains(name) && object[name].is_string() && container::DecodeBase64(object[name].get<std::string>(), out) &&
         out->size() == bytes;
}

crypto::P256KeyPair Read(const std::string& path) {
  const container::Refusal refuse{LNX_E_SOFTWARE_KEY, path};
  std::unique_ptr<platform::FileView> file;
  try {
    file = platform::FileView::Open(path, kMaxKeyFileBytes);
  } catch (const Error& error) {
    refuse(error.finding().found, "a readable key file");
  }
  const json document = container::ParseStrict(file->bytes(), refuse);
  std::vector<uint8_t> secret, point;
  if (!document.is_object() || !document.contains("lnx_software_key") || !document["lnx_software_key"].is_object() ||
      !Binary(document["lnx_software_key"], "private", 32, &secret) || !Binary(document["lnx_software_key"], "pub", 65, &point)) {
    refuse("another structure", kForm);
  }
  crypto::P256KeyPair pair;
  std::copy(secret.begin(), secret.end(), pair.secret.begin());
  std::copy(point.begin(), point.end(), pair.point.begin());
  platform::SecureWipe(secret.data(), secret.size());
  return pair;
}

}  // namespace

crypto::P256KeyPair FindSoftwareKey(const crypto::Point256& point, const std::string& license_file) {
  const std::string chosen = platform::GetEnv("LNX_SOFTWARE_KEY"), end = kEnd;
  std::vector<std::string> files;
  if (!chosen.empty()) {
    files.push_back(chosen);
  } else {
    for (const std::string& path : platform::ListFiles(platform::ParentPath(license_file))) {
      if (path.size() > end.size() && path.compare(path.size() - end.size(), end.size(), end) == 0) files.push_back(path);
    }
  }
  std::exception_ptr damaged;  // told when no other one fits
  for (const std::string& path : files) {
    crypto::P256KeyPair pair;
    try {
      pair = Read(path);
    } catch (const Error&) {
      damaged = std::current_exception();
      continue;
    }
    if (pair.point != point) continue;
    crypto::Key256 mine, theirs;
    const crypto::P256KeyPair probe = crypto::GenerateP256();
    const bool whole = crypto::EcdhP256(pair, {probe.point.data(), 65}, &mine) &&
                       crypto::EcdhP256(probe, {pair.point.data(), 65}, &theirs) && mine == theirs;
    if (!whole) Fail(LNX_E_SOFTWARE_KEY, {"a private half that does not fit the public one", kForm, path});
    return pair;
  }
  if (damaged) std::rethrow_exception(damaged);
  Fail(LNX_E_SOFTWARE_KEY,
       {files.empty() ? "no *.softkey.json" : "key files of other licences", "the key file of this licence", license_file});
}

}  // namespace lnx::license
