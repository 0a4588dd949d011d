// Everything that is checked before a pixel is read.
#include <cstdlib>
#include <string>

#include "base/status.h"
#include "image/image.h"

namespace lnx::image {
namespace {

constexpr int64_t kMaxStride = int64_t{1} << 40;  // no address is out of reach by arithmetic

std::string Size(int64_t width, int64_t height) { return std::to_string(width) + " x " + std::to_string(height); }

bool Readable(LnxPixelFormat format) {
  return format == LNX_PIXEL_GRAY8 || format == LNX_PIXEL_GRAY16 || format == LNX_PIXEL_BGR8 || format == LNX_PIXEL_RGB8 ||
         format == LNX_PIXEL_BGRA8 || format == LNX_PIXEL_RGBA8;
}

}  // namespace

View PartOf(const View& view, const LnxRect& rect) {
  View part = view;
  part.data = view.Row(rect.y) + static_cast<int64_t>(rect.x) * BytesPerPixel(view.format);
  part.width = rect.width;
  part.height = rect.height;
  return part;
}

View CheckImage(const LnxImage& image, LnxRect* roi) {
  if (!Readable(image.pixel_format)) {
    Fail(LNX_E_IMAGE_FORMAT, {std::string(FormatName(image.pixel_format)) + " (" + std::to_string(image.pixel_format) + ")",
                              "GRAY8, GRAY16, BGR8, RGB8, BGRA8 or RGBA8", "LnxImage.pixel_format"});
  }
  if (image.memory != LNX_MEMORY_HOST && image.memory != LNX_MEMORY_HOST_PINNED) {
    Fail(LNX_E_IMAGE_MEMORY, {"memory kind " + std::to_string(image.memory), "host memory", "LnxImage.memory"});
  }
  if (image.width < 1 || image.height < 1 || image.width > manifest::kMaxImageSide || image.height > manifest::kMaxImageSide) {
    Fail(LNX_E_IMAGE_SIZE, {Size(image.width, image.height), "1 x 1 .. 30000 x 30000", "LnxImage.width, height"});
  }
  if (image.data == nullptr) Fail(LNX_E_NULL_POINTER, {"LnxImage.data = NULL", "the first pixel", "LnxImage.data"});
  const int64_t row = static_cast<int64_t>(image.width) * BytesPerPixel(image.pixel_format);
  // With a single row there is no next one to go to.
  const int64_t stride = image.stride_bytes;
  const bool down = stride >= row && stride <= kMaxStride, up = stride <= -row && stride >= -kMaxStride;
  if (image.height > 1 && !down && !up) {
    Fail(LNX_E_IMAGE_STRIDE,
         {std::to_string(stride) + " bytes", std::to_string(row) + " .. " + std::to_string(kMaxStride) + " bytes either way",
          "LnxImage.stride_bytes"});
  }
  uint32_t bits = 8;
  if (image.pixel_format == LNX_PIXEL_GRAY16) {
    bits = image.valid_bits == 0 ? 16 : image.valid_bits;
    if (bits < 9 || bits > 16) {
      Fail(LNX_E_IMAGE_FORMAT, {std::to_string(bits) + " valid bits", "9 .. 16, or 0 for 16", "LnxImage.valid_bits"});
    }
  }
  LnxRect part = image.roi;
  if (part.x == 0 && part.y == 0 && part.width == 0 && part.height == 0) part = {0, 0, image.width, image.height};
  const bool inside = part.x >= 0 && part.y >= 0 && part.width > 0 && part.height > 0 && part.width <= image.width - part.x &&
                      part.height <= image.height - part.y;
  if (part.x > image.width || part.y > image.height || !inside) {
    Fail(LNX_E_ROI, {"x " + std::to_string(part.x) + ", y " + std::to_string(part.y) + ", " + Size(part.width, part.height),
                     "inside " + Size(image.width, image.height), "LnxImage.roi"});
  }
  *roi = part;
  View view;
  view.stride = image.stride_bytes;
  view.data = static_cast<const uint8_t*>(image.data);
  view.width = image.width;
  view.height = image.height;
  view.format = image.pixel_format;
  view.valid_bits = bits;
  return PartOf(view, part);
}

}  // namespace lnx::image
