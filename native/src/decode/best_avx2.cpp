// Compiled with -mavx2, called only when the processor has it.
#if defined(__x86_64__) || defined(_M_X64)

#include <immintrin.h>

#include <algorithm>

#include "decode/best.h"

namespace lnx::decode {
namespace {

constexpr int32_t kBlock = 256;   // numbers that are looked at together; the place is sought in the best block only
constexpr int32_t kAhead = 1024;  // numbers: memory is asked for them before they are reached

inline __m256 Largest(__m256 v) {  // in all lanes
  v = _mm256_max_ps(v, _mm256_permute2f128_ps(v, v, 1));
  v = _mm256_max_ps(v, _mm256_permute_ps(v, 0x4E));
  return _mm256_max_ps(v, _mm256_permute_ps(v, 0xB1));
}

}  // namespace

Best Avx2Best(const float* values, int32_t n) noexcept {
  const __m256i magnitude = _mm256_set1_epi32(0x7FFFFFFF);
  __m256 best = _mm256_set1_ps(values[0]);
  __m256i size = _mm256_setzero_si256();  // largest magnitude: 0x7F800000 and more are not finite
  int32_t block = 0, i = 0;
  for (; i + kBlock <= n; i += kBlock) {
    __m256 top[4] = {best, best, best, best};
    for (int32_t k = 0; k < kBlock; k += 32) {
      const float* at = values + i + k;
      _mm_prefetch(reinterpret_cast<const char*>(at + kAhead), _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(at + kAhead + 16), _MM_HINT_T0);
      for (int32_t j = 0; j < 4; ++j) {
        const __m256 v = _mm256_loadu_ps(at + 8 * j);
        top[j] = _mm256_max_ps(top[j], v);
        size = _mm256_max_epi32(size, _mm256_and_si256(_mm256_castps_si256(v), magnitude));
      }
    }
    const __m256 all = _mm256_max_ps(_mm256_max_ps(top[0], top[1]), _mm256_max_ps(top[2], top[3]));
    if (_mm256_movemask_ps(_mm256_cmp_ps(all, best, _CMP_GT_OQ)) == 0) continue;
    best = Largest(all);
    block = i;
  }
  const __m256i bad = _mm256_cmpgt_epi32(size, _mm256_set1_epi32(0x7F7FFFFF));
  if (_mm256_testz_si256(bad, bad) == 0) return {0, 0, false};
  const float value = _mm256_cvtss_f32(best);
  if (i < n) {
    const Best rest = PlainBest(values + i, n - i);
    if (!rest.finite) return rest;
    if (rest.value > value || i == 0) return {rest.value, rest.at + i, true};
  }
  const auto at = static_cast<int32_t>(std::find(values + block, values + n, value) - values);
  return {values[at], at, true};
}

}  // namespace lnx::decode

#endif
