// Brings channels of an output to another size, row by row: bilinear with half-pixel centres, as cv2.INTER_LINEAR on float and
// as torch's interpolate with align_corners=False. Equal sizes pass values exactly, without a copy. Where a letterbox margin ends
// within a cell of the map, positions stay exact and only that cell is shared with the margin. Internal to decode/.
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

// Channels of one output, from the one of `first` on, `step` floats apart.
struct Channels {
  Map first;
  int64_t count = 1, step = 0;
  Map At(int64_t channel) const {
    Map map = first;
    map.data += channel * step;
    return map;
  }
};

// The part of a map of map_width x map_height over the whole model input that shows the image.
Map ContentOf(const image::Geometry& geometry, int32_t map_width, int32_t map_height, int64_t pixel_step);

// Position of pixel i of `out` pixels.
Position PositionOf(int32_t i, const Extent& extent, int32_t out);

// Whether each pixel of `out` is a cell of its own: pixel i is cell extent.first + i.
bool OneToOne(const Extent& extent, int32_t out);

// A whole map of its own.
Map WholeMap(const float* data, int32_t width, int32_t height);

// Rows of channels at out_width x out_height. Uses w.columns, w.weights, w.row0, w.row1 and w.mixed: one at a time per workspace.
class Stretch {
 public:
  Stretch(const Channels& channels, int32_t out_width, int32_t out_height, Workspace& w);
  Stretch(const Map& map, int32_t out_width, int32_t out_height, Workspace& w)
      : Stretch(Channels{map, 1, 0}, out_width, out_height, w) {}

  // Row y of a channel: p[x] for begin <= x < end. Valid until another row is asked for.
  const float* Row(int32_t y, int64_t channel, int32_t begin, int32_t end);
  const float* Row(int32_t y) { return Row(y, 0, 0, width_); }
  // The same, to out[0 .. end - begin).
  void Copy(int32_t y, int64_t channel, int32_t begin, int32_t end, float* out);

 private:
  void Prepare(int32_t y);
  void WidenAll(int32_t row, std::vector<float>* out) const;
  const float* Source(int32_t row, const std::vector<float>& widened, int64_t channel) const;

  Channels channels_;
  int32_t width_, height_;
  Workspace& w_;
  bool plain_;                       // rows of the map are rows of the image
  int32_t y_ = -1;                   // prepared
  Position at_{0, 0};                // of y_
  int32_t upper_ = -1, lower_ = -1;  // source rows that are in row0 and row1
};

}  // namespace lnx::decode
