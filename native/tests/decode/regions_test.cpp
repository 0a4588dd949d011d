// Regions, polygons and run lengths against a flood fill and a rasteriser; suppression against the textbook.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "decode/decode.h"
#include "decode/workspace.h"

namespace {

using namespace lnx;
using namespace lnx::decode;

manifest::Manifest Labels(int n) {
  manifest::Manifest m;
  for (int i = 0; i < n; ++i) m.labels.push_back({i, "c" + std::to_string(i), "", 0, {}, 0});
  return m;
}

result::RunParams Params(int n) {
  result::RunParams params;
  params.threshold = 0;
  params.max_objects = 100000;
  params.class_threshold.assign(static_cast<size_t>(n), 0.0);
  params.class_min_area.assign(static_cast<size_t>(n), 0.0);
  params.want = LNX_WANT_RLE;
  return params;
}

// Pixels of every component by flood fill.
std::set<std::set<int>> Flood(const std::vector<uint8_t>& labels, int width, int height, bool eight) {
  std::vector<bool> seen(labels.size());
  std::set<std::set<int>> components;
  for (int start = 0; start < width * height; ++start) {
    if (seen[static_cast<size_t>(start)] || labels[static_cast<size_t>(start)] == 0) continue;
    std::set<int> own;
    std::vector<int> stack = {start};
    seen[static_cast<size_t>(start)] = true;
    while (!stack.empty()) {
      const int at = stack.back(), x = at % width, y = at / width;
      stack.pop_back();
      own.insert(at);
      for (int dy = -1; dy <= 1; ++dy) {
        for (int dx = -1; dx <= 1; ++dx) {
          const int nx = x + dx, ny = y + dy, to = ny * width + nx;
          if (nx < 0 || ny < 0 || nx >= width || ny >= height || (!eight && dx != 0 && dy != 0)) continue;
          if (seen[static_cast<size_t>(to)] || labels[static_cast<size_t>(to)] != labels[static_cast<size_t>(start)]) continue;
          seen[static_cast<size_t>(to)] = true;
          stack.push_back(to);
        }
      }
    }
    components.insert(own);
  }
  return components;
}

// Pixels inside a region's polygons, by the even-odd rule at pixel centres.
std::set<int> Rasterise(const result::ImageResult& image, const LnxRegion& region, int width, int height) {
  std::set<int> inside;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      int crossings = 0;
      for (uint32_t i = 0; i < region.polygon_count; ++i) {
        const LnxPolygon& p = image.polygons[static_cast<uint32_t>(region.polygon_index) + i];
        for (uint32_t k = 0; k < p.point_count; ++k) {
          const LnxPointF a = p.points[k], b = p.points[(k + 1) % p.point_count];
          const float low = std::min(a.y, b.y), high = std::max(a.y, b.y);
          if (a.x == b.x && a.x > static_cast<float>(x) + 0.5f && low < static_cast<float>(y) + 0.5f &&
              high > static_cast<float>(y) + 0.5f) {
            ++crossings;
          }
        }
      }
      if (crossings % 2 == 1) inside.insert(y * width + x);
    }
  }
  return inside;
}

std::set<int> FromRle(const LnxRle& rle) {
  std::set<int> pixels;
  uint32_t at = 0;
  bool inside = false;
  for (uint32_t i = 0; i < rle.count; ++i) {
    for (uint32_t k = 0; k < rle.counts[i]; ++k, ++at) {
      const int x = static_cast<int>(at) / rle.height, y = static_cast<int>(at) % rle.height;
      if (inside) pixels.insert(y * rle.width + x);
    }
    inside = !inside;
  }
  EXPECT_EQ(at, static_cast<uint32_t>(rle.width * rle.height));
  return pixels;
}

TEST(Regions, PolygonsAndRunLengthsReproduceTheFloodFill) {
  std::mt19937 rng(4);
  const manifest::Manifest manifest = Labels(3);
  const result::RunParams params = Params(3);
  for (int round = 0; round < 150; ++round) {
    const int width = 1 + static_cast<int>(rng() % 24), height = 1 + static_cast<int>(rng() % 24);
    const unsigned density = 2 + rng() % 4;
    std::vector<uint8_t> labels(static_cast<size_t>(width * height));
    for (uint8_t& l : labels) l = rng() % density == 0 ? static_cast<uint8_t>(2 + rng() % 2) : (density < 4 ? 2 : 0);
    std::vector<float> scores(labels.size());
    for (float& s : scores) s = static_cast<float>(rng() % 1000) / 1000;
    RegionJob job;
    job.labels = labels.data();
    job.scores = scores.data();
    job.width = job.full_width = width;
    job.height = job.full_height = height;
    job.connectivity = rng() % 2 ? 8 : 4;
    job.manifest = &manifest;
    job.params = &params;
    Workspace workspace;
    workspace.labels = labels;
    result::Arena arena;
    result::ImageResult image;
    FindRegions(job, workspace, arena, &image);
    std::set<std::set<int>> by_polygon, by_rle;
    for (const LnxRegion& region : image.regions) {
      const std::set<int> pixels = Rasterise(image, region, width, height);
      by_polygon.insert(pixels);
      by_rle.insert(FromRle(image.rles[static_cast<uint32_t>(region.rle_index)]));
      EXPECT_EQ(static_cast<float>(pixels.size()), region.area_px);
      float best = 0;
      double sum = 0;
      for (const int p : pixels)
        best = std::max(best, scores[static_cast<size_t>(p)]), sum += static_cast<double>(scores[static_cast<size_t>(p)]);
      EXPECT_FLOAT_EQ(best, region.score_max);
      EXPECT_NEAR(sum / static_cast<double>(pixels.size()), region.score_mean, 1e-5);
      EXPECT_EQ(image.polygons[static_cast<uint32_t>(region.polygon_index)].parent, -1) << "the outline comes first";
    }
    const auto expected = Flood(labels, width, height, job.connectivity == 8);
    ASSERT_EQ(by_polygon, expected) << "round " << round;
    ASSERT_EQ(by_rle, expected) << "round " << round;
  }
}

double Overlap(const Candidate& a, const Candidate& b) {
  const double w = std::max(0.0, static_cast<double>(std::min(a.x2, b.x2)) - std::max(a.x1, b.x1));
  const double h = std::max(0.0, static_cast<double>(std::min(a.y2, b.y2)) - std::max(a.y1, b.y1));
  const double area_a = (static_cast<double>(a.x2) - a.x1) * (static_cast<double>(a.y2) - a.y1);
  const double area_b = (static_cast<double>(b.x2) - b.x1) * (static_cast<double>(b.y2) - b.y1);
  return w * h / (area_a + area_b - w * h);
}

TEST(Suppression, EqualsTheTextbookAndSeparatesClasses) {
  std::mt19937 rng(5);
  for (int round = 0; round < 100; ++round) {
    Workspace workspace;
    for (int i = 0; i < 120; ++i) {
      const auto value = [&](int n) { return static_cast<float>(rng() % static_cast<unsigned>(n)); };
      const float x = value(100), y = value(100);
      workspace.candidates.push_back(
          {x, y, x + 5 + value(40), y + 5 + value(40), value(50) / 50, static_cast<int32_t>(rng() % 3), i});
    }
    std::vector<Candidate> waiting = workspace.candidates, kept;
    std::stable_sort(waiting.begin(), waiting.end(), [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
    manifest::Nms nms;
    nms.class_aware = round % 2 == 0;
    for (const Candidate& c : waiting) {
      const bool free = std::none_of(kept.begin(), kept.end(), [&](const Candidate& k) {
        return (!nms.class_aware || k.class_id == c.class_id) && Overlap(k, c) > 0.5;
      });
      if (free) kept.push_back(c);
    }
    SuppressOverlaps(nms, 0.5, 1000, &workspace);
    ASSERT_EQ(workspace.sorted.size(), kept.size());
    for (size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(workspace.sorted[i].order, kept[i].order);
  }
}

TEST(Suppression, TenThousandCandidatesAreCapped) {
  Workspace workspace;
  for (int i = 0; i < 10000; ++i) {
    const auto at = static_cast<float>(i);
    workspace.candidates.push_back({at, 0, at + 0.5f, 1, 0.9f, 0, i});
  }
  manifest::Nms nms;
  SuppressOverlaps(nms, 0.5, 300, &workspace);
  EXPECT_EQ(workspace.sorted.size(), 300u);
  EXPECT_EQ(workspace.sorted[0].order, 0);
}

}  // namespace
