// Brings one channel of an output to another size, row by row: bilinear with half-pixel centres, as cv2.INTER_LINEAR on float and
// as torch's interpolate with align_corners=False. Equal sizes pass values exactly. Where a letterbox margin ends within a cell
// of the map, positions stay exact and only that cell is shared with the margin. Internal to decode/.
#pragma once

#include <cstdint>

#include "decode/workspace.h"

namespace lnx::decode {

// Where a pixel of the image lies on a map, along one axis.
struct Position {
  int32_t first;
  float weight;  // of first + 1; 0 at the ends
};

// Along one axis: the part of a map that shows the image, in cells, and the cells that may be read.
struct Extent {
  double begin = 0, length = 0;
  int32_t first = 0, last = 0;  // both read
};

// One channel of the output, and the part of it that shows the image.
struct Map {
  const float* data = nullptr;
  int64_t pixel_step = 1, row_step = 0;  // in floats
  Extent x, y;
};

// The part of a map of map_width x map_height over the whole model input that shows the image.
Map ContentOf(const image::Geometry& geometry, int32_t map_width, int32_t map_height, int64_t pixel_step);

// Position of pixel i of `out` pixels.
Position PositionOf(int32_t i, const Extent& extent, int32_t out);

// A whole map of its own.
Map WholeMap(const float* data, int32_t width, int32_t height);

// Rows of `map` at out_width x out_height, into w.mixed. Uses w.columns, w.weights, w.row0 and w.row1: one at a time per
// workspace.
class Stretch {
 public:
  Stretch(const Map& map, int32_t out_width, int32_t out_height, Workspace& w);
  const float* Row(int32_t y);

 private:
  void Widen(int32_t row, std::vector<float>* out) const;

  Map map_;
  int32_t width_, height_;
  Workspace& w_;
  int32_t upper_ = -1, lower_ = -1;  // source rows that are in row0 and row1
};

}  // namespace lnx::decode
