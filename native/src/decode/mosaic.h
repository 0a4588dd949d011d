// One picture of values from those of overlapping tiles, at the resolution of the image (times a scale). Internal to decode/.
//
// Near its inner border a tile has not seen what lies around a pixel, so of the zone that two neighbours share, each leaves the
// outer quarter to the other; over the half between, one fades linearly into the other. The weights of a pixel add up to one, and
// where a single tile answers its values pass exactly. A model that looks no further than a quarter of the overlap thus gives the
// values that it would give for the whole image. The plain twin is `blend` in sdk/lnx/reference/tiling.py.
#pragma once

#include <cstdint>
#include <vector>

#include "lnx/lnx.h"

namespace lnx::decode {

struct Channels;
class Workspace;

constexpr uint64_t kMaxMosaicValues = 1ull << 28;  // 1 GiB

// Part of a picture, half open.
struct Patch {
  int32_t left = 0, top = 0, right = 0, bottom = 0;
  bool Empty() const { return left >= right || top >= bottom; }
};

// Most of the picture lies in one tile alone, where nothing is to be blended. A family that can settle such a part at once, tile
// by tile, leaves it out: AddShared, and after the last tile the patches of Shared are settled from data().
class Mosaic {
 public:
  // tiles: row by row, of one size, as session::PlaceTiles puts them over `part`; they are added in that order.
  void Begin(const LnxRect& part, const std::vector<LnxRect>& tiles);
  // Before the first value of a run: how many pictures, and how many values a pixel's side becomes. LNX_E_IMAGE_SIZE when they
  // take more than kMaxMosaicValues. Nothing, and false, when it is as before.
  bool Need(int32_t channels, int32_t scale);

  void Add(size_t tile, const Channels& channels, Workspace& w) { AddTile(tile, channels, true, w); }
  void AddShared(size_t tile, const Channels& channels, Workspace& w) { AddTile(tile, channels, false, w); }

  // What belongs to one tile alone, and where the tile's own (0, 0) lies.
  Patch Alone(size_t tile) const;
  Patch TileOf(size_t tile) const;
  // What belongs to no tile alone.
  const std::vector<Patch>& Shared() const { return shared_; }

  int32_t width() const { return width_; }
  int32_t height() const { return height_; }
  int32_t channels() const { return channels_; }
  const float* data() const { return values_.data(); }  // channel by channel
  double score = 0;                                     // largest of the tiles', where a graph gives one

 private:
  struct Side {  // of one column (or row) of tiles: where it has a say, where nobody else has, and where one before it has
    int32_t begin = 0, end = 0;
    int32_t alone_begin = 0, alone_end = 0;
    int32_t before = 0;
    std::vector<float> weights;
  };
  static void Weigh(const std::vector<int32_t>& begins, int32_t side, int32_t length, int32_t scale, std::vector<Side>* sides);
  static void FindAlone(std::vector<Side>* sides);
  void FindShared();
  void AddTile(size_t tile, const Channels& channels, bool alone, Workspace& w);

  LnxRect part_{};
  std::vector<int32_t> xs_, ys_;  // begins of the tiles' columns and rows, in the part
  int32_t tile_width_ = 0, tile_height_ = 0;
  int32_t width_ = 0, height_ = 0, channels_ = 0, scale_ = 0;
  std::vector<Side> columns_, rows_;
  std::vector<Patch> shared_;
  std::vector<float> values_;
};

}  // namespace lnx::decode
