// Everything that is checked before a pixel is read.
#include <cstdlib>
#include <string>

#include "base/status.h"
#include "image/camera.h"
#include "image/image.h"

namespace lnx::image {
namespace {

constexpr int64_t kMaxStride = int64_t{1} << 40;  // no address is out of reach by arithmetic

std::string Size(int64_t width, int64_t height) { return std::to_string(width) + " x " + std::to_string(height); }

bool Readable(LnxPixelFormat format) {
  return format == LNX_PIXEL_GRAY8 || format == LNX_PIXEL_GRAY16 || format == LNX_PIXEL_BGR8 || format == LNX_PIXEL_RGB8 ||
         format == LNX_PIXEL_BGRA8 || format == LNX_PIXEL_RGBA8 || IsCameraFormat(format);
}

// What the format asks of the size.
void CheckSize(const LnxImage& image) {
  if (image.width < 1 || image.height < 1 || image.width > manifest::kMaxImageSide || image.height > manifest::kMaxImageSide) {
    Fail(LNX_E_IMAGE_SIZE, {Size(image.width, image.height), "1 x 1 .. 30000 x 30000", "LnxImage.width, height"});
  }
  const bool mosaic = image.pixel_format >= LNX_PIXEL_BAYER_RG8 && image.pixel_format <= LNX_PIXEL_BAYER_GB16;
  if (mosaic && (image.width < 3 || image.height < 3)) {
    Fail(LNX_E_IMAGE_SIZE, {Size(image.width, image.height), "at least 3 x 3 for a Bayer mosaic", "LnxImage.width, height"});
  }
  if (image.pixel_format == LNX_PIXEL_NV12 && (image.width % 2 != 0 || image.height % 2 != 0)) {
    Fail(LNX_E_IMAGE_SIZE, {Size(image.width, image.height), "even sides for NV12", "LnxImage.width, height"});
  }
}

void CheckStride(const LnxImage& image) {
  const int64_t row = RowBytes(image.pixel_format, image.width), stride = image.stride_bytes;
  const bool planes = PlaneRows(image.pixel_format, image.height) != image.height;
  const bool down = stride >= row && stride <= kMaxStride, up = stride <= -row && stride >= -kMaxStride && !planes;
  // With a single row there is no next one to go to.
  if (down || up || (image.height == 1 && !planes)) return;
  Fail(LNX_E_IMAGE_STRIDE, {std::to_string(stride) + " bytes",
                            std::to_string(row) + " .. " + std::to_string(kMaxStride) + " bytes" +
                                (planes ? ", top row first: planes follow each other" : " either way"),
                            "LnxImage.stride_bytes"});
}

uint32_t ValidBits(const LnxImage& image) {
  if (const uint32_t packed = PackedBits(image.pixel_format); packed != 0) return packed;
  if (image.pixel_format != LNX_PIXEL_GRAY16 && !IsWideMosaic(image.pixel_format)) return 8;
  const uint32_t bits = image.valid_bits == 0 ? 16 : image.valid_bits;
  if (bits < 9 || bits > 16) {
    Fail(LNX_E_IMAGE_FORMAT, {std::to_string(bits) + " valid bits", "9 .. 16, or 0 for 16", "LnxImage.valid_bits"});
  }
  return bits;
}

}  // namespace

View PartOf(const View& view, const LnxRect& rect) {
  View part = view;
  part.width = rect.width;
  part.height = rect.height;
  if (IsCameraFormat(view.format)) {
    part.left += rect.x;
    part.top += rect.y;
    return part;
  }
  part.data = view.Row(rect.y) + static_cast<int64_t>(rect.x) * BytesPerPixel(view.format);
  return part;
}

View CheckImage(const LnxImage& image, LnxRect* roi) {
  if (!Readable(image.pixel_format)) {
    Fail(LNX_E_IMAGE_FORMAT, {std::string(FormatName(image.pixel_format)) + " (" + std::to_string(image.pixel_format) + ")",
                              "a format of pixels (LNX_PIXEL_GRAY8 .. LNX_PIXEL_F32_GRAY)", "LnxImage.pixel_format"});
  }
  if (image.memory != LNX_MEMORY_HOST && image.memory != LNX_MEMORY_HOST_PINNED) {
    Fail(LNX_E_IMAGE_MEMORY, {"memory kind " + std::to_string(image.memory), "host memory", "LnxImage.memory"});
  }
  CheckSize(image);
  if (image.data == nullptr) Fail(LNX_E_NULL_POINTER, {"LnxImage.data = NULL", "the first pixel", "LnxImage.data"});
  CheckStride(image);
  const uint32_t bits = ValidBits(image);
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
  view.width = view.full_width = image.width;
  view.height = view.full_height = image.height;
  view.format = image.pixel_format;
  view.valid_bits = bits;
  return PartOf(view, part);
}

}  // namespace lnx::image
