// Labels and scores of every pixel of the image from the maps of a model, cell by cell. Internal to decode/.
//
// A cell is the rectangle of image pixels between four neighbouring values of a map. Interpolation weighs the four with positive
// weights, and rounding keeps order; so where all four say the same, every pixel of the cell does, and the cell is filled without
// interpolation. Defects are small: nearly all cells of a good part are filled so. Scores are worked out where something was
// found, or everywhere when asked. Pixels get what stretch.h would give them (the plain way, which the tests compare with), but
// where two classes are equal within one rounding.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "decode/stretch.h"
#include "decode/workspace.h"

namespace lnx::decode {

constexpr int32_t kCellChunk = 256;  // pixels that are interpolated at once

// The way from a map to rows of the image: positions, and runs of pixels that share a verdict. Uses w.columns, w.weights,
// w.verdicts, w.segments and w.cell_runs: one at a time per workspace.
class Cells {
 public:
  Cells(const Map& map, int32_t width, int32_t height, Workspace& w);

  // Sets the verdict (0..255) of each value of the map that shows the image: verdict(row, column).
  template <typename Verdict>
  void Judge(const Verdict& verdict) {
    uint8_t* to = w_.verdicts.data();
    for (int32_t y = map_.y.first; y <= map_.y.last; ++y) {
      for (int32_t x = map_.x.first; x <= map_.x.last; ++x) *to++ = verdict(y, x);
    }
  }

  // Runs of row y from left to right; valid until the next call.
  const std::vector<CellRun>& Runs(int32_t y);

  // Interpolated values of the pixels begin..end of row y, of a channel that begins at `data`.
  void Values(const float* data, int32_t y, int32_t begin, int32_t end, float* out) const;

 private:
  Map map_;
  int32_t height_;
  int32_t upper_ = -1, lower_ = -1;  // rows of the map that w.cell_runs stands for
  Workspace& w_;
};

// Label `label` where score(value) >= threshold, else 0. score must never fall while its argument rises.
// Fills w.labels and, where the label is not 0 or all_scores is set, w.best.
template <typename Score>
void LabelByThreshold(const Map& map, int32_t width, int32_t height, uint8_t label, float threshold, bool all_scores,
                      const Score& score, Workspace& w) {
  const auto pixels = static_cast<size_t>(width) * static_cast<size_t>(height);
  w.labels.resize(pixels);
  w.best.resize(pixels);
  Cells cells(map, width, height, w);
  cells.Judge([&](int32_t y, int32_t x) -> uint8_t {
    return score(map.data[y * map.row_step + x * map.pixel_step]) >= threshold ? 1 : 0;
  });
  float values[kCellChunk];
  for (int32_t y = 0; y < height; ++y) {
    const size_t base = static_cast<size_t>(y) * static_cast<size_t>(width);
    uint8_t* labels = w.labels.data() + base;
    float* scores = w.best.data() + base;
    for (const CellRun& run : cells.Runs(y)) {
      if (run.verdict >= 0) std::fill(labels + run.begin, labels + run.end, run.verdict != 0 ? label : uint8_t{0});
      if (run.verdict == 0 && !all_scores) continue;
      for (int32_t begin = run.begin; begin < run.end; begin += kCellChunk) {
        const int32_t end = std::min(begin + kCellChunk, run.end);
        cells.Values(map.data, y, begin, end, values);
        for (int32_t x = begin; x < end; ++x) {
          scores[x] = score(values[x - begin]);
          if (run.verdict < 0) labels[x] = scores[x] >= threshold ? label : 0;
        }
      }
    }
  }
}

struct ClassRule {
  enum class Activation { kNone, kSigmoid, kSoftmax };
  Activation activation = Activation::kNone;
  int64_t channels = 0, channel_step = 0;  // step in floats
  int64_t background = -1;                 // its label is 0, that of the others their number + 1
};

// Label of the largest channel (of equal ones the first); the score is its activated value. Fills w.labels and, where the label
// is not 0 or all_scores is set, w.best. `first` is the map of channel 0.
void LabelByClass(const Map& first, int32_t width, int32_t height, const ClassRule& rule, bool all_scores, Workspace& w);

}  // namespace lnx::decode
