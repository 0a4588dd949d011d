#include "session/stages.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "decode/decode.h"
#include "session/graphs.h"

namespace lnx::session {
namespace {

image::Pipeline CompileFor(const manifest::Manifest& manifest, size_t graph, const manifest::TensorSpec& input) {
  manifest::Manifest own = manifest;
  own.pre = manifest.graph_pre[graph];
  try {
    return image::Pipeline::Compile(own, input);
  } catch (const Error& error) {
    Finding finding = error.finding();
    finding.where += " of graph \"" + manifest.graphs[graph].id + "\"";
    throw Error(error.status(), finding);
  }
}

// A new score is a new order: best first, equal ones as they stood. In place, and nearly sorted already.
void SortByScore(LnxObject* begin, LnxObject* end) {
  for (LnxObject* next = begin; next != end; ++next) {
    LnxObject* place =
        std::upper_bound(begin, next, *next, [](const LnxObject& a, const LnxObject& b) { return a.score > b.score; });
    std::rotate(place, next, next + 1);
  }
}

size_t GraphIndex(const manifest::Manifest& manifest, const std::string& id) {
  size_t i = 0;
  while (manifest.graphs[i].id != id) ++i;  // the parser has checked that it is there
  return i;
}

}  // namespace

LnxRect CutOut(const LnxRectF& box, double margin, const LnxRect& limit) {
  // A thousandth of a pixel decides nothing: a box that ends on a pixel border ends there in every arithmetic.
  constexpr double kSlack = 1e-3;
  const double x = margin * (static_cast<double>(box.x2) - box.x1), y = margin * (static_cast<double>(box.y2) - box.y1);
  const auto low = [](double v, int32_t from, int32_t size) {
    return std::clamp(static_cast<int32_t>(std::floor(v + kSlack)), from, from + size - 1);
  };
  const auto high = [](double v, int32_t least, int32_t from, int32_t size) {
    return std::clamp(static_cast<int32_t>(std::ceil(v - kSlack)), least, from + size);
  };
  const int32_t x1 = low(box.x1 - x, limit.x, limit.width), y1 = low(box.y1 - y, limit.y, limit.height);
  const int32_t x2 = high(box.x2 + x, x1 + 1, limit.x, limit.width), y2 = high(box.y2 + y, y1 + 1, limit.y, limit.height);
  return {x1, y1, x2 - x1, y2 - y1};
}

Stage::Stage(std::shared_ptr<const manifest::Manifest> manifest, size_t index, std::unique_ptr<runtime::Model> model)
    : manifest_(std::move(manifest)),
      options_(manifest_->stages[index]),
      graph_(*manifest_->FindGraph(options_.graph)),
      model_(std::move(model)),
      input_(RealInput(graph_, *model_)) {
  const std::string where = "graph \"" + graph_.id + "\"";
  if (model_->inputs().size() != 1) {
    Fail(LNX_E_GRAPH_MISMATCH, {std::to_string(model_->inputs().size()) + " inputs", "one input", where});
  }
  pipeline_ = std::make_unique<image::Pipeline>(CompileFor(*manifest_, GraphIndex(*manifest_, graph_.id), input_));
  const runtime::IoInfo& output = model_->outputs()[0];
  const auto classes = static_cast<int64_t>(options_.label_ids.size());
  const bool flat = output.shape.size() == 2 || (output.shape.size() == 4 && output.shape[2] == 1 && output.shape[3] == 1);
  if (output.dtype != manifest::DType::kF32 || !flat || (output.shape[1] > 0 && output.shape[1] != classes)) {
    std::string shape;
    for (const int64_t side : output.shape) shape += (shape.empty() ? "" : ", ") + std::to_string(side);
    Fail(LNX_E_GRAPH_MISMATCH, {std::string(manifest::DTypeName(output.dtype)) + " [" + shape + "]",
                                "f32 [N, " + std::to_string(classes) + "], one value for each of label_ids",
                                "output \"" + output.name + "\" of " + where});
  }
  batches_ = input_.shape[0] > 0 ? std::vector<int64_t>{input_.shape[0]} : graph_.batch;
  std::sort(batches_.begin(), batches_.end());
}

const char* Stage::graph_id() const { return graph_.id.c_str(); }

runtime::Slot& Stage::SlotFor(StageSlot* slot, int64_t batch) const {
  std::unique_ptr<runtime::Slot>& made = slot->by_batch[batch];
  if (!made) {
    std::vector<int64_t> shape = input_.shape;
    shape[0] = batch;
    made = std::make_unique<runtime::Slot>(*model_, std::vector<std::vector<int64_t>>{shape});
  }
  return *made;
}

int64_t Stage::BatchFor(size_t left) const {
  for (const int64_t batch : batches_) {
    if (static_cast<size_t>(batch) >= left) return batch;
  }
  return batches_.back();
}

void Stage::WarmUp(StageSlot* slot, uint32_t runs) const {
  for (const int64_t batch : batches_) {
    for (uint32_t i = 0; i < runs; ++i) SlotFor(slot, batch).Run(nullptr);
  }
}

void Stage::Run(const image::View& view, const LnxRect& roi, int64_t deadline, StageSlot* slot, result::ImageResult* image,
                LnxTimings* timings) const {
  const auto wanted = [&](const LnxObject& object) {
    return options_.on.empty() || std::find(options_.on.begin(), options_.on.end(), object.class_id) != options_.on.end();
  };
  const size_t tensor_bytes = pipeline_->TensorBytes();
  size_t left = 0;
  for (const LnxObject& object : image->objects) left += wanted(object) ? 1 : 0;
  uint32_t next = 0;  // object that is looked at next
  while (left > 0) {
    const int64_t began = NowMicros();
    const int64_t batch = BatchFor(left);
    runtime::Slot& bound = SlotFor(slot, batch);
    auto* tensor = static_cast<uint8_t*>(bound.Input(0));
    LnxObject* members[64];
    size_t count = 0;
    for (; next < image->objects.size() && count < std::min<size_t>(left, static_cast<size_t>(batch)); ++next) {
      LnxObject& object = image->objects[next];
      if (!wanted(object)) continue;
      const LnxRect part = CutOut(object.box, options_.margin, roi);
      const image::View cut = image::PartOf(view, {part.x - roi.x, part.y - roi.y, part.width, part.height});
      image::Geometry geometry;
      slot->scratch.padded = nullptr;
      pipeline_->Run(cut, part, image->summary.image_width, image->summary.image_height, tensor + count * tensor_bytes,
                     &slot->scratch, &geometry);
      members[count++] = &object;
    }
    const int64_t prepared = NowMicros();
    LnxTimings own{};
    bound.Run(&own, deadline);
    const int64_t ran = NowMicros();
    for (size_t i = 0; i < count; ++i) Apply(bound.Output(0), static_cast<int64_t>(i), slot, members[i]);
    left -= count;
    timings->pre += static_cast<uint32_t>(prepared - began);
    timings->queue += own.queue;
    timings->host_to_device += own.host_to_device;
    timings->infer += own.infer;
    timings->device_to_host += own.device_to_host;
    timings->post += static_cast<uint32_t>(NowMicros() - ran);
  }
  SortByScore(image->objects.begin(), image->objects.end());
}

void Stage::Apply(const runtime::Tensor& output, int64_t at, StageSlot* slot, LnxObject* object) const {
  const size_t classes = options_.label_ids.size();
  if (output.dtype != manifest::DType::kF32 || output.rank < 2 || output.shape[0] <= at ||
      output.Elements() != static_cast<size_t>(output.shape[0]) * classes) {
    Fail(LNX_E_OUTPUT_SHAPE, {std::to_string(output.Elements()) + " values", std::to_string(classes) + " for each object",
                              "graph \"" + graph_.id + "\""});
  }
  const float* values = output.F32() + static_cast<size_t>(at) * classes;
  for (size_t c = 0; c < classes; ++c) {
    if (!std::isfinite(values[c])) Fail(LNX_E_NUMERIC, {"NaN or infinity", "finite numbers", "graph \"" + graph_.id + "\""});
  }
  slot->scores.assign(values, values + classes);
  decode::Activate(options_.activation, &slot->scores);
  const auto best = static_cast<size_t>(std::max_element(slot->scores.begin(), slot->scores.end()) - slot->scores.begin());
  const float own = slot->scores[best];
  object->class_id = options_.label_ids[best];
  object->score = options_.score == manifest::ClassifyStage::Score::kProduct ? own * object->score : own;
  object->name = manifest_->FindLabel(object->class_id)->name.c_str();
}

}  // namespace lnx::session
