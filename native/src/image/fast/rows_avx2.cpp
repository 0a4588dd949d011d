// Row kernels for AVX2. Compiled with -mavx2, called only when the processor has it.
//
// Samples are brought by plain loads and put in place by byte shuffles: gather instructions cost more, and on processors with the
// microcode against Downfall many times more. Loads of 16 bytes may take in neighbours, so the first and last columns of a row
// are done one by one: nothing outside the row is read.
#if defined(__x86_64__) || defined(_M_X64)

#include <immintrin.h>

#include "image/fast/rows_plain.h"

namespace lnx::image {
namespace {

inline __m128i Load16(const uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
inline __m256i Load32(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline __m256i Halves(__m128i low, const uint8_t* high) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(low), Load16(high), 1);
}

inline void Fetch(const uint8_t* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
// Lines of three planes, before they are written: a store that finds its line waits for nothing.
inline void FetchAhead(float* const out[3], int32_t x) {
  constexpr int32_t kAhead = 256;
  for (int32_t c = 0; c < 3; ++c) _mm_prefetch(reinterpret_cast<const char*>(out[c] + x + kAhead), _MM_HINT_T0);
}

// Pairs of bytes (left, right) times their weights, >> 4.
inline __m256i MixPairs(__m256i pairs, const uint8_t* coarse, const uint8_t* fine) {
  const __m256i high = _mm256_maddubs_epi16(pairs, Load32(coarse)), low = _mm256_maddubs_epi16(pairs, Load32(fine));
  return _mm256_add_epi16(high, _mm256_srli_epi16(low, 4));
}

// Columns from which 16 bytes can be read.
int32_t Readable(const Taps& taps, int64_t row_bytes, int32_t columns) {
  while (columns > 0 && taps.offsets[static_cast<size_t>(columns) - 1] + 16 > row_bytes) --columns;
  return columns;
}

void Gray(const uint8_t* row, const uint8_t* next, int64_t row_bytes, const Taps& taps, int32_t columns, int16_t* out) {
  int32_t x = 0;
  if (taps.grouped) {
    const int32_t safe = Readable(taps, row_bytes, columns);
    const int32_t* at = taps.offsets.data();
    for (; x + 16 <= safe; x += 16, at += 16) {
      Fetch(next + at[0]);
      Fetch(next + at[12]);
      const uint8_t* picks = taps.picks.data() + 4 * x;
      const __m256i even = _mm256_shuffle_epi8(Halves(Load16(row + at[0]), row + at[8]), Load32(picks));
      const __m256i odd = _mm256_shuffle_epi8(Halves(Load16(row + at[4]), row + at[12]), Load32(picks + 32));
      const __m256i mixed = MixPairs(_mm256_or_si256(even, odd), taps.coarse.data() + 2 * x, taps.fine.data() + 2 * x);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + x), mixed);
    }
  }
  GrayColumns(row, row_bytes, taps, x, columns, out);
}

void Colour(const uint8_t* row, const uint8_t* next, int64_t row_bytes, const Taps& taps, int32_t columns, int16_t* out) {
  // The 8 bytes of a column hold both samples; lanes: (left, right) of each channel, then nothing.
  const auto s = static_cast<char>(taps.made_for[4]);
  const auto no = static_cast<char>(0x80);
  const char r = 8, t = static_cast<char>(8 + s);
  const __m256i order =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, s, 1, static_cast<char>(s + 1), 2, static_cast<char>(s + 2), no, no, r, t,
                                                r + 1, static_cast<char>(t + 1), r + 2, static_cast<char>(t + 2), no, no));
  const int32_t* at = taps.offsets.data();
  const int32_t safe = Readable(taps, row_bytes, columns);
  int32_t x = 0;
  while (x + 4 <= safe && at[x + 1] < 8) x += 4;  // odd columns are read with the 8 bytes before them
  ColourColumns(row, row_bytes, taps, 0, x, out);
  const uint8_t *coarse = taps.coarse.data(),
                *fine = taps.fine.data();  // stores to out might change them, for all a compiler knows
  for (; x + 4 <= safe; x += 4) {
    Fetch(next + at[x]);
    const __m256i even = Halves(Load16(row + at[x]), row + at[x + 2]);
    const __m256i odd = Halves(Load16(row + at[x + 1] - 8), row + at[x + 3] - 8);
    const __m256i pairs = _mm256_shuffle_epi8(_mm256_blend_epi32(even, odd, 0xCC), order);
    const __m256i mixed = MixPairs(pairs, coarse + 8 * x, fine + 8 * x);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 4 * x), mixed);
  }
  ColourColumns(row, row_bytes, taps, x, columns, out);
}

// Sixteen values of two rows, mixed to 0..255.
struct Mixer {
  Mixer(int32_t w0, int32_t w1)
      : weight0(_mm256_set1_epi16(static_cast<int16_t>(w0))), weight1(_mm256_set1_epi16(static_cast<int16_t>(w1))) {}
  __m256i operator()(const int16_t* upper, const int16_t* lower) const {
    const __m256i sum = _mm256_add_epi16(_mm256_mulhi_epi16(Load32(upper), weight0), _mm256_mulhi_epi16(Load32(lower), weight1));
    return _mm256_srai_epi16(_mm256_add_epi16(sum, _mm256_set1_epi16(2)), 2);
  }
  __m256i weight0, weight1;
};

template <bool kScaled, bool kNormalised>
struct Finisher {
  Finisher(const Finish& finish, int32_t channel)
      : before(_mm256_set1_ps(finish.before)),
        scale(_mm256_set1_ps(finish.scale)),
        mean(_mm256_set1_ps(finish.mean[channel])),
        std(_mm256_set1_ps(finish.std[channel])) {}
  void Store(__m256i values, float* to) const {
    __m256 v = _mm256_cvtepi32_ps(values);
    if (kScaled) v = _mm256_mul_ps(_mm256_mul_ps(v, before), scale);
    if (kNormalised) v = _mm256_div_ps(_mm256_sub_ps(v, mean), std);
    _mm256_storeu_ps(to, v);
  }
  __m256 before, scale, mean, std;
};

template <bool kScaled, bool kNormalised>
void GrayFinished(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t n, const Finish& finish,
                  int32_t channel, float* out) {
  const Mixer mix(w0, w1);
  const Finisher<kScaled, kNormalised> finisher(finish, channel);
  int32_t x = 0;
  for (; x + 16 <= n; x += 16) {
    const __m256i mixed = mix(upper + x, lower + x);
    finisher.Store(_mm256_cvtepi16_epi32(_mm256_castsi256_si128(mixed)), out + x);
    finisher.Store(_mm256_cvtepi16_epi32(_mm256_extracti128_si256(mixed, 1)), out + x + 8);
  }
  for (; x < n; ++x) out[x] = FinishedValue<kScaled, kNormalised>(upper[x], lower[x], w0, w1, finish, channel);
}

template <bool kScaled, bool kNormalised>
void ColourFinished(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t n, const Finish& finish,
                    const int32_t channel[3], float* const out[3]) {
  using Finisher = Finisher<kScaled, kNormalised>;
  const Mixer mix(w0, w1);
  const Finisher finishers[3] = {{finish, channel[0]}, {finish, channel[1]}, {finish, channel[2]}};
  const __m256i byte = _mm256_set1_epi32(0xFF);
  int32_t x = 0;
  for (; x + 8 <= n; x += 8) {
    FetchAhead(out, x);
    // Four bytes per column, one column per 32-bit lane.
    const __m256i halves = _mm256_packus_epi16(mix(upper + 4 * x, lower + 4 * x), mix(upper + 4 * x + 16, lower + 4 * x + 16));
    const __m256i columns = _mm256_permute4x64_epi64(halves, 0xD8);
    finishers[0].Store(_mm256_and_si256(columns, byte), out[0] + x);
    finishers[1].Store(_mm256_and_si256(_mm256_srli_epi32(columns, 8), byte), out[1] + x);
    finishers[2].Store(_mm256_srli_epi32(columns, 16), out[2] + x);
  }
  for (; x < n; ++x) {
    for (int32_t c = 0; c < 3; ++c) {
      out[c][x] = FinishedValue<kScaled, kNormalised>(upper[4 * x + c], lower[4 * x + c], w0, w1, finish, channel[c]);
    }
  }
}

void FinishGray(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t n, const Finish& finish,
                int32_t channel, float* out) {
  const auto run = finish.scaled ? (finish.normalised ? GrayFinished<true, true> : GrayFinished<true, false>)
                                 : (finish.normalised ? GrayFinished<false, true> : GrayFinished<false, false>);
  run(upper, lower, w0, w1, n, finish, channel, out);
}

void FinishColour(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t n, const Finish& finish,
                  const int32_t channel[3], float* const out[3]) {
  const auto run = finish.scaled ? (finish.normalised ? ColourFinished<true, true> : ColourFinished<true, false>)
                                 : (finish.normalised ? ColourFinished<false, true> : ColourFinished<false, false>);
  run(upper, lower, w0, w1, n, finish, channel, out);
}

template <bool kScaled, bool kNormalised>
void ColourWhole(const uint8_t* row, const uint8_t* next, int32_t step, int32_t n, const Finish& finish, const int32_t channel[3],
                 float* const out[3]) {
  using Finisher = Finisher<kScaled, kNormalised>;
  const Finisher finishers[3] = {{finish, channel[0]}, {finish, channel[1]}, {finish, channel[2]}};
  const __m256i byte = _mm256_set1_epi32(0xFF);
  const auto s = static_cast<char>(step);
  const auto no = static_cast<char>(0x80);
  // Three bytes of each of four columns, then nothing.
  const __m256i order = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 1, 2, no, s, static_cast<char>(s + 1), static_cast<char>(s + 2), no, static_cast<char>(2 * s),
                    static_cast<char>(2 * s + 1), static_cast<char>(2 * s + 2), no, static_cast<char>(3 * s),
                    static_cast<char>(3 * s + 1), static_cast<char>(3 * s + 2), no));
  int32_t x = 0;
  for (; (x + 4) * step + 16 <= n * step; x += 8) {  // the second load reads 16 bytes from the fifth column on
    const uint8_t* p = row + x * step;
    Fetch(next + x * step);
    FetchAhead(out, x);
    const __m256i columns = _mm256_shuffle_epi8(Halves(Load16(p), p + 4 * step), order);
    finishers[0].Store(_mm256_and_si256(columns, byte), out[0] + x);
    finishers[1].Store(_mm256_and_si256(_mm256_srli_epi32(columns, 8), byte), out[1] + x);
    finishers[2].Store(_mm256_srli_epi32(columns, 16), out[2] + x);
  }
  for (; x < n; ++x) {
    for (int32_t c = 0; c < 3; ++c) out[c][x] = FinishedPixel<kScaled, kNormalised>(row[x * step + c], finish, channel[c]);
  }
}

void WholeColour(const uint8_t* row, const uint8_t* next, int32_t step, int32_t n, const Finish& finish, const int32_t channel[3],
                 float* const out[3]) {
  const auto run = finish.scaled ? (finish.normalised ? ColourWhole<true, true> : ColourWhole<true, false>)
                                 : (finish.normalised ? ColourWhole<false, true> : ColourWhole<false, false>);
  run(row, next, step, n, finish, channel, out);
}

void BytesGray(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t n, uint8_t* out) {
  const Mixer mix(w0, w1);
  int32_t x = 0;
  for (; x + 32 <= n; x += 32) {
    const __m256i halves = _mm256_packus_epi16(mix(upper + x, lower + x), mix(upper + x + 16, lower + x + 16));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + x), _mm256_permute4x64_epi64(halves, 0xD8));
  }
  GrayBytes(upper, lower, w0, w1, x, n, out);
}

void BytesColour(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t n, uint8_t* const out[3]) {
  const Mixer mix(w0, w1);
  // The four bytes of each column, channel by channel within half a register, then the halves side by side.
  const __m256i apart = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  const __m256i together = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  int32_t x = 0;
  for (; x + 8 <= n; x += 8) {
    const __m256i halves = _mm256_packus_epi16(mix(upper + 4 * x, lower + 4 * x), mix(upper + 4 * x + 16, lower + 4 * x + 16));
    const __m256i columns = _mm256_permute4x64_epi64(halves, 0xD8);
    const __m256i sorted = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(columns, apart), together);
    const __m128i low = _mm256_castsi256_si128(sorted), high = _mm256_extracti128_si256(sorted, 1);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out[0] + x), low);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out[1] + x), _mm_srli_si128(low, 8));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out[2] + x), high);
  }
  ColourBytes(upper, lower, w0, w1, x, n, out);
}

}  // namespace

const RowKernels& Avx2Kernels() {
  static constexpr RowKernels kernels = {Gray, Colour, FinishGray, FinishColour, WholeColour, BytesGray, BytesColour};
  return kernels;
}

}  // namespace lnx::image

#endif
