// [N, C, H, W] or [N, H, W, C] maps -> label map, score map, regions. Values are brought to the resolution of the full image
// first (bilinear, half-pixel centres, as cv2.INTER_LINEAR on float), then activated, then decided: deciding first would move
// edges.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "base/status.h"
#include "decode/families.h"
#include "decode/workspace.h"

namespace lnx::decode {
namespace {

using manifest::SegmentationDecode;
using Mode = SegmentationDecode::Mode;
using Activation = SegmentationDecode::Activation;

// One channel of the output, and the part of it that shows the image.
struct Map {
  const float* data;
  int64_t pixel_step, row_step;  // in floats
  int32_t x, y, width, height;   // content
};

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
    const auto elements = static_cast<size_t>(channels) * static_cast<size_t>(map_height) * static_cast<size_t>(map_width);
    const float* data = output.F32() + static_cast<size_t>(job.batch_index) * elements;
    CheckFinite(data, elements, "segmentation");
    const image::Geometry& g = *job.geometry;
    const double ratio_x = static_cast<double>(map_width) / g.input_width,
                 ratio_y = static_cast<double>(map_height) / g.input_height;
    Map map{};
    map.pixel_step = options_.nchw ? 1 : channels;
    map.row_step = map.pixel_step * map_width;
    map.x = static_cast<int32_t>(std::lround(g.content_x * ratio_x));
    map.y = static_cast<int32_t>(std::lround(g.content_y * ratio_y));
    map.width = std::max(1, static_cast<int32_t>(std::lround((g.content_x + g.content_width) * ratio_x)) - map.x);
    map.height = std::max(1, static_cast<int32_t>(std::lround((g.content_y + g.content_height) * ratio_y)) - map.y);
    const int64_t channel_step = options_.nchw ? static_cast<int64_t>(map_height) * map_width : 1;

    const auto pixels = static_cast<size_t>(g.part_width) * static_cast<size_t>(g.part_height);
    w.labels.resize(pixels);
    w.best.resize(pixels);
    RegionJob regions;
    regions.labels = w.labels.data();
    regions.scores = w.best.data();
    regions.width = g.part_width;
    regions.height = g.part_height;
    regions.left = g.part_x;
    regions.top = g.part_y;
    regions.full_width = g.image_width;
    regions.full_height = g.image_height;
    regions.connectivity = options_.connectivity;
    regions.fill_holes = options_.fill_holes;
    regions.manifest = manifest_.get();
    regions.params = job.params;

    if (options_.mode == Mode::kMultiLabel) {
      w.all_best.assign(pixels, -1.0f);
      w.label_map.assign(pixels, 0);
      for (int64_t c = 0; c < channels; ++c) {
        map.data = data + c * channel_step;
        DecideBinary(map, static_cast<uint8_t>(c + 1), g, w);
        for (size_t i = 0; i < pixels; ++i) {
          if (w.best[i] > w.all_best[i]) w.all_best[i] = w.best[i], w.label_map[i] = w.labels[i];
        }
        FindRegions(regions, w, arena, image);
      }
      w.labels = w.label_map;
      w.best = w.all_best;
    } else if (options_.mode == Mode::kBinary) {
      map.data = data;
      DecideBinary(map, 2, g, w);
      FindRegions(regions, w, arena, image);
    } else {
      map.data = data;
      DecideClasses(map, channels, channel_step, g, w);
      FindRegions(regions, w, arena, image);
    }
    AddPlanes(regions, job.params->want, w, arena, image);
  }

 private:
  // Positions and weights along one axis; equal sizes give weight 0 everywhere, so values pass exactly.
  static void Table(int32_t in, int32_t out, std::vector<int32_t>* first, std::vector<float>* weight) {
    const double scale = static_cast<double>(in) / out;
    for (int32_t i = 0; i < out; ++i) {
      const double at = (i + 0.5) * scale - 0.5;
      auto s = static_cast<int32_t>(std::floor(at));
      auto f = static_cast<float>(at - s);
      if (s < 0) s = 0, f = 0;
      if (s >= in - 1) s = in - 1, f = 0;
      (*first)[static_cast<size_t>(i)] = s;
      (*weight)[static_cast<size_t>(i)] = f;
    }
  }

  static void Columns(const Map& map, int32_t out_width, Workspace& w) {
    w.columns.resize(static_cast<size_t>(out_width));
    w.weights.resize(static_cast<size_t>(out_width));
    Table(map.width, out_width, &w.columns, &w.weights);
    w.row0.resize(static_cast<size_t>(out_width));
    w.row1.resize(static_cast<size_t>(out_width));
    w.mixed.resize(static_cast<size_t>(out_width));
  }

  static void Stretch(const Map& map, int32_t row, int32_t out_width, const Workspace& w, std::vector<float>* out) {
    const float* from = map.data + (map.y + row) * map.row_step + map.x * map.pixel_step;
    for (int32_t x = 0; x < out_width; ++x) {
      const auto i = static_cast<size_t>(x);
      const int32_t s = w.columns[i];
      const float f = w.weights[i], a = from[s * map.pixel_step];
      (*out)[i] = f == 0 ? a : a * (1 - f) + from[(s + 1) * map.pixel_step] * f;
    }
  }

  // The values of one full-resolution row, in w.mixed. Source rows are stretched once each.
  struct Rows {
    int32_t upper = -1, lower = -1;
  };
  static void Row(const Map& map, int32_t y, int32_t out_width, int32_t out_height, Rows* rows, Workspace& w) {
    const double at = (y + 0.5) * (static_cast<double>(map.height) / out_height) - 0.5;
    auto s = static_cast<int32_t>(std::floor(at));
    auto f = static_cast<float>(at - s);
    if (s < 0) s = 0, f = 0;
    if (s >= map.height - 1) s = map.height - 1, f = 0;
    if (rows->upper != s) {
      if (rows->lower == s) {
        std::swap(w.row0, w.row1);
        std::swap(rows->upper, rows->lower);
      } else {
        Stretch(map, s, out_width, w, &w.row0);
        rows->upper = s;
      }
    }
    if (f == 0) {
      std::copy(w.row0.begin(), w.row0.end(), w.mixed.begin());
      return;
    }
    if (rows->lower != s + 1) {
      Stretch(map, s + 1, out_width, w, &w.row1);
      rows->lower = s + 1;
    }
    for (size_t x = 0; x < static_cast<size_t>(out_width); ++x) w.mixed[x] = w.row0[x] * (1 - f) + w.row1[x] * f;
  }

  void DecideBinary(const Map& map, uint8_t label, const image::Geometry& g, Workspace& w) const {
    Columns(map, g.part_width, w);
    const auto threshold = static_cast<float>(options_.mask_threshold);
    const bool sigmoid = options_.activation == Activation::kSigmoid;
    Rows rows;
    for (int32_t y = 0; y < g.part_height; ++y) {
      Row(map, y, g.part_width, g.part_height, &rows, w);
      const size_t base = static_cast<size_t>(y) * static_cast<size_t>(g.part_width);
      for (size_t x = 0; x < static_cast<size_t>(g.part_width); ++x) {
        const float p = sigmoid ? 1.0f / (1.0f + std::exp(-w.mixed[x])) : w.mixed[x];
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
    Columns(first, g.part_width, w);
    w.plane.assign(softmax ? pixels : 0, 0.0f);  // sum of exp(x - running maximum)
    for (int64_t c = 0; c < channels; ++c) {
      Map map = first;
      map.data += c * channel_step;
      const uint8_t label = c == options_.background ? 0 : static_cast<uint8_t>(c + 1);
      Rows rows;
      for (int32_t y = 0; y < g.part_height; ++y) {
        Row(map, y, g.part_width, g.part_height, &rows, w);
        const size_t base = static_cast<size_t>(y) * width;
        for (size_t x = 0; x < width; ++x) {
          const size_t i = base + x;
          const float v = w.mixed[x];
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
    const auto full = static_cast<size_t>(job.full_width) * static_cast<size_t>(job.full_height);
    const auto width = static_cast<size_t>(job.width);
    const auto at = [&](int32_t y) {
      return static_cast<size_t>(job.top + y) * static_cast<size_t>(job.full_width) + static_cast<size_t>(job.left);
    };
    if (want & LNX_WANT_LABEL_MAP) {
      auto* map = arena.Array<uint8_t>(full);
      std::memset(map, 0, full);
      for (int32_t y = 0; y < job.height; ++y) {
        const uint8_t* from = w.labels.data() + static_cast<size_t>(y) * width;
        // Inside, 0 stands for nothing and id + 1 for a class; outside, the class id itself.
        for (size_t x = 0; x < width; ++x) map[at(y) + x] = from[x] == 0 ? 0 : static_cast<uint8_t>(from[x] - 1);
      }
      image->planes.Add(
          arena, LnxPlane{map, job.full_width, job.full_height, job.full_width, LNX_PIXEL_LABEL8, LNX_PLANE_LABEL_MAP, {}});
    }
    if (want & LNX_WANT_SCORE_MAP) {
      auto* map = arena.Array<float>(full);
      std::fill(map, map + full, 0.0f);
      for (int32_t y = 0; y < job.height; ++y)
        std::memcpy(map + at(y), w.best.data() + static_cast<size_t>(y) * width, width * sizeof(float));
      image->planes.Add(arena, LnxPlane{map,
                                        job.full_width,
                                        job.full_height,
                                        static_cast<int64_t>(job.full_width) * 4,
                                        LNX_PIXEL_F32_GRAY,
                                        LNX_PLANE_SCORE_MAP,
                                        {}});
    }
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
