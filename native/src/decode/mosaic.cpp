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

// Where a side has a say and no other has; there it has all of it.
void Mosaic::FindAlone(std::vector<Side>* sides) {
  int32_t before = 0;
  for (size_t i = 0; i < sides->size(); ++i) {
    Side& s = (*sides)[i];
    int32_t after = s.end;
    for (size_t k = i + 1; k < sides->size(); ++k) after = std::min(after, (*sides)[k].begin);
    s.before = before;
    before = std::max(before, s.end);
    const auto whole = [&](int32_t x) { return s.weights[static_cast<size_t>(x - s.begin)] == 1; };
    s.alone_begin = std::max(s.begin, s.before);
    while (s.alone_begin < after && !whole(s.alone_begin)) ++s.alone_begin;
    s.alone_end = s.alone_begin;
    while (s.alone_end < after && whole(s.alone_end)) ++s.alone_end;
  }
}

void Mosaic::Allot(const Patch& patch) {
  if (patch.Empty()) return;
  blocks_.push_back({patch, used_});
  used_ += static_cast<size_t>(channels_) * static_cast<size_t>(patch.right - patch.left) *
           static_cast<size_t>(patch.bottom - patch.top);
}

void Mosaic::FindShared() {
  int32_t top = 0;
  for (const Side& row : rows_) {
    if (row.alone_begin >= row.alone_end) continue;
    Allot({0, top, width_, row.alone_begin});
    int32_t left = 0;
    for (const Side& column : columns_) {
      if (column.alone_begin >= column.alone_end) continue;
      Allot({left, row.alone_begin, column.alone_begin, row.alone_end});
      left = column.alone_end;
    }
    Allot({left, row.alone_begin, width_, row.alone_end});
    top = row.alone_end;
  }
  Allot({0, top, width_, height_});
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

bool Mosaic::Need(int32_t channels, int32_t scale, Keep keep) {
  if (channels_ == channels && scale_ == scale && keep_ == keep) return false;
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
  keep_ = keep;
  Weigh(xs_, tile_width_, part_.width, scale, &columns_);
  Weigh(ys_, tile_height_, part_.height, scale, &rows_);
  FindAlone(&columns_);
  FindAlone(&rows_);
  blocks_.clear();
  used_ = 0;
  if (keep == Keep::kAll) {
    Allot({0, 0, width_, height_});
  } else {
    FindShared();
  }
  values_.resize(std::max(values_.size(), used_));  // whoever comes first at a pixel sets it
  score = 0;
  return true;
}

Channels Mosaic::ChannelsOf(size_t block) const {
  const Patch& patch = blocks_[block].patch;
  const int32_t width = patch.right - patch.left, height = patch.bottom - patch.top;
  return {WholeMap(values_.data() + blocks_[block].offset, width, height), channels_, static_cast<int64_t>(width) * height};
}

Patch Mosaic::Alone(size_t tile) const {
  const Side &column = columns_[tile % xs_.size()], &row = rows_[tile / xs_.size()];
  return {column.alone_begin, row.alone_begin, column.alone_end, row.alone_end};
}

Patch Mosaic::TileOf(size_t tile) const {
  const int32_t left = xs_[tile % xs_.size()] * scale_, top = ys_[tile / xs_.size()] * scale_;
  return {left, top, left + tile_width_ * scale_, top + tile_height_ * scale_};
}

bool Mosaic::Check(const Patch& own, const Channels& channels, size_t elements, const char* where) {
  const int32_t width = own.right - own.left, height = own.bottom - own.top;
  const Map& map = channels.first;
  const bool rows = height > kBand && map.pixel_step == 1 && map.row_step == width && OneToOne(map.x, width) &&
                    OneToOne(map.y, height) && map.y.first == 0 && channels.step == static_cast<int64_t>(width) * height &&
                    elements == static_cast<size_t>(channels.count * channels.step);
  if (!rows) CheckFinite(map.data, elements, where);
  return !rows;
}

void Mosaic::CheckRows(const Channels& channels, int32_t top, int32_t bottom, const char* where) {
  const int64_t row = channels.first.row_step;
  for (int64_t c = 0; c < channels.count; ++c)
    CheckFinite(channels.first.data + c * channels.step + top * row, static_cast<size_t>((bottom - top) * row), where);
}

void Mosaic::Add(size_t tile, const Channels& channels, int32_t top, int32_t bottom, Workspace& w) {
  const Side &across = columns_[tile % xs_.size()], &down = rows_[tile / xs_.size()];
  const Patch own = TileOf(tile), single = Alone(tile);
  Stretch rows(channels, own.right - own.left, own.bottom - own.top, w);
  touched_.clear();
  for (size_t b = 0; b < blocks_.size(); ++b) {
    const Patch& p = blocks_[b].patch;
    if (p.left < across.end && p.right > across.begin && p.top < down.end && p.bottom > down.begin) touched_.push_back(b);
  }
  for (int32_t y = std::max(top, down.begin); y < std::min(bottom, down.end); ++y) {
    const float weight = down.weights[static_cast<size_t>(y - down.begin)];
    const bool apart = !single.Empty() && y >= single.top && y < single.bottom, first = y >= down.before;
    for (const size_t b : touched_) {
      const Patch& p = blocks_[b].patch;
      if (y < p.top || y >= p.bottom) continue;
      const int32_t left = std::max(p.left, across.begin), right = std::min(p.right, across.end), width = p.right - p.left;
      const size_t plane = static_cast<size_t>(width) * static_cast<size_t>(p.bottom - p.top);
      for (int64_t c = 0; c < channels.count; ++c) {
        float* line = values_.data() + blocks_[b].offset + static_cast<size_t>(c) * plane +
                      static_cast<size_t>(y - p.top) * static_cast<size_t>(width);
        const float* row = rows.Row(y - own.top, c, left - own.left, right - own.left);
        const auto add = [&](int32_t begin, int32_t end) {
          const float *share = across.weights.data() + (begin - across.begin), *from = row + (begin - own.left);
          float* to = line + (begin - p.left);
          const int32_t n = end - begin, held = first ? std::clamp(across.before, begin, end) - begin : n;
          for (int32_t x = 0; x < held; ++x) to[x] += share[x] * weight * from[x];
          for (int32_t x = held; x < n; ++x) to[x] = share[x] * weight * from[x];
        };
        if (!apart || keep_ == Keep::kShared) {
          add(left, right);
          continue;
        }
        add(left, single.left);
        std::copy(row + (single.left - own.left), row + (single.right - own.left), line + (single.left - p.left));
        add(single.right, right);
      }
    }
  }
}

}  // namespace lnx::decode
