// HKDF (RFC 5869) over HMAC, since CNG offers no HKDF on every supported Windows.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "base/platform.h"
#include "base/status.h"
#include "crypto/crypto.h"

namespace lnx::crypto {

P256KeyPair::~P256KeyPair() { platform::SecureWipe(secret.data(), secret.size()); }

void HkdfSha256(Bytes ikm, Bytes salt, Bytes info, uint8_t* out, size_t out_bytes) {
  if (out_bytes > 255 * 32) Fail(LNX_E_INTERNAL, {std::to_string(out_bytes) + " bytes", "at most 8160", "HKDF"});
  const uint8_t zeros[32] = {};
  Digest prk = HmacSha256(salt.empty() ? Bytes{zeros, sizeof zeros} : salt, ikm);
  std::vector<uint8_t> block;
  Digest previous{};
  size_t written = 0;
  for (uint8_t counter = 1; written < out_bytes; ++counter) {
    block.clear();
    if (counter > 1) block.insert(block.end(), previous.begin(), previous.end());
    block.insert(block.end(), info.begin(), info.end());
    block.push_back(counter);
    previous = HmacSha256({prk.data(), prk.size()}, {block.data(), block.size()});
    const size_t n = std::min(previous.size(), out_bytes - written);
    std::memcpy(out + written, previous.data(), n);
    written += n;
  }
  platform::SecureWipe(prk.data(), prk.size());
  platform::SecureWipe(previous.data(), previous.size());
  if (!block.empty()) platform::SecureWipe(block.data(), block.size());
}

}  // namespace lnx::crypto
