#include "decode/lanes.h"

#include "decode/lanes_plain.h"
#include "image/image.h"

namespace lnx::decode {
namespace {

void PlainWiden(const float* from, int32_t /*readable*/, const int32_t* columns, const float* weights, int32_t n, float* out) {
  for (int32_t i = 0; i < n; ++i) out[i] = Widened(from, columns[i], weights[i]);
}

void PlainMix(const float* upper, const float* lower, float weight, int32_t n, float* out) {
  for (int32_t i = 0; i < n; ++i) out[i] = upper[i] * (1 - weight) + lower[i] * weight;
}

void PlainSmooth(const float* const* rows, const float* kernel, int32_t taps, int32_t n, float* out) {
  std::fill(out, out + n, 0.0f);
  for (int32_t k = 0; k < taps; ++k) {
    const float* row = rows[k];
    for (int32_t i = 0; i < n; ++i) out[i] += kernel[k] * row[i];
  }
}

void PlainToBytes(const float* from, const Levels& levels, int32_t n, uint8_t* out) {
  for (int32_t i = 0; i < n; ++i) out[i] = static_cast<uint8_t>(Level(from[i], levels));
}

void PlainToWords(const float* from, const Levels& levels, int32_t n, uint16_t* out) {
  for (int32_t i = 0; i < n; ++i) out[i] = static_cast<uint16_t>(Level(from[i], levels));
}

void PlainToPixels(const float* const from[3], const Levels& levels, int32_t n, uint8_t* out) {
  for (int32_t c = 0; c < 3; ++c) {
    for (int32_t i = 0; i < n; ++i) out[3 * i + c] = static_cast<uint8_t>(Level(from[c][i], levels));
  }
}

void PlainLargest(const float* first, int64_t step, int32_t channels, int32_t n, float* value, int32_t* channel) {
  std::copy(first, first + n, value);
  std::fill(channel, channel + n, 0);
  for (int32_t c = 1; c < channels; ++c) {
    const float* v = first + c * step;
    for (int32_t i = 0; i < n; ++i) {
      channel[i] = v[i] > value[i] ? c : channel[i];
      value[i] = v[i] > value[i] ? v[i] : value[i];
    }
  }
}

void PlainWinner(const float* first, int64_t step, int32_t channels, int32_t n, uint8_t* channel) {
  float value;
  for (int32_t i = 0; i < n; ++i) channel[i] = static_cast<uint8_t>(WinnerAt(first + i, step, channels, &value));
}

void PlainSoftmax(const float* first, int64_t step, int32_t channels, int32_t known, int32_t n, float* best) {
  for (int32_t i = 0; i < n; ++i) best[i] = SoftmaxAt(first + i, step, channels, known, best[i]);
}

void PlainReaches(const float* from, float limit, int32_t n, uint8_t* out) {
  for (int32_t i = 0; i < n; ++i) out[i] = from[i] >= limit ? 1 : 0;
}

void PlainTotal(const float* from, int32_t n, double* sum, float* most) {
  double sums[8] = {};
  int32_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int32_t k = 0; k < 8; ++k) {
      sums[k] += static_cast<double>(from[i + k]);
      *most = *most < from[i + k] ? from[i + k] : *most;
    }
  }
  AddRest(from + i, n - i, sums, sum, most);
}

}  // namespace

const Lanes& PlainLanes() {
  static constexpr Lanes lanes = {PlainWiden,   PlainMix,    PlainSmooth,  PlainToBytes, PlainToWords, PlainToPixels,
                                  PlainLargest, PlainWinner, PlainSoftmax, PlainReaches, PlainTotal};
  return lanes;
}

const Lanes& FastLanes() {
#if defined(__x86_64__) || defined(_M_X64)
  static const Lanes& fast = image::ActiveSimd() == image::Simd::kAvx2 ? Avx2Lanes() : PlainLanes();
  return fast;
#else
  return PlainLanes();
#endif
}

}  // namespace lnx::decode
