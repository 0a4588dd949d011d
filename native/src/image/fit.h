// Scales any view to any size and writes it into a part of a tensor: for graphs whose input size follows from the picture.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "image/image.h"
#include "manifest/manifest.h"

namespace lnx::image {

// Buffers of one run slot.
struct FitScratch;
struct FitScratchDelete {
  void operator()(FitScratch* scratch) const noexcept;
};
using FitScratchPtr = std::unique_ptr<FitScratch, FitScratchDelete>;

// Value ops of a recipe: colour, cast to f32, scale, normalize, layout NCHW; the size comes with each call. Immutable.
class Fit {
 public:
  // LNX_E_MANIFEST_FIELD when the list has a resize or crop, or does not end with float32 planes. where: names the graph.
  static Fit Compile(const std::vector<manifest::PreOp>& ops, const std::string& where);
  Fit(Fit&&) noexcept;
  ~Fit();
  FitScratchPtr MakeScratch() const;

  // Scales the view to width x height as cv::resize does (linear), into the left of `channels` planes of tensor_width x height
  // floats. Columns that are left over become 0. 8-bit views of one, three or four channels.
  void Run(const View& view, int32_t width, int32_t height, int32_t tensor_width, float* tensor, FitScratch* scratch) const;
  int32_t channels() const;

 private:
  struct State;
  explicit Fit(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// An 8-bit copy of a view: one channel for gray formats, else BGR. 16-bit values pass the window. Rows lie side by side in
// `pixels`.
View CopyEightBit(const View& view, const manifest::Window* window, std::vector<uint8_t>* pixels);

// The view scaled as cv::resize does (linear); 8-bit views of one or three channels.
View ScaleLinear(const View& view, int32_t width, int32_t height, std::vector<uint8_t>* pixels, FitScratch* scratch);

}  // namespace lnx::image
