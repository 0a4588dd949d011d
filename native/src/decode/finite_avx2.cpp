// Compiled with -mavx2, called only when the processor has it.
#if defined(__x86_64__) || defined(_M_X64)

#include <immintrin.h>

#include "decode/finite.h"

namespace lnx::decode {
namespace {

constexpr size_t kAhead = 1024;  // numbers: memory is asked for them before they are reached

}  // namespace

bool AllFiniteAvx2(const float* values, size_t n) noexcept {
  // Without its sign, a number that is not finite is 0x7F800000 or more: the largest of all tells.
  const __m256i magnitude = _mm256_set1_epi32(0x7FFFFFFF);
  __m256i largest[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    _mm_prefetch(reinterpret_cast<const char*>(values + i + kAhead), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(values + i + kAhead + 16), _MM_HINT_T0);
    for (size_t k = 0; k < 4; ++k) {
      const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values + i + 8 * k));
      largest[k] = _mm256_max_epi32(largest[k], _mm256_and_si256(bits, magnitude));
    }
  }
  const __m256i all = _mm256_max_epi32(_mm256_max_epi32(largest[0], largest[1]), _mm256_max_epi32(largest[2], largest[3]));
  const __m256i bad = _mm256_cmpgt_epi32(all, _mm256_set1_epi32(0x7F7FFFFF));
  return _mm256_testz_si256(bad, bad) != 0 && AllFinitePortable(values + i, n - i);
}

}  // namespace lnx::decode

#endif
