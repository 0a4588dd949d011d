// Connected components by horizontal runs and union-find, in one pass over the picture for all labels together.
#include <algorithm>
#include <cmath>
#include <optional>

#include "decode/lanes.h"
#include "decode/workspace.h"

namespace lnx::decode {
namespace {

int32_t Find(std::vector<Span1d>& spans, int32_t i) {
  while (spans[static_cast<size_t>(i)].parent != i) {
    spans[static_cast<size_t>(i)].parent = spans[static_cast<size_t>(spans[static_cast<size_t>(i)].parent)].parent;
    i = spans[static_cast<size_t>(i)].parent;
  }
  return i;
}

void Join(std::vector<Span1d>& spans, int32_t a, int32_t b) {
  a = Find(spans, a);
  b = Find(spans, b);
  // The lower number stays root, so that a component is known by its first run.
  if (a < b) spans[static_cast<size_t>(b)].parent = a;
  if (b < a) spans[static_cast<size_t>(a)].parent = b;
}

void CollectSpans(const RegionJob& job, std::vector<Span1d>& spans) {
  spans.clear();
  const int32_t reach = job.connectivity == 8 ? 1 : 0;
  size_t previous_begin = 0, previous_end = 0;
  for (int32_t y = 0; y < job.height; ++y) {
    const uint8_t* row = job.labels + static_cast<size_t>(y) * static_cast<size_t>(job.width);
    const size_t begin = spans.size();
    size_t above = previous_begin;
    for (int32_t x = 0; x < job.width;) {
      const uint8_t label = row[x];
      const int32_t end = EndOfRun(row, x + 1, job.width, label);
      if (label != 0) {
        const auto self = static_cast<int32_t>(spans.size());
        spans.push_back({y, x, end, label, self, -1});
        while (above < previous_end && spans[above].end + reach <= x) ++above;
        for (size_t k = above; k < previous_end && spans[k].begin < end + reach; ++k) {
          if (spans[k].label == label) Join(spans, static_cast<int32_t>(k), self);
        }
      }
      x = end;
    }
    previous_begin = begin;
    previous_end = spans.size();
  }
}

void Measure(const RegionJob& job, Workspace& w) {
  w.components.clear();
  w.roots.assign(w.spans.size(), -1);
  for (size_t i = 0; i < w.spans.size(); ++i) {
    const auto root = static_cast<size_t>(Find(w.spans, static_cast<int32_t>(i)));
    const Span1d& span = w.spans[i];
    if (w.roots[root] < 0) {
      w.roots[root] = static_cast<int32_t>(w.components.size());
      Component fresh;
      fresh.label = span.label;
      fresh.root = static_cast<int32_t>(root);
      fresh.first_span = fresh.last_span = static_cast<int32_t>(i);
      fresh.x1 = span.begin, fresh.y1 = span.y, fresh.x2 = span.end, fresh.y2 = span.y + 1;
      fresh.score_max = -1e30f;
      w.components.push_back(fresh);
    }
    w.roots[i] = w.roots[root];
    Component& c = w.components[static_cast<size_t>(w.roots[root])];
    if (c.last_span != static_cast<int32_t>(i)) w.spans[static_cast<size_t>(c.last_span)].next = static_cast<int32_t>(i);
    c.last_span = static_cast<int32_t>(i);
    const int64_t n = span.end - span.begin;
    c.area += n;
    c.x_sum += 0.5 * static_cast<double>(span.begin + span.end) * static_cast<double>(n);
    c.y_sum += (span.y + 0.5) * static_cast<double>(n);
    c.x1 = std::min(c.x1, span.begin), c.x2 = std::max(c.x2, span.end);
    c.y2 = std::max(c.y2, span.y + 1);
    const float* scores = job.scores + static_cast<size_t>(span.y) * static_cast<size_t>(job.width);
    FastLanes().total(scores + span.begin, span.end - span.begin, &c.score_sum, &c.score_max);
  }
}

// What polygons and run lengths need of each pixel while it lives: a mark for borders that were followed and, for run lengths,
// the number of its component + 1. Only pixels that were found are written, and cleared at the end.
class Marks {
 public:
  Marks(const RegionJob& job, bool numbered, Workspace& w) : width_(static_cast<size_t>(job.width)), numbered_(numbered), w_(w) {
    const size_t pixels = width_ * static_cast<size_t>(job.height);
    if (w.visited.size() < pixels) w.visited.resize(pixels);
    if (!numbered) return;
    if (w.component_of.size() < pixels) w.component_of.resize(pixels);
    for (size_t i = 0; i < w.spans.size(); ++i) {
      Fill(w.component_of, w.spans[i], w.components[static_cast<size_t>(w.roots[i])].root + 1);
    }
  }
  ~Marks() {
    for (const Span1d& span : w_.spans) {
      if (numbered_) Fill(w_.component_of, span, 0);
      Fill(w_.visited, span, uint8_t{0});
    }
  }
  // All components as one.
  void NumberAll(int32_t number) {
    for (const Span1d& span : w_.spans) Fill(w_.component_of, span, number);
  }
  Marks(const Marks&) = delete;
  Marks& operator=(const Marks&) = delete;

 private:
  template <typename T>
  void Fill(std::vector<T>& picture, const Span1d& span, T value) const {
    T* row = picture.data() + static_cast<size_t>(span.y) * width_;
    std::fill(row + span.begin, row + span.end, value);
  }

  size_t width_;
  bool numbered_;
  Workspace& w_;
};

// What its pixels say about a region; polygons and run lengths come later.
LnxRegion Described(const RegionJob& job, const Component& c, int32_t class_id) {
  LnxRegion region{};
  region.class_id = class_id;
  region.score_max = c.score_max;
  region.score_mean = static_cast<float>(c.score_sum / static_cast<double>(c.area));
  region.area_px = static_cast<float>(c.area);
  region.box = {static_cast<float>(c.x1 + job.left), static_cast<float>(c.y1 + job.top), static_cast<float>(c.x2 + job.left),
                static_cast<float>(c.y2 + job.top)};
  region.centroid = {static_cast<float>(c.x_sum / static_cast<double>(c.area) + job.left),
                     static_cast<float>(c.y_sum / static_cast<double>(c.area) + job.top)};
  region.polygon_index = region.rle_index = -1;
  const manifest::Label* label = job.manifest->FindLabel(class_id);
  region.name = label != nullptr ? label->name.c_str() : "";
  return region;
}

// Background that no path connects with the border belongs to what surrounds it.
void FillHoles(const RegionJob& job, Workspace& w, uint8_t* labels) {
  const auto width = static_cast<size_t>(job.width), height = static_cast<size_t>(job.height);
  w.outside.assign(width * height, 0);
  w.order.clear();
  const auto seed = [&](size_t i) {
    if (labels[i] == 0 && !w.outside[i]) w.outside[i] = 1, w.order.push_back(static_cast<int32_t>(i));
  };
  for (size_t x = 0; x < width; ++x) seed(x), seed((height - 1) * width + x);
  for (size_t y = 0; y < height; ++y) seed(y * width), seed(y * width + width - 1);
  while (!w.order.empty()) {
    const auto i = static_cast<size_t>(w.order.back());
    w.order.pop_back();
    const size_t x = i % width, y = i / width;
    if (x > 0) seed(i - 1);
    if (x + 1 < width) seed(i + 1);
    if (y > 0) seed(i - width);
    if (y + 1 < height) seed(i + width);
  }
  for (size_t i = 1; i < width * height; ++i) {
    if (labels[i] == 0 && !w.outside[i]) labels[i] = labels[i - 1];  // the left neighbour is the hole's wall, or filled already
  }
}

}  // namespace

RegionJob PartOf(const image::Geometry& g, const manifest::Manifest& manifest, const result::RunParams& params) {
  RegionJob job;
  job.width = g.part_width;
  job.height = g.part_height;
  job.left = g.part_x;
  job.top = g.part_y;
  job.full_width = g.image_width;
  job.full_height = g.image_height;
  job.manifest = &manifest;
  job.params = &params;
  return job;
}

int32_t AddWholeRegion(const RegionJob& job, int32_t class_id, float score, Workspace& w, result::Arena& arena,
                       result::ImageResult* image) {
  CollectSpans(job, w.spans);
  if (w.spans.empty()) return -1;
  Measure(job, w);
  Component whole = w.components.front();
  for (size_t i = 1; i < w.components.size(); ++i) {
    const Component& c = w.components[i];
    whole.area += c.area;
    whole.score_sum += c.score_sum, whole.x_sum += c.x_sum, whole.y_sum += c.y_sum;
    whole.score_max = std::max(whole.score_max, c.score_max);
    whole.x1 = std::min(whole.x1, c.x1), whole.x2 = std::max(whole.x2, c.x2);
    whole.y1 = std::min(whole.y1, c.y1), whole.y2 = std::max(whole.y2, c.y2);
  }
  LnxRegion region = Described(job, whole, class_id);
  region.score_max = score;
  const bool polygons = (job.params->want & LNX_WANT_NO_POLYGONS) == 0, rles = (job.params->want & LNX_WANT_RLE) != 0;
  std::optional<Marks> marks;
  if (polygons || rles) marks.emplace(job, rles, w);
  if (polygons) {
    region.polygon_index = static_cast<int32_t>(image->polygons.size());
    for (const Component& c : w.components) region.polygon_count += TracePolygons(job, c, w, arena, image);
  }
  if (rles) {
    marks->NumberAll(whole.root + 1);
    region.rle_index = AddRle(job, whole, w, arena, image);
  }
  image->regions.Add(arena, region);
  return static_cast<int32_t>(image->regions.size()) - 1;
}

void FindRegions(const RegionJob& job, Workspace& w, result::Arena& arena, result::ImageResult* image) {
  if (job.fill_holes) FillHoles(job, w, w.labels.data());
  CollectSpans(job, w.spans);
  Measure(job, w);
  w.kept.clear();
  for (size_t i = 0; i < w.components.size(); ++i) {
    const Component& c = w.components[i];
    double threshold = job.params->threshold, smallest = job.params->min_area_px;
    for (size_t k = 0; k < job.manifest->labels.size(); ++k) {
      if (job.manifest->labels[k].id != c.label - 1) continue;
      threshold = job.params->class_threshold[k];
      smallest = job.params->class_min_area[k];
    }
    const bool strong = !job.by_score || c.score_max >= threshold - job.params->guard_band;
    if (static_cast<double>(c.area) >= smallest && strong) w.kept.push_back(static_cast<int32_t>(i));
  }
  std::sort(w.kept.begin(), w.kept.end(), [&](int32_t a, int32_t b) {
    const Component &ca = w.components[static_cast<size_t>(a)], &cb = w.components[static_cast<size_t>(b)];
    return ca.area != cb.area ? ca.area > cb.area : ca.root < cb.root;
  });
  if (w.kept.size() > job.params->max_objects) w.kept.resize(job.params->max_objects);
  if (w.kept.empty()) return;

  const bool polygons = (job.params->want & LNX_WANT_NO_POLYGONS) == 0, rles = (job.params->want & LNX_WANT_RLE) != 0;
  std::optional<Marks> marks;
  if (polygons || rles) marks.emplace(job, rles, w);
  for (const int32_t index : w.kept) {
    const Component& c = w.components[static_cast<size_t>(index)];
    LnxRegion region = Described(job, c, c.label - 1);
    if (polygons) {
      region.polygon_index = static_cast<int32_t>(image->polygons.size());
      region.polygon_count = TracePolygons(job, c, w, arena, image);
    }
    if (rles) region.rle_index = AddRle(job, c, w, arena, image);
    image->regions.Add(arena, region);
  }
}

}  // namespace lnx::decode
