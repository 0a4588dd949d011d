// Camera pictures, one pixel after the other.
#include "image/camera.h"

#include <algorithm>
#include <cstring>

namespace lnx::image {
namespace {

uint32_t MosaicAt(const View& view, int32_t x, int32_t y) {
  const uint8_t* row = view.Row(y);
  if (!IsWideMosaic(view.format)) return row[x];
  uint16_t value;
  std::memcpy(&value, row + 2 * static_cast<int64_t>(x), 2);
  return value;
}

// Blue, green and red of one place, from the places around it. At the border the neighbour further inside answers.
void Demosaic(const View& view, int32_t x, int32_t y, uint32_t bgr[3]) {
  x = std::clamp(x, 1, view.full_width - 2);
  y = std::clamp(y, 1, view.full_height - 2);
  const RedAt red = RedOf(view.format);
  const bool red_row = (y & 1) == red.y, red_column = (x & 1) == red.x;
  const auto at = [&](int32_t dx, int32_t dy) { return MosaicAt(view, x + dx, y + dy); };
  const uint32_t across = at(-1, 0) + at(1, 0), along = at(0, -1) + at(0, 1);
  if (red_row != red_column) {
    const uint32_t beside = (across + 1) >> 1, above = (along + 1) >> 1;
    bgr[0] = red_row ? above : beside;
    bgr[1] = at(0, 0);
    bgr[2] = red_row ? beside : above;
    return;
  }
  const uint32_t corners = (at(-1, -1) + at(1, -1) + at(-1, 1) + at(1, 1) + 2) >> 2;
  bgr[0] = red_row ? corners : at(0, 0);
  bgr[1] = (across + along + 2) >> 2;
  bgr[2] = red_row ? at(0, 0) : corners;
}

float FloatAt(const View& view, int32_t plane, int32_t x, int32_t y) {
  float value;
  std::memcpy(&value, view.Row(plane * view.full_height + y) + 4 * static_cast<int64_t>(x), 4);
  return value;
}

uint8_t ByteAt(const View& view, int32_t plane, int32_t x, int32_t y) {
  uint8_t byte;
  if (!FloatToByte(FloatAt(view, plane, x, y), &byte)) RefuseNan(x, y);
  return byte;
}

void DevelopPixel(const View& view, const manifest::Window& window, int32_t x, int32_t y, uint8_t* out) {
  if (view.format == LNX_PIXEL_NV12) {
    const uint8_t* chroma = view.Row(view.full_height + y / 2) + (x & ~1);
    YuvToBgr(view.Row(y)[x], chroma[0], chroma[1], out);
  } else if (view.format == LNX_PIXEL_F32_GRAY) {
    out[0] = ByteAt(view, 0, x, y);
  } else if (view.format == LNX_PIXEL_F32_PLANAR) {
    for (int32_t plane = 0; plane < 3; ++plane) out[2 - plane] = ByteAt(view, plane, x, y);
  } else if (const uint32_t bits = PackedBits(view.format); bits != 0) {
    const int64_t bit = static_cast<int64_t>(x) * bits;
    const uint8_t* from = view.Row(y) + bit / 8;
    const uint32_t pair = from[0] | static_cast<uint32_t>(from[1]) << 8;
    const auto value = static_cast<uint16_t>(pair >> (bit % 8) & ((1u << bits) - 1));
    std::memcpy(out, &value, 2);
  } else {
    uint32_t bgr[3];
    Demosaic(view, x, y, bgr);
    for (int c = 0; c < 3; ++c) out[c] = IsWideMosaic(view.format) ? ThroughWindow(bgr[c], window) : static_cast<uint8_t>(bgr[c]);
  }
}

}  // namespace

View DevelopReference(const View& view, const manifest::Window* window, Developed* developed) {
  if (!IsCameraFormat(view.format)) return view;
  LnxPixelFormat format = LNX_PIXEL_BGR8;
  if (view.format == LNX_PIXEL_F32_GRAY) format = LNX_PIXEL_GRAY8;
  if (PackedBits(view.format) != 0) format = LNX_PIXEL_GRAY16;
  const View out = MakeDeveloped(view, format, developed);
  const uint32_t step = BytesPerPixel(format);
  uint8_t* to = developed->pixels.data();
  for (int32_t y = 0; y < view.height; ++y) {
    for (int32_t x = 0; x < view.width; ++x, to += step)
      DevelopPixel(view, WindowFor(view, window), view.left + x, view.top + y, to);
  }
  return out;
}

}  // namespace lnx::image
