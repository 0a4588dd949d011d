// What all detectors share: finding the scores that count, and the way of a box back to the caller's image. Internal to decode/.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "decode/lanes.h"
#include "decode/workspace.h"

namespace lnx::decode {

inline float Sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

// The lowest score that may still count in this run, guard band included.
double LowestThreshold(const result::RunParams& params);

// Decides by the plain number first, so that a sigmoid is computed only for what may pass.
class ScoreGate {
 public:
  ScoreGate(const manifest::BoxHead& head, const result::RunParams& params)
      : activated_(head.activated), floor_(static_cast<float>(std::max(head.score_floor, LowestThreshold(params)))) {
    if (activated_) {
      plain_ = floor_;
    } else if (floor_ >= 1) {
      plain_ = std::numeric_limits<float>::infinity();
    } else if (floor_ > 0) {
      const double p = static_cast<double>(floor_);
      plain_ = static_cast<float>(std::log(p / (1 - p)) - 1e-3);  // a little early; Score decides
    }
  }
  bool MayPass(float value) const { return value >= plain_; }
  // The score, or -1 when it stays below the floor.
  float Score(float value) const {
    const float score = activated_ ? value : Sigmoid(value);
    return score >= floor_ ? score : -1.0f;
  }

 private:
  bool activated_;
  float floor_, plain_ = -std::numeric_limits<float>::infinity();
};

// Scores of one image: value of class c at anchor a is data[a * anchor_step + c * class_step].
struct ScoreView {
  const float* data = nullptr;
  int64_t anchors = 0, classes = 0, anchor_step = 0, class_step = 0;
};

// Calls add(anchor, class, score) for each score that passes: every class of an anchor, or its best one (the first of equals).
template <typename Add>
void ScanScores(const ScoreView& view, const ScoreGate& gate, bool all_classes, Workspace& w, Add&& add) {
  const auto consider = [&](int64_t anchor, int64_t id, float value) {
    if (!gate.MayPass(value)) return;
    const float score = gate.Score(value);
    if (score >= 0) add(anchor, static_cast<int32_t>(id), score);
  };
  if (all_classes) {
    // In the order of memory.
    const bool anchors_outside = view.class_step <= view.anchor_step;
    const int64_t outer = anchors_outside ? view.anchors : view.classes, inner = anchors_outside ? view.classes : view.anchors;
    const int64_t outer_step = anchors_outside ? view.anchor_step : view.class_step;
    const int64_t inner_step = anchors_outside ? view.class_step : view.anchor_step;
    for (int64_t o = 0; o < outer; ++o) {
      const float* row = view.data + o * outer_step;
      for (int64_t i = 0; i < inner; ++i) {
        if (gate.MayPass(row[i * inner_step])) {
          consider(anchors_outside ? o : i, anchors_outside ? i : o, row[i * inner_step]);
        }
      }
    }
    return;
  }
  if (view.class_step <= view.anchor_step) {
    for (int64_t a = 0; a < view.anchors; ++a) {
      const float* row = view.data + a * view.anchor_step;
      int64_t best = 0;
      for (int64_t c = 1; c < view.classes; ++c) {
        if (row[c * view.class_step] > row[best * view.class_step]) best = c;
      }
      consider(a, best, row[best * view.class_step]);
    }
    return;
  }
  w.best_value.resize(static_cast<size_t>(view.anchors));
  w.best_class.resize(static_cast<size_t>(view.anchors));
  if (view.anchor_step == 1) {
    FastLanes().largest(view.data, view.class_step, static_cast<int32_t>(view.classes), static_cast<int32_t>(view.anchors),
                        w.best_value.data(), w.best_class.data());
  } else {
    for (int64_t a = 0; a < view.anchors; ++a) {
      const float* value = view.data + a * view.anchor_step;
      int64_t best = 0;
      for (int64_t c = 1; c < view.classes; ++c) {
        if (value[c * view.class_step] > value[best * view.class_step]) best = c;
      }
      w.best_value[static_cast<size_t>(a)] = value[best * view.class_step];
      w.best_class[static_cast<size_t>(a)] = static_cast<int32_t>(best);
    }
  }
  for (int64_t a = 0; a < view.anchors; ++a)
    consider(a, w.best_class[static_cast<size_t>(a)], w.best_value[static_cast<size_t>(a)]);
}

// The best `most` candidates in w.sorted, best first, equal scores by position; no suppression.
void TakeBest(uint32_t most, Workspace* workspace);

// Cuts the candidates at the part of the input that shows the image, or at the input, when the manifest asks for it; drops those
// that end up empty.
void ClipToContent(const manifest::Nms& nms, const image::Geometry& geometry, Workspace* workspace);

// A box of the graph in pixels of the full image, cut at its borders.
LnxRectF ToImage(const Candidate& c, const image::Geometry& geometry, manifest::BoxSpace space);

// Adds a candidate as an object when it lies in the image and reaches its class's threshold (guard band included) and smallest
// area. NULL otherwise.
LnxObject* AddObject(const manifest::Manifest& manifest, const Candidate& c, const Job& job, manifest::BoxSpace space,
                     result::Arena& arena, result::ImageResult* image);

// Every survivor as an object.
void AddObjects(const manifest::Manifest& manifest, const Job& job, manifest::BoxSpace space, const Workspace& workspace,
                result::Arena& arena, result::ImageResult* image);

// LNX_E_NUMERIC when a corner is not finite.
void CheckBox(const Candidate& c, const char* where);

}  // namespace lnx::decode
