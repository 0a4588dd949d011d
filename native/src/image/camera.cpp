// What the plain and the fast development of camera pictures share.
#include "image/camera.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/status.h"

namespace lnx::image {

bool IsCameraFormat(LnxPixelFormat format) {
  return (format >= LNX_PIXEL_BAYER_RG8 && format <= LNX_PIXEL_BAYER_GB16) || format == LNX_PIXEL_NV12 ||
         format == LNX_PIXEL_F32_PLANAR || format == LNX_PIXEL_F32_GRAY || PackedBits(format) != 0;
}

RedAt RedOf(LnxPixelFormat format) {
  switch (format) {
    case LNX_PIXEL_BAYER_GR8:
    case LNX_PIXEL_BAYER_GR16:
      return {1, 0};
    case LNX_PIXEL_BAYER_GB8:
    case LNX_PIXEL_BAYER_GB16:
      return {0, 1};
    case LNX_PIXEL_BAYER_BG8:
    case LNX_PIXEL_BAYER_BG16:
      return {1, 1};
    default:
      return {0, 0};
  }
}

bool IsWideMosaic(LnxPixelFormat format) { return format >= LNX_PIXEL_BAYER_RG16 && format <= LNX_PIXEL_BAYER_GB16; }

uint32_t PackedBits(LnxPixelFormat format) {
  if (format == LNX_PIXEL_GRAY10P) return 10;
  return format == LNX_PIXEL_GRAY12P ? 12 : 0;
}

uint8_t ThroughWindow(uint32_t value, const manifest::Window& window) {
  if (value <= window.lo) return 0;
  if (value >= window.hi) return 255;
  const uint32_t range = window.hi - window.lo;
  return static_cast<uint8_t>((2 * (value - window.lo) * 255 + range) / (2 * range));
}

manifest::Window WindowFor(const View& view, const manifest::Window* window) {
  if (window != nullptr) return *window;
  return {0, (1u << (view.valid_bits == 0 ? 16 : view.valid_bits)) - 1};
}

void YuvToBgr(int32_t y, int32_t u, int32_t v, uint8_t* bgr) {
  constexpr int32_t kShift = 20, kHalf = 1 << (kShift - 1);
  constexpr int32_t kLuma = 1220542, kBlueU = 2116026, kGreenU = -409993, kGreenV = -852492, kRedV = 1673527;
  const int32_t light = std::max(y - 16, 0) * kLuma + kHalf;
  u -= 128;
  v -= 128;
  const auto cut = [](int32_t value) { return static_cast<uint8_t>(std::clamp(value >> kShift, 0, 255)); };
  bgr[0] = cut(light + kBlueU * u);
  bgr[1] = cut(light + kGreenU * u + kGreenV * v);
  bgr[2] = cut(light + kRedV * v);
}

bool FloatToByte(float value, uint8_t* out) {
  const float scaled = std::min(std::max(0.0f, value), 1.0f) * 255.0f + 0.5f;
  *out = static_cast<uint8_t>(scaled);
  return !std::isnan(value);
}

void RefuseNan(int32_t x, int32_t y) {
  Fail(LNX_E_NUMERIC, {"NaN at x " + std::to_string(x) + ", y " + std::to_string(y), "numbers", "the image"});
}

View MakeDeveloped(const View& view, LnxPixelFormat format, Developed* developed) {
  View out;
  out.width = view.width;
  out.height = view.height;
  out.format = format;
  out.valid_bits = format == LNX_PIXEL_GRAY16 ? view.valid_bits : 8;
  out.stride = RowBytes(format, view.width);
  const auto bytes = static_cast<size_t>(out.stride) * static_cast<size_t>(view.height);
  if (developed->pixels.size() < bytes) developed->pixels.resize(bytes);
  out.data = developed->pixels.data();
  return out;
}

}  // namespace lnx::image
