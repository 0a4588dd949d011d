// The row kernels one column at a time: all of the portable set, the ends of rows in the others.
#pragma once

#include <algorithm>

#include "image/plan.h"

namespace lnx::image {

inline int16_t Mixed(int32_t left, int32_t right, int32_t weights) {
  return static_cast<int16_t>((left * (weights & 0xFFFF) + right * (weights >> 16)) >> 4);
}

inline void GrayColumns(const uint8_t* row, int64_t row_bytes, const Taps& taps, int32_t begin, int32_t end, int16_t* out) {
  const int32_t last = static_cast<int32_t>(row_bytes) - 1;
  for (int32_t x = begin; x < end; ++x) {
    const int32_t at = taps.offsets[static_cast<size_t>(x)];
    out[x] = Mixed(row[at], row[std::min(at + 1, last)], taps.weights[static_cast<size_t>(x)]);
  }
}

inline void ColourColumns(const uint8_t* row, int64_t row_bytes, const Taps& taps, int32_t begin, int32_t end, int16_t* out) {
  const int32_t step = taps.made_for[4], last = static_cast<int32_t>(row_bytes) - step;
  for (int32_t x = begin; x < end; ++x) {
    const int32_t at = taps.offsets[static_cast<size_t>(x)], next = std::min(at + step, last);
    for (int32_t c = 0; c < 3; ++c) out[4 * x + c] = Mixed(row[at + c], row[next + c], taps.weights[static_cast<size_t>(x)]);
    out[4 * x + 3] = 0;
  }
}

inline uint8_t MixedByte(int32_t upper, int32_t lower, int32_t w0, int32_t w1) {
  return static_cast<uint8_t>((((upper * w0) >> 16) + ((lower * w1) >> 16) + 2) >> 2);
}

inline void GrayBytes(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t begin, int32_t n,
                      uint8_t* out) {
  for (int32_t x = begin; x < n; ++x) out[x] = MixedByte(upper[x], lower[x], w0, w1);
}

inline void ColourBytes(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t begin, int32_t n,
                        uint8_t* const out[3]) {
  for (int32_t x = begin; x < n; ++x) {
    for (int32_t c = 0; c < 3; ++c) out[c][x] = MixedByte(upper[4 * x + c], lower[4 * x + c], w0, w1);
  }
}

template <bool kScaled, bool kNormalised>
float FinishedPixel(float v, const Finish& finish, int32_t channel) {
  if (kScaled) v = v * finish.before * finish.scale;
  if (kNormalised) v = (v - finish.mean[channel]) / finish.std[channel];
  return v;
}

template <bool kScaled, bool kNormalised>
float FinishedValue(int32_t upper, int32_t lower, int32_t w0, int32_t w1, const Finish& finish, int32_t channel) {
  const auto v = static_cast<float>((((upper * w0) >> 16) + ((lower * w1) >> 16) + 2) >> 2);
  return FinishedPixel<kScaled, kNormalised>(v, finish, channel);
}

}  // namespace lnx::image
