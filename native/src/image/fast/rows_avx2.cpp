// Row kernels for AVX2. Compiled with -mavx2, called only when the processor has it.
#if defined(__x86_64__) || defined(_M_X64)

#include <immintrin.h>

#include <algorithm>

#include "image/plan.h"

namespace lnx::image {
namespace {

// Values 0..32640 of eight pixels as int16, in order.
inline __m128i Narrow(__m256i v) {
  const __m256i packed = _mm256_packs_epi32(v, v);
  return _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08));
}

// Both samples of a colour pixel lie within 8 bytes, so one 64-bit gather brings them. For each channel the two bytes are laid
// side by side as 16-bit numbers, times (w0, w1), summed, >> 4.
struct ColourShuffles {
  __m256i blue_green, red;

  explicit ColourShuffles(int32_t step) {
    alignas(32) int8_t bg[32], r[32];
    for (int32_t i = 0; i < 32; ++i) {
      const int32_t base = i % 16 < 8 ? 0 : 8, k = i % 8, channel = k / 4, sample = k % 4;  // sample: left, zero, right, zero
      const auto from = [&](int32_t c) {
        return static_cast<int8_t>(sample % 2 == 1 ? -128 : base + c + (sample == 2 ? step : 0));
      };
      bg[i] = from(channel);
      r[i] = channel == 0 ? from(2) : static_cast<int8_t>(-128);
    }
    blue_green = _mm256_load_si256(reinterpret_cast<const __m256i*>(bg));
    red = _mm256_load_si256(reinterpret_cast<const __m256i*>(r));
  }
};

inline __m256i MixPairs(__m256i pixels, __m256i shuffle, __m256i weights) {
  return _mm256_srli_epi32(_mm256_madd_epi16(_mm256_shuffle_epi8(pixels, shuffle), weights), 4);
}

// [a0 b0 a1 b1 a4 b4 a5 b5 | a2 b2 a3 b3 a6 b6 a7 b7] -> [a0 .. a7 | b0 .. b7]
inline __m256i Separate(__m256i v) {
  const __m256i evens_then_odds = _mm256_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15, 0, 1, 4, 5, 8, 9, 12, 13,
                                                   2, 3, 6, 7, 10, 11, 14, 15);
  return _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(v, evens_then_odds), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

void Horizontal(const uint8_t* row, int64_t row_bytes, const int32_t* offsets, const int32_t* weights, int32_t step,
                int32_t channels, int32_t out_width, int16_t* planes) {
  // Gathers read 4 or 8 bytes from each sample; the last pixels of a row are done one by one so that nothing is read behind it.
  const int64_t reach = channels == 1 ? 4 : 8;
  int32_t safe = out_width;
  while (safe > 0 && offsets[safe - 1] + reach > row_bytes) --safe;
  int32_t x = 0;
  if (channels == 1) {
    const __m256i mask = _mm256_set1_epi32(0xFF);
    for (; x + 8 <= safe; x += 8) {
      const __m256i at = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(offsets + x));
      const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights + x));
      const __m256i left = _mm256_i32gather_epi32(reinterpret_cast<const int*>(row), at, 1);
      const __m256i p0 = _mm256_and_si256(left, mask);
      const __m256i p1 = _mm256_and_si256(_mm256_srli_epi32(left, 8), mask);
      const __m256i pair = _mm256_or_si256(p0, _mm256_slli_epi32(p1, 16));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(planes + x), Narrow(_mm256_srli_epi32(_mm256_madd_epi16(pair, w), 4)));
    }
  } else {
    const ColourShuffles shuffles(step);
    const __m256i first_half = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3), second_half = _mm256_setr_epi32(4, 4, 5, 5, 6, 6, 7, 7);
    const auto* base = reinterpret_cast<const long long*>(row);
    for (; x + 8 <= safe; x += 8) {
      const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights + x));
      const __m256i w0 = _mm256_permutevar8x32_epi32(w, first_half), w1 = _mm256_permutevar8x32_epi32(w, second_half);
      const __m256i p0 = _mm256_i32gather_epi64(base, _mm_loadu_si128(reinterpret_cast<const __m128i*>(offsets + x)), 1);
      const __m256i p1 = _mm256_i32gather_epi64(base, _mm_loadu_si128(reinterpret_cast<const __m128i*>(offsets + x + 4)), 1);
      const __m256i bg =
          Separate(_mm256_packs_epi32(MixPairs(p0, shuffles.blue_green, w0), MixPairs(p1, shuffles.blue_green, w1)));
      const __m256i r = Separate(_mm256_packs_epi32(MixPairs(p0, shuffles.red, w0), MixPairs(p1, shuffles.red, w1)));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(planes + x), _mm256_castsi256_si128(bg));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(planes + out_width + x), _mm256_extracti128_si256(bg, 1));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(planes + 2 * out_width + x), _mm256_castsi256_si128(r));
    }
  }
  const auto last = static_cast<int32_t>(row_bytes - step);
  for (; x < out_width; ++x) {
    const int32_t w0 = weights[x] & 0xFFFF, w1 = weights[x] >> 16;
    const uint8_t* left = row + offsets[x];
    const uint8_t* right = row + std::min(offsets[x] + step, last);
    for (int32_t c = 0; c < channels; ++c) planes[c * out_width + x] = static_cast<int16_t>((left[c] * w0 + right[c] * w1) >> 4);
  }
}

template <bool kScaled, bool kNormalised>
void Finished(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t n, const Finish& finish, int channel,
              float* out) {
  const __m256i weight0 = _mm256_set1_epi16(static_cast<int16_t>(w0)), weight1 = _mm256_set1_epi16(static_cast<int16_t>(w1));
  const __m256i two = _mm256_set1_epi16(2);
  const __m256 scale = _mm256_set1_ps(finish.scale), mean = _mm256_set1_ps(finish.mean[channel]),
               std = _mm256_set1_ps(finish.std[channel]);
  const auto store = [&](__m128i values, float* to) {
    __m256 v = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(values));
    if (kScaled) v = _mm256_mul_ps(v, scale);
    if (kNormalised) v = _mm256_div_ps(_mm256_sub_ps(v, mean), std);
    _mm256_storeu_ps(to, v);
  };
  int32_t x = 0;
  for (; x + 16 <= n; x += 16) {
    const __m256i r0 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(upper + x));
    const __m256i r1 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lower + x));
    const __m256i sum = _mm256_add_epi16(_mm256_mulhi_epi16(r0, weight0), _mm256_mulhi_epi16(r1, weight1));
    const __m256i mixed = _mm256_srai_epi16(_mm256_add_epi16(sum, two), 2);
    store(_mm256_castsi256_si128(mixed), out + x);
    store(_mm256_extracti128_si256(mixed, 1), out + x + 8);
  }
  for (; x < n; ++x) {
    auto v = static_cast<float>((((upper[x] * w0) >> 16) + ((lower[x] * w1) >> 16) + 2) >> 2);
    if (kScaled) v = v * finish.scale;
    if (kNormalised) v = (v - finish.mean[channel]) / finish.std[channel];
    out[x] = v;
  }
}

void Vertical(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t n, const Finish& finish, int channel,
              float* out) {
  const auto run = finish.scaled ? (finish.normalised ? Finished<true, true> : Finished<true, false>)
                                 : (finish.normalised ? Finished<false, true> : Finished<false, false>);
  run(upper, lower, w0, w1, n, finish, channel, out);
}

}  // namespace

const RowKernels& Avx2Kernels() {
  static constexpr RowKernels kernels = {Horizontal, Vertical};
  return kernels;
}

}  // namespace lnx::image

#endif
