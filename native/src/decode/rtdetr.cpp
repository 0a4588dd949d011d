// RT-DETR and its kin: queries with class scores and boxes, no suppression. Raw heads give logits and centre boxes as shares of
// the input; decoded ones give labels, scores and corners.
#include "base/status.h"
#include "decode/boxes.h"
#include "decode/roles.h"

namespace lnx::decode {
namespace {

class Rtdetr final : public Decoder {
 public:
  Rtdetr(ManifestPtr manifest, size_t scores, size_t boxes, size_t labels)
      : manifest_(std::move(manifest)),
        options_(std::get<manifest::RtdetrDecode>(manifest_->decode)),
        scores_(scores),
        boxes_(boxes),
        labels_(labels) {}

  void Decode(const Job& job, Workspace& w, result::Arena& arena, result::ImageResult* image) const override {
    w.candidates.clear();
    const ScoreGate gate(options_.head, *job.params);
    if (options_.raw) {
      Raw(job, gate, w);
    } else {
      Decoded(job, gate, w);
    }
    TakeBest(std::min(options_.top_k, job.params->max_objects), &w);
    AddObjects(*manifest_, job, options_.raw ? manifest::BoxSpace::kInput : options_.space, w, arena, image);
  }

 private:
  void Raw(const Job& job, const ScoreGate& gate, Workspace& w) const {
    const runtime::Tensor& scores = RequireOutput(job, scores_, 3);
    const runtime::Tensor& boxes = RequireOutput(job, boxes_, 3);
    RequireSide(boxes, 1, scores.shape[1], "queries");
    RequireSide(boxes, 2, 4, "numbers of a box");
    size_t count = 0;
    ScoreView view;
    view.data = ImageValues(scores, job.batch_index, &count, "detection");
    const float* values = ImageValues(boxes, job.batch_index, &count, "detection");
    view.anchors = scores.shape[1];
    view.classes = view.anchor_step = scores.shape[2];
    view.class_step = 1;
    const auto width = static_cast<float>(job.geometry->input_width), height = static_cast<float>(job.geometry->input_height);
    ScanScores(view, gate, options_.head.all_classes, w, [&](int64_t q, int32_t id, float score) {
      const float* b = values + 4 * q;
      w.candidates.push_back({(b[0] - b[2] / 2) * width, (b[1] - b[3] / 2) * height, (b[0] + b[2] / 2) * width,
                              (b[1] + b[3] / 2) * height, score, id, static_cast<int32_t>(q * view.classes + id)});
    });
  }

  void Decoded(const Job& job, const ScoreGate& gate, Workspace& w) const {
    const runtime::Tensor& scores = RequireOutput(job, scores_, 2);
    const runtime::Tensor& boxes = RequireOutput(job, boxes_, 3);
    const runtime::Tensor& labels = job.outputs[labels_];
    const int64_t queries = scores.shape[1];
    RequireSide(boxes, 1, queries, "queries");
    RequireSide(boxes, 2, 4, "numbers of a box");
    RequireSide(labels, 0, scores.shape[0], "images");
    RequireSide(labels, 1, queries, "queries");
    size_t count = 0;
    const float* score = ImageValues(scores, job.batch_index, &count, "detection");
    const float* box = ImageValues(boxes, job.batch_index, &count, "detection");
    for (int64_t q = 0; q < queries; ++q) {
      const float value = gate.MayPass(score[q]) ? gate.Score(score[q]) : -1.0f;
      if (value < 0) continue;
      const int64_t id = WholeAt(labels, static_cast<size_t>(job.batch_index * queries + q));
      w.candidates.push_back(
          {box[4 * q], box[4 * q + 1], box[4 * q + 2], box[4 * q + 3], value, static_cast<int32_t>(id), static_cast<int32_t>(q)});
    }
  }

  ManifestPtr manifest_;
  manifest::RtdetrDecode options_;
  size_t scores_, boxes_, labels_;
};

}  // namespace

std::unique_ptr<Decoder> MakeRtdetr(ManifestPtr manifest, const std::vector<runtime::IoInfo>& outputs) {
  using manifest::DType;
  const bool raw = std::get<manifest::RtdetrDecode>(manifest->decode).raw;
  const size_t scores = OutputOf(*manifest, outputs, "scores", {DType::kF32}, {raw ? size_t{3} : size_t{2}});
  const size_t boxes = OutputOf(*manifest, outputs, "boxes", {DType::kF32}, {3});
  size_t labels = 0;
  if (!raw) labels = OutputOf(*manifest, outputs, "labels", {DType::kI64, DType::kI32, DType::kF32}, {2});
  if (raw && outputs[scores].shape[2] > 0) RequireLabels(*manifest, outputs[scores].shape[2], outputs[scores]);
  return std::make_unique<Rtdetr>(std::move(manifest), scores, boxes, labels);
}

}  // namespace lnx::decode
