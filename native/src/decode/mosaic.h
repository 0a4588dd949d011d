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
// by tile, keeps only the patches that tiles share (Keep::kShared), each in a block of its own, which stays in the cache between
// two tiles; after the last tile it settles them.
class Mosaic {
 public:
  enum class Keep { kAll, kShared };

  // tiles: row by row, of one size, as session::PlaceTiles puts them over `part`; they are added in that order.
  void Begin(const LnxRect& part, const std::vector<LnxRect>& tiles);
  // Before the first value of a run: how many pictures, and how many values a pixel's side becomes. LNX_E_IMAGE_SIZE when they
  // take more than kMaxMosaicValues. Nothing, and false, when it is as before.
  bool Need(int32_t channels, int32_t scale, Keep keep);

  // Rows top .. bottom of a tile, in the picture, to where they are kept.
  void Add(size_t tile, const Channels& channels, int32_t top, int32_t bottom, Workspace& w);
  void Add(size_t tile, const Channels& channels, Workspace& w) { Add(tile, channels, 0, height_, w); }

  // A tile whose values have not been checked: for NaN and infinity here (LNX_E_NUMERIC), and settle(part) is called for what
  // belongs to it alone, in the picture. Goes in bands of rows where it can, so that what was checked is still near when it is
  // used.
  template <typename Settle>
  void Take(size_t tile, const Channels& channels, size_t elements, const char* where, Workspace& w, const Settle& settle) {
    const Patch own = TileOf(tile), alone = Alone(tile);
    const int32_t step = Check(own, channels, elements, where) ? own.bottom - own.top : kBand;
    for (int32_t top = own.top; top < own.bottom; top += step) {
      const int32_t bottom = top + step < own.bottom ? top + step : own.bottom;
      if (step == kBand) CheckRows(channels, top - own.top, bottom - own.top, where);
      Add(tile, channels, top, bottom, w);
      const Patch part{alone.left, alone.top > top ? alone.top : top, alone.right, alone.bottom < bottom ? alone.bottom : bottom};
      if (!part.Empty()) settle(part);
    }
  }

  // What belongs to one tile alone, and where the tile itself lies.
  Patch Alone(size_t tile) const;
  Patch TileOf(size_t tile) const;
  // What is kept: patches, and the channels of each (as many as its columns are one after the other in a row).
  size_t kept() const { return blocks_.size(); }
  const Patch& PatchOf(size_t block) const { return blocks_[block].patch; }
  Channels ChannelsOf(size_t block) const;

  int32_t width() const { return width_; }
  int32_t height() const { return height_; }
  int32_t channels() const { return channels_; }
  double score = 0;  // largest of the tiles', where a graph gives one

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
  void Allot(const Patch& patch);
  // All at once, and true, when rows of the map are not rows of the tile.
  static bool Check(const Patch& own, const Channels& channels, size_t elements, const char* where);
  static void CheckRows(const Channels& channels, int32_t top, int32_t bottom, const char* where);

  static constexpr int32_t kBand = 32;  // rows

  struct Block {
    Patch patch;
    size_t offset = 0;  // of its first value; channel by channel, row by row
  };
  LnxRect part_{};
  std::vector<int32_t> xs_, ys_;  // begins of the tiles' columns and rows, in the part
  int32_t tile_width_ = 0, tile_height_ = 0;
  int32_t width_ = 0, height_ = 0, channels_ = 0, scale_ = 0;
  std::vector<Side> columns_, rows_;
  Keep keep_ = Keep::kAll;
  std::vector<Block> blocks_;
  std::vector<size_t> touched_;  // blocks that a tile has a say in
  size_t used_ = 0;              // values of all blocks
  std::vector<float> values_;
};

}  // namespace lnx::decode
