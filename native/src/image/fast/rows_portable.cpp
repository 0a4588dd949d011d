// Row kernels for every x64 processor (the compiler uses SSE2) and any other.
#include <algorithm>

#include "image/plan.h"

namespace lnx::image {
namespace {

void Horizontal(const uint8_t* row, int64_t row_bytes, const int32_t* offsets, const int32_t* weights, int32_t step,
                int32_t channels, int32_t out_width, int16_t* planes) {
  const auto last = static_cast<int32_t>(row_bytes - step);
  for (int32_t x = 0; x < out_width; ++x) {
    const int32_t w0 = weights[x] & 0xFFFF, w1 = weights[x] >> 16;
    const uint8_t* left = row + offsets[x];
    const uint8_t* right = row + std::min(offsets[x] + step, last);
    for (int32_t c = 0; c < channels; ++c) planes[c * out_width + x] = static_cast<int16_t>((left[c] * w0 + right[c] * w1) >> 4);
  }
}

void Vertical(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t n, const Finish& finish, int channel,
              float* out) {
  const float scale = finish.scale, mean = finish.mean[channel], std = finish.std[channel];
  const auto mix = [&](int32_t x) { return static_cast<float>((((upper[x] * w0) >> 16) + ((lower[x] * w1) >> 16) + 2) >> 2); };
  if (finish.scaled && finish.normalised) {
    for (int32_t x = 0; x < n; ++x) out[x] = (mix(x) * scale - mean) / std;
  } else if (finish.scaled) {
    for (int32_t x = 0; x < n; ++x) out[x] = mix(x) * scale;
  } else if (finish.normalised) {
    for (int32_t x = 0; x < n; ++x) out[x] = (mix(x) - mean) / std;
  } else {
    for (int32_t x = 0; x < n; ++x) out[x] = mix(x);
  }
}

}  // namespace

const RowKernels& PortableKernels() {
  static constexpr RowKernels kernels = {Horizontal, Vertical};
  return kernels;
}

}  // namespace lnx::image
