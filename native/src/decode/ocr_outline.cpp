// Areas and holes by runs: each row is cut into runs of set and unset pixels, runs that touch are joined. The hull of an area
// follows from the first and last pixel of each of its rows; that of a hole from the pixels around it.
#include <algorithm>

#include "decode/lanes.h"
#include "decode/ocr.h"

namespace lnx::decode {
namespace {

int64_t Turn(const Pixel& a, const Pixel& b, const Pixel& c) {
  return static_cast<int64_t>(b.x - a.x) * (c.y - a.y) - static_cast<int64_t>(b.y - a.y) * (c.x - a.x);
}

}  // namespace

void ConvexHull(std::vector<Pixel>* points, std::vector<Pixel>* hull) {
  std::sort(points->begin(), points->end(), [](const Pixel& a, const Pixel& b) { return a.x != b.x ? a.x < b.x : a.y < b.y; });
  points->erase(
      std::unique(points->begin(), points->end(), [](const Pixel& a, const Pixel& b) { return a.x == b.x && a.y == b.y; }),
      points->end());
  const size_t n = points->size();
  hull->clear();
  if (n < 3) {
    *hull = *points;
    return;
  }
  const auto chain = [&](size_t from, auto point) {
    for (size_t i = 0; i < n; ++i) {
      const Pixel& p = point(i);
      while (hull->size() >= from + 2 && Turn((*hull)[hull->size() - 2], hull->back(), p) <= 0) hull->pop_back();
      hull->push_back(p);
    }
    hull->pop_back();
  };
  chain(0, [&](size_t i) -> const Pixel& { return (*points)[i]; });
  chain(hull->size(), [&](size_t i) -> const Pixel& { return (*points)[n - 1 - i]; });
}

int32_t Outlines::Root(int32_t run) {
  while (runs_[static_cast<size_t>(run)].parent != run) {
    int32_t& parent = runs_[static_cast<size_t>(run)].parent;
    parent = runs_[static_cast<size_t>(parent)].parent;
    run = parent;
  }
  return run;
}

void Outlines::Join(int32_t a, int32_t b) {
  a = Root(a);
  b = Root(b);
  if (a == b) return;
  if (a > b) std::swap(a, b);
  runs_[static_cast<size_t>(b)].parent = a;  // the first in reading order stays the root
}

void Outlines::ReadRuns(const uint8_t* mask, int32_t width, int32_t height) {
  runs_.clear();
  row_first_.clear();
  for (int32_t y = 0; y < height; ++y) {
    row_first_.push_back(static_cast<int32_t>(runs_.size()));
    const uint8_t* row = mask + static_cast<size_t>(y) * static_cast<size_t>(width);
    for (int32_t x = 0; x < width;) {
      const bool set = row[x] != 0;
      int32_t end = set ? x + 1 : EndOfRun(row, x, width, 0);
      while (set && end < width && row[end] != 0) ++end;
      runs_.push_back({y, x, end, static_cast<int32_t>(runs_.size()), set});
      x = end;
    }
    if (y == 0) continue;
    int32_t above = row_first_[static_cast<size_t>(y) - 1];
    const int32_t first = row_first_[static_cast<size_t>(y)];
    for (int32_t i = first; i < static_cast<int32_t>(runs_.size()); ++i) {
      const Run& run = runs_[static_cast<size_t>(i)];
      const int32_t reach = run.set ? 1 : 0;  // set pixels touch at corners too
      while (above < first && runs_[static_cast<size_t>(above)].end + reach <= run.begin) ++above;
      for (int32_t k = above; k < first && runs_[static_cast<size_t>(k)].begin < run.end + reach; ++k) {
        if (runs_[static_cast<size_t>(k)].set == run.set) Join(i, k);
      }
      // The next run of the other kind may touch a run that this one has passed.
      if (above > row_first_[static_cast<size_t>(y) - 1]) --above;
    }
  }
}

void Outlines::MergeRows(const int32_t* runs, size_t n) {
  rows_.clear();
  for (size_t i = 0; i < n; ++i) {
    const Run& run = runs_[static_cast<size_t>(runs[i])];
    if (!rows_.empty() && rows_.back().y == run.y) {
      rows_.back().high = run.end - 1;
    } else {
      rows_.push_back({run.y, run.begin, run.end - 1});
    }
  }
}

void Outlines::AddOuter(const int32_t* runs, size_t n) {
  MergeRows(runs, n);
  found_.push_back({rows_[0].y, runs_[static_cast<size_t>(runs[0])].begin, static_cast<uint32_t>(extents_.size()),
                    static_cast<uint32_t>(rows_.size()), false});
  extents_.insert(extents_.end(), rows_.begin(), rows_.end());
}

void Outlines::AddHole(const int32_t* runs, size_t n) {
  MergeRows(runs, n);
  const auto first = static_cast<uint32_t>(extents_.size());
  const int32_t top = rows_.front().y, bottom = rows_.back().y;
  for (int32_t y = top - 1; y <= bottom + 1; ++y) {
    Extent around{y, INT32_MAX, INT32_MIN};
    for (int32_t near = std::max(top, y - 1); near <= std::min(bottom, y + 1); ++near) {
      const Extent& hole = rows_[static_cast<size_t>(near - top)];
      const int32_t beside = near == y ? 1 : 0;
      around.low = std::min(around.low, hole.low - beside);
      around.high = std::max(around.high, hole.high + beside);
    }
    extents_.push_back(around);
  }
  found_.push_back(
      {top, runs_[static_cast<size_t>(runs[0])].begin - 1, first, static_cast<uint32_t>(extents_.size()) - first, true});
}

void Outlines::Find(const uint8_t* mask, int32_t width, int32_t height, uint32_t most) {
  found_.clear();
  extents_.clear();
  ReadRuns(mask, width, height);
  const size_t n = runs_.size();
  counts_.assign(n + 1, 0);
  open_.assign(n, 0);
  for (size_t i = 0; i < n; ++i) {
    const auto root = static_cast<size_t>(Root(static_cast<int32_t>(i)));
    const Run& run = runs_[i];
    ++counts_[root];
    if (run.y == 0 || run.y == height - 1 || run.begin == 0 || run.end == width) open_[root] = 1;
  }
  offsets_.assign(n + 1, 0);
  for (size_t i = 0; i < n; ++i) offsets_[i + 1] = offsets_[i] + counts_[i];
  members_.resize(n);
  counts_.assign(n + 1, 0);
  for (size_t i = 0; i < n; ++i) {
    const auto root = static_cast<size_t>(Root(static_cast<int32_t>(i)));
    members_[static_cast<size_t>(offsets_[root] + counts_[root]++)] = static_cast<int32_t>(i);
  }
  for (size_t i = 0; i < n; ++i) {
    if (counts_[i] == 0) continue;
    const int32_t* members = members_.data() + offsets_[i];
    if (runs_[i].set) {
      AddOuter(members, static_cast<size_t>(counts_[i]));
    } else if (open_[i] == 0) {
      AddHole(members, static_cast<size_t>(counts_[i]));
    }
  }
  std::sort(found_.begin(), found_.end(), [](const Found& a, const Found& b) { return a.y != b.y ? a.y > b.y : a.x > b.x; });
  if (found_.size() > most) found_.resize(most);
}

const std::vector<Pixel>& Outlines::Hull(size_t i) {
  points_.clear();
  for (uint32_t k = 0; k < found_[i].count; ++k) {
    const Extent& row = extents_[found_[i].first + k];
    points_.push_back({row.low, row.y});
    if (row.high != row.low) points_.push_back({row.high, row.y});
  }
  ConvexHull(&points_, &hull_);
  // An outline is followed from its first pixel in reading order, against the clock, so that with the clock that pixel comes
  // last.
  const auto first = std::min_element(hull_.begin(), hull_.end(),
                                      [](const Pixel& a, const Pixel& b) { return a.y != b.y ? a.y < b.y : a.x < b.x; });
  if (!found_[i].hole && first != hull_.end()) std::rotate(hull_.begin(), first + 1, hull_.end());
  return hull_;
}

}  // namespace lnx::decode
