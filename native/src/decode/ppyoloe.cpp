// PP-YOLOE, and whatever Paddle exports in the same form. With suppression in the graph: rows (class, score, corners) of all
// images, and how many belong to each image. Without it: corners per anchor, and scores class by class.
#include <string>

#include "base/status.h"
#include "decode/boxes.h"
#include "decode/roles.h"

namespace lnx::decode {
namespace {

class Ppyoloe final : public Decoder {
 public:
  Ppyoloe(ManifestPtr manifest, size_t first, size_t second)
      : manifest_(std::move(manifest)),
        options_(std::get<manifest::PpyoloeDecode>(manifest_->decode)),
        first_(first),
        second_(second) {}

  void Decode(const Job& job, Workspace& w, result::Arena& arena, result::ImageResult* image) const override {
    w.candidates.clear();
    const ScoreGate gate(options_.head, *job.params);
    if (options_.nms_in_graph) {
      Rows(job, gate, w);
      TakeBest(job.params->max_objects, &w);
    } else {
      Anchors(job, gate, w);
      SuppressOverlaps(manifest_->nms, job.params->nms_iou, job.params->max_objects, &w);
    }
    AddObjects(*manifest_, job, options_.space, w, arena, image);
  }

 private:
  void Rows(const Job& job, const ScoreGate& gate, Workspace& w) const {
    const runtime::Tensor& rows = job.outputs[first_];
    const runtime::Tensor& counts = job.outputs[second_];
    if (rows.rank != 2 || rows.shape[1] != 6) {
      Fail(LNX_E_OUTPUT_SHAPE, {Described(rows), "f32 [rows, 6]", "output \"" + std::string(rows.name) + "\""});
    }
    if (static_cast<int64_t>(counts.Elements()) <= job.batch_index) {
      Fail(LNX_E_OUTPUT_SHAPE, {Described(counts), "a count for image " + std::to_string(job.batch_index),
                                "output \"" + std::string(counts.name) + "\""});
    }
    int64_t begin = 0;
    for (int64_t i = 0; i < job.batch_index; ++i) begin += std::max<int64_t>(0, WholeAt(counts, static_cast<size_t>(i)));
    const int64_t count = std::max<int64_t>(0, WholeAt(counts, static_cast<size_t>(job.batch_index)));
    if (begin + count > rows.shape[0]) {
      Fail(LNX_E_OUTPUT_SHAPE, {std::to_string(begin + count) + " rows by the counts", std::to_string(rows.shape[0]) + " rows",
                                "output \"" + std::string(counts.name) + "\""});
    }
    const float* v = rows.F32() + begin * 6;
    CheckFinite(v, static_cast<size_t>(count) * 6, "detection");
    for (int64_t i = 0; i < count; ++i, v += 6) {
      if (v[0] < 0) continue;  // Paddle's way of saying that nothing was found
      const float score = gate.MayPass(v[1]) ? gate.Score(v[1]) : -1.0f;
      if (score < 0) continue;
      w.candidates.push_back(
          {v[2], v[3], v[4], v[5], score, static_cast<int32_t>(std::lround(std::min(v[0], 1e6f))), static_cast<int32_t>(i)});
    }
  }

  void Anchors(const Job& job, const ScoreGate& gate, Workspace& w) const {
    const runtime::Tensor& boxes = RequireOutput(job, first_, 3);
    const runtime::Tensor& scores = RequireOutput(job, second_, 3);
    RequireSide(boxes, 2, 4, "numbers of a box");
    RequireSide(scores, 2, boxes.shape[1], "anchors");
    size_t count = 0;
    ScoreView view;
    view.data = ImageValues(scores, job.batch_index, &count, "detection");
    const float* box = ImageValues(boxes, job.batch_index, &count, "detection");
    view.anchors = view.class_step = scores.shape[2];
    view.classes = scores.shape[1];
    view.anchor_step = 1;
    ScanScores(view, gate, options_.head.all_classes, w, [&](int64_t a, int32_t id, float score) {
      const float* b = box + 4 * a;
      w.candidates.push_back({b[0], b[1], b[2], b[3], score, id, static_cast<int32_t>(a * view.classes + id)});
    });
  }

  ManifestPtr manifest_;
  manifest::PpyoloeDecode options_;
  size_t first_, second_;
};

}  // namespace

std::unique_ptr<Decoder> MakePpyoloe(ManifestPtr manifest, const std::vector<runtime::IoInfo>& outputs) {
  using manifest::DType;
  if (std::get<manifest::PpyoloeDecode>(manifest->decode).nms_in_graph) {
    const size_t rows = OutputOf(*manifest, outputs, "rows", {DType::kF32}, {2});
    const size_t counts = OutputOf(*manifest, outputs, "counts", {DType::kI32, DType::kI64}, {0, 1});
    return std::make_unique<Ppyoloe>(std::move(manifest), rows, counts);
  }
  const size_t boxes = OutputOf(*manifest, outputs, "boxes", {DType::kF32}, {3});
  const size_t scores = OutputOf(*manifest, outputs, "scores", {DType::kF32}, {3});
  if (outputs[scores].shape[1] > 0) RequireLabels(*manifest, outputs[scores].shape[1], outputs[scores]);
  return std::make_unique<Ppyoloe>(std::move(manifest), boxes, scores);
}

}  // namespace lnx::decode
