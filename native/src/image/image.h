// Pixels in, input tensor out. ref/ is plain and obvious and is the oracle; fast/ is fused and vectorised and gives the same
// numbers: bit for bit while they are integers, within 1e-5 once they are float.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/span.h"
#include "lnx/lnx.h"
#include "manifest/manifest.h"

namespace lnx::image {

uint32_t BytesPerPixel(LnxPixelFormat format);             // 0 for formats without a fixed pixel size
int64_t RowBytes(LnxPixelFormat format, int64_t width);    // of one row of the first plane, without padding
int64_t PlaneRows(LnxPixelFormat format, int64_t height);  // rows of all planes together, one under the other
uint32_t Channels(LnxPixelFormat format);                  // side by side; 0 for camera formats
const char* FormatName(LnxPixelFormat format);

// A checked, borrowed image. data points to the top row of what is to be inspected. Camera formats (camera.h) need what lies
// around it, too: there data points to the top left of the whole picture, and left, top and the full size say where the part is.
struct View {
  const uint8_t* data = nullptr;
  int32_t width = 0, height = 0;
  int64_t stride = 0;  // bytes, may be negative
  LnxPixelFormat format = LNX_PIXEL_UNKNOWN;
  uint32_t valid_bits = 0;
  int32_t left = 0, top = 0, full_width = 0, full_height = 0;  // camera formats only

  const uint8_t* Row(int32_t y) const { return data + static_cast<int64_t>(y) * stride; }
};

// Checks an LnxImage (size 1..30000, format, stride, memory kind, ROI) and gives the view of its ROI. 1xx errors.
// `roi` receives the part in full-image pixels.
View CheckImage(const LnxImage& image, LnxRect* roi);

// A part of a view; rect is in pixels of the view and lies inside it.
View PartOf(const View& view, const LnxRect& rect);

// Where a pixel of the model input lies in the full image: x_full = (x - offset_x) * scale_x + origin_x, same for y.
// Offsets are letterbox margins, origins the ROI (and crop) corner. Continuous coordinates, pixel centres at .5.
struct Geometry {
  double scale_x = 1, scale_y = 1;
  double offset_x = 0, offset_y = 0;
  double origin_x = 0, origin_y = 0;
  int32_t input_width = 0, input_height = 0;                                    // of the model
  int32_t content_x = 0, content_y = 0, content_width = 0, content_height = 0;  // part of the model input that shows the image
  int32_t part_x = 0, part_y = 0, part_width = 0, part_height = 0;              // part of the full image that the content shows
  int32_t image_width = 0, image_height = 0;                                    // full image of the caller

  double X(double x) const { return (x - offset_x) * scale_x + origin_x; }
  double Y(double y) const { return (y - offset_y) * scale_y + origin_y; }
};

// Where the columns and lines of a fused linear resize take their samples. Kept while the sizes stay, so that a camera's second
// picture finds them ready.
struct Taps {
  int32_t made_for[5] = {};           // source width and height, target width and height, bytes per pixel
  std::vector<int32_t> offsets;       // per column: bytes from the row's begin to the left sample
  std::vector<int32_t> weights;       // per column: left | right << 16, in 1/2048
  std::vector<uint8_t> coarse, fine;  // the same as 16 * coarse + fine, per lane a pair (left, right) of bytes; a colour column
                                      // has four lanes, a gray one has one
  std::vector<uint8_t> picks;         // gray: which bytes of a group's 16 make the pairs of its four columns
  bool grouped = false;               // gray: four columns always lie within 16 bytes
  std::vector<int32_t> lines;         // per line: upper source row, may lie outside
  std::vector<int32_t> line_weights;  // per line: upper, lower, in 1/2048
};

// Buffers that one run slot reuses. Grows when a larger image comes, then allocates nothing.
struct Scratch {
  std::vector<uint8_t> bytes[3];    // pictures between ops
  std::vector<int32_t> ints[4];     // offsets of samples
  std::vector<int32_t> weights[2];  // fixed-point weights
  std::vector<int16_t> rows[2];     // horizontally resized rows
  Taps taps;
  std::vector<double> doubles;
  std::vector<float> floats[2];
  // The margins of this tensor already hold the pad value, for this geometry. Reset `padded` when something else wrote the
  // tensor.
  const void* padded = nullptr;
  int32_t padded_at[4] = {};
};

// The `pre` list of a manifest, bound to one graph input. Immutable; any number of threads.
class Pipeline {
 public:
  // LNX_E_MANIFEST_FIELD when the list cannot produce the input (size, channels, dtype, layout).
  static Pipeline Compile(const manifest::Manifest& manifest, const manifest::TensorSpec& input);

  Pipeline(Pipeline&&) noexcept;
  Pipeline& operator=(Pipeline&&) noexcept;
  ~Pipeline();

  // Writes one image of the batch: channels * height * width elements of the input's dtype at `tensor`.
  // full_width/full_height and roi describe the caller's image; view is the ROI's pixels.
  void Run(const View& view, const LnxRect& roi, int32_t full_width, int32_t full_height, void* tensor, Scratch* scratch,
           Geometry* geometry) const;
  // The plain twin.
  void RunReference(const View& view, const LnxRect& roi, int32_t full_width, int32_t full_height, void* tensor,
                    Geometry* geometry) const;

  size_t TensorBytes() const;  // of one image
  const char* Path() const;    // "fused avx2", "fused portable", "stages": what Run uses for 8-bit images, for reports

  struct Plan;
  const Plan& plan() const { return *plan_; }

 private:
  explicit Pipeline(std::unique_ptr<Plan> plan);
  std::unique_ptr<Plan> plan_;
};

// What the processor offers, lowered by LNX_SIMD=portable (tests). Portable code is compiled for SSE2, which every x64 PC has.
enum class Simd { kPortable, kAvx2 };
Simd ActiveSimd() noexcept;

}  // namespace lnx::image
