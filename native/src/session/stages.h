// Graphs that look again at what the first one found. Internal to session/.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "image/image.h"
#include "manifest/manifest.h"
#include "result/result.h"
#include "runtime/runtime.h"

namespace lnx::session {

// What one run slot keeps for one stage.
struct StageSlot {
  std::map<int64_t, std::unique_ptr<runtime::Slot>> by_batch;
  image::Scratch scratch;
  std::vector<float> scores;
};

// Cuts out each object, classifies the cut-outs in batches, and writes label and score back. Immutable; any number of threads.
class Stage {
 public:
  Stage(std::shared_ptr<const manifest::Manifest> manifest, size_t index, std::unique_ptr<runtime::Model> model);

  // view and roi: the part of the image that is inspected; nothing outside it is looked at. Adds to the stages of
  // timings. deadline: NowMicros, 0 = none.
  void Run(const image::View& view, const LnxRect& roi, int64_t deadline, StageSlot* slot, result::ImageResult* image,
           LnxTimings* timings) const;
  void WarmUp(StageSlot* slot, uint32_t runs) const;
  const runtime::Model& model() const { return *model_; }
  const char* graph_id() const;

 private:
  runtime::Slot& SlotFor(StageSlot* slot, int64_t batch) const;
  int64_t BatchFor(size_t left) const;  // the smallest batch size that takes them, else the largest
  void Apply(const runtime::Tensor& output, int64_t at, StageSlot* slot, LnxObject* object) const;

  std::shared_ptr<const manifest::Manifest> manifest_;
  const manifest::ClassifyStage& options_;
  const manifest::Graph& graph_;
  std::unique_ptr<runtime::Model> model_;
  manifest::TensorSpec input_;
  std::unique_ptr<image::Pipeline> pipeline_;
  std::vector<int64_t> batches_;  // ascending
};

// The whole pixels that a box with its margin covers, inside `limit`; at least one.
LnxRect CutOut(const LnxRectF& box, double margin, const LnxRect& limit);

}  // namespace lnx::session
