// Are all values finite? Read once for every output of every run, so it goes at the speed of memory.
#include "decode/finite.h"

#include <algorithm>
#include <cstring>

#include "base/status.h"
#include "decode/workspace.h"
#include "image/image.h"

namespace lnx::decode {

bool AllFinitePortable(const float* values, size_t n) noexcept {
  // All exponent bits set means NaN or infinity. Gathered over a block instead of tested one by one, so that it vectorises.
  constexpr uint32_t kExponent = 0x7F800000u;
  constexpr size_t kBlock = 4096;
  for (size_t begin = 0; begin < n; begin += kBlock) {
    const size_t end = std::min(n, begin + kBlock);
    uint32_t bad = 0;
    for (size_t i = begin; i < end; ++i) {
      uint32_t bits;
      std::memcpy(&bits, values + i, sizeof bits);
      bad |= static_cast<uint32_t>((bits & kExponent) == kExponent);
    }
    if (bad != 0) return false;
  }
  return true;
}

void CheckFinite(const float* values, size_t n, const char* where) {
#if defined(__x86_64__) || defined(_M_X64)
  const bool finite = image::ActiveSimd() == image::Simd::kAvx2 ? AllFiniteAvx2(values, n) : AllFinitePortable(values, n);
#else
  const bool finite = AllFinitePortable(values, n);
#endif
  if (!finite) Fail(LNX_E_NUMERIC, {"NaN or infinity in the model's output", "finite numbers", where});
}

}  // namespace lnx::decode
