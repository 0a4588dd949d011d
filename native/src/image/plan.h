// A compiled preprocessing list. Internal to image/.
#pragma once

#include <cstdint>
#include <vector>

#include "image/image.h"
#include "image/ops.h"

namespace lnx::image {

struct Pipeline::Plan {
  std::vector<manifest::PreOp> pixel_ops;  // color, crop, resize
  manifest::Window window;
  bool has_window = false;
  Finish finish;
  int32_t channels = 0, width = 0, height = 0;  // of the tensor

  // color (not to gray), then at most one linear OpenCV resize that stretches or letterboxes, then float32 planes: one pass.
  bool fusable = false;
  manifest::ColorOrder order = manifest::ColorOrder::kRgb;
  const manifest::ResizeOp* resize = nullptr;  // into pixel_ops
};

// New size of a resize op for one picture, and the factor that maps results back: previous = factor * new.
struct Resized {
  int32_t width = 0, height = 0;          // of the scaled picture
  int32_t left = 0, top = 0;              // margins of a letterbox
  int32_t out_width = 0, out_height = 0;  // with margins
  double factor_x = 1, factor_y = 1;
};
Resized SizeOf(const manifest::ResizeOp& op, int32_t width, int32_t height);

// The chain of coordinates while ops run: image = factor * x + shift.
struct Chain {
  double factor_x = 1, factor_y = 1, shift_x = 0, shift_y = 0;
  double left = 0, top = 0, right = 0, bottom = 0;                          // where picture content lies now
  double image_left = 0, image_top = 0, image_right = 0, image_bottom = 0;  // the part of the image that it shows

  static Chain Start(const LnxRect& roi);
  void Crop(int32_t x, int32_t y, int32_t width, int32_t height);
  void Resize(const Resized& resized);
  Geometry Finish(int32_t width, int32_t height, int32_t full_width, int32_t full_height) const;
};

// The one-pass form. `plan.fusable`, and the view is 8-bit and not one that OpenCV halves.
bool CanFuse(const Pipeline::Plan& plan, const View& view);
void RunFused(const Pipeline::Plan& plan, const View& view, float* tensor, Scratch* scratch, Chain* chain);

// Row kernels of the fused pass, one set per instruction set; same numbers from each.
struct RowKernels {
  // Interpolates one source row: planes of out_width int16, value = (p0 * w0 + p1 * w1) >> 4. offsets: bytes of the left sample;
  // weights: w0 | w1 << 16; step: bytes per pixel; channels: 1 or 3 planes; row_bytes: readable bytes of the row.
  void (*horizontal)(const uint8_t* row, int64_t row_bytes, const int32_t* offsets, const int32_t* weights, int32_t step,
                     int32_t channels, int32_t out_width, int16_t* planes);
  // Mixes two such planes and finishes to float.
  void (*vertical)(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t n, const Finish& finish,
                   int channel, float* out);
};
const RowKernels& PortableKernels();
#if defined(__x86_64__) || defined(_M_X64)
const RowKernels& Avx2Kernels();
#endif

}  // namespace lnx::image
