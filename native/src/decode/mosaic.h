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

struct Map;
class Workspace;

constexpr uint64_t kMaxMosaicValues = 1ull << 28;  // 1 GiB

class Mosaic {
 public:
  // tiles: row by row, of one size, as session::PlaceTiles puts them over `part`.
  void Begin(const LnxRect& part, const std::vector<LnxRect>& tiles);
  // Before the first value of a run: how many pictures, and how many values a pixel's side becomes. LNX_E_IMAGE_SIZE when they
  // take more than kMaxMosaicValues. Nothing when it is as before.
  void Need(int32_t channels, int32_t scale);
  void Add(size_t tile, int32_t channel, const Map& map, Workspace& w);

  int32_t width() const { return width_; }
  int32_t height() const { return height_; }
  int32_t channels() const { return channels_; }
  const float* data() const { return values_.data(); }  // channel by channel
  double score = 0;                                     // largest of the tiles', where a graph gives one

 private:
  struct Side {  // of one column (or row) of tiles: where it has a say
    int32_t begin = 0, end = 0;
    std::vector<float> weights;
  };
  static void Weigh(const std::vector<int32_t>& begins, int32_t side, int32_t length, int32_t scale, std::vector<Side>* sides);

  LnxRect part_{};
  std::vector<int32_t> xs_, ys_;  // begins of the tiles' columns and rows, in the part
  int32_t tile_width_ = 0, tile_height_ = 0;
  int32_t width_ = 0, height_ = 0, channels_ = 0, scale_ = 0;
  std::vector<Side> columns_, rows_;
  std::vector<float> values_;
};

}  // namespace lnx::decode
