#include "image/camera.h"
#include "image/image.h"

namespace lnx::image {

uint32_t Channels(LnxPixelFormat format) {
  switch (format) {
    case LNX_PIXEL_GRAY8:
    case LNX_PIXEL_GRAY16:
    case LNX_PIXEL_F32_GRAY:
    case LNX_PIXEL_LABEL8:
      return 1;
    case LNX_PIXEL_BGR8:
    case LNX_PIXEL_RGB8:
      return 3;
    case LNX_PIXEL_BGRA8:
    case LNX_PIXEL_RGBA8:
      return 4;
    default:
      return 0;
  }
}

uint32_t BytesPerPixel(LnxPixelFormat format) {
  if (format == LNX_PIXEL_GRAY16) return 2;
  if (format == LNX_PIXEL_F32_GRAY) return 4;
  return Channels(format);
}

int64_t RowBytes(LnxPixelFormat format, int64_t width) {
  if (const uint32_t bits = PackedBits(format); bits != 0) return (width * bits + 7) / 8;
  if (format == LNX_PIXEL_NV12) return width;
  if (format == LNX_PIXEL_F32_PLANAR) return width * 4;
  if (format >= LNX_PIXEL_BAYER_RG8 && format <= LNX_PIXEL_BAYER_GB16) return width * (IsWideMosaic(format) ? 2 : 1);
  return width * BytesPerPixel(format);
}

int64_t PlaneRows(LnxPixelFormat format, int64_t height) {
  if (format == LNX_PIXEL_NV12) return height + height / 2;
  return format == LNX_PIXEL_F32_PLANAR ? 3 * height : height;
}

const char* FormatName(LnxPixelFormat format) {
  switch (format) {
    case LNX_PIXEL_GRAY8:
      return "GRAY8";
    case LNX_PIXEL_GRAY16:
      return "GRAY16";
    case LNX_PIXEL_BGR8:
      return "BGR8";
    case LNX_PIXEL_RGB8:
      return "RGB8";
    case LNX_PIXEL_BGRA8:
      return "BGRA8";
    case LNX_PIXEL_RGBA8:
      return "RGBA8";
    case LNX_PIXEL_BAYER_RG8:
      return "BAYER_RG8";
    case LNX_PIXEL_BAYER_BG8:
      return "BAYER_BG8";
    case LNX_PIXEL_BAYER_GR8:
      return "BAYER_GR8";
    case LNX_PIXEL_BAYER_GB8:
      return "BAYER_GB8";
    case LNX_PIXEL_BAYER_RG16:
      return "BAYER_RG16";
    case LNX_PIXEL_BAYER_BG16:
      return "BAYER_BG16";
    case LNX_PIXEL_BAYER_GR16:
      return "BAYER_GR16";
    case LNX_PIXEL_BAYER_GB16:
      return "BAYER_GB16";
    case LNX_PIXEL_GRAY10P:
      return "GRAY10P";
    case LNX_PIXEL_GRAY12P:
      return "GRAY12P";
    case LNX_PIXEL_NV12:
      return "NV12";
    case LNX_PIXEL_F32_PLANAR:
      return "F32_PLANAR";
    case LNX_PIXEL_F32_GRAY:
      return "F32_GRAY";
    case LNX_PIXEL_LABEL8:
      return "LABEL8";
    default:
      return "unknown format";
  }
}

}  // namespace lnx::image
