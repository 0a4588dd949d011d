// The loops of lanes.h one number at a time: all of the plain set, the ends of rows in the other. Internal to decode/.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "decode/lanes.h"

namespace lnx::decode {

static inline float Widened(const float* from, int32_t column, float weight) {
  return weight == 0 ? from[column] : from[column] * (1 - weight) + from[column + 1] * weight;
}

// Adding 2^23 leaves no room for a fraction: halves go to even, as numpy and torch round.
static inline int32_t Level(float value, const Levels& levels) {
  const float kept = std::clamp((value - levels.low) * levels.factor, 0.0f, levels.top);
  return static_cast<int32_t>((kept + 8388608.0f) - 8388608.0f);
}

// e^x for x <= 0 to within 2e-7 of itself: 2^n times a polynomial on [-ln(2)/2, ln(2)/2] (the coefficients are those of Taylor's
// series, whose remainder of degree 7 is below 1e-8 there).
static inline float ExpOfNegative(float x) {
  x = std::max(x, -87.0f);
  const auto n = static_cast<int32_t>(x * 1.44269504f - 0.5f);
  const auto whole = static_cast<float>(n);
  const float r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;  // ln(2) in two parts
  const float p =
      1.0f + r * (1.0f + r * (0.5f + r * (1.0f / 6 + r * (1.0f / 24 + r * (1.0f / 120 + r * (1.0f / 720 + r * (1.0f / 5040)))))));
  const int32_t bits = (n + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

static inline int32_t WinnerAt(const float* first, int64_t step, int32_t channels, float* value) {
  int32_t winner = 0;
  *value = first[0];
  for (int32_t c = 1; c < channels; ++c) {
    if (first[c * step] > *value) *value = first[c * step], winner = c;
  }
  return winner;
}

static inline float SoftmaxAt(const float* first, int64_t step, int32_t channels, float best) {
  float sum = 0;
  for (int32_t c = 0; c < channels; ++c) sum += ExpOfNegative(first[c * step] - best);
  return 1.0f / sum;
}

}  // namespace lnx::decode
