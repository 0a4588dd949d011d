#include "decode/stretch.h"

#include <algorithm>
#include <cmath>

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

Stretch::Stretch(const Map& map, int32_t out_width, int32_t out_height, Workspace& w)
    : map_(map), width_(out_width), height_(out_height), w_(w) {
  const auto n = static_cast<size_t>(out_width);
  w.columns.resize(n);
  w.weights.resize(n);
  w.row0.resize(n);
  w.row1.resize(n);
  w.mixed.resize(n);
  for (int32_t x = 0; x < out_width; ++x) {
    const Position p = PositionOf(x, map.x, out_width);
    w.columns[static_cast<size_t>(x)] = p.first;
    w.weights[static_cast<size_t>(x)] = p.weight;
  }
}

void Stretch::Widen(int32_t row, std::vector<float>* out) const {
  const float* from = map_.data + row * map_.row_step;
  for (size_t i = 0; i < static_cast<size_t>(width_); ++i) {
    const int32_t s = w_.columns[i];
    const float f = w_.weights[i], a = from[s * map_.pixel_step];
    (*out)[i] = f == 0 ? a : a * (1 - f) + from[(s + 1) * map_.pixel_step] * f;
  }
}

const float* Stretch::Row(int32_t y) {
  const Position p = PositionOf(y, map_.y, height_);
  if (upper_ != p.first) {
    if (lower_ == p.first) {
      std::swap(w_.row0, w_.row1);
      std::swap(upper_, lower_);
    } else {
      Widen(p.first, &w_.row0);
      upper_ = p.first;
    }
  }
  if (p.weight == 0) {
    std::copy(w_.row0.begin(), w_.row0.end(), w_.mixed.begin());
    return w_.mixed.data();
  }
  if (lower_ != p.first + 1) {
    Widen(p.first + 1, &w_.row1);
    lower_ = p.first + 1;
  }
  for (size_t x = 0; x < static_cast<size_t>(width_); ++x) w_.mixed[x] = w_.row0[x] * (1 - p.weight) + w_.row1[x] * p.weight;
  return w_.mixed.data();
}

}  // namespace lnx::decode
