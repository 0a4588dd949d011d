// One row of an upright picture, in its plain and its fast form; same bytes from each. Internal to image/.
#pragma once

#include <cstdint>

#include "image/warp.h"

namespace lnx::image {

constexpr int kFractionBits = 5, kFractions = 1 << kFractionBits;  // positions between two pixels
constexpr int kWeightBits = 15, kWeightOne = 1 << kWeightBits;
constexpr int kTaps = 4;

// Weights of the 4 x 4 samples around a position, in 1/32768; each set sums up to 1 exactly.
struct RemapTable {
  alignas(64) int16_t weights[kFractions * kFractions][kTaps * kTaps];

  RemapTable();
};
const RemapTable& Remap();

// Columns begin .. end of row y of the upright picture; out: its column `begin`. One channel or three.
using WarpRow = void (*)(const View& in, const Perspective& map, int32_t y, int32_t begin, int32_t end, uint8_t* out);
void PlainWarpGray(const View& in, const Perspective& map, int32_t y, int32_t begin, int32_t end, uint8_t* out);
void PlainWarpColour(const View& in, const Perspective& map, int32_t y, int32_t begin, int32_t end, uint8_t* out);
#if defined(__x86_64__) || defined(_M_X64)
void Avx2WarpGray(const View& in, const Perspective& map, int32_t y, int32_t begin, int32_t end, uint8_t* out);
void Avx2WarpColour(const View& in, const Perspective& map, int32_t y, int32_t begin, int32_t end, uint8_t* out);
#endif

}  // namespace lnx::image
