// libFuzzer: licences and key lists on any bytes. The fuzzer cannot forge signatures, so the first byte chooses how deep the
// input gets: the whole file, a key list, the envelope alone, or the payload as if it were signed.
#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "container/dsse.h"
#include "container/key_list.h"
#include "license/license.h"
#include "license/terms.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lnx;
  if (size < 1) return 0;
  const Bytes input{data + 1, size - 1};
  static const container::TrustStore* const trust = [] {
    auto* store = new container::TrustStore;
    store->roots.push_back({"0123456789abcdef", "fuzz", crypto::GenerateP256().point});
    return store;
  }();
  const container::Refusal refuse{LNX_E_LICENSE_FORMAT, "fuzz"};
  try {
    switch (data[0] % 4) {
      case 0:
        license::Verify(input, *trust, "fuzz");
        break;
      case 1:
        container::OpenKeyList(input, trust->roots, "fuzz");
        break;
      case 2:
        container::ParseEnvelope(container::ParseStrict(input, refuse), "application/vnd.lnx.license+json;v=1", refuse);
        break;
      default:
        license::ReadTerms(container::ParseStrict(input, refuse), refuse);
    }
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
