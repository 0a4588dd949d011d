// libFuzzer: the manifest parser on any bytes. It answers or throws lnx::Error; nothing else.
#include <cstdint>

#include "base/status.h"
#include "manifest/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    lnx::manifest::Parse({data, size}, "fuzz");
  } catch (const lnx::Error&) {
    return 0;
  }
  return 0;
}
