// Inputs beside the image: pairs of numbers that tell the graph a size or a scale, one pair per image of the batch.
//   input_wh, input_hw  width and height (height and width) of the model's input
//   image_wh, image_hw  of the part of the image that was inspected
//   scale_hw            input size / image size, height first
//   ones                1, 1
#include <algorithm>
#include <string>

#include "base/status.h"
#include "session/core.h"

namespace lnx::session {
namespace {

struct Pair {
  double first, second;
};

Pair ValueOf(const std::string& role, const image::Geometry& g) {
  const double input_w = g.input_width, input_h = g.input_height, image_w = g.part_width, image_h = g.part_height;
  if (role == "input_wh") return {input_w, input_h};
  if (role == "input_hw") return {input_h, input_w};
  if (role == "image_wh") return {image_w, image_h};
  if (role == "image_hw") return {image_h, image_w};
  if (role == "scale_hw") return {g.content_height / image_h, g.content_width / image_w};
  return {1, 1};
}

}  // namespace

void CheckExtraInputs(const Core& core) {
  const std::vector<manifest::TensorSpec>& specs = core.manifest->graphs[0].inputs;
  for (size_t i = 0; i < specs.size(); ++i) {
    if (i == core.image_input) continue;
    const runtime::IoInfo& io = core.model->inputs()[i];
    const bool pair = io.shape.size() == 2 && (io.shape[1] == 2 || io.shape[1] == -1);
    const bool type = io.dtype == manifest::DType::kF32 || io.dtype == manifest::DType::kI64 || io.dtype == manifest::DType::kI32;
    if (pair && type) continue;
    Fail(LNX_E_GRAPH_MISMATCH, {std::string(manifest::DTypeName(io.dtype)) + " of rank " + std::to_string(io.shape.size()),
                                "f32, i64 or i32 [N, 2]", "input \"" + io.name + "\""});
  }
}

std::vector<int64_t> ExtraInputShape(const Core& core, size_t input, int64_t batch) {
  const std::vector<int64_t>& shape = core.model->inputs()[input].shape;
  return {shape[0] > 0 ? shape[0] : batch, 2};
}

void FillExtraInputs(const Core& core, const image::Geometry& geometry, int64_t index, runtime::Slot* slot) {
  const std::vector<manifest::TensorSpec>& specs = core.manifest->graphs[0].inputs;
  for (size_t i = 0; i < specs.size(); ++i) {
    if (i == core.image_input) continue;
    const Pair value = ValueOf(specs[i].role, geometry);
    const auto at = static_cast<size_t>(index) * 2;
    const manifest::DType dtype = core.model->inputs()[i].dtype;
    if (slot->InputBytes(i) < (at + 2) * manifest::DTypeBytes(dtype)) continue;  // one pair for the whole batch
    if (dtype == manifest::DType::kF32) {
      auto* data = static_cast<float*>(slot->Input(i)) + at;
      data[0] = static_cast<float>(value.first), data[1] = static_cast<float>(value.second);
    } else if (dtype == manifest::DType::kI64) {
      auto* data = static_cast<int64_t*>(slot->Input(i)) + at;
      data[0] = static_cast<int64_t>(value.first), data[1] = static_cast<int64_t>(value.second);
    } else {
      auto* data = static_cast<int32_t*>(slot->Input(i)) + at;
      data[0] = static_cast<int32_t>(value.first), data[1] = static_cast<int32_t>(value.second);
    }
  }
}

}  // namespace lnx::session
