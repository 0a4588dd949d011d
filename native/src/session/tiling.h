// Large images: parts of equal size that the model sees one after the other, and one answer from theirs. The plain twin is
// sdk/lnx/reference/tiling.py. Maps and pictures are blended (decode/mosaic.h); what follows is about objects.
//
// An object that lies wholly inside at least one tile is reported once and whole: the overlap has to be as large as the largest
// object. Within a tile the family's own suppression has decided; between tiles a box goes when it overlaps a kept one of its
// class by more than the suppression's limit, or when an inner border of its tile cuts it and a kept one covers most of what is
// left.
#pragma once

#include <cstdint>
#include <vector>

#include "manifest/manifest.h"
#include "result/result.h"

namespace lnx::session {

constexpr double kCutCovered = 0.7;  // share of a cut box that a kept one of another tile must cover
constexpr double kBorderShare = 64;  // a box is cut when it comes within 1 / 64 of the tile's side to an inner border

// Tiles of the part, row by row: inside it, spread evenly, neighbours overlapping by at least the declared share. A side that is
// not longer than a tile has one.
void PlaceTiles(const LnxRect& part, const manifest::Tiling& tiling, std::vector<LnxRect>* tiles);

class TileMerger {
 public:
  std::vector<LnxRect> tiles;
  std::vector<uint32_t> tile_of;  // of each object

  // Leaves of `objects` what counts, best first, at most `most`. part: that was tiled.
  void Merge(const LnxRect& part, bool class_aware, double iou, uint32_t most, result::List<LnxObject>* objects);

 private:
  struct Kept {
    std::vector<uint32_t> objects;
    double x1, y1, x2, y2;  // around them
  };
  bool Cut(const LnxRect& part, const LnxObject& object, const LnxRect& tile) const;
  bool Suppressed(uint32_t index, bool class_aware, double iou, const result::List<LnxObject>& objects) const;
  void Keep(uint32_t index, const LnxObject& object);

  std::vector<uint8_t> cut_;
  std::vector<uint32_t> order_, left_;
  std::vector<Kept> kept_;  // per tile
  std::vector<LnxObject> copy_;
};

// Regions (instance masks) of objects that are gone go too; the others follow the order of their objects.
void KeepRegionsOfObjects(result::Arena& arena, result::ImageResult* image);

}  // namespace lnx::session
