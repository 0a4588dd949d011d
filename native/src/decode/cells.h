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
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "decode/lanes.h"
#include "decode/stretch.h"
#include "decode/workspace.h"

namespace lnx::decode {

constexpr int32_t kCellChunk = 256;  // pixels that are interpolated at once
// Where this share of a row is to be interpolated, rows of the map are widened as a whole once, instead of pixel by pixel.
constexpr int32_t kDenseShare = 4;

// The part of a stretched map that is wanted, and where its answers go: pixel (x, y) of the map to labels[y * stride + x].
struct Window {
  Patch part;
  uint8_t* labels = nullptr;
  float* scores = nullptr;
  int64_t stride = 0;
};

// All of it, to w.labels and w.best.
Window WholeWindow(int32_t width, int32_t height, Workspace& w);

// The way from a map to rows of the image: positions, and runs of pixels that share a verdict. Uses w.columns, w.weights,
// w.verdicts, w.segments and w.cell_runs: one at a time per workspace.
class Cells {
 public:
  // begin .. end: the columns that are wanted.
  Cells(const Map& map, int32_t width, int32_t height, int32_t begin, int32_t end, Workspace& w);

  // Runs of row y from left to right; valid until the next call. judge(row, first, n, to) sets the verdicts (0..255) of n values
  // of a row of the map.
  template <typename Judge>
  const std::vector<CellRun>& Runs(int32_t y, const Judge& judge) {
    const Position p = PositionOf(y, map_.y, height_);
    const int32_t upper = p.first, lower = p.weight == 0 ? p.first : p.first + 1;
    if (upper == upper_ && lower == lower_) return w_.cell_runs;
    upper_ = upper;
    lower_ = lower;
    for (const int32_t row : {upper, lower}) {
      if (held_[row & 1] == row) continue;
      judge(row, first_, count_, Verdicts(row));
      held_[row & 1] = row;
    }
    FindRuns();
    return w_.cell_runs;
  }

  // Interpolated values of the pixels begin..end of row y, of a channel that begins at `data`.
  void Values(const float* data, int32_t y, int32_t begin, int32_t end, float* out) const;

 private:
  uint8_t* Verdicts(int32_t row) const { return w_.verdicts.data() + static_cast<std::ptrdiff_t>(row & 1) * count_; }
  void FindRuns();

  Map map_;
  int32_t height_, begin_;
  bool plain_;                       // columns of the map are columns of the image
  bool every_column_ = false;        // each column of the map has pixels
  int32_t first_ = 0, count_ = 0;    // columns of the map that have a verdict
  int32_t held_[2] = {-1, -1};       // rows of the map whose verdicts are known, even and odd
  int32_t upper_ = -1, lower_ = -1;  // rows of the map that w.cell_runs stands for
  Workspace& w_;
};

// The smallest number whose score reaches the threshold; infinity when none does. score must never fall while its argument rises.
template <typename Score>
float LimitOf(const Score& score, float threshold) {
  const auto number = [](int64_t place) {  // floats in their order, 0 at place 0
    const auto bits = static_cast<uint32_t>(place < 0 ? -place : place);
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return place < 0 ? -value : value;
  };
  constexpr int64_t kInfinity = 0x7F800000;
  int64_t low = 1 - kInfinity, high = kInfinity;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (score(number(middle)) >= threshold) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low == kInfinity ? std::numeric_limits<float>::infinity() : number(low);
}

// Label `label` where score(value) >= threshold, else 0. score must never fall while its argument rises.
// Fills the window's labels and, where the label is not 0 or all_scores is set, its scores.
template <typename Score>
void LabelByThreshold(const Map& map, int32_t width, int32_t height, const Window& window, uint8_t label, float threshold,
                      bool all_scores, const Score& score, Workspace& w) {
  const Patch& part = window.part;
  const float limit = LimitOf(score, threshold);
  Cells cells(map, width, height, part.left, part.right, w);
  const auto judge = [&](int32_t row, int32_t first, int32_t n, uint8_t* to) {
    const float* value = map.data + row * map.row_step + first * map.pixel_step;
    if (map.pixel_step == 1) return FastLanes().reaches(value, limit, n, to);
    for (int32_t x = 0; x < n; ++x) to[x] = value[x * map.pixel_step] >= limit ? 1 : 0;
  };
  std::optional<Stretch> rows;
  for (int32_t y = part.top; y < part.bottom; ++y) {
    uint8_t* labels = window.labels + y * window.stride;
    float* scores = window.scores + y * window.stride;
    const std::vector<CellRun>& runs = cells.Runs(y, judge);
    int32_t pixels = 0;
    for (const CellRun& run : runs) pixels += run.verdict == 0 && !all_scores ? 0 : run.end - run.begin;
    const bool dense = pixels > width / kDenseShare;
    if (dense && !rows) rows.emplace(map, width, height, w);
    for (const CellRun& run : runs) {
      if (run.verdict >= 0) std::fill(labels + run.begin, labels + run.end, run.verdict != 0 ? label : uint8_t{0});
      if (run.verdict == 0 && !all_scores) continue;
      if (dense && rows) {
        rows->Copy(y, 0, run.begin, run.end, scores + run.begin);
      } else {
        cells.Values(map.data, y, run.begin, run.end, scores + run.begin);
      }
      for (int32_t x = run.begin; run.verdict < 0 && x < run.end; ++x) labels[x] = scores[x] >= limit ? label : uint8_t{0};
      for (int32_t x = run.begin; x < run.end; ++x) scores[x] = score(scores[x]);
    }
  }
}

struct ClassRule {
  enum class Activation { kNone, kSigmoid, kSoftmax };
  Activation activation = Activation::kNone;
  int64_t background = -1;  // its label is 0, that of the others their number + 1
};

// Label of the largest channel (of equal ones the first); the score is its activated value. Fills the window's labels and, where
// the label is not 0 or all_scores is set, its scores.
void LabelByClass(const Channels& channels, int32_t width, int32_t height, const Window& window, const ClassRule& rule,
                  bool all_scores, Workspace& w);

}  // namespace lnx::decode
