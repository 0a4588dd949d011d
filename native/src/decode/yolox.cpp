// YOLOX heads: [N, A, 5 + C] with cx, cy, w, h, objectness, classes. Raw heads give offsets on a grid, and sizes as logarithms.
#include <algorithm>
#include <cmath>
#include <string>

#include "base/status.h"
#include "decode/boxes.h"
#include "decode/families.h"
#include "decode/workspace.h"

namespace lnx::decode {
namespace {

class Yolox final : public Decoder {
 public:
  explicit Yolox(ManifestPtr manifest)
      : manifest_(std::move(manifest)), options_(std::get<manifest::YoloxDecode>(manifest_->decode)) {}

  void Decode(const Job& job, Workspace& w, result::Arena& arena, result::ImageResult* image) const override {
    const runtime::Tensor& output = RequireOutput(job, 0, 3);
    const int64_t anchors = output.shape[1], values = output.shape[2];
    if (values < 6)
      Fail(LNX_E_OUTPUT_SHAPE, {std::to_string(values) + " values per anchor", "at least 6", std::string(output.name)});
    const float* data = output.F32() + job.batch_index * anchors * values;
    w.candidates.clear();
    const double floor = std::max(options_.score_floor, LowestThreshold(*job.params));
    if (options_.decoded) {
      for (int64_t a = 0; a < anchors; ++a) {
        CheckAhead(data, a, anchors, values);
        Consider(data + a * values, values - 5, static_cast<int32_t>(a), {}, floor, w);
      }
    } else {
      ConsiderGrid(data, anchors, values, floor, *job.geometry, w);
    }
    SuppressOverlaps(manifest_->nms, job.params->nms_iou, job.params->max_objects, &w);
    AddObjects(*manifest_, job, manifest::BoxSpace::kInput, w, arena, image);
  }

 private:
  struct Cell {  // of a raw head; stride 0 = decoded already
    float x = 0, y = 0, stride = 0;
  };

  // Checks a block of anchors for NaN just before they are looked at, so that memory is read once.
  static void CheckAhead(const float* data, int64_t anchor, int64_t anchors, int64_t values) {
    constexpr int64_t kBlock = 32;
    if (anchor % kBlock != 0) return;
    CheckFinite(data + anchor * values, static_cast<size_t>(std::min(kBlock, anchors - anchor) * values), "detection");
  }

  void ConsiderGrid(const float* data, int64_t anchors, int64_t values, double floor, const image::Geometry& g,
                    Workspace& w) const {
    int64_t expected = 0;
    for (const int32_t stride : options_.strides)
      expected += static_cast<int64_t>(g.input_height / stride) * (g.input_width / stride);
    if (expected != anchors) {
      Fail(LNX_E_OUTPUT_SHAPE,
           {std::to_string(anchors) + " anchors", std::to_string(expected) + " for the strides of the manifest", "detection"});
    }
    int32_t a = 0;
    for (const int32_t stride : options_.strides) {
      for (int32_t y = 0; y < g.input_height / stride; ++y) {
        for (int32_t x = 0; x < g.input_width / stride; ++x, ++a) {
          CheckAhead(data, a, anchors, values);
          Consider(data + a * values, values - 5, a, {static_cast<float>(x), static_cast<float>(y), static_cast<float>(stride)},
                   floor, w);
        }
      }
    }
  }

  void Consider(const float* v, int64_t classes, int32_t anchor, const Cell& cell, double floor, Workspace& w) const {
    const float objectness = options_.activated ? v[4] : Sigmoid(v[4]);
    if (objectness < floor) return;  // the product cannot be larger
    int64_t best = 0;
    for (int64_t c = 1; c < classes; ++c) {
      if (v[5 + c] > v[5 + best]) best = c;
    }
    const float score = objectness * (options_.activated ? v[5 + best] : Sigmoid(v[5 + best]));
    if (score < floor) return;
    float cx = v[0], cy = v[1], width = v[2], height = v[3];
    if (cell.stride > 0) {
      cx = (cx + cell.x) * cell.stride;
      cy = (cy + cell.y) * cell.stride;
      width = std::exp(width) * cell.stride;
      height = std::exp(height) * cell.stride;
      if (!std::isfinite(width + height)) Fail(LNX_E_NUMERIC, {"a box of infinite size", "a finite box", "detection"});
    }
    w.candidates.push_back(
        {cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2, score, static_cast<int32_t>(best), anchor});
  }

  ManifestPtr manifest_;
  manifest::YoloxDecode options_;
};

}  // namespace

std::unique_ptr<Decoder> MakeYolox(ManifestPtr manifest, const runtime::IoInfo& output) {
  RequireRank(output, 3, "[N, anchors, 5 + classes]");
  if (output.shape[2] > 0) RequireLabels(*manifest, output.shape[2] - 5, output);
  return std::make_unique<Yolox>(std::move(manifest));
}

}  // namespace lnx::decode
