// Rows of upright pictures for AVX2. Compiled with -mavx2 (and without fused multiply-add, which would round positions
// otherwise), called only when the processor has it. A pixel whose samples cannot be loaded whole, at the border of the picture,
// is left to the plain form.
#if defined(__x86_64__) || defined(_M_X64)

#include <immintrin.h>

#include <cstring>

#include "image/warp_rows.h"

namespace lnx::image {
namespace {

constexpr int32_t kBlock = 32;  // pixels whose positions are computed at once

// Positions in 1/32 pixel of columns x .. x + 3 (m: the map; y: the row).
inline void Positions(const double* m, int32_t x, int32_t y, int32_t* to_x, int32_t* to_y) {
  const __m256d column = _mm256_cvtepi32_pd(_mm_add_epi32(_mm_set1_epi32(x), _mm_setr_epi32(0, 1, 2, 3)));
  const __m256d low = _mm256_set1_pd(-1e9), high = _mm256_set1_pd(1e9);
  const auto line = [&](const double* row) {
    const __m256d sum = _mm256_add_pd(_mm256_mul_pd(_mm256_set1_pd(row[0]), column), _mm256_set1_pd(row[1] * y));
    return _mm256_add_pd(sum, _mm256_set1_pd(row[2]));
  };
  const __m256d w = line(m + 6);
  const __m256d scale =
      _mm256_andnot_pd(_mm256_cmp_pd(w, _mm256_setzero_pd(), _CMP_EQ_OQ), _mm256_div_pd(_mm256_set1_pd(kFractions), w));
  const auto fixed = [&](const double* row) {
    return _mm256_cvtpd_epi32(_mm256_min_pd(_mm256_max_pd(_mm256_mul_pd(line(row), scale), low), high));  // halves to even
  };
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to_x), fixed(m));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to_y), fixed(m + 3));
}

inline __m128i Load16(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }

inline __m128i Rounded(__m128i sum) {
  return _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(1 << (kWeightBits - 1))), kWeightBits);
}

struct Gray {
  static constexpr int32_t kChannels = 1, kReach = kTaps;  // samples of a row that a load takes
  static constexpr WarpRow kPlain = PlainWarpGray;

  uint8_t Sum(const uint8_t* p, int64_t stride, const int16_t* weights) const {
    int32_t row[kTaps];
    for (int64_t r = 0; r < kTaps; ++r) std::memcpy(&row[r], p + r * stride, sizeof row[r]);
    const __m256i samples = _mm256_cvtepu8_epi16(Load16(row));
    const __m256i products = _mm256_madd_epi16(samples, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights)));
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(products), _mm256_extracti128_si256(products, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4E));
    sum = Rounded(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xB1)));
    return static_cast<uint8_t>(_mm_cvtsi128_si32(_mm_packus_epi16(_mm_packus_epi32(sum, sum), sum)));
  }
  void Store(const uint8_t* p, int64_t stride, const int16_t* weights, uint8_t* out) const { *out = Sum(p, stride, weights); }
};

struct Colour {
  static constexpr int32_t kChannels = 3, kReach = kTaps + 2;  // 16 bytes lie within six samples
  static constexpr WarpRow kPlain = PlainWarpColour;

  // Samples 0 and 1 of each channel as 16-bit pairs in the low half, 2 and 3 in the high half.
  const __m256i pairs = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,  //
                                         6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  const __m256i even = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1), odd = _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3);

  void Store(const uint8_t* p, int64_t stride, const int16_t* weights, uint8_t* out) const {
    const auto row = [&](int64_t r, __m256i two, __m256i which) {
      const __m256i samples = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(Load16(p + r * stride)), pairs);
      return _mm256_madd_epi16(samples, _mm256_permutevar8x32_epi32(two, which));
    };
    const __m256i upper = _mm256_castsi128_si256(Load16(weights)), lower = _mm256_castsi128_si256(Load16(weights + 8));
    const __m256i all = _mm256_add_epi32(_mm256_add_epi32(row(0, upper, even), row(1, upper, odd)),
                                         _mm256_add_epi32(row(2, lower, even), row(3, lower, odd)));
    const __m128i sum = Rounded(_mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1)));
    const int32_t bytes = _mm_cvtsi128_si32(_mm_packus_epi16(_mm_packus_epi32(sum, sum), sum));
    std::memcpy(out, &bytes, kChannels);
  }
};

template <typename Kind>
void Warped(const View& in, const Perspective& map, int32_t y, int32_t begin, int32_t end, uint8_t* out) {
  const Kind kind;
  const RemapTable& table = Remap();
  const int32_t last_x = in.width - Kind::kReach, last_y = in.height - kTaps;
  int32_t fx[kBlock], fy[kBlock];
  for (int32_t x = begin; x < end; x += kBlock) {
    const int32_t n = end - x < kBlock ? end - x : kBlock;
    for (int32_t i = 0; i < n; i += 4) Positions(map.m, x + i, y, fx + i, fy + i);
    for (int32_t i = 0; i < n; ++i, out += Kind::kChannels) {
      const int32_t sx = (fx[i] >> kFractionBits) - 1, sy = (fy[i] >> kFractionBits) - 1;
      if (sx < 0 || sy < 0 || sx > last_x || sy > last_y) {
        Kind::kPlain(in, map, y, x + i, x + i + 1, out);
        continue;
      }
      const int16_t* weights = table.weights[(fy[i] & (kFractions - 1)) * kFractions + (fx[i] & (kFractions - 1))];
      kind.Store(in.Row(sy) + static_cast<int64_t>(sx) * Kind::kChannels, in.stride, weights, out);
    }
  }
}

}  // namespace

void Avx2WarpGray(const View& in, const Perspective& map, int32_t y, int32_t begin, int32_t end, uint8_t* out) {
  Warped<Gray>(in, map, y, begin, end, out);
}

void Avx2WarpColour(const View& in, const Perspective& map, int32_t y, int32_t begin, int32_t end, uint8_t* out) {
  Warped<Colour>(in, map, y, begin, end, out);
}

}  // namespace lnx::image

#endif
