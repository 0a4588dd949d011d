// EfficientDet heads: class scores and box codes per anchor. Anchors are ordered by level, row, column, scale, ratio; how a code
// is read differs between the projects that train the family, so the manifest says it.
#include <string>

#include "base/status.h"
#include "decode/boxes.h"
#include "decode/roles.h"

namespace lnx::decode {
namespace {

class EfficientDet final : public Decoder {
 public:
  EfficientDet(ManifestPtr manifest, std::vector<size_t> scores, std::vector<size_t> boxes)
      : manifest_(std::move(manifest)),
        options_(std::get<manifest::EfficientDetDecode>(manifest_->decode)),
        scores_(std::move(scores)),
        boxes_(std::move(boxes)) {
    for (const int32_t stride : options_.strides) {
      for (const double octave : options_.octaves) {
        for (const auto& [width, height] : options_.ratios) {
          const double side = stride * octave * options_.anchor_scale;
          shapes_.push_back({static_cast<float>(side * width), static_cast<float>(side * height)});
        }
      }
    }
  }

  void Decode(const Job& job, Workspace& w, result::Arena& arena, result::ImageResult* image) const override {
    w.candidates.clear();
    const ScoreGate gate(options_.head, *job.params);
    int64_t first = 0;
    for (size_t level = 0; level < options_.strides.size(); ++level) Level(job, level, gate, &first, w);
    if (scores_.size() == 1 && options_.strides.size() > 1) {
      RequireSide(job.outputs[scores_[0]], 1, first, "anchors for the strides of the manifest");
    }
    ClipToContent(manifest_->nms, *job.geometry, &w);
    SuppressOverlaps(manifest_->nms, job.params->nms_iou, job.params->max_objects, &w);
    AddObjects(*manifest_, job, manifest::BoxSpace::kInput, w, arena, image);
  }

 private:
  struct Shape {
    float width, height;
  };
  struct Codes {
    const float* data;
    int64_t step;  // between the four numbers
  };

  int64_t PerCell() const { return static_cast<int64_t>(options_.octaves.size() * options_.ratios.size()); }

  void Level(const Job& job, size_t level, const ScoreGate& gate, int64_t* first, Workspace& w) const {
    const int32_t stride = options_.strides[level];
    // Feature maps round up: 64 pixels at stride 128 are one cell.
    const int64_t rows = (job.geometry->input_height + stride - 1) / stride;
    const int64_t columns = (job.geometry->input_width + stride - 1) / stride, cells = rows * columns;
    if (scores_.size() > 1 || job.outputs[scores_[0]].rank == 4) {
      FromMaps(job, level, rows, columns, gate, *first, w);
    } else {
      FromRows(job, level, cells, columns, gate, *first, w);
    }
    *first += cells * PerCell();
  }

  void FromRows(const Job& job, size_t level, int64_t cells, int64_t columns, const ScoreGate& gate, int64_t first,
                Workspace& w) const {
    const runtime::Tensor& scores = RequireOutput(job, scores_[0], 3);
    const runtime::Tensor& boxes = RequireOutput(job, boxes_[0], 3);
    RequireSide(boxes, 1, scores.shape[1], "anchors");
    RequireSide(boxes, 2, 4, "numbers of a box");
    const int64_t anchors = cells * PerCell();
    if (first + anchors > scores.shape[1]) {
      Fail(LNX_E_OUTPUT_SHAPE, {Described(scores), "at least " + std::to_string(first + anchors) + " anchors for the strides",
                                "output \"" + std::string(scores.name) + "\""});
    }
    ScoreView view;
    view.classes = view.anchor_step = scores.shape[2];
    view.class_step = 1;
    view.anchors = anchors;
    view.data = scores.F32() + (job.batch_index * scores.shape[1] + first) * view.classes;
    const float* codes = boxes.F32() + (job.batch_index * boxes.shape[1] + first) * 4;
    CheckFinite(view.data, static_cast<size_t>(anchors * view.classes), "detection");
    CheckFinite(codes, static_cast<size_t>(anchors * 4), "detection");
    ScanScores(view, gate, options_.head.all_classes, w, [&](int64_t a, int32_t id, float score) {
      Add(level, a / PerCell(), columns, a % PerCell(), {codes + 4 * a, 1}, id, score, (first + a) * view.classes + id, w);
    });
  }

  void FromMaps(const Job& job, size_t level, int64_t rows, int64_t columns, const ScoreGate& gate, int64_t first,
                Workspace& w) const {
    const runtime::Tensor& scores = RequireOutput(job, scores_[level], 4);
    const runtime::Tensor& boxes = RequireOutput(job, boxes_[level], 4);
    const int64_t shapes = PerCell(), cells = rows * columns;
    for (const runtime::Tensor* tensor : {&scores, &boxes}) {
      RequireSide(*tensor, 2, rows, "rows");
      RequireSide(*tensor, 3, columns, "columns");
    }
    RequireSide(boxes, 1, 4 * shapes, "numbers per cell");
    if (scores.shape[1] % shapes != 0) RequireSide(scores, 1, shapes, "anchors times classes");
    size_t count = 0;
    const float* values = ImageValues(scores, job.batch_index, &count, "detection");
    const float* codes = ImageValues(boxes, job.batch_index, &count, "detection");
    ScoreView view;
    view.anchors = view.class_step = cells;
    view.classes = scores.shape[1] / shapes;
    view.anchor_step = 1;
    for (int64_t s = 0; s < shapes; ++s) {
      view.data = values + s * view.classes * cells;
      ScanScores(view, gate, options_.head.all_classes, w, [&](int64_t cell, int32_t id, float score) {
        Add(level, cell, columns, s, {codes + s * 4 * cells + cell, cells}, id, score,
            (first + cell * shapes + s) * view.classes + id, w);
      });
    }
  }

  void Add(size_t level, int64_t cell, int64_t columns, int64_t shape, const Codes& codes, int32_t id, float score, int64_t order,
           Workspace& w) const {
    const auto stride = static_cast<float>(options_.strides[level]);
    const Shape& anchor = shapes_[level * static_cast<size_t>(PerCell()) + static_cast<size_t>(shape)];
    float d[4];
    for (int64_t i = 0; i < 4; ++i) {
      d[i] = codes.data[i * codes.step];
      if (!options_.variances.empty()) d[i] *= static_cast<float>(options_.variances[static_cast<size_t>(i)]);
    }
    const float dx = options_.yxhw ? d[1] : d[0], dy = options_.yxhw ? d[0] : d[1];
    const float dw = options_.yxhw ? d[3] : d[2], dh = options_.yxhw ? d[2] : d[3];
    const int64_t column = cell % columns, row = cell / columns;
    const float x = (static_cast<float>(column) + 0.5f) * stride + dx * anchor.width;
    const float y = (static_cast<float>(row) + 0.5f) * stride + dy * anchor.height;
    const float width = std::exp(dw) * anchor.width, height = std::exp(dh) * anchor.height;
    const Candidate c{x - width / 2, y - height / 2, x + width / 2, y + height / 2, score, id, static_cast<int32_t>(order)};
    CheckBox(c, "detection");
    w.candidates.push_back(c);
  }

  ManifestPtr manifest_;
  manifest::EfficientDetDecode options_;
  std::vector<size_t> scores_, boxes_;
  std::vector<Shape> shapes_;  // by level, scale, ratio
};

}  // namespace

std::unique_ptr<Decoder> MakeEfficientDet(ManifestPtr manifest, const std::vector<runtime::IoInfo>& outputs) {
  const auto& options = std::get<manifest::EfficientDetDecode>(manifest->decode);
  const std::vector<size_t> scores = OutputsOf(*manifest, "scores"), boxes = OutputsOf(*manifest, "boxes");
  const size_t levels = options.strides.size();
  if (scores.size() != boxes.size() || scores.empty() || (scores.size() != 1 && scores.size() != levels)) {
    Fail(LNX_E_GRAPH_MISMATCH,
         {std::to_string(scores.size()) + " outputs \"scores\" and " + std::to_string(boxes.size()) + " \"boxes\"",
          "one pair, or one per level", "graphs[0].outputs"});
  }
  const size_t rank = outputs[scores[0]].shape.size() == 4 ? 4 : 3;
  if (rank == 4 && scores.size() != levels) {
    Fail(LNX_E_GRAPH_MISMATCH,
         {"maps for " + std::to_string(scores.size()) + " levels", std::to_string(levels), "decode.strides"});
  }
  for (const std::vector<size_t>* group : {&scores, &boxes}) {
    for (const size_t i : *group) RequireKind(outputs[i], {manifest::DType::kF32}, {rank});
  }
  const auto shapes = static_cast<int64_t>(options.octaves.size() * options.ratios.size());
  const int64_t side = outputs[scores[0]].shape[rank == 4 ? 1 : 2];
  if (side > 0) RequireLabels(*manifest, rank == 4 ? side / shapes : side, outputs[scores[0]]);
  return std::make_unique<EfficientDet>(std::move(manifest), scores, boxes);
}

}  // namespace lnx::decode
