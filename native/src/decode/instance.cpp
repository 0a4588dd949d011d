// Detections with a mask each. A mask covers its box (RoI masks, placed as mmdetection and detectron2 do: bilinear samples at
// pixel centres, nothing outside) or the whole input (brought to the image as segmentation maps are).
#include <string>

#include "base/status.h"
#include "decode/boxes.h"
#include "decode/cells.h"
#include "decode/roles.h"

namespace lnx::decode {
namespace {

struct Outputs {
  size_t boxes = 0, scores = 0, labels = 0, masks = 0;
  bool together = false;  // "dets": corners and score in rows of 5
};

class Instance final : public Decoder {
 public:
  Instance(ManifestPtr manifest, const Outputs& outputs)
      : manifest_(std::move(manifest)), options_(std::get<manifest::InstanceDecode>(manifest_->decode)), out_(outputs) {}

  void Decode(const Job& job, Workspace& w, result::Arena& arena, result::ImageResult* image) const override {
    const runtime::Tensor& masks = Masks(job);
    const int64_t items = masks.shape[1];
    Candidates(job, items, w);
    TakeBest(job.params->max_objects, &w);
    const double threshold = std::isnan(job.params->mask_threshold) ? options_.mask_threshold : job.params->mask_threshold;
    for (const Candidate& c : w.sorted) {
      LnxObject* object = AddObject(*manifest_, c, job, options_.space, arena, image);
      if (object == nullptr) continue;
      RegionJob region =
          options_.masks_in_box ? PasteBox(job, masks, *object, c, threshold, w) : PasteInput(job, masks, c, threshold, w);
      if (region.width < 1 || region.height < 1) continue;
      region.labels = w.labels.data();
      region.scores = w.best.data();
      const int32_t index = AddWholeRegion(region, c.class_id, c.score, w, arena, image);
      object->region_index = index;
      if (index >= 0) object->area_px = image->regions[static_cast<size_t>(index)].area_px;
    }
  }

 private:
  // [N, K, h, w], or [N, K, 1, h, w].
  const runtime::Tensor& Masks(const Job& job) const {
    const runtime::Tensor& masks = job.outputs[out_.masks];
    const bool five = masks.rank == 5 && masks.shape[2] == 1;
    if (masks.dtype != manifest::DType::kF32 || (masks.rank != 4 && !five) || masks.shape[0] <= job.batch_index ||
        masks.shape[masks.rank - 1] < 1 || masks.shape[masks.rank - 2] < 1) {
      Fail(LNX_E_OUTPUT_SHAPE, {Described(masks), "f32 [N, K, h, w]", "output \"" + std::string(masks.name) + "\""});
    }
    return masks;
  }

  void Candidates(const Job& job, int64_t items, Workspace& w) const {
    const runtime::Tensor& boxes = RequireOutput(job, out_.boxes, 3);
    const runtime::Tensor& scores = out_.together ? boxes : RequireOutput(job, out_.scores, 2);
    const runtime::Tensor& labels = job.outputs[out_.labels];
    const int64_t step = out_.together ? 5 : 4;
    RequireSide(boxes, 1, items, "objects");
    RequireSide(boxes, 2, step, "numbers of a box");
    RequireSide(scores, 1, items, "objects");
    RequireSide(labels, 0, boxes.shape[0], "images");
    RequireSide(labels, 1, items, "objects");
    w.candidates.clear();
    const ScoreGate gate(options_.head, *job.params);
    size_t count = 0;
    const float* box = ImageValues(boxes, job.batch_index, &count, "detection");
    const float* score = out_.together ? box + 4 : ImageValues(scores, job.batch_index, &count, "detection");
    for (int64_t i = 0; i < items; ++i) {
      const float* b = box + step * i;
      const float value = score[out_.together ? 5 * i : i];
      const float passed = gate.MayPass(value) ? gate.Score(value) : -1.0f;
      if (passed < 0) continue;
      const int64_t id = WholeAt(labels, static_cast<size_t>(job.batch_index * items + i));
      w.candidates.push_back({b[0], b[1], b[2], b[3], passed, static_cast<int32_t>(id), static_cast<int32_t>(i)});
    }
  }

  const float* MaskOf(const runtime::Tensor& masks, int64_t batch_index, int32_t item) const {
    const int64_t pixels = masks.shape[masks.rank - 1] * masks.shape[masks.rank - 2];
    const float* data = masks.F32() + (batch_index * masks.shape[1] + item) * pixels;
    CheckFinite(data, static_cast<size_t>(pixels), "masks");
    return data;
  }

  float Probability(float value) const { return options_.head.activated ? value : Sigmoid(value); }

  void Decide(size_t pixel, float value, double threshold, Workspace& w) const {
    const float p = Probability(value);
    w.best[pixel] = p;
    w.labels[pixel] = p >= static_cast<float>(threshold) ? 1 : 0;
  }

  RegionJob PasteBox(const Job& job, const runtime::Tensor& masks, const LnxObject& object, const Candidate& c, double threshold,
                     Workspace& w) const {
    RegionJob region = PartOf(*job.geometry, *manifest_, *job.params);
    region.left = static_cast<int32_t>(std::floor(object.box.x1));
    region.top = static_cast<int32_t>(std::floor(object.box.y1));
    region.width = static_cast<int32_t>(std::ceil(object.box.x2)) - region.left;
    region.height = static_cast<int32_t>(std::ceil(object.box.y2)) - region.top;
    if (region.width < 1 || region.height < 1) return region;
    // The box before it was cut at the border: the mask covers all of it.
    const image::Geometry& g = *job.geometry;
    const bool input = options_.space == manifest::BoxSpace::kInput;
    const double x1 = input ? g.X(static_cast<double>(c.x1)) : static_cast<double>(c.x1) + g.part_x;
    const double x2 = input ? g.X(static_cast<double>(c.x2)) : static_cast<double>(c.x2) + g.part_x;
    const double y1 = input ? g.Y(static_cast<double>(c.y1)) : static_cast<double>(c.y1) + g.part_y;
    const double y2 = input ? g.Y(static_cast<double>(c.y2)) : static_cast<double>(c.y2) + g.part_y;
    const auto columns = static_cast<int32_t>(masks.shape[masks.rank - 1]),
               rows = static_cast<int32_t>(masks.shape[masks.rank - 2]);
    const float* mask = MaskOf(masks, job.batch_index, c.order);
    const auto pixels = static_cast<size_t>(region.width) * static_cast<size_t>(region.height);
    w.best.resize(pixels);
    w.labels.resize(pixels);
    // Raw values may be negative inside, so "nothing" outside is what the activation makes of it: zero.
    const auto value = [&](int32_t x, int32_t y) {
      return x < 0 || y < 0 || x >= columns || y >= rows ? 0.0f : mask[y * columns + x];
    };
    for (int32_t y = 0; y < region.height; ++y) {
      const double v = (region.top + y + 0.5 - y1) / (y2 - y1) * rows - 0.5;
      const auto row = static_cast<int32_t>(std::floor(v));
      const auto fy = static_cast<float>(v - row);
      for (int32_t x = 0; x < region.width; ++x) {
        const double u = (region.left + x + 0.5 - x1) / (x2 - x1) * columns - 0.5;
        const auto column = static_cast<int32_t>(std::floor(u));
        const auto fx = static_cast<float>(u - column);
        const float upper = value(column, row) * (1 - fx) + value(column + 1, row) * fx;
        const float lower = value(column, row + 1) * (1 - fx) + value(column + 1, row + 1) * fx;
        Decide(static_cast<size_t>(y) * static_cast<size_t>(region.width) + static_cast<size_t>(x), upper * (1 - fy) + lower * fy,
               threshold, w);
      }
    }
    return region;
  }

  RegionJob PasteInput(const Job& job, const runtime::Tensor& masks, const Candidate& c, double threshold, Workspace& w) const {
    const image::Geometry& g = *job.geometry;
    RegionJob region = PartOf(g, *manifest_, *job.params);
    Map map =
        ContentOf(g, static_cast<int32_t>(masks.shape[masks.rank - 1]), static_cast<int32_t>(masks.shape[masks.rank - 2]), 1);
    map.data = MaskOf(masks, job.batch_index, c.order);
    const auto score = [this](float value) { return Probability(value); };
    LabelByThreshold(map, g.part_width, g.part_height, WholeWindow(g.part_width, g.part_height, w), 1,
                     static_cast<float>(threshold), false, score, w);
    return region;
  }

  ManifestPtr manifest_;
  manifest::InstanceDecode options_;
  Outputs out_;
};

}  // namespace

std::unique_ptr<Decoder> MakeInstance(ManifestPtr manifest, const std::vector<runtime::IoInfo>& outputs) {
  using manifest::DType;
  Outputs out;
  out.together = !OutputsOf(*manifest, "dets").empty();
  out.boxes = OutputOf(*manifest, outputs, out.together ? "dets" : "boxes", {DType::kF32}, {3});
  if (!out.together) out.scores = OutputOf(*manifest, outputs, "scores", {DType::kF32}, {2});
  out.labels = OutputOf(*manifest, outputs, "labels", {DType::kI64, DType::kI32, DType::kF32}, {2});
  out.masks = OutputOf(*manifest, outputs, "masks", {DType::kF32}, {4, 5});
  return std::make_unique<Instance>(std::move(manifest), out);
}

}  // namespace lnx::decode
