// [N, C, H, W] or [N, H, W, C] maps -> label map, score map, regions. Values are brought to the resolution of the full image
// first (bilinear, half-pixel centres, as cv2.INTER_LINEAR on float), then activated, then decided: deciding first would move
// edges.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "base/status.h"
#include "decode/families.h"
#include "decode/planes.h"
#include "decode/stretch.h"
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
    const image::Geometry& g = *job.geometry;
    Map map = ContentOf(g, map_width, map_height, options_.nchw ? 1 : channels);
    const int64_t channel_step = options_.nchw ? static_cast<int64_t>(map_height) * map_width : 1;

    const auto pixels = static_cast<size_t>(g.part_width) * static_cast<size_t>(g.part_height);
    w.labels.resize(pixels);
    w.best.resize(pixels);
    RegionJob regions = PartOf(g, *manifest_, *job.params);
    regions.labels = w.labels.data();
    regions.scores = w.best.data();
    regions.connectivity = options_.connectivity;
    regions.fill_holes = options_.fill_holes;

    const double mask_threshold = std::isnan(job.params->mask_threshold) ? options_.mask_threshold : job.params->mask_threshold;
    if (options_.mode == Mode::kMultiLabel) {
      w.all_best.assign(pixels, -1.0f);
      w.label_map.assign(pixels, 0);
      for (int64_t c = 0; c < channels; ++c) {
        map.data = data + c * channel_step;
        DecideBinary(map, static_cast<uint8_t>(c + 1), mask_threshold, g, w);
        for (size_t i = 0; i < pixels; ++i) {
          if (w.best[i] > w.all_best[i]) w.all_best[i] = w.best[i], w.label_map[i] = w.labels[i];
        }
        FindRegions(regions, w, arena, image);
      }
      // Largest first over all classes, equal ones in the order of the classes.
      std::stable_sort(image->regions.begin(), image->regions.end(),
                       [](const LnxRegion& a, const LnxRegion& b) { return a.area_px > b.area_px; });
      image->regions.Truncate(job.params->max_objects);
      w.labels = w.label_map;
      w.best = w.all_best;
    } else if (options_.mode == Mode::kBinary) {
      map.data = data;
      DecideBinary(map, 2, mask_threshold, g, w);
      FindRegions(regions, w, arena, image);
    } else {
      map.data = data;
      DecideClasses(map, channels, channel_step, g, w);
      FindRegions(regions, w, arena, image);
    }
    AddPlanes(regions, job.params->want, w, arena, image);
  }

 private:
  void DecideBinary(const Map& map, uint8_t label, double mask_threshold, const image::Geometry& g, Workspace& w) const {
    Stretch rows(map, g.part_width, g.part_height, w);
    const auto threshold = static_cast<float>(mask_threshold);
    const bool sigmoid = options_.activation == Activation::kSigmoid;
    for (int32_t y = 0; y < g.part_height; ++y) {
      const float* row = rows.Row(y);
      const size_t base = static_cast<size_t>(y) * static_cast<size_t>(g.part_width);
      for (size_t x = 0; x < static_cast<size_t>(g.part_width); ++x) {
        const float p = sigmoid ? 1.0f / (1.0f + std::exp(-row[x])) : row[x];
        w.best[base + x] = p;
        w.labels[base + x] = p >= threshold ? label : 0;
      }
    }
  }

  // Arg max over channels; the score is the winner's probability.
  void DecideClasses(const Map& first, int64_t channels, int64_t channel_step, const image::Geometry& g, Workspace& w) const {
    const auto width = static_cast<size_t>(g.part_width);
    const auto pixels = width * static_cast<size_t>(g.part_height);
    const bool softmax = options_.activation == Activation::kSoftmax, sigmoid = options_.activation == Activation::kSigmoid;
    w.plane.assign(softmax ? pixels : 0, 0.0f);  // sum of exp(x - running maximum)
    for (int64_t c = 0; c < channels; ++c) {
      Map map = first;
      map.data += c * channel_step;
      const uint8_t label = c == options_.background ? 0 : static_cast<uint8_t>(c + 1);
      Stretch rows(map, g.part_width, g.part_height, w);
      for (int32_t y = 0; y < g.part_height; ++y) {
        const float* row = rows.Row(y);
        const size_t base = static_cast<size_t>(y) * width;
        for (size_t x = 0; x < width; ++x) {
          const size_t i = base + x;
          const float v = row[x];
          const bool wins = c == 0 || v > w.best[i];
          if (softmax) {
            if (c == 0) {
              w.plane[i] = 1.0f;
            } else {
              w.plane[i] = wins ? w.plane[i] * std::exp(w.best[i] - v) + 1.0f : w.plane[i] + std::exp(v - w.best[i]);
            }
          }
          if (wins) w.best[i] = v, w.labels[i] = label;
        }
      }
    }
    for (size_t i = 0; i < pixels; ++i) {
      if (softmax) w.best[i] = 1.0f / w.plane[i];
      if (sigmoid) w.best[i] = 1.0f / (1.0f + std::exp(-w.best[i]));
    }
  }

  static void AddPlanes(const RegionJob& job, uint32_t want, const Workspace& w, result::Arena& arena,
                        result::ImageResult* image) {
    if (want & LNX_WANT_LABEL_MAP) AddLabelPlane(job, w.labels.data(), arena, image);
    if (want & LNX_WANT_SCORE_MAP) AddScorePlane(job, w.best.data(), arena, image);
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
