// Row kernels for every x64 processor (the compiler uses SSE2) and any other.
#include "image/fast/rows_plain.h"

namespace lnx::image {
namespace {

void Gray(const uint8_t* row, const uint8_t* /*next*/, int64_t row_bytes, const Taps& taps, int32_t columns, int16_t* out) {
  GrayColumns(row, row_bytes, taps, 0, columns, out);
}

void Colour(const uint8_t* row, const uint8_t* /*next*/, int64_t row_bytes, const Taps& taps, int32_t columns, int16_t* out) {
  ColourColumns(row, row_bytes, taps, 0, columns, out);
}

// Values lie `stride` apart in the rows.
template <bool kScaled, bool kNormalised>
void Finished(const int16_t* upper, const int16_t* lower, int32_t stride, int32_t w0, int32_t w1, int32_t n, const Finish& finish,
              int32_t channel, float* out) {
  for (int32_t x = 0; x < n; ++x) {
    out[x] = FinishedValue<kScaled, kNormalised>(upper[stride * x], lower[stride * x], w0, w1, finish, channel);
  }
}

auto Chosen(const Finish& finish) {
  if (finish.scaled) return finish.normalised ? Finished<true, true> : Finished<true, false>;
  return finish.normalised ? Finished<false, true> : Finished<false, false>;
}

void FinishGray(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t n, const Finish& finish,
                int32_t channel, float* out) {
  Chosen(finish)(upper, lower, 1, w0, w1, n, finish, channel, out);
}

void FinishColour(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t n, const Finish& finish,
                  const int32_t channel[3], float* const out[3]) {
  for (int32_t c = 0; c < 3; ++c) Chosen(finish)(upper + c, lower + c, 4, w0, w1, n, finish, channel[c], out[c]);
}

template <bool kScaled, bool kNormalised>
void Whole(const uint8_t* row, int32_t step, int32_t n, const Finish& finish, int32_t channel, float* out) {
  for (int32_t x = 0; x < n; ++x) out[x] = FinishedPixel<kScaled, kNormalised>(row[step * x], finish, channel);
}

void WholeColour(const uint8_t* row, const uint8_t* /*next*/, int32_t step, int32_t n, const Finish& finish,
                 const int32_t channel[3], float* const out[3]) {
  const auto run = finish.scaled ? (finish.normalised ? Whole<true, true> : Whole<true, false>)
                                 : (finish.normalised ? Whole<false, true> : Whole<false, false>);
  for (int32_t c = 0; c < 3; ++c) run(row + c, step, n, finish, channel[c], out[c]);
}

void BytesGray(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t n, uint8_t* out) {
  GrayBytes(upper, lower, w0, w1, 0, n, out);
}

void BytesColour(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t n, uint8_t* const out[3]) {
  ColourBytes(upper, lower, w0, w1, 0, n, out);
}

}  // namespace

const RowKernels& PortableKernels() {
  static constexpr RowKernels kernels = {Gray, Colour, FinishGray, FinishColour, WholeColour, BytesGray, BytesColour};
  return kernels;
}

}  // namespace lnx::image
