// [N, C, H, W] or [N, H, W, C] maps -> label map, score map, regions. Values are brought to the resolution of the full image
// first (bilinear, half-pixel centres, as cv2.INTER_LINEAR on float), then activated, then decided: deciding first would move
// edges.
#include <algorithm>
#include <cmath>
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
    CheckFinite(maps.first.data, job.outputs[0].Elements() / static_cast<size_t>(job.outputs[0].shape[0]), kWhere);
    if (options_.mode == Mode::kMultiLabel) return EachClass(job, maps, w, arena, image);
    const image::Geometry& g = *job.geometry;
    Label(job, maps, g.part_width, g.part_height, WholeWindow(g.part_width, g.part_height, w), w);
    Answer(job, w, arena, image);
  }

  bool Blends() const override { return true; }

  void Blend(const Job& job, size_t tile, Workspace& w, result::Arena& /*arena*/) const override {
    const Channels maps = ChannelsOf(job);
    const size_t elements = job.outputs[0].Elements() / static_cast<size_t>(job.outputs[0].shape[0]);
    Mosaic& mosaic = w.mosaic;
    if (options_.mode == Mode::kMultiLabel) {
      CheckFinite(maps.first.data, elements, kWhere);
      mosaic.Need(static_cast<int32_t>(maps.count), 1, Mosaic::Keep::kAll);
      return mosaic.Add(tile, maps, w);
    }
    mosaic.Need(static_cast<int32_t>(maps.count), 1, Mosaic::Keep::kShared);
    const Patch own = mosaic.TileOf(tile);
    Window window = WholeWindow(mosaic.width(), mosaic.height(), w);
    const int64_t corner = own.top * window.stride + own.left;
    window.labels += corner;
    window.scores += corner;
    mosaic.Take(tile, maps, elements, kWhere, w, [&](const Patch& part) {
      window.part = {part.left - own.left, part.top - own.top, part.right - own.left, part.bottom - own.top};
      Label(job, maps, own.right - own.left, own.bottom - own.top, window, w);
    });
  }

  void DecodeBlended(const Job& job, Workspace& w, result::Arena& arena, result::ImageResult* image) const override {
    const Mosaic& mosaic = w.mosaic;
    if (options_.mode == Mode::kMultiLabel) return EachClass(job, mosaic.ChannelsOf(0), w, arena, image);
    const Window whole = WholeWindow(mosaic.width(), mosaic.height(), w);
    for (size_t b = 0; b < mosaic.kept(); ++b) {
      const Patch& patch = mosaic.PatchOf(b);
      const int32_t width = patch.right - patch.left, height = patch.bottom - patch.top;
      const int64_t corner = patch.top * whole.stride + patch.left;
      const Window window{{0, 0, width, height}, whole.labels + corner, whole.scores + corner, whole.stride};
      Label(job, mosaic.ChannelsOf(b), width, height, window, w);
    }
    Answer(job, w, arena, image);
  }

 private:
  static constexpr const char* kWhere = "segmentation";

  // The maps of one image, not checked yet.
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
    Channels maps;
    maps.first = ContentOf(*job.geometry, map_width, map_height, options_.nchw ? 1 : channels);
    maps.first.data = data;
    maps.count = channels;
    maps.step = options_.nchw ? static_cast<int64_t>(map_height) * map_width : 1;
    return maps;
  }

  // Filled holes take the scores of pixels where nothing was found.
  bool AllScores(const Job& job) const { return (job.params->want & LNX_WANT_SCORE_MAP) != 0 || options_.fill_holes; }

  float MaskThreshold(const Job& job) const {
    return static_cast<float>(std::isnan(job.params->mask_threshold) ? options_.mask_threshold : job.params->mask_threshold);
  }

  // The window's labels and scores, of maps that are width x height when stretched.
  void Label(const Job& job, const Channels& maps, int32_t width, int32_t height, const Window& window, Workspace& w) const {
    if (options_.mode == Mode::kBinary) {
      Threshold(job, maps.first, width, height, window, 2, w);
    } else {
      LabelByClass(maps, width, height, window, {RuleOf(options_.activation), options_.background}, AllScores(job), w);
    }
  }

  RegionJob Regions(const Job& job, const Workspace& w) const {
    RegionJob regions = PartOf(*job.geometry, *manifest_, *job.params);
    regions.labels = w.labels.data();
    regions.scores = w.best.data();
    regions.connectivity = options_.connectivity;
    regions.fill_holes = options_.fill_holes;
    return regions;
  }

  void Answer(const Job& job, Workspace& w, result::Arena& arena, result::ImageResult* image) const {
    const RegionJob regions = Regions(job, w);
    FindRegions(regions, w, arena, image);
    AddPlanes(regions, job.params->want, w.labels.data(), w.best.data(), arena, image);
  }

  static ClassRule::Activation RuleOf(Activation activation) {
    if (activation == Activation::kSoftmax) return ClassRule::Activation::kSoftmax;
    return activation == Activation::kSigmoid ? ClassRule::Activation::kSigmoid : ClassRule::Activation::kNone;
  }

  void Threshold(const Job& job, const Map& map, int32_t width, int32_t height, const Window& window, uint8_t label,
                 Workspace& w) const {
    const float threshold = MaskThreshold(job);
    const bool all_scores = AllScores(job);
    if (options_.activation == Activation::kSigmoid) {
      const auto sigmoid = [](float value) { return 1.0f / (1.0f + std::exp(-value)); };
      LabelByThreshold(map, width, height, window, label, threshold, all_scores, sigmoid, w);
    } else {
      const auto same = [](float value) { return value; };
      LabelByThreshold(map, width, height, window, label, threshold, all_scores, same, w);
    }
  }

  // Every class by itself; a plane shows the class with the best score.
  void EachClass(const Job& job, const Channels& maps, Workspace& w, result::Arena& arena, result::ImageResult* image) const {
    const int32_t width = job.geometry->part_width, height = job.geometry->part_height;
    const Window window = WholeWindow(width, height, w);
    const RegionJob part = Regions(job, w);
    const size_t pixels = w.labels.size();
    const uint32_t want = job.params->want;
    const bool planes = (want & (LNX_WANT_LABEL_MAP | LNX_WANT_SCORE_MAP)) != 0, all_scores = AllScores(job);
    if (planes) {
      w.all_best.assign(pixels, -1.0f);
      w.label_map.assign(pixels, 0);
    }
    for (int64_t c = 0; c < maps.count; ++c) {
      Threshold(job, maps.At(c), width, height, window, static_cast<uint8_t>(c + 1), w);
      for (size_t i = 0; planes && i < pixels; ++i) {
        if ((all_scores || w.labels[i] != 0) && w.best[i] > w.all_best[i])
          w.all_best[i] = w.best[i], w.label_map[i] = w.labels[i];
      }
      FindRegions(part, w, arena, image);
    }
    LargestFirst(w, arena, image);
    image->regions.Truncate(job.params->max_objects);
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
