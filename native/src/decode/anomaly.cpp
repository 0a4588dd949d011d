// Anomaly maps -> image score, score plane, regions. The graph may give an image score or leave it to be taken from the map,
// after the map was up-sampled and blurred in the order that the manifest says; raw and normalised scores are both kept.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "base/status.h"
#include "decode/cells.h"
#include "decode/planes.h"
#include "decode/roles.h"
#include "decode/stretch.h"

namespace lnx::decode {
namespace {

using manifest::AnomalyDecode;
using manifest::Calibration;

constexpr int32_t kAnomalous = 1;  // label id; 0 is what is normal

class Anomaly final : public Decoder {
 public:
  Anomaly(ManifestPtr manifest, size_t map, size_t score)
      : manifest_(std::move(manifest)), options_(std::get<AnomalyDecode>(manifest_->decode)), map_(map), score_(score) {
    norm_ = manifest_->thresholds.space == "norm";
    const auto radius = static_cast<int32_t>(4.0 * options_.blur_sigma + 0.5);
    for (int32_t i = -radius; i <= radius; ++i)
      kernel_.push_back(static_cast<float>(std::exp(-0.5 * i * i / (options_.blur_sigma * options_.blur_sigma))));
    const double sum = std::accumulate(kernel_.begin(), kernel_.end(), 0.0);
    for (float& k : kernel_) k = static_cast<float>(static_cast<double>(k) / sum);
  }

  void Decode(const Job& job, Workspace& w, result::Arena& arena, result::ImageResult* image) const override {
    int32_t width = 0, height = 0;
    PrepareMap(job, &width, &height, w);
    SetScore(options_.score == AnomalyDecode::Score::kOutput ? GivenScore(job) : ScoreOfMap(w), image);
    Map map = ContentOf(*job.geometry, width, height, 1);
    map.data = w.map.data();
    FromMap(job, map, w, arena, image);
  }

  bool Blends() const override { return true; }

  void Blend(const Job& job, size_t tile, Workspace& w) const override {
    int32_t width = 0, height = 0;
    PrepareMap(job, &width, &height, w);
    w.mosaic.Need(1, 1);
    Map map = ContentOf(*job.geometry, width, height, 1);
    map.data = w.map.data();
    w.mosaic.Add(tile, 0, map, w);
    if (options_.score != AnomalyDecode::Score::kOutput) return;
    const double given = GivenScore(job);  // an image is as bad as its worst tile
    w.mosaic.score = tile == 0 ? given : std::max(w.mosaic.score, given);
  }

  void DecodeBlended(const Job& job, Workspace& w, result::Arena& arena, result::ImageResult* image) const override {
    const auto pixels = static_cast<std::ptrdiff_t>(w.mosaic.width()) * w.mosaic.height();
    w.map.assign(w.mosaic.data(), w.mosaic.data() + pixels);
    SetScore(options_.score == AnomalyDecode::Score::kOutput ? w.mosaic.score : ScoreOfMap(w), image);
    FromMap(job, WholeMap(w.map.data(), w.mosaic.width(), w.mosaic.height()), w, arena, image);
  }

 private:
  void FromMap(const Job& job, const Map& map, Workspace& w, result::Arena& arena, result::ImageResult* image) const {
    const float decided = norm_ ? image->score_norm : image->score_raw;
    const manifest::Label* label = manifest_->FindLabel(kAnomalous);
    image->classes.Add(arena, LnxClass{kAnomalous, decided, label != nullptr ? label->name.c_str() : "", {}});

    const image::Geometry& g = *job.geometry;
    RegionJob regions = PartOf(g, *manifest_, *job.params);
    const auto threshold =
        static_cast<float>(std::isnan(job.params->mask_threshold) ? options_.mask_threshold : job.params->mask_threshold);
    const bool all_scores = (job.params->want & LNX_WANT_SCORE_MAP) != 0 || options_.fill_holes;
    const auto score = [this](float value) { return InThresholdSpace(value, options_.pixel); };
    LabelByThreshold(map, g.part_width, g.part_height, kAnomalous + 1, threshold, all_scores, score, w);
    if (job.params->want & LNX_WANT_SCORE_MAP) AddScorePlane(regions, w.best.data(), arena, image);
    regions.labels = w.labels.data();
    regions.scores = w.best.data();
    regions.connectivity = options_.connectivity;
    regions.fill_holes = options_.fill_holes;
    regions.by_score = false;
    FindRegions(regions, w, arena, image);
    if (job.params->want & LNX_WANT_LABEL_MAP) AddLabelPlane(regions, w.labels.data(), arena, image);
  }

  float Clamped(double norm) const { return static_cast<float>(options_.clamp ? std::clamp(norm, 0.0, 1.0) : norm); }

  double Norm(double value, const std::optional<Calibration>& c) const {
    if (options_.graph_is_norm || !c) return value;
    return static_cast<double>(Clamped(c->Norm(value)));
  }
  double Raw(double value, const std::optional<Calibration>& c) const {
    return options_.graph_is_norm && c ? c->Raw(value) : value;
  }
  float InThresholdSpace(float value, const std::optional<Calibration>& c) const {
    const auto v = static_cast<double>(value);
    return static_cast<float>(norm_ ? Norm(v, c) : Raw(v, c));
  }

  // The map of the graph after the steps of the manifest, in w.map.
  void PrepareMap(const Job& job, int32_t* width, int32_t* height, Workspace& w) const {
    const runtime::Tensor& tensor = job.outputs[map_];
    const bool flat = tensor.rank == 3, maps = tensor.rank == 4 && tensor.shape[1] == 1;
    if (tensor.dtype != manifest::DType::kF32 || !(flat || maps) || tensor.shape[0] <= job.batch_index ||
        tensor.Elements() == 0) {
      Fail(LNX_E_OUTPUT_SHAPE,
           {Described(tensor), "f32 [N, 1, H, W] or [N, H, W]", "output \"" + std::string(tensor.name) + "\""});
    }
    *height = static_cast<int32_t>(tensor.shape[tensor.rank - 2]);
    *width = static_cast<int32_t>(tensor.shape[tensor.rank - 1]);
    size_t count = 0;
    const float* values = ImageValues(tensor, job.batch_index, &count, "anomaly map");
    w.map.assign(values, values + count);
    for (const AnomalyDecode::Step step : options_.steps) {
      if (step == AnomalyDecode::Step::kUpsample) {
        Upsample(*job.geometry, width, height, w);
      } else {
        Blur(*width, *height, w);
      }
    }
  }

  static void Upsample(const image::Geometry& g, int32_t* width, int32_t* height, Workspace& w) {
    const auto out_width = static_cast<size_t>(g.input_width);
    w.other_map.resize(out_width * static_cast<size_t>(g.input_height));
    Stretch rows(WholeMap(w.map.data(), *width, *height), g.input_width, g.input_height, w);
    for (int32_t y = 0; y < g.input_height; ++y) {
      const float* row = rows.Row(y);
      std::copy(row, row + out_width, w.other_map.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(y) * out_width));
    }
    w.map.swap(w.other_map);
    *width = g.input_width;
    *height = g.input_height;
  }

  // Separable, mirrored at the border without repeating it.
  void Blur(int32_t width, int32_t height, Workspace& w) const {
    const auto radius = static_cast<int32_t>(kernel_.size() / 2);
    w.other_map.resize(w.map.size());
    w.padded.resize(static_cast<size_t>(width + 2 * radius));
    for (int32_t y = 0; y < height; ++y) {
      const float* row = w.map.data() + static_cast<size_t>(y) * static_cast<size_t>(width);
      for (int32_t x = -radius; x < width + radius; ++x) w.padded[static_cast<size_t>(x + radius)] = row[Mirrored(x, width)];
      float* out = w.other_map.data() + static_cast<size_t>(y) * static_cast<size_t>(width);
      std::fill(out, out + width, 0.0f);
      for (size_t k = 0; k < kernel_.size(); ++k) {
        for (size_t x = 0; x < static_cast<size_t>(width); ++x) out[x] += kernel_[k] * w.padded[x + k];
      }
    }
    for (int32_t y = 0; y < height; ++y) {
      float* out = w.map.data() + static_cast<size_t>(y) * static_cast<size_t>(width);
      std::fill(out, out + width, 0.0f);
      for (size_t k = 0; k < kernel_.size(); ++k) {
        const int32_t from = Mirrored(y + static_cast<int32_t>(k) - radius, height);
        const float* row = w.other_map.data() + static_cast<size_t>(from) * static_cast<size_t>(width);
        for (size_t x = 0; x < static_cast<size_t>(width); ++x) out[x] += kernel_[k] * row[x];
      }
    }
  }

  static int32_t Mirrored(int32_t i, int32_t n) {
    if (n == 1) return 0;
    const int32_t period = 2 * (n - 1);
    i = std::abs(i) % period;
    return i < n ? i : period - i;
  }

  double GivenScore(const Job& job) const {
    const runtime::Tensor& scores = job.outputs[score_];
    if (scores.dtype != manifest::DType::kF32 ||
        static_cast<int64_t>(scores.Elements()) != std::max<int64_t>(1, scores.shape[0]) ||
        static_cast<int64_t>(scores.Elements()) <= job.batch_index) {
      Fail(LNX_E_OUTPUT_SHAPE, {Described(scores), "f32 [N] or [N, 1]", "output \"" + std::string(scores.name) + "\""});
    }
    CheckFinite(scores.F32() + job.batch_index, 1, "anomaly score");
    return static_cast<double>(scores.F32()[job.batch_index]);
  }

  double ScoreOfMap(Workspace& w) const {
    if (options_.score == AnomalyDecode::Score::kMax) return static_cast<double>(*std::max_element(w.map.begin(), w.map.end()));
    w.best.assign(w.map.begin(), w.map.end());
    const size_t k = std::min<size_t>(options_.top_k, w.best.size());
    std::nth_element(w.best.begin(), w.best.begin() + static_cast<std::ptrdiff_t>(k - 1), w.best.end(), std::greater<float>());
    double sum = 0;
    for (size_t i = 0; i < k; ++i) sum += static_cast<double>(w.best[i]);
    return sum / static_cast<double>(k);
  }

  void SetScore(double value, result::ImageResult* image) const {
    image->scored = true;
    image->score_raw = static_cast<float>(Raw(value, options_.image));
    image->score_norm = static_cast<float>(Norm(value, options_.image));
  }

  ManifestPtr manifest_;
  AnomalyDecode options_;
  size_t map_, score_;
  bool norm_ = false;  // the space of the thresholds
  std::vector<float> kernel_;
};

}  // namespace

std::unique_ptr<Decoder> MakeAnomaly(ManifestPtr manifest, const std::vector<runtime::IoInfo>& outputs) {
  using manifest::DType;
  const auto& options = std::get<AnomalyDecode>(manifest->decode);
  const size_t map = OutputOf(*manifest, outputs, "map", {DType::kF32}, {3, 4});
  size_t score = 0;
  if (options.score == AnomalyDecode::Score::kOutput) score = OutputOf(*manifest, outputs, "score", {DType::kF32}, {0, 1, 2});
  const bool norm = manifest->thresholds.space == "norm";
  if (norm != options.graph_is_norm && (!options.image || !options.pixel)) {
    Fail(LNX_E_GRAPH_MISMATCH, {"a graph that gives " + std::string(options.graph_is_norm ? "normalised" : "raw") + " scores",
                                "decode.image and decode.pixel, to bring them to thresholds.space", "decode"});
  }
  return std::make_unique<Anomaly>(std::move(manifest), map, score);
}

}  // namespace lnx::decode
