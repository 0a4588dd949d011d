#include "decode/best.h"

#include <algorithm>
#include <cstring>

namespace lnx::decode {

// Sixteen lanes, so that the compiler can use its vectors.
Best PlainBest(const float* values, int32_t n) noexcept {
  constexpr uint32_t kExponent = 0x7F800000u;
  constexpr int32_t kLanes = 16;
  float lanes[kLanes];
  uint32_t bad[kLanes] = {};
  std::fill(lanes, lanes + kLanes, values[0]);
  const auto bits_of = [](float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
  };
  int32_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int32_t k = 0; k < kLanes; ++k) {
      lanes[k] = values[i + k] > lanes[k] ? values[i + k] : lanes[k];
      bad[k] |= static_cast<uint32_t>((bits_of(values[i + k]) & kExponent) == kExponent);
    }
  }
  float best = lanes[0];
  uint32_t any = bad[0];
  for (int32_t k = 1; k < kLanes; ++k) {
    best = std::max(best, lanes[k]);
    any |= bad[k];
  }
  for (; i < n; ++i) {
    any |= static_cast<uint32_t>((bits_of(values[i]) & kExponent) == kExponent);
    best = std::max(best, values[i]);
  }
  if (any != 0) return {0, 0, false};
  const auto at = static_cast<int32_t>(std::find(values, values + n, best) - values);
  return {values[at], at, true};
}

}  // namespace lnx::decode
