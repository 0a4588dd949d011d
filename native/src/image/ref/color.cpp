// Import and colour conversion.
#include <cstring>

#include "image/camera.h"
#include "image/ops.h"

namespace lnx::image {
namespace {

using manifest::ColorOrder;

// 15-bit BT.601 weights of OpenCV's 8-bit cvtColor (red, green, blue).
constexpr int kRed = 9798, kGreen = 19235, kBlue = 3735, kShift = 15;

uint8_t Gray(int red, int green, int blue) {
  return static_cast<uint8_t>((red * kRed + green * kGreen + blue * kBlue + (1 << (kShift - 1))) >> kShift);
}

}  // namespace

void Import(const View& view, ColorOrder order, const manifest::Window& window, const Picture& out) {
  const bool reversed = view.format == LNX_PIXEL_RGB8 || view.format == LNX_PIXEL_RGBA8;  // red first
  const uint32_t step = BytesPerPixel(view.format);
  for (int32_t y = 0; y < view.height; ++y) {
    const uint8_t* from = view.Row(y);
    uint8_t* to = out.Row(y);
    for (int32_t x = 0; x < view.width; ++x, from += step, to += out.channels) {
      uint8_t red, green, blue;
      if (step == 1) {
        red = green = blue = from[0];
      } else if (step == 2) {
        uint16_t value;
        std::memcpy(&value, from, 2);
        red = green = blue = ThroughWindow(value, window);
      } else {
        red = from[reversed ? 0 : 2], green = from[1], blue = from[reversed ? 2 : 0];
      }
      if (order == ColorOrder::kGray) {
        to[0] = step <= 2 ? red : Gray(red, green, blue);
      } else {
        to[0] = order == ColorOrder::kRgb ? red : blue;
        to[1] = green;
        to[2] = order == ColorOrder::kRgb ? blue : red;
      }
    }
  }
}

void ConvertColor(const Picture& in, ColorOrder from, ColorOrder to, const Picture& out) {
  const size_t pixels = static_cast<size_t>(in.width) * static_cast<size_t>(in.height);
  for (size_t i = 0; i < pixels; ++i) {
    const uint8_t* p = in.data + i * static_cast<size_t>(in.channels);
    uint8_t* q = out.data + i * static_cast<size_t>(out.channels);
    if (to == ColorOrder::kGray) {
      q[0] = from == ColorOrder::kGray ? p[0] : from == ColorOrder::kRgb ? Gray(p[0], p[1], p[2]) : Gray(p[2], p[1], p[0]);
    } else if (from == ColorOrder::kGray) {
      q[0] = q[1] = q[2] = p[0];
    } else {
      const uint8_t first = p[0], last = p[2];
      q[0] = from == to ? first : last;
      q[1] = p[1];
      q[2] = from == to ? last : first;
    }
  }
}

}  // namespace lnx::image
