// Compiled with -mavx2 (and without fused multiply-add, which rounds once where the plain loops round twice), called only when
// the processor has it.
#if defined(__x86_64__) || defined(_M_X64)

#include <immintrin.h>

#include "decode/lanes_plain.h"

namespace lnx::decode {
namespace {

constexpr int32_t kLanes = 8;

// What lies beyond `count` is not read, and is 0.
inline __m256 LoadUpTo(const float* from, int32_t count) {
  if (count >= kLanes) return _mm256_loadu_ps(from);
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_maskload_ps(from, _mm256_cmpgt_epi32(_mm256_set1_epi32(count), index));
}

// Where a row grows, the eight neighbours of eight columns lie side by side: one load each and a shuffle instead of gathers,
// which cost more, and on processors with the microcode against Downfall many times more.
void Widen(const float* from, int32_t readable, const int32_t* columns, const float* weights, int32_t n, float* out) {
  const __m256 one = _mm256_set1_ps(1), zero = _mm256_setzero_ps();
  int32_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const int32_t base = columns[i];
    if (columns[i + kLanes - 1] - base >= kLanes) {
      for (int32_t k = i; k < i + kLanes; ++k) out[k] = Widened(from, columns[k], weights[k]);
      continue;
    }
    const __m256i at =
        _mm256_sub_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(columns + i)), _mm256_set1_epi32(base));
    const __m256 left = _mm256_permutevar8x32_ps(LoadUpTo(from + base, readable - base), at);
    const __m256 right = _mm256_permutevar8x32_ps(LoadUpTo(from + base + 1, readable - base - 1), at);
    const __m256 weight = _mm256_loadu_ps(weights + i);
    const __m256 mixed = _mm256_add_ps(_mm256_mul_ps(left, _mm256_sub_ps(one, weight)), _mm256_mul_ps(right, weight));
    _mm256_storeu_ps(out + i, _mm256_blendv_ps(mixed, left, _mm256_cmp_ps(weight, zero, _CMP_EQ_OQ)));
  }
  for (; i < n; ++i) out[i] = Widened(from, columns[i], weights[i]);
}

void Mix(const float* upper, const float* lower, float weight, int32_t n, float* out) {
  const __m256 w0 = _mm256_set1_ps(1 - weight), w1 = _mm256_set1_ps(weight);
  int32_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const __m256 sum =
        _mm256_add_ps(_mm256_mul_ps(_mm256_loadu_ps(upper + i), w0), _mm256_mul_ps(_mm256_loadu_ps(lower + i), w1));
    _mm256_storeu_ps(out + i, sum);
  }
  for (; i < n; ++i) out[i] = upper[i] * (1 - weight) + lower[i] * weight;
}

// The sums of four times eight columns stay in registers over all taps.
void Smooth(const float* const* rows, const float* kernel, int32_t taps, int32_t n, float* out) {
  int32_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    __m256 sum[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
    for (int32_t k = 0; k < taps; ++k) {
      const __m256 weight = _mm256_set1_ps(kernel[k]);
      const float* row = rows[k] + i;
      for (int32_t j = 0; j < 4; ++j) sum[j] = _mm256_add_ps(sum[j], _mm256_mul_ps(weight, _mm256_loadu_ps(row + kLanes * j)));
    }
    for (int32_t j = 0; j < 4; ++j) _mm256_storeu_ps(out + i + kLanes * j, sum[j]);
  }
  for (; i < n; ++i) {
    float sum = 0;
    for (int32_t k = 0; k < taps; ++k) sum += kernel[k] * rows[k][i];
    out[i] = sum;
  }
}

struct Scaler {
  explicit Scaler(const Levels& levels)
      : low(_mm256_set1_ps(levels.low)), factor(_mm256_set1_ps(levels.factor)), top(_mm256_set1_ps(levels.top)) {}
  __m256i operator()(const float* from) const {
    const __m256 value = _mm256_mul_ps(_mm256_sub_ps(_mm256_loadu_ps(from), low), factor);
    return _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(value, _mm256_setzero_ps()), top));  // halves to even
  }
  // Sixteen of them as 16-bit words, and as bytes.
  __m256i Words(const float* from) const {
    return _mm256_permute4x64_epi64(_mm256_packus_epi32((*this)(from), (*this)(from + kLanes)), 0xD8);
  }
  __m128i Bytes(const float* from) const {
    const __m256i words = Words(from);
    return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  }
  __m256 low, factor, top;
};

void ToBytes(const float* from, const Levels& levels, int32_t n, uint8_t* out) {
  const Scaler scale(levels);
  int32_t i = 0;
  for (; i + 16 <= n; i += 16) _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), scale.Bytes(from + i));
  for (; i < n; ++i) out[i] = static_cast<uint8_t>(Level(from[i], levels));
}

void ToWords(const float* from, const Levels& levels, int32_t n, uint16_t* out) {
  const Scaler scale(levels);
  int32_t i = 0;
  for (; i + 16 <= n; i += 16) _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), scale.Words(from + i));
  for (; i < n; ++i) out[i] = static_cast<uint16_t>(Level(from[i], levels));
}

// Where the bytes of sixteen values of one plane go in the 48 bytes of their pixels.
struct Places {
  constexpr Places() {
    for (int32_t c = 0; c < 3; ++c) {
      for (int32_t i = 0; i < 48; ++i) of[c][i / 16][i % 16] = static_cast<uint8_t>(i % 3 == c ? i / 3 : 0x80);
    }
  }
  uint8_t of[3][3][16] = {};  // plane, third of the pixels, byte
};

void ToPixels(const float* const from[3], const Levels& levels, int32_t n, uint8_t* out) {
  static constexpr Places places;
  const Scaler scale(levels);
  int32_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const __m128i plane[3] = {scale.Bytes(from[0] + i), scale.Bytes(from[1] + i), scale.Bytes(from[2] + i)};
    for (int32_t third = 0; third < 3; ++third) {
      __m128i pixels = _mm_setzero_si128();
      for (int32_t c = 0; c < 3; ++c) {
        const __m128i place = _mm_loadu_si128(reinterpret_cast<const __m128i*>(places.of[c][third]));
        pixels = _mm_or_si128(pixels, _mm_shuffle_epi8(plane[c], place));
      }
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 3 * i + 16 * third), pixels);
    }
  }
  for (; i < n; ++i) {
    for (int32_t c = 0; c < 3; ++c) out[3 * i + c] = static_cast<uint8_t>(Level(from[c][i], levels));
  }
}

// Eight columns: the largest of their values, and whose it is.
inline __m256i WinnersOf(const float* first, int64_t step, int32_t channels, __m256* value) {
  __m256 best = _mm256_loadu_ps(first);
  __m256i channel = _mm256_setzero_si256();
  for (int32_t c = 1; c < channels; ++c) {
    const __m256 v = _mm256_loadu_ps(first + c * step);
    const __m256 larger = _mm256_cmp_ps(v, best, _CMP_GT_OQ);
    best = _mm256_blendv_ps(best, v, larger);
    channel = _mm256_blendv_epi8(channel, _mm256_set1_epi32(c), _mm256_castps_si256(larger));
  }
  *value = best;
  return channel;
}

void Largest(const float* first, int64_t step, int32_t channels, int32_t n, float* value, int32_t* channel) {
  int32_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    __m256 best;
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(channel + i), WinnersOf(first + i, step, channels, &best));
    _mm256_storeu_ps(value + i, best);
  }
  for (; i < n; ++i) channel[i] = WinnerAt(first + i, step, channels, value + i);
}

// Four times eight numbers below 256 as bytes, in their order.
inline __m256i Narrowed(__m256i a, __m256i b, __m256i c, __m256i d) {
  const __m256i bytes = _mm256_packus_epi16(_mm256_packus_epi32(a, b), _mm256_packus_epi32(c, d));
  return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

void Winner(const float* first, int64_t step, int32_t channels, int32_t n, uint8_t* channel) {
  int32_t i = 0;
  __m256 best;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    const __m256i a = WinnersOf(first + i, step, channels, &best), b = WinnersOf(first + i + 8, step, channels, &best);
    const __m256i c = WinnersOf(first + i + 16, step, channels, &best), d = WinnersOf(first + i + 24, step, channels, &best);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(channel + i), Narrowed(a, b, c, d));
  }
  float value;
  for (; i < n; ++i) channel[i] = static_cast<uint8_t>(WinnerAt(first + i, step, channels, &value));
}

// ExpOfNegative of eight numbers.
inline __m256 Exp(__m256 x) {
  const __m256 no_fraction = _mm256_set1_ps(kNoFraction);
  const __m256 power = _mm256_max_ps(_mm256_mul_ps(x, _mm256_set1_ps(kLog2OfE)), _mm256_set1_ps(kLowestPower));
  const __m256 steps = _mm256_add_ps(power, no_fraction), rest = _mm256_sub_ps(power, _mm256_sub_ps(steps, no_fraction));
  __m256 p = _mm256_set1_ps(kPowerTerms[0]);
  for (int i = 1; i < 6; ++i) p = _mm256_add_ps(_mm256_set1_ps(kPowerTerms[i]), _mm256_mul_ps(rest, p));
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), _mm256_slli_epi32(_mm256_castps_si256(steps), 23)));
}

void Softmax(const float* first, int64_t step, int32_t channels, int32_t known, int32_t n, float* best) {
  int32_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    const __m256 top[2] = {_mm256_loadu_ps(best + i), _mm256_loadu_ps(best + i + kLanes)};
    __m256 sum[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (int32_t c = 0; c < channels; ++c) {
      const float* from = first + c * step + i;
      for (int32_t j = 0; j < 2; ++j)
        sum[j] = _mm256_add_ps(
            sum[j], c == known ? _mm256_set1_ps(1.0f) : Exp(_mm256_sub_ps(_mm256_loadu_ps(from + kLanes * j), top[j])));
    }
    for (int32_t j = 0; j < 2; ++j) _mm256_storeu_ps(best + i + kLanes * j, _mm256_div_ps(_mm256_set1_ps(1.0f), sum[j]));
  }
  for (; i < n; ++i) best[i] = SoftmaxAt(first + i, step, channels, known, best[i]);
}

void Reaches(const float* from, float limit, int32_t n, uint8_t* out) {
  const __m256 least = _mm256_set1_ps(limit);
  const auto one = [&](const float* at) {
    return _mm256_srli_epi32(_mm256_castps_si256(_mm256_cmp_ps(_mm256_loadu_ps(at), least, _CMP_GE_OQ)), 31);
  };
  int32_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i),
                        Narrowed(one(from + i), one(from + i + 8), one(from + i + 16), one(from + i + 24)));
  }
  for (; i < n; ++i) out[i] = from[i] >= limit ? 1 : 0;
}

void Total(const float* from, int32_t n, double* sum, float* most) {
  __m256d low = _mm256_setzero_pd(), high = _mm256_setzero_pd();
  __m256 largest = _mm256_set1_ps(*most);
  int32_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const __m256 values = _mm256_loadu_ps(from + i);
    low = _mm256_add_pd(low, _mm256_cvtps_pd(_mm256_castps256_ps128(values)));
    high = _mm256_add_pd(high, _mm256_cvtps_pd(_mm256_extractf128_ps(values, 1)));
    largest = _mm256_max_ps(values, largest);
  }
  double sums[8];
  float each[8];
  _mm256_storeu_pd(sums, low);
  _mm256_storeu_pd(sums + 4, high);
  _mm256_storeu_ps(each, largest);
  for (const float value : each) *most = *most < value ? value : *most;
  AddRest(from + i, n - i, sums, sum, most);
}

}  // namespace

const Lanes& Avx2Lanes() {
  static constexpr Lanes lanes = {Widen, Mix, Smooth, ToBytes, ToWords, ToPixels, Largest, Winner, Softmax, Reaches, Total};
  return lanes;
}

}  // namespace lnx::decode

#endif
