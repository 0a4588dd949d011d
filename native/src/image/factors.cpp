// Division by a constant as two products with the same rounding. v * k is exact for whole k below 2^24 / 255, and a k for which
// 1 / (k * divisor) lies close enough to a float makes (v * k) * that float round as v / divisor does. All 256 values are tried.
#include <cmath>
#include <limits>

#include "image/ops.h"

namespace lnx::image {
namespace {

bool SameForAll(float before, float scale, float divisor) {
  for (int v = 0; v < 256; ++v) {
    const auto x = static_cast<float>(v);
    if (x * before * scale != x / divisor) return false;
  }
  return true;
}

// The best k among the first ones: the relative distance of 1 / (k * divisor) from its float is then far below half a unit.
bool MakeFactors(float divisor, float* before, float* scale) {
  constexpr int kMost = (1 << 24) / 255;
  double nearest = std::numeric_limits<double>::infinity();
  for (int k = 1; k <= kMost; ++k) {
    const double wanted = 1.0 / (static_cast<double>(divisor) * k);
    const auto factor = static_cast<float>(wanted);
    const double distance = std::fabs(static_cast<double>(factor) / wanted - 1.0);
    if (distance >= nearest) continue;
    nearest = distance;
    if (!SameForAll(static_cast<float>(k), factor, divisor)) continue;
    *before = static_cast<float>(k);
    *scale = factor;
    return true;
  }
  return false;
}

}  // namespace

void SetScale(const manifest::ScaleOp& op, Finish* finish, bool* exact) {
  *exact = true;
  if (op.div == 0) {
    finish->scale = static_cast<float>(op.mul);
    finish->scaled = finish->scale != 1.0f;
    return;
  }
  finish->divisor = static_cast<float>(op.div);
  finish->scaled = finish->divisor != 1.0f;
  *exact = MakeFactors(finish->divisor, &finish->before, &finish->scale);
}

}  // namespace lnx::image
