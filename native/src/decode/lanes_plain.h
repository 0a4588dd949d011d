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

// e^x for x <= 0 (or a rounding above it), to within 2e-7: 2^x in whole steps, which are added to the exponent, and a polynomial
// between them (least largest error for the degree, and exactly 1 at 0). Far below 0 the relative error grows, where it no longer
// matters to a sum that e^0 belongs to. Adding kNoFraction rounds: its last binary place is 1.
constexpr float kLog2OfE = 1.44269504f, kLowestPower = -125.0f, kNoFraction = 12582912.0f;
constexpr float kPowerTerms[] = {0.00132647273f, 0.00967151299f, 0.0555073358f, 0.240222424f, 0.693147004f, 1.0f};  // from x^5 on

static inline float ExpOfNegative(float x) {
  const float power = std::max(x * kLog2OfE, kLowestPower), steps = power + kNoFraction, rest = power - (steps - kNoFraction);
  float p = kPowerTerms[0];
  for (int i = 1; i < 6; ++i) p = kPowerTerms[i] + rest * p;
  uint32_t bits, whole;  // the low bits of `steps` are the number of steps
  std::memcpy(&bits, &p, sizeof bits);
  std::memcpy(&whole, &steps, sizeof whole);
  bits += whole << 23;
  std::memcpy(&p, &bits, sizeof p);
  return p;
}

// The end of `total`: what is left of the row, and the sums as one.
static inline void AddRest(const float* from, int32_t n, double sums[8], double* sum, float* most) {
  for (int32_t i = 0; i < n; ++i) {
    sums[i] += static_cast<double>(from[i]);
    *most = *most < from[i] ? from[i] : *most;
  }
  *sum += ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

static inline int32_t WinnerAt(const float* first, int64_t step, int32_t channels, float* value) {
  int32_t winner = 0;
  *value = first[0];
  for (int32_t c = 1; c < channels; ++c) {
    if (first[c * step] > *value) *value = first[c * step], winner = c;
  }
  return winner;
}

static inline float SoftmaxAt(const float* first, int64_t step, int32_t channels, int32_t known, float best) {
  float sum = 0;
  for (int32_t c = 0; c < channels; ++c) sum += c == known ? 1.0f : ExpOfNegative(first[c * step] - best);
  return 1.0f / sum;
}

}  // namespace lnx::decode
