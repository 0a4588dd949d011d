// The largest of a row of numbers, in one reading: plain, and for AVX2 (tests/decode/best_test.cpp compares them). Text reading
// looks at thousands of classes per column, and what it costs is the way of the numbers from memory. Internal to decode/.
#pragma once

#include <cstdint>

namespace lnx::decode {

struct Best {
  float value = 0;
  int32_t at = 0;      // its first place
  bool finite = true;  // none of the numbers was NaN or infinity; value and place mean nothing otherwise
};

Best PlainBest(const float* values, int32_t n) noexcept;  // n >= 1
#if defined(__x86_64__) || defined(_M_X64)
Best Avx2Best(const float* values, int32_t n) noexcept;  // only on processors with AVX2
#endif

}  // namespace lnx::decode
