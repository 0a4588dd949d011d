// Lines of text in a map of probabilities (differentiable binarisation): threshold, outline, rectangle, mean, growth, order.
#include <algorithm>
#include <cmath>

#include "base/status.h"
#include "decode/lanes.h"
#include "decode/ocr.h"
#include "decode/workspace.h"

namespace lnx::decode {
namespace {

constexpr float kSmallest = 3;  // shorter side of a line in the map, and its sides in the picture

// First and last pixel of a line in each row, as the usual integer line drawing sets them: from left to right, one pixel per step
// along the longer axis.
template <typename Set>
void DrawLine(Pixel a, Pixel b, Set&& set) {
  if (b.x < a.x) std::swap(a, b);
  int32_t dx = b.x - a.x, dy = std::abs(b.y - a.y);
  const int32_t down = b.y < a.y ? -1 : 1;
  const bool steep = dy > dx;
  if (steep) std::swap(dx, dy);
  int32_t error = dx - 2 * dy;
  for (int32_t i = 0; i <= dx; ++i) {
    set(a.x, a.y);
    const bool both = error < 0;
    error += both ? 2 * dx - 2 * dy : -2 * dy;
    if (steep || both) a.y += down;
    if (!steep || both) a.x += 1;
  }
}

float Distance(const LnxPointF& a, const LnxPointF& b) {
  const float x = a.x - b.x, y = a.y - b.y;
  return std::sqrt(x * x + y * y);
}

// From the top left, with the clock: the two points at the left by height, then those at the right.
void Clockwise(LnxPointF quad[4]) {
  std::stable_sort(quad, quad + 4, [](const LnxPointF& a, const LnxPointF& b) { return a.x < b.x; });
  if (quad[1].y < quad[0].y) std::swap(quad[0], quad[1]);
  if (quad[3].y < quad[2].y) std::swap(quad[2], quad[3]);
  const LnxPointF lower_left = quad[1];
  quad[1] = quad[2];
  quad[2] = quad[3];
  quad[3] = lower_left;
}

// A square of two, whose hot spot is its lower right: every pixel also takes its left, upper and upper left neighbour. Outside is
// nothing.
void Dilate(const uint8_t* __restrict above, const uint8_t* __restrict own, size_t n, uint8_t* __restrict out) {
  out[0] = static_cast<uint8_t>(own[0] | above[0]);
  for (size_t x = 1; x < n; ++x) out[x] = static_cast<uint8_t>(own[x] | own[x - 1] | above[x] | above[x - 1]);
}

}  // namespace

double MeanInside(const float* map, int32_t width, int32_t height, const LnxPointF quad[4], std::vector<int32_t>* rows) {
  float least_x = quad[0].x, most_x = quad[0].x, least_y = quad[0].y, most_y = quad[0].y;
  for (int i = 1; i < 4; ++i) {
    least_x = std::min(least_x, quad[i].x);
    most_x = std::max(most_x, quad[i].x);
    least_y = std::min(least_y, quad[i].y);
    most_y = std::max(most_y, quad[i].y);
  }
  const int32_t x1 = std::clamp(static_cast<int32_t>(std::floor(least_x)), 0, width - 1);
  const int32_t x2 = std::clamp(static_cast<int32_t>(std::ceil(most_x)), 0, width - 1);
  const int32_t y1 = std::clamp(static_cast<int32_t>(std::floor(least_y)), 0, height - 1);
  const int32_t y2 = std::clamp(static_cast<int32_t>(std::ceil(most_y)), 0, height - 1);
  const int32_t lines = y2 - y1 + 1;
  rows->assign(2 * static_cast<size_t>(lines), INT32_MAX);
  int32_t *low = rows->data(), *high = low + lines;
  std::fill(high, high + lines, INT32_MIN);
  Pixel corner[4];
  for (int i = 0; i < 4; ++i)
    corner[i] = {static_cast<int32_t>(quad[i].x - static_cast<float>(x1)),
                 static_cast<int32_t>(quad[i].y - static_cast<float>(y1))};
  for (int i = 0; i < 4; ++i) {
    DrawLine(corner[i], corner[(i + 1) % 4], [&](int32_t x, int32_t y) {
      if (y < 0 || y >= lines) return;
      low[y] = std::min(low[y], x);
      high[y] = std::max(high[y], x);
    });
  }
  double sum = 0;
  int64_t n = 0;
  for (int32_t y = 0; y < lines; ++y) {
    if (low[y] > high[y]) continue;
    const int32_t from = std::max(low[y], 0), to = std::min(high[y], x2 - x1);
    const float* row = map + static_cast<size_t>(y1 + y) * static_cast<size_t>(width) + x1;
    for (int32_t x = from; x <= to; ++x) sum += static_cast<double>(row[x]);
    n += std::max(0, to - from + 1);
  }
  return n > 0 ? sum / static_cast<double>(n) : 0;
}

// Row by row, so that the numbers that were checked are still near when they are compared.
void LineFinder::Mask(const float* map, int32_t width, int32_t height, const manifest::OcrDecode::Detector& options) {
  const auto row = static_cast<size_t>(width), n = row * static_cast<size_t>(height);
  const float above_limit = std::nextafter(static_cast<float>(options.threshold), INFINITY);
  mask_.resize(std::max(mask_.size(), n));
  for (std::vector<uint8_t>& plain : plain_) plain.assign(row, 0);
  for (size_t y = 0; y < static_cast<size_t>(height); ++y) {
    const float* from = map + y * row;
    uint8_t* to = mask_.data() + y * row;
    CheckFinite(from, row, "the map of the text detector");
    if (!options.dilate) {
      FastLanes().reaches(from, above_limit, width, to);
      continue;
    }
    std::swap(plain_[0], plain_[1]);
    FastLanes().reaches(from, above_limit, width, plain_[1].data());
    Dilate(plain_[0].data(), plain_[1].data(), row, to);
  }
}

const std::vector<TextLine>& LineFinder::Find(const float* map, int32_t width, int32_t height, int32_t picture_width,
                                              int32_t picture_height, const manifest::OcrDecode::Detector& options) {
  Mask(map, width, height, options);
  outlines_.Find(mask_.data(), width, height, options.max_candidates);
  lines_.clear();
  for (size_t i = 0; i < outlines_.size(); ++i) {
    const Rectangle around = SmallestRectangle(outlines_.Hull(i));
    if (around.shorter < kSmallest) continue;
    const double score = MeanInside(map, width, height, around.corner, &rows_);
    if (score < options.box_threshold) continue;
    Grow(around.corner, options.unclip, &grown_);
    ConvexHull(&grown_, &hull_);
    const Rectangle grown = SmallestRectangle(hull_);
    if (grown.shorter < kSmallest + 2) continue;
    TextLine line;
    line.box_score = static_cast<float>(score);
    for (int k = 0; k < 4; ++k) {
      const auto to = [](float value, int32_t from, int32_t size) {
        return std::clamp(std::nearbyint(value / static_cast<float>(from) * static_cast<float>(size)), 0.0f,
                          static_cast<float>(size));
      };
      line.quad[k] = {to(grown.corner[k].x, width, picture_width), to(grown.corner[k].y, height, picture_height)};
    }
    Clockwise(line.quad);
    for (LnxPointF& p : line.quad) {
      p.x = std::min(p.x, static_cast<float>(picture_width - 1));
      p.y = std::min(p.y, static_cast<float>(picture_height - 1));
    }
    const auto whole = [](float v) { return static_cast<int32_t>(v); };
    if (whole(Distance(line.quad[0], line.quad[1])) <= 3 || whole(Distance(line.quad[0], line.quad[3])) <= 3) continue;
    lines_.push_back(line);
  }
  SortLines(&lines_, options.line_gap, options.chain);
  return lines_;
}

void SortLines(std::vector<TextLine>* lines, int32_t gap, bool chain) {
  std::vector<TextLine>& l = *lines;
  const auto limit = static_cast<float>(gap);
  if (chain) {
    std::stable_sort(l.begin(), l.end(), [](const TextLine& a, const TextLine& b) { return a.quad[0].y < b.quad[0].y; });
    for (size_t begin = 0; begin < l.size();) {
      size_t end = begin + 1;
      while (end < l.size() && l[end].quad[0].y - l[end - 1].quad[0].y < limit) ++end;
      std::stable_sort(l.begin() + static_cast<std::ptrdiff_t>(begin), l.begin() + static_cast<std::ptrdiff_t>(end),
                       [](const TextLine& a, const TextLine& b) { return a.quad[0].x < b.quad[0].x; });
      begin = end;
    }
    return;
  }
  std::stable_sort(l.begin(), l.end(), [](const TextLine& a, const TextLine& b) {
    return a.quad[0].y != b.quad[0].y ? a.quad[0].y < b.quad[0].y : a.quad[0].x < b.quad[0].x;
  });
  for (size_t i = 0; i + 1 < l.size(); ++i) {
    for (size_t k = i + 1; k > 0; --k) {
      const LnxPointF &before = l[k - 1].quad[0], &after = l[k].quad[0];
      if (!(std::fabs(after.y - before.y) < limit && after.x < before.x)) break;
      std::swap(l[k - 1], l[k]);
    }
  }
}

}  // namespace lnx::decode
