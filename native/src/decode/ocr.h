// Text: a map of probabilities -> lines, and a matrix of class probabilities -> characters. The plain twin is
// sdk/lnx/reference/ocr.py. Scratch grows, then nothing is allocated.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/span.h"
#include "lnx/lnx.h"
#include "manifest/ocr.h"

namespace lnx::decode {

struct Pixel {
  int32_t x = 0, y = 0;
};

// Outlines of the connected areas of a mask (8-connected) and of their holes (4-connected), as convex hulls of the area's pixels
// that touch the outside or the hole; last found first, when the mask is read row by row.
class Outlines {
 public:
  // mask: width * height bytes, 0 or not.
  void Find(const uint8_t* mask, int32_t width, int32_t height, uint32_t most);
  size_t size() const { return found_.size(); }
  // The hull of outline i, with the clock as seen on the screen, no three corners in a line.
  const std::vector<Pixel>& Hull(size_t i);

 private:
  struct Run {
    int32_t y, begin, end, parent;
    bool set;
  };
  struct Extent {  // of one row
    int32_t y, low, high;
  };
  struct Found {
    int32_t y, x;           // where a reader of rows meets it
    uint32_t first, count;  // extents
    bool hole;
  };
  int32_t Root(int32_t run);
  void Join(int32_t a, int32_t b);
  void ReadRuns(const uint8_t* mask, int32_t width, int32_t height);
  void AddOuter(const int32_t* runs, size_t n);
  void AddHole(const int32_t* runs, size_t n);
  void MergeRows(const int32_t* runs, size_t n);

  std::vector<Run> runs_;
  std::vector<int32_t> row_first_, members_, counts_, offsets_;
  std::vector<uint8_t> open_;  // of a root: it touches the border of the mask
  std::vector<Extent> extents_, rows_;
  std::vector<Found> found_;
  std::vector<Pixel> points_, hull_;
};

// The smallest rectangle around a convex outline of whole pixels, in the arithmetic of cv::minAreaRect: float32, rotating
// calipers.
struct Rectangle {
  LnxPointF corner[4];  // from the top left, with the clock
  float shorter = 0;
};
Rectangle SmallestRectangle(const std::vector<Pixel>& hull);

// Moves the outline of a quadrilateral outward by area * ratio / perimeter, corners becoming arcs; whole pixels.
void Grow(const LnxPointF quad[4], double ratio, std::vector<Pixel>* outline);

// The convex hull of points, with the clock.
void ConvexHull(std::vector<Pixel>* points, std::vector<Pixel>* hull);

// Mean of a map inside a quadrilateral, its border included. rows: scratch.
double MeanInside(const float* map, int32_t width, int32_t height, const LnxPointF quad[4], std::vector<int32_t>* rows);

struct TextLine {
  LnxPointF quad[4];  // whole pixels of the searched picture, from the top left, with the clock
  float box_score = 0;
};

class LineFinder {
 public:
  // map: probabilities of width x height for a searched picture of picture_width x picture_height. In reading order.
  // LNX_E_NUMERIC for NaN.
  const std::vector<TextLine>& Find(const float* map, int32_t width, int32_t height, int32_t picture_width,
                                    int32_t picture_height, const manifest::OcrDecode::Detector& options);

 private:
  void Mask(const float* map, int32_t width, int32_t height, const manifest::OcrDecode::Detector& options);

  std::vector<uint8_t> mask_, plain_[2];  // plain: rows before they grow, the last and this one
  std::vector<int32_t> rows_;
  std::vector<Pixel> grown_, hull_;
  std::vector<TextLine> lines_;
  Outlines outlines_;
};

// Reading order: "neighbour" or "chain" (manifest::OcrDecode::Detector).
void SortLines(std::vector<TextLine>* lines, int32_t gap, bool chain);

// A line as read. Characters are classes of the graph minus one.
struct Reading {
  std::vector<int32_t> characters, columns;
  std::vector<float> scores;
  float score = 0;  // mean of scores, 0 without characters
};

// CTC, greedy: best class per column, repeats and blanks (class 0) dropped. LNX_E_NUMERIC for NaN.
void ReadColumns(const float* probabilities, int64_t columns, int64_t classes, Reading* reading);

// The characters of a graph: one per line of a UTF-8 file, then a space when `space` is set.
class Dictionary {
 public:
  Dictionary() = default;
  // LNX_E_DICTIONARY for a file that is empty or not UTF-8. where: its entry, for errors.
  Dictionary(Bytes file, bool space, const std::string& where);
  // LNX_E_DICTIONARY unless the graph has a class for each character and the blank.
  void Require(int64_t classes, const std::string& output) const;
  std::string_view operator[](size_t character) const {
    return {text_.data() + starts_[character], starts_[character + 1] - starts_[character]};
  }
  size_t size() const { return starts_.empty() ? 0 : starts_.size() - 1; }

 private:
  std::string text_, where_;
  std::vector<size_t> starts_;
};

}  // namespace lnx::decode
