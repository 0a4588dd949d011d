#include "decode/stretch.h"

#include <algorithm>
#include <cmath>

#include "decode/lanes.h"

namespace lnx::decode {
namespace {

Extent ExtentOf(int32_t begin, int32_t length, int32_t input, int32_t cells) {
  const double ratio = static_cast<double>(cells) / input;
  Extent e{begin * ratio, length * ratio, 0, 0};
  // A hair of slack, so that an exact border is not pushed over by rounding.
  e.first = std::clamp(static_cast<int32_t>(std::floor(e.begin + 1e-6)), 0, cells - 1);
  e.last = std::clamp(static_cast<int32_t>(std::ceil(e.begin + e.length - 1e-6)) - 1, e.first, cells - 1);
  return e;
}

}  // namespace

Position PositionOf(int32_t i, const Extent& extent, int32_t out) {
  const double at = extent.begin + (i + 0.5) * (extent.length / out) - 0.5;
  auto first = static_cast<int32_t>(std::floor(at));
  auto weight = static_cast<float>(at - first);
  if (first < extent.first) first = extent.first, weight = 0;
  if (first >= extent.last) first = extent.last, weight = 0;
  return {first, weight};
}

Map ContentOf(const image::Geometry& g, int32_t map_width, int32_t map_height, int64_t pixel_step) {
  Map map;
  map.pixel_step = pixel_step;
  map.row_step = pixel_step * map_width;
  map.x = ExtentOf(g.content_x, g.content_width, g.input_width, map_width);
  map.y = ExtentOf(g.content_y, g.content_height, g.input_height, map_height);
  return map;
}

Map WholeMap(const float* data, int32_t width, int32_t height) {
  return {data, 1, width, ExtentOf(0, width, width, width), ExtentOf(0, height, height, height)};
}

bool OneToOne(const Extent& extent, int32_t out) {
  return extent.length == out && extent.begin == extent.first && extent.last == extent.first + out - 1;
}

Stretch::Stretch(const Channels& channels, int32_t out_width, int32_t out_height, Workspace& w)
    : channels_(channels), width_(out_width), height_(out_height), w_(w) {
  const Map& map = channels.first;
  plain_ = map.pixel_step == 1 && OneToOne(map.x, out_width);
  const size_t n = static_cast<size_t>(out_width), all = n * static_cast<size_t>(channels.count);
  w.mixed.resize(std::max(w.mixed.size(), all));
  if (plain_) return;
  w.columns.resize(n);
  w.weights.resize(n);
  w.row0.resize(std::max(w.row0.size(), all));
  w.row1.resize(std::max(w.row1.size(), all));
  for (int32_t x = 0; x < out_width; ++x) {
    const Position p = PositionOf(x, map.x, out_width);
    w.columns[static_cast<size_t>(x)] = p.first;
    w.weights[static_cast<size_t>(x)] = p.weight;
  }
}

void Stretch::WidenAll(int32_t row, std::vector<float>* out) const {
  const Map& map = channels_.first;
  const Lanes& lanes = FastLanes();
  for (int64_t c = 0; c < channels_.count; ++c) {
    const float* from = map.data + c * channels_.step + row * map.row_step;
    float* to = out->data() + c * width_;
    if (map.pixel_step == 1) {
      lanes.widen(from, map.x.last + 1, w_.columns.data(), w_.weights.data(), width_, to);
      continue;
    }
    for (size_t i = 0; i < static_cast<size_t>(width_); ++i) {
      const float f = w_.weights[i], a = from[w_.columns[i] * map.pixel_step];
      to[i] = f == 0 ? a : a * (1 - f) + from[(w_.columns[i] + 1) * map.pixel_step] * f;
    }
  }
}

void Stretch::Prepare(int32_t y) {
  if (y_ == y) return;
  y_ = y;
  at_ = PositionOf(y, channels_.first.y, height_);
  if (plain_) return;
  if (upper_ != at_.first) {
    if (lower_ == at_.first) {
      std::swap(w_.row0, w_.row1);
      std::swap(upper_, lower_);
    } else {
      WidenAll(at_.first, &w_.row0);
      upper_ = at_.first;
    }
  }
  if (at_.weight == 0 || lower_ == at_.first + 1) return;
  WidenAll(at_.first + 1, &w_.row1);
  lower_ = at_.first + 1;
}

const float* Stretch::Source(int32_t row, const std::vector<float>& widened, int64_t channel) const {
  const Map& map = channels_.first;
  return plain_ ? map.data + channel * channels_.step + row * map.row_step + map.x.first : widened.data() + channel * width_;
}

const float* Stretch::Row(int32_t y, int64_t channel, int32_t begin, int32_t end) {
  Prepare(y);
  if (at_.weight == 0) return Source(at_.first, w_.row0, channel);
  float* mixed = w_.mixed.data() + channel * width_;
  Copy(y, channel, begin, end, mixed + begin);
  return mixed;
}

void Stretch::Copy(int32_t y, int64_t channel, int32_t begin, int32_t end, float* out) {
  Prepare(y);
  const float* upper = Source(at_.first, w_.row0, channel) + begin;
  if (at_.weight == 0) {
    std::copy(upper, upper + (end - begin), out);
  } else {
    FastLanes().mix(upper, Source(at_.first + 1, w_.row1, channel) + begin, at_.weight, end - begin, out);
  }
}

}  // namespace lnx::decode
