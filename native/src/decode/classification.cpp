// [N, C] (or [N, C, 1, 1]) logits or probabilities -> classes, best first.
#include <algorithm>
#include <cmath>
#include <string>

#include "base/status.h"
#include "decode/families.h"
#include "decode/workspace.h"

namespace lnx::decode {

void RequireLabels(const manifest::Manifest& manifest, int64_t classes, const runtime::IoInfo& output) {
  for (int64_t id = 0; id < classes; ++id) {
    if (manifest.FindLabel(static_cast<int32_t>(id)) == nullptr) {
      Fail(LNX_E_GRAPH_MISMATCH, {std::to_string(classes) + " classes, but no label with id " + std::to_string(id),
                                  "a label for each class", "output \"" + output.name + "\""});
    }
  }
}

void RequireRank(const runtime::IoInfo& output, size_t rank, const char* shape) {
  if (output.shape.size() != rank) {
    Fail(LNX_E_GRAPH_MISMATCH, {"rank " + std::to_string(output.shape.size()), shape, "output \"" + output.name + "\""});
  }
}

void Activate(manifest::ClassificationDecode::Activation activation, std::vector<float>* scores) {
  using Activation = manifest::ClassificationDecode::Activation;
  if (activation == Activation::kSigmoid) {
    for (float& s : *scores) s = 1.0f / (1.0f + std::exp(-s));
  } else if (activation == Activation::kSoftmax) {
    const float top = *std::max_element(scores->begin(), scores->end());
    double sum = 0;
    for (float& s : *scores) {
      s = std::exp(s - top);
      sum += s;
    }
    for (float& s : *scores) s = static_cast<float>(s / sum);
  }
}

namespace {

class Classification final : public Decoder {
 public:
  explicit Classification(ManifestPtr manifest)
      : manifest_(std::move(manifest)), options_(std::get<manifest::ClassificationDecode>(manifest_->decode)) {}

  void Decode(const Job& job, Workspace& w, result::Arena& arena, result::ImageResult* image) const override {
    const runtime::Tensor& output = RequireOutput(job, 0, job.output_count > 0 ? job.outputs[0].rank : 2);
    const auto classes = static_cast<size_t>(output.rank >= 2 ? output.shape[1] : 0);
    if (classes == 0 || output.Elements() != classes * static_cast<size_t>(output.shape[0])) {
      Fail(LNX_E_OUTPUT_SHAPE,
           {"an output of rank " + std::to_string(output.rank), "[N, C] or [N, C, 1, 1]", std::string(output.name)});
    }
    const float* values = output.F32() + static_cast<size_t>(job.batch_index) * classes;
    CheckFinite(values, classes, "classification");
    w.scores.assign(values, values + classes);
    Activate(options_.activation, &w.scores);
    w.order.resize(classes);
    for (size_t i = 0; i < classes; ++i) w.order[i] = static_cast<int32_t>(i);
    // Stable for equal scores: the lower class first.
    std::sort(w.order.begin(), w.order.end(), [&](int32_t a, int32_t b) {
      const float sa = w.scores[static_cast<size_t>(a)], sb = w.scores[static_cast<size_t>(b)];
      return sa != sb ? sa > sb : a < b;
    });
    for (const int32_t id : w.order) {
      if (options_.multi_label && w.scores[static_cast<size_t>(id)] < Floor(id, *job.params)) continue;
      const manifest::Label* label = manifest_->FindLabel(id);
      image->classes.Add(arena, LnxClass{id, w.scores[static_cast<size_t>(id)], label != nullptr ? label->name.c_str() : "", {}});
    }
  }

 private:
  // Of a model with several labels per image, only those that may count are reported.
  double Floor(int32_t id, const result::RunParams& params) const {
    double threshold = params.threshold;
    for (size_t i = 0; i < manifest_->labels.size(); ++i) {
      if (manifest_->labels[i].id == id) threshold = params.class_threshold[i];
    }
    return threshold - params.guard_band;
  }

  ManifestPtr manifest_;
  manifest::ClassificationDecode options_;
};

}  // namespace

std::unique_ptr<Decoder> MakeClassification(ManifestPtr manifest, const runtime::IoInfo& output) {
  if (output.shape.size() != 2 && output.shape.size() != 4) RequireRank(output, 2, "[N, C] or [N, C, 1, 1]");
  if (output.shape[1] > 0) RequireLabels(*manifest, output.shape[1], output);
  return std::make_unique<Classification>(std::move(manifest));
}

}  // namespace lnx::decode
