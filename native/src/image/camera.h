// Pictures as cameras and networks hand them over, which are not interleaved pixels: raw Bayer mosaics, NV12, packed gray, float
// planes. They are developed into 8-bit BGR or into gray before anything else looks at them.
//
// Numbers: Bayer as cv::cvtColor's bilinear COLOR_BayerRGGB2BGR and kin, in the mosaic's own depth, then 16-bit values pass the
// window; NV12 as COLOR_YUV2BGR_NV12; floats 0..1 become 0..255, rounded half up. Packed gray becomes GRAY16, losing nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "image/image.h"
#include "manifest/manifest.h"

namespace lnx::image {

bool IsCameraFormat(LnxPixelFormat format);

// Buffers of one run slot. Grow when a larger part comes, then nothing is allocated.
struct Developed {
  std::vector<uint8_t> pixels;
  std::vector<uint8_t> levels;  // 16-bit value -> 8 bits, for `levels_of`
  manifest::Window levels_of{1, 0};
};

// The part of a camera picture as an ordinary view (BGR8, GRAY8 or GRAY16) that lives in `developed`; other views come back as
// they are. window: for 16-bit mosaics, NULL = the valid bits. LNX_E_NUMERIC when a float is NaN.
View Develop(const View& view, const manifest::Window* window, Developed* developed);

// The plain twin: one pixel after the other.
View DevelopReference(const View& view, const manifest::Window* window, Developed* developed);

// What both share. Where an even row and column of a mosaic has red: (0, 0) for RG, (1, 0) for GR, (0, 1) for GB, (1, 1) for BG.
struct RedAt {
  int32_t x = 0, y = 0;
};
RedAt RedOf(LnxPixelFormat format);
bool IsWideMosaic(LnxPixelFormat format);
uint32_t PackedBits(LnxPixelFormat format);  // of packed gray; 0 otherwise

uint8_t ThroughWindow(uint32_t value, const manifest::Window& window);
manifest::Window WindowFor(const View& view, const manifest::Window* window);

// BT.601 with 16..235 luma in 20-bit fixed point. u, v: 128 is no colour.
void YuvToBgr(int32_t y, int32_t u, int32_t v, uint8_t* bgr);

// 0..1 -> 0..255; what lies outside is cut. False for NaN.
bool FloatToByte(float value, uint8_t* out);
[[noreturn]] void RefuseNan(int32_t x, int32_t y);

// Room for the part, and the view on it.
View MakeDeveloped(const View& view, LnxPixelFormat format, Developed* developed);

}  // namespace lnx::image
