#include "decode/mosaic.h"

#include <algorithm>
#include <string>

#include "base/status.h"
#include "decode/stretch.h"
#include "decode/workspace.h"

namespace lnx::decode {
namespace {

// How much the tile after the border between two tiles has to say at p; it fades in over the middle half of what they share.
double After(double p, int32_t before_end, int32_t after_begin) {
  const double middle = 0.5 * (before_end + after_begin), half = 0.25 * (before_end - after_begin);
  if (half <= 0) return p < middle ? 0 : 1;
  return std::clamp((p - (middle - half)) / (2 * half), 0.0, 1.0);
}

}  // namespace

void Mosaic::Weigh(const std::vector<int32_t>& begins, int32_t side, int32_t length, int32_t scale, std::vector<Side>* sides) {
  sides->resize(begins.size());
  for (size_t i = 0; i < begins.size(); ++i) {
    Side& s = (*sides)[i];
    const bool first = i == 0, last = i + 1 == begins.size();
    s.weights.clear();
    s.begin = s.end = begins[i] * scale;
    const int32_t end = std::min(begins[i] + side, length) * scale;
    for (int32_t x = begins[i] * scale; x < end; ++x) {
      const double p = (x + 0.5) / scale;
      const double in = first ? 1 : After(p, begins[i - 1] + side, begins[i]);
      const double out = last ? 0 : After(p, begins[i] + side, begins[i + 1]);
      const auto weight = static_cast<float>(in - out);
      if (s.weights.empty() && weight <= 0) {
        s.begin = s.end = x + 1;
        continue;
      }
      s.weights.push_back(weight);
      if (weight > 0) s.end = x + 1;
    }
  }
}

void Mosaic::Begin(const LnxRect& part, const std::vector<LnxRect>& tiles) {
  part_ = part;
  xs_.clear();
  ys_.clear();
  tile_width_ = tiles.front().width;
  tile_height_ = tiles.front().height;
  for (const LnxRect& tile : tiles) {
    if (tile.y == tiles.front().y) xs_.push_back(tile.x - part.x);
    if (tile.x == tiles.front().x) ys_.push_back(tile.y - part.y);
  }
  channels_ = 0;
}

void Mosaic::Need(int32_t channels, int32_t scale) {
  if (channels_ == channels && scale_ == scale) return;
  const uint64_t values = static_cast<uint64_t>(channels) * static_cast<uint64_t>(part_.width) *
                          static_cast<uint64_t>(part_.height) * static_cast<uint64_t>(scale) * static_cast<uint64_t>(scale);
  if (values > kMaxMosaicValues) {
    Fail(LNX_E_IMAGE_SIZE,
         {std::to_string(part_.width) + " x " + std::to_string(part_.height) + " pixels with " + std::to_string(channels) +
              " values each and a scale of " + std::to_string(scale),
          "at most " + std::to_string(kMaxMosaicValues) + " values in one picture of tiles; inspect it in parts", "tiling"});
  }
  channels_ = channels;
  scale_ = scale;
  width_ = part_.width * scale;
  height_ = part_.height * scale;
  values_.assign(static_cast<size_t>(values), 0.0f);
  Weigh(xs_, tile_width_, part_.width, scale, &columns_);
  Weigh(ys_, tile_height_, part_.height, scale, &rows_);
  score = 0;
}

void Mosaic::Add(size_t tile, int32_t channel, const Map& map, Workspace& w) {
  const size_t column = tile % xs_.size(), row = tile / xs_.size();
  const Side &across = columns_[column], &down = rows_[row];
  const int32_t left = xs_[column] * scale_, top = ys_[row] * scale_;
  Stretch rows(map, tile_width_ * scale_, tile_height_ * scale_, w);
  float* plane = values_.data() + static_cast<size_t>(channel) * static_cast<size_t>(width_) * static_cast<size_t>(height_);
  const auto count = static_cast<size_t>(across.end - across.begin);
  for (int32_t y = down.begin; y < down.end; ++y) {
    const float* from = rows.Row(y - top) + (across.begin - left);
    float* to = plane + static_cast<size_t>(y) * static_cast<size_t>(width_) + across.begin;
    const float here = down.weights[static_cast<size_t>(y - down.begin)];
    for (size_t x = 0; x < count; ++x) to[x] += across.weights[x] * here * from[x];
  }
}

}  // namespace lnx::decode
