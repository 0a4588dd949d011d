// [N, C, H, W] or [N, H, W, C] maps -> label map, score map, regions. Values are brought to the resolution of the full image
// first (bilinear, half-pixel centres, as cv2.INTER_LINEAR on float), then activated, then decided: deciding first would move
// edges.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "base/status.h"
#include "decode/cells.h"
#include "decode/families.h"
#include "decode/planes.h"
#include "decode/workspace.h"

namespace lnx::decode {
namespace {

using manifest::SegmentationDecode;
using Mode = SegmentationDecode::Mode;
using Activation = SegmentationDecode::Activation;

class Segmentation final : public Decoder {
 public:
  explicit Segmentation(ManifestPtr manifest)
      : manifest_(std::move(manifest)), options_(std::get<SegmentationDecode>(manifest_->decode)) {}

  void Decode(const Job& job, Workspace& w, result::Arena& arena, result::ImageResult* image) const override {
    const Channels maps = ChannelsOf(job);
    FromMaps(job, maps.first, maps.count, maps.step, w, arena, image);
  }

  bool Blends() const override { return true; }

  void Blend(const Job& job, size_t tile, Workspace& w) const override {
    Channels maps = ChannelsOf(job);
    w.mosaic.Need(static_cast<int32_t>(maps.count), 1);
    for (int64_t c = 0; c < maps.count; ++c, maps.first.data += maps.step)
      w.mosaic.Add(tile, static_cast<int32_t>(c), maps.first, w);
  }

  void DecodeBlended(const Job& job, Workspace& w, result::Arena& arena, result::ImageResult* image) const override {
    const Mosaic& mosaic = w.mosaic;
    const int64_t pixels = static_cast<int64_t>(mosaic.width()) * mosaic.height();
    FromMaps(job, WholeMap(mosaic.data(), mosaic.width(), mosaic.height()), mosaic.channels(), pixels, w, arena, image);
  }

 private:
  struct Channels {
    Map first;
    int64_t count = 0, step = 0;  // step in floats
  };

  // The checked maps of one image.
  Channels ChannelsOf(const Job& job) const {
    const runtime::Tensor& output = RequireOutput(job, 0, 4);
    const int64_t channels = output.shape[options_.nchw ? 1 : 3];
    const auto map_height = static_cast<int32_t>(output.shape[options_.nchw ? 2 : 1]);
    const auto map_width = static_cast<int32_t>(output.shape[options_.nchw ? 3 : 2]);
    if (channels < 1 || channels > 254 || (options_.mode == Mode::kBinary) != (channels == 1)) {
      Fail(LNX_E_OUTPUT_SHAPE,
           {std::to_string(channels) + " channels", options_.mode == Mode::kBinary ? "1" : "2 .. 254", std::string(output.name)});
    }
    if (map_width < 1 || map_height < 1)
      Fail(LNX_E_OUTPUT_SHAPE, {"an empty map", "at least one pixel", "output \"" + std::string(output.name) + "\""});
    const auto elements = static_cast<size_t>(channels) * static_cast<size_t>(map_height) * static_cast<size_t>(map_width);
    const float* data = output.F32() + static_cast<size_t>(job.batch_index) * elements;
    CheckFinite(data, elements, "segmentation");
    Channels maps;
    maps.first = ContentOf(*job.geometry, map_width, map_height, options_.nchw ? 1 : channels);
    maps.first.data = data;
    maps.count = channels;
    maps.step = options_.nchw ? static_cast<int64_t>(map_height) * map_width : 1;
    return maps;
  }

  void FromMaps(const Job& job, const Map& map, int64_t channels, int64_t channel_step, Workspace& w, result::Arena& arena,
                result::ImageResult* image) const {
    const image::Geometry& g = *job.geometry;
    const auto pixels = static_cast<size_t>(g.part_width) * static_cast<size_t>(g.part_height);
    w.labels.resize(pixels);
    w.best.resize(pixels);
    RegionJob regions = PartOf(g, *manifest_, *job.params);
    regions.labels = w.labels.data();
    regions.scores = w.best.data();
    regions.connectivity = options_.connectivity;
    regions.fill_holes = options_.fill_holes;

    const auto threshold =
        static_cast<float>(std::isnan(job.params->mask_threshold) ? options_.mask_threshold : job.params->mask_threshold);
    // Filled holes take the scores of pixels where nothing was found.
    const bool all_scores = (job.params->want & LNX_WANT_SCORE_MAP) != 0 || options_.fill_holes;
    if (options_.mode == Mode::kMultiLabel) {
      EachClass(map, channels, channel_step, threshold, all_scores, regions, w, arena, image);
      return;
    }
    if (options_.mode == Mode::kBinary) {
      Threshold(map, 2, threshold, all_scores, regions, w);
    } else {
      const ClassRule rule{RuleOf(options_.activation), channels, channel_step, options_.background};
      LabelByClass(map, regions.width, regions.height, rule, all_scores, w);
    }
    FindRegions(regions, w, arena, image);
    AddPlanes(regions, job.params->want, w.labels.data(), w.best.data(), arena, image);
  }

  static ClassRule::Activation RuleOf(Activation activation) {
    if (activation == Activation::kSoftmax) return ClassRule::Activation::kSoftmax;
    return activation == Activation::kSigmoid ? ClassRule::Activation::kSigmoid : ClassRule::Activation::kNone;
  }

  void Threshold(const Map& map, uint8_t label, float threshold, bool all_scores, const RegionJob& part, Workspace& w) const {
    if (options_.activation == Activation::kSigmoid) {
      const auto sigmoid = [](float value) { return 1.0f / (1.0f + std::exp(-value)); };
      LabelByThreshold(map, part.width, part.height, label, threshold, all_scores, sigmoid, w);
    } else {
      LabelByThreshold(map, part.width, part.height, label, threshold, all_scores, [](float value) { return value; }, w);
    }
  }

  // Every class by itself; a plane shows the class with the best score.
  void EachClass(Map map, int64_t channels, int64_t channel_step, float threshold, bool all_scores, const RegionJob& part,
                 Workspace& w, result::Arena& arena, result::ImageResult* image) const {
    const size_t pixels = w.labels.size();
    const uint32_t want = part.params->want;
    const bool planes = (want & (LNX_WANT_LABEL_MAP | LNX_WANT_SCORE_MAP)) != 0;
    if (planes) {
      w.all_best.assign(pixels, -1.0f);
      w.label_map.assign(pixels, 0);
    }
    for (int64_t c = 0; c < channels; ++c) {
      Threshold(map, static_cast<uint8_t>(c + 1), threshold, all_scores, part, w);
      for (size_t i = 0; planes && i < pixels; ++i) {
        if ((all_scores || w.labels[i] != 0) && w.best[i] > w.all_best[i])
          w.all_best[i] = w.best[i], w.label_map[i] = w.labels[i];
      }
      FindRegions(part, w, arena, image);
      map.data += channel_step;
    }
    LargestFirst(w, arena, image);
    image->regions.Truncate(part.params->max_objects);
    if (planes) AddPlanes(part, want, w.label_map.data(), w.all_best.data(), arena, image);
  }

  // Over all classes, equal ones in the order of the classes.
  static void LargestFirst(Workspace& w, result::Arena& arena, result::ImageResult* image) {
    const uint32_t n = image->regions.size();
    const LnxRegion* regions = image->regions.begin();
    w.order.resize(n);
    for (uint32_t i = 0; i < n; ++i) w.order[i] = static_cast<int32_t>(i);
    std::sort(w.order.begin(), w.order.end(), [&](int32_t a, int32_t b) {
      return regions[a].area_px != regions[b].area_px ? regions[a].area_px > regions[b].area_px : a < b;
    });
    auto* sorted = arena.Array<LnxRegion>(n);
    for (uint32_t i = 0; i < n; ++i) sorted[i] = regions[w.order[i]];
    std::copy(sorted, sorted + n, image->regions.begin());
  }

  static void AddPlanes(const RegionJob& job, uint32_t want, const uint8_t* labels, const float* scores, result::Arena& arena,
                        result::ImageResult* image) {
    if (want & LNX_WANT_LABEL_MAP) AddLabelPlane(job, labels, arena, image);
    if (want & LNX_WANT_SCORE_MAP) AddScorePlane(job, scores, arena, image);
  }

  ManifestPtr manifest_;
  SegmentationDecode options_;
};

}  // namespace

std::unique_ptr<Decoder> MakeSegmentation(ManifestPtr manifest, const runtime::IoInfo& output) {
  RequireRank(output, 4, "[N, C, H, W] or [N, H, W, C]");
  const auto& options = std::get<SegmentationDecode>(manifest->decode);
  const int64_t channels = output.shape[options.nchw ? 1 : 3];
  if (options.mode == Mode::kBinary && manifest->FindLabel(1) == nullptr) {
    Fail(LNX_E_GRAPH_MISMATCH, {"no label with id 1", "a label for the foreground", "output \"" + output.name + "\""});
  }
  if (channels > 0 && options.mode != Mode::kBinary) RequireLabels(*manifest, channels, output);
  return std::make_unique<Segmentation>(std::move(manifest));
}

}  // namespace lnx::decode
