// What a form for GPUs leaves to the CPU: the best boxes of a detector with score and label, best first. Suppression is done
// here, because its result has no fixed shape.
#include <algorithm>
#include <string>

#include "base/status.h"
#include "decode/boxes.h"
#include "decode/roles.h"

namespace lnx::decode {
namespace {

class Candidates final : public Decoder {
 public:
  Candidates(ManifestPtr manifest, size_t boxes, size_t scores, size_t labels, size_t finite)
      : manifest_(std::move(manifest)),
        options_(std::get<manifest::CandidatesDecode>(manifest_->decode)),
        boxes_(boxes),
        scores_(scores),
        labels_(labels),
        finite_(finite) {}

  void Decode(const Job& job, Workspace& w, result::Arena& arena, result::ImageResult* image) const override {
    const runtime::Tensor& boxes = RequireOutput(job, boxes_, 3);
    const runtime::Tensor& scores = RequireOutput(job, scores_, 2);
    const runtime::Tensor& labels = job.outputs[labels_];
    const int64_t n = scores.shape[1];
    RequireSide(boxes, 2, 4, "numbers of a box");
    RequireSide(boxes, 1, n, "boxes");
    if (labels.rank != 2) Fail(LNX_E_OUTPUT_SHAPE, {Described(labels), "rank 2", "output \"" + std::string(labels.name) + "\""});
    RequireSide(labels, 1, n, "labels");
    // The graph looked at every number, as the other decoders do; what it found is one number.
    const float checked = RequireOutput(job, finite_, 1).F32()[job.batch_index];
    if (!(checked == 0.0f)) Fail(LNX_E_NUMERIC, {"NaN or infinity", "finite numbers", "detection"});

    const double floor = std::max(options_.score_floor, LowestThreshold(*job.params));
    size_t count = 0;
    const float* box = ImageValues(boxes, job.batch_index, &count, "detection");
    const float* score = ImageValues(scores, job.batch_index, &count, "detection");
    w.candidates.clear();
    for (int64_t i = 0; i < n && static_cast<double>(score[i]) >= floor; ++i) {
      const float* b = box + 4 * i;
      const int64_t label = WholeAt(labels, static_cast<size_t>(job.batch_index * n + i));
      w.candidates.push_back({b[0], b[1], b[2], b[3], score[i], static_cast<int32_t>(label), static_cast<int32_t>(i)});
      if (options_.cut) CheckBox(w.candidates.back(), "detection");  // as these families' own decoders do
    }
    if (options_.cut) ClipToContent(manifest_->nms, *job.geometry, &w);
    SuppressOverlaps(manifest_->nms, job.params->nms_iou, job.params->max_objects, &w);
    AddObjects(*manifest_, job, options_.space, w, arena, image);
  }

 private:
  ManifestPtr manifest_;
  manifest::CandidatesDecode options_;
  size_t boxes_, scores_, labels_, finite_;
};

}  // namespace

std::unique_ptr<Decoder> MakeCandidates(ManifestPtr manifest, const std::vector<runtime::IoInfo>& outputs) {
  using manifest::DType;
  const size_t boxes = OutputOf(*manifest, outputs, "boxes", {DType::kF32}, {3});
  const size_t scores = OutputOf(*manifest, outputs, "scores", {DType::kF32}, {2});
  const size_t labels = OutputOf(*manifest, outputs, "labels", {DType::kI32, DType::kI64}, {2});
  const size_t finite = OutputOf(*manifest, outputs, "finite", {DType::kF32}, {1});
  return std::make_unique<Candidates>(std::move(manifest), boxes, scores, labels, finite);
}

}  // namespace lnx::decode
