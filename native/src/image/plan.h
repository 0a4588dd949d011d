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
  bool exact_factors = true;                    // of `finish`
  int32_t channels = 0, width = 0, height = 0;  // of the tensor

  // color (not to gray), then at most one linear OpenCV resize that stretches or letterboxes, then float32 planes: one pass.
  bool fusable = false;
  manifest::ColorOrder order = manifest::ColorOrder::kRgb;
  const manifest::ResizeOp* resize = nullptr;  // into pixel_ops

  bool deep = false;  // 16-bit gray all the way: color, at most one linear OpenCV resize that stretches (deep.cpp)
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

// LNX_E_MANIFEST_FIELD when the ops are not what 16-bit values can go through; else sets plan->deep and plan->resize.
void CompileDeep(Pipeline::Plan* plan);
// LNX_E_IMAGE_FORMAT for pictures that are not gray.
void RunDeep(const Pipeline::Plan& plan, const View& view, const manifest::Window& window, void* tensor, Scratch* scratch,
             Chain* chain);

// The one-pass form. `plan.fusable`, and the view is 8-bit and not one that OpenCV halves.
bool CanFuse(const Pipeline::Plan& plan, const View& view);
void RunFused(const Pipeline::Plan& plan, const View& view, void* tensor, Scratch* scratch, Chain* chain);

// Fills `taps` for a linear resize of pictures with `step` bytes per pixel, unless it holds them already.
void PrepareTaps(int32_t width, int32_t height, int32_t out_width, int32_t out_height, int32_t step, Taps* taps);

// Row kernels of the fused pass, one set per instruction set; same numbers from each. Rows in between hold int16 values
// (p0 * w0 + p1 * w1) >> 4: one per column for gray, four (three channels in the source's order, then 0) for colour.
struct RowKernels {
  // Interpolates one source row of row_bytes readable bytes. next: the row that will be read after it, for the cache.
  void (*gray)(const uint8_t* row, const uint8_t* next, int64_t row_bytes, const Taps& taps, int32_t columns, int16_t* out);
  void (*colour)(const uint8_t* row, const uint8_t* next, int64_t row_bytes, const Taps& taps, int32_t columns, int16_t* out);
  // Mixes two such rows and finishes to float. channel: of the tensor, for the normalisation.
  void (*finish_gray)(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t n, const Finish& finish,
                      int32_t channel, float* out);
  // out[i], channel[i]: row and number of the plane that the source's channel i fills.
  void (*finish_colour)(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t n, const Finish& finish,
                        const int32_t channel[3], float* const out[3]);
  // One source row of a picture that keeps its size, finished to float at once. next: as above.
  void (*whole_colour)(const uint8_t* row, const uint8_t* next, int32_t step, int32_t n, const Finish& finish,
                       const int32_t channel[3], float* const out[3]);
  // The same without finishing, for 8-bit tensors.
  void (*bytes_gray)(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t n, uint8_t* out);
  void (*bytes_colour)(const int16_t* upper, const int16_t* lower, int32_t w0, int32_t w1, int32_t n, uint8_t* const out[3]);
};
const RowKernels& PortableKernels();
#if defined(__x86_64__) || defined(_M_X64)
const RowKernels& Avx2Kernels();
#endif

}  // namespace lnx::image
