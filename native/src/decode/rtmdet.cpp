// RTMDet heads: class scores, and distances from each point to the four sides. Points lie at (x * stride, y * stride).
#include <string>

#include "base/status.h"
#include "decode/boxes.h"
#include "decode/roles.h"

namespace lnx::decode {
namespace {

class Rtmdet final : public Decoder {
 public:
  Rtmdet(ManifestPtr manifest, std::vector<size_t> scores, std::vector<size_t> distances)
      : manifest_(std::move(manifest)),
        options_(std::get<manifest::RtmdetDecode>(manifest_->decode)),
        scores_(std::move(scores)),
        distances_(std::move(distances)) {}

  void Decode(const Job& job, Workspace& w, result::Arena& arena, result::ImageResult* image) const override {
    w.candidates.clear();
    const ScoreGate gate(options_.head, *job.params);
    if (scores_.size() == options_.strides.size() && manifest_->graphs[0].outputs[scores_[0]].shape.size() == 4) {
      int64_t first = 0;
      for (size_t level = 0; level < scores_.size(); ++level) Level(job, level, gate, &first, w);
    } else {
      Flat(job, gate, w);
    }
    ClipToContent(manifest_->nms, *job.geometry, &w);
    SuppressOverlaps(manifest_->nms, job.params->nms_iou, job.params->max_objects, &w);
    AddObjects(*manifest_, job, manifest::BoxSpace::kInput, w, arena, image);
  }

 private:
  struct Point {
    float x, y, unit;  // unit: pixels per number of a distance
  };

  Point At(int64_t cell, int64_t columns, int32_t stride) const {
    const int64_t column = cell % columns, row = cell / columns;
    return {static_cast<float>(column * stride), static_cast<float>(row * stride),
            options_.distances_in_pixels ? 1.0f : static_cast<float>(stride)};
  }

  static void Add(const Point& p, const float* d, int64_t step, int32_t id, float score, int64_t order, Workspace& w) {
    const Candidate c{
        p.x - d[0] * p.unit,        p.y - d[step] * p.unit, p.x + d[2 * step] * p.unit, p.y + d[3 * step] * p.unit, score, id,
        static_cast<int32_t>(order)};
    CheckBox(c, "detection");
    w.candidates.push_back(c);
  }

  // [N, C, H, W] and [N, 4, H, W] of one stride.
  void Level(const Job& job, size_t level, const ScoreGate& gate, int64_t* first, Workspace& w) const {
    const runtime::Tensor& scores = RequireOutput(job, scores_[level], 4);
    const runtime::Tensor& distances = RequireOutput(job, distances_[level], 4);
    const int32_t stride = options_.strides[level];
    const int64_t rows = job.geometry->input_height / stride, columns = job.geometry->input_width / stride;
    RequireSide(scores, 2, rows, "rows");
    RequireSide(scores, 3, columns, "columns");
    RequireSide(distances, 1, 4, "distances");
    RequireSide(distances, 2, rows, "rows");
    RequireSide(distances, 3, columns, "columns");
    size_t count = 0;
    ScoreView view;
    view.data = ImageValues(scores, job.batch_index, &count, "detection");
    view.anchors = rows * columns;
    view.classes = scores.shape[1];
    view.anchor_step = 1;
    view.class_step = view.anchors;
    const float* box = ImageValues(distances, job.batch_index, &count, "detection");
    const int64_t base = *first;
    ScanScores(view, gate, options_.head.all_classes, w, [&](int64_t a, int32_t id, float score) {
      Add(At(a, columns, stride), box + a, view.anchors, id, score, (base + a) * view.classes + id, w);
    });
    *first += view.anchors;
  }

  // [N, A, C] and [N, A, 4], strides one after the other.
  void Flat(const Job& job, const ScoreGate& gate, Workspace& w) const {
    const runtime::Tensor& scores = RequireOutput(job, scores_[0], 3);
    const runtime::Tensor& distances = RequireOutput(job, distances_[0], 3);
    RequireSide(distances, 1, scores.shape[1], "anchors");
    RequireSide(distances, 2, 4, "distances");
    int64_t anchors = 0;
    for (const int32_t stride : options_.strides)
      anchors += static_cast<int64_t>(job.geometry->input_height / stride) * (job.geometry->input_width / stride);
    RequireSide(scores, 1, anchors, "anchors for the strides of the manifest");
    size_t count = 0;
    const float* values = ImageValues(scores, job.batch_index, &count, "detection");
    const float* box = ImageValues(distances, job.batch_index, &count, "detection");
    int64_t first = 0;
    for (const int32_t stride : options_.strides) {
      const int64_t columns = job.geometry->input_width / stride;
      ScoreView view;
      view.classes = view.anchor_step = scores.shape[2];
      view.class_step = 1;
      view.anchors = job.geometry->input_height / stride * columns;
      view.data = values + first * view.classes;
      ScanScores(view, gate, options_.head.all_classes, w, [&](int64_t a, int32_t id, float score) {
        Add(At(a, columns, stride), box + (first + a) * 4, 1, id, score, (first + a) * view.classes + id, w);
      });
      first += view.anchors;
    }
  }

  ManifestPtr manifest_;
  manifest::RtmdetDecode options_;
  std::vector<size_t> scores_, distances_;
};

}  // namespace

std::unique_ptr<Decoder> MakeRtmdet(ManifestPtr manifest, const std::vector<runtime::IoInfo>& outputs) {
  const std::vector<size_t> scores = OutputsOf(*manifest, "scores"), distances = OutputsOf(*manifest, "distances");
  const size_t strides = std::get<manifest::RtmdetDecode>(manifest->decode).strides.size();
  if (scores.size() != distances.size() || scores.empty() || (scores.size() != 1 && scores.size() != strides)) {
    Fail(LNX_E_GRAPH_MISMATCH,
         {std::to_string(scores.size()) + " outputs \"scores\" and " + std::to_string(distances.size()) + " \"distances\"",
          "one pair, or one per stride", "graphs[0].outputs"});
  }
  const size_t rank = outputs[scores[0]].shape.size() == 4 ? 4 : 3;
  if (rank == 4 && scores.size() != strides) {
    Fail(LNX_E_GRAPH_MISMATCH,
         {"maps for " + std::to_string(scores.size()) + " strides", std::to_string(strides), "decode.strides"});
  }
  for (const std::vector<size_t>* group : {&scores, &distances}) {
    for (const size_t i : *group) RequireKind(outputs[i], {manifest::DType::kF32}, {rank});
  }
  const int64_t classes = outputs[scores[0]].shape[rank == 4 ? 1 : 2];
  if (classes > 0) RequireLabels(*manifest, classes, outputs[scores[0]]);
  return std::make_unique<Rtmdet>(std::move(manifest), scores, distances);
}

}  // namespace lnx::decode
