// libFuzzer: the container reader on any bytes. The first byte chooses how deep the input may get: the fuzzer cannot forge
// signatures, so half of the inputs are laid behind a header that passes the structural checks.
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/status.h"
#include "container/container.h"
#include "container/preamble.h"
#include "container/recipients.h"
#include "container/trust.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lnx;
  if (size < 1) return 0;
  const Bytes input{data + 1, size - 1};
  container::TrustStore trust;
  container::TrustedKey key{{}, "fuzz"};
  key.point[0] = 4;
  trust.keys.push_back(key);
  try {
    switch (data[0] % 3) {
      case 0:
        container::Container::Open(input, "fuzz", trust, {});
        break;
      case 1: {
        // Straight to the unsigned recipients, which are read before any secret is known.
        uint8_t header[128] = {};
        container::Preamble preamble;
        preamble.salt = {header + 32, 32};
        preamble.commitment = {header + 64, 32};
        container::FindContentKey(input, preamble, {}, "fuzz");
        break;
      }
      default:
        container::CheckSignature(input, {data, 1}, trust, "fuzz");
    }
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
