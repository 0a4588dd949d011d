// Anomaly maps -> image score, score plane, regions. The graph may give an image score or leave it to be taken from the map,
// after the map was up-sampled and blurred in the order that the manifest says; raw and normalised scores are both kept.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "base/status.h"
#include "decode/cells.h"
#include "decode/lanes.h"
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
    const Prepared map = PrepareMap(job, w);
    SetScore(options_.score == AnomalyDecode::Score::kOutput ? GivenScore(job) : ScoreOfMap(map, w), image);
    FromMap(job, OnImage(job, map), w, arena, image);
  }

  bool Blends() const override { return true; }

  void Blend(const Job& job, size_t tile, Workspace& w, result::Arena& /*arena*/) const override {
    const Prepared map = PrepareMap(job, w);
    w.mosaic.Need(1, 1, Mosaic::Keep::kAll);
    w.mosaic.Add(tile, {OnImage(job, map), 1, 0}, w);
    if (options_.score != AnomalyDecode::Score::kOutput) return;
    const double given = GivenScore(job);  // an image is as bad as its worst tile
    w.mosaic.score = tile == 0 ? given : std::max(w.mosaic.score, given);
  }

  void DecodeBlended(const Job& job, Workspace& w, result::Arena& arena, result::ImageResult* image) const override {
    const Prepared map{w.mosaic.ChannelsOf(0).first.data, w.mosaic.width(), w.mosaic.height()};
    SetScore(options_.score == AnomalyDecode::Score::kOutput ? w.mosaic.score : ScoreOfMap(map, w), image);
    FromMap(job, WholeMap(map.data, map.width, map.height), w, arena, image);
  }

 private:
  struct Prepared {  // the map of the graph after the steps of the manifest
    const float* data = nullptr;
    int32_t width = 0, height = 0;
    size_t Pixels() const { return static_cast<size_t>(width) * static_cast<size_t>(height); }
  };

  static Map OnImage(const Job& job, const Prepared& prepared) {
    Map map = ContentOf(*job.geometry, prepared.width, prepared.height, 1);
    map.data = prepared.data;
    return map;
  }

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
    const Window window = WholeWindow(g.part_width, g.part_height, w);
    if (norm_ == options_.graph_is_norm || !options_.pixel) {  // the map is in the thresholds' space
      const auto same = [](float value) { return value; };
      LabelByThreshold(map, g.part_width, g.part_height, window, kAnomalous + 1, threshold, all_scores, same, w);
    } else {
      LabelByThreshold(map, g.part_width, g.part_height, window, kAnomalous + 1, threshold, all_scores, score, w);
    }
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

  Prepared PrepareMap(const Job& job, Workspace& w) const {
    const runtime::Tensor& tensor = job.outputs[map_];
    const bool flat = tensor.rank == 3, maps = tensor.rank == 4 && tensor.shape[1] == 1;
    if (tensor.dtype != manifest::DType::kF32 || !(flat || maps) || tensor.shape[0] <= job.batch_index ||
        tensor.Elements() == 0) {
      Fail(LNX_E_OUTPUT_SHAPE,
           {Described(tensor), "f32 [N, 1, H, W] or [N, H, W]", "output \"" + std::string(tensor.name) + "\""});
    }
    Prepared map;
    map.height = static_cast<int32_t>(tensor.shape[tensor.rank - 2]);
    map.width = static_cast<int32_t>(tensor.shape[tensor.rank - 1]);
    size_t count = 0;
    map.data = ImageValues(tensor, job.batch_index, &count, "anomaly map");
    for (const AnomalyDecode::Step step : options_.steps) {
      map = step == AnomalyDecode::Step::kUpsample ? Upsampled(*job.geometry, map, w) : Blurred(map, w);
    }
    return map;
  }

  // Where a step puts its map: not where the one before has put its own.
  static float* Next(const Prepared& before, size_t pixels, Workspace& w) {
    if (before.data == w.map.data()) std::swap(w.map, w.other_map);
    w.map.resize(std::max(w.map.size(), pixels));
    return w.map.data();
  }

  static Prepared Upsampled(const image::Geometry& g, const Prepared& from, Workspace& w) {
    Prepared to{nullptr, g.input_width, g.input_height};
    float* out = Next(from, to.Pixels(), w);
    Stretch rows(WholeMap(from.data, from.width, from.height), to.width, to.height, w);
    for (int32_t y = 0; y < to.height; ++y) rows.Copy(y, 0, 0, to.width, out + static_cast<std::ptrdiff_t>(y) * to.width);
    to.data = out;
    return to;
  }

  // Separable, mirrored at the border without repeating it.
  Prepared Blurred(const Prepared& from, Workspace& w) const {
    const int32_t width = from.width, height = from.height;
    const auto taps = static_cast<int32_t>(kernel_.size()), radius = taps / 2;
    const Lanes& lanes = FastLanes();
    w.taps.resize(kernel_.size());
    w.padded.resize(static_cast<size_t>(width + 2 * radius));
    for (int32_t k = 0; k < taps; ++k) w.taps[static_cast<size_t>(k)] = w.padded.data() + k;
    w.plane.resize(from.Pixels());
    for (int32_t y = 0; y < height; ++y) {
      const float* row = from.data + static_cast<std::ptrdiff_t>(y) * width;
      for (int32_t x = 0; x < radius; ++x) {
        w.padded[static_cast<size_t>(x)] = row[Mirrored(x - radius, width)];
        w.padded[static_cast<size_t>(width + radius + x)] = row[Mirrored(width + x, width)];
      }
      std::copy(row, row + width, w.padded.begin() + radius);
      lanes.smooth(w.taps.data(), kernel_.data(), taps, width, w.plane.data() + static_cast<std::ptrdiff_t>(y) * width);
    }
    float* out = Next(from, from.Pixels(), w);
    for (int32_t y = 0; y < height; ++y) {
      for (int32_t k = 0; k < taps; ++k) {
        w.taps[static_cast<size_t>(k)] = w.plane.data() + static_cast<std::ptrdiff_t>(Mirrored(y + k - radius, height)) * width;
      }
      lanes.smooth(w.taps.data(), kernel_.data(), taps, width, out + static_cast<std::ptrdiff_t>(y) * width);
    }
    return {out, width, height};
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

  double ScoreOfMap(const Prepared& map, Workspace& w) const {
    if (options_.score == AnomalyDecode::Score::kMax) return static_cast<double>(Most(map.data, map.Pixels()));
    w.best.assign(map.data, map.data + map.Pixels());
    const size_t k = std::min<size_t>(options_.top_k, w.best.size());
    std::nth_element(w.best.begin(), w.best.begin() + static_cast<std::ptrdiff_t>(k - 1), w.best.end(), std::greater<float>());
    double sum = 0;
    for (size_t i = 0; i < k; ++i) sum += static_cast<double>(w.best[i]);
    return sum / static_cast<double>(k);
  }

  // Sixteen maxima side by side, so that it vectorises.
  static float Most(const float* values, size_t n) {
    float most[16];
    std::fill(most, most + 16, values[0]);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
      for (size_t k = 0; k < 16; ++k) most[k] = most[k] < values[i + k] ? values[i + k] : most[k];
    }
    for (; i < n; ++i) most[0] = std::max(most[0], values[i]);
    return *std::max_element(most, most + 16);
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
