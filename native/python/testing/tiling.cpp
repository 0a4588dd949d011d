// Opens the placing and merging of tiles.
#include "session/tiling.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>

#include "testing/rooms.h"

namespace py = pybind11;

namespace {

using Box = std::array<int32_t, 4>;

LnxRect ToRect(const Box& b) { return {b[0], b[1], b[2], b[3]}; }

std::vector<Box> Place(const Box& part, std::array<int32_t, 2> size, double overlap) {
  std::vector<LnxRect> tiles;
  lnx::session::PlaceTiles(ToRect(part), {size[0], size[1], overlap}, &tiles);
  std::vector<Box> boxes;
  for (const LnxRect& t : tiles) boxes.push_back({t.x, t.y, t.width, t.height});
  return boxes;
}

// Indices of what is left. Merged twice with the same buffers, as in a session.
std::vector<int32_t> Merge(const std::vector<std::array<float, 4>>& boxes, const std::vector<float>& scores,
                           const std::vector<int32_t>& classes, const std::vector<uint32_t>& tile_of,
                           const std::vector<Box>& tiles, const Box& part, double iou, bool aware, uint32_t most) {
  lnx::session::TileMerger merger;
  std::vector<int32_t> left;
  for (int round = 0; round < 2; ++round) {
    lnx::result::Arena arena;
    lnx::result::List<LnxObject> objects;
    for (size_t i = 0; i < boxes.size(); ++i) {
      LnxObject object{};
      object.box = {boxes[i][0], boxes[i][1], boxes[i][2], boxes[i][3]};
      object.score = scores[i];
      object.class_id = classes[i];
      object.region_index = static_cast<int32_t>(i);
      objects.Add(arena, object);
    }
    merger.tiles.clear();
    for (const Box& tile : tiles) merger.tiles.push_back(ToRect(tile));
    merger.tile_of = tile_of;
    merger.Merge(ToRect(part), aware, iou, most, &objects);
    left.clear();
    for (const LnxObject& object : objects) left.push_back(object.region_index);
  }
  return left;
}

}  // namespace

void BindTiling(py::module_& m) {
  m.def("place_tiles", &Place);
  m.def("merge_tiles", &Merge);
}
