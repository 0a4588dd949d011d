#include "session/tiling.h"

#include <algorithm>
#include <cmath>

namespace lnx::session {
namespace {

// Begins of the tiles along one side.
int32_t CountTiles(int32_t length, int32_t side, double overlap) {
  if (length <= side) return 1;
  const int32_t step = std::max(1, side - static_cast<int32_t>(std::ceil(side * overlap)));
  return (length - side + step - 1) / step + 1;
}

int32_t BeginOfTile(int32_t index, int32_t count, int32_t length, int32_t side) {
  if (count == 1) return 0;
  return static_cast<int32_t>(static_cast<int64_t>(index) * (length - side) / (count - 1));
}

double Area(const LnxRectF& b) { return (static_cast<double>(b.x2) - b.x1) * (static_cast<double>(b.y2) - b.y1); }

double Common(const LnxRectF& a, const LnxRectF& b) {
  const double width = static_cast<double>(std::min(a.x2, b.x2)) - std::max(a.x1, b.x1);
  const double height = static_cast<double>(std::min(a.y2, b.y2)) - std::max(a.y1, b.y1);
  return width > 0 && height > 0 ? width * height : 0;
}

}  // namespace

void PlaceTiles(const LnxRect& part, const manifest::Tiling& tiling, std::vector<LnxRect>* tiles) {
  const int32_t width = std::min(part.width, tiling.width), height = std::min(part.height, tiling.height);
  const int32_t columns = CountTiles(part.width, width, tiling.overlap), rows = CountTiles(part.height, height, tiling.overlap);
  tiles->clear();
  for (int32_t r = 0; r < rows; ++r) {
    for (int32_t c = 0; c < columns; ++c) {
      tiles->push_back({part.x + BeginOfTile(c, columns, part.width, width), part.y + BeginOfTile(r, rows, part.height, height),
                        width, height});
    }
  }
}

bool TileMerger::Cut(const LnxRect& part, const LnxObject& object, const LnxRect& tile) const {
  const double mx = std::max(1.0, tile.width / kBorderShare), my = std::max(1.0, tile.height / kBorderShare);
  const LnxRectF& b = object.box;
  const int32_t right = tile.x + tile.width, bottom = tile.y + tile.height;
  return (tile.x > part.x && static_cast<double>(b.x1) <= tile.x + mx) ||
         (tile.y > part.y && static_cast<double>(b.y1) <= tile.y + my) ||
         (right < part.x + part.width && static_cast<double>(b.x2) >= right - mx) ||
         (bottom < part.y + part.height && static_cast<double>(b.y2) >= bottom - my);
}

bool TileMerger::Suppressed(uint32_t index, bool class_aware, double iou, const result::List<LnxObject>& objects) const {
  const LnxObject& own = objects[index];
  const double area = Area(own.box);
  for (size_t t = 0; t < tiles.size(); ++t) {
    const Kept& kept = kept_[t];
    if (t == tile_of[index] || kept.objects.empty()) continue;
    const LnxRectF& b = own.box;
    if (static_cast<double>(b.x2) <= kept.x1 || static_cast<double>(b.y2) <= kept.y1 || static_cast<double>(b.x1) >= kept.x2 ||
        static_cast<double>(b.y1) >= kept.y2) {
      continue;
    }
    for (const uint32_t k : kept.objects) {
      if (class_aware && objects[k].class_id != own.class_id) continue;
      const double both = Common(own.box, objects[k].box);
      if (both <= 0) continue;
      if (both > iou * (area + Area(objects[k].box) - both) || (cut_[index] != 0 && both > kCutCovered * area)) return true;
    }
  }
  return false;
}

void TileMerger::Keep(uint32_t index, const LnxObject& object) {
  Kept& kept = kept_[tile_of[index]];
  const LnxRectF& b = object.box;
  const bool first = kept.objects.empty();
  kept.x1 = first ? static_cast<double>(b.x1) : std::min<double>(kept.x1, static_cast<double>(b.x1));
  kept.y1 = first ? static_cast<double>(b.y1) : std::min<double>(kept.y1, static_cast<double>(b.y1));
  kept.x2 = first ? static_cast<double>(b.x2) : std::max<double>(kept.x2, static_cast<double>(b.x2));
  kept.y2 = first ? static_cast<double>(b.y2) : std::max<double>(kept.y2, static_cast<double>(b.y2));
  kept.objects.push_back(index);
  left_.push_back(index);
}

void TileMerger::Merge(const LnxRect& part, bool class_aware, double iou, uint32_t most, result::List<LnxObject>* objects) {
  const uint32_t n = objects->size();
  cut_.resize(n);
  order_.resize(n);
  left_.clear();
  if (kept_.size() < tiles.size()) kept_.resize(tiles.size());
  for (Kept& kept : kept_) kept.objects.clear();
  for (uint32_t i = 0; i < n; ++i) {
    order_[i] = i;
    cut_[i] = Cut(part, (*objects)[i], tiles[tile_of[i]]) ? 1 : 0;
  }
  const auto better = [&](uint32_t a, uint32_t b) {
    return (*objects)[a].score != (*objects)[b].score ? (*objects)[a].score > (*objects)[b].score : a < b;
  };
  // Whole boxes first: a cut one must not push out the one that shows all of the object.
  std::sort(order_.begin(), order_.end(),
            [&](uint32_t a, uint32_t b) { return cut_[a] != cut_[b] ? cut_[a] < cut_[b] : better(a, b); });
  for (const uint32_t i : order_) {
    if (!Suppressed(i, class_aware, iou, *objects)) Keep(i, (*objects)[i]);
  }
  std::sort(left_.begin(), left_.end(), better);
  copy_.assign(objects->begin(), objects->end());
  const auto count = std::min(most, static_cast<uint32_t>(left_.size()));
  for (uint32_t i = 0; i < count; ++i) (*objects)[i] = copy_[left_[i]];
  objects->Truncate(count);
}

void KeepRegionsOfObjects(result::Arena& arena, result::ImageResult* image) {
  if (image->regions.size() == 0) return;
  result::List<LnxRegion> kept;
  for (LnxObject& object : image->objects) {
    if (object.region_index < 0) continue;
    kept.Add(arena, image->regions[static_cast<size_t>(object.region_index)]);
    object.region_index = static_cast<int32_t>(kept.size()) - 1;
  }
  image->regions = kept;
}

}  // namespace lnx::session
