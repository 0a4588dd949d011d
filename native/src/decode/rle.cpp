// COCO run lengths: column by column over the full image, starting with background.
#include "decode/workspace.h"

namespace lnx::decode {

int32_t AddRle(const RegionJob& job, const Component& component, Workspace& w, result::Arena& arena, result::ImageResult* image) {
  w.counts.clear();
  bool inside = false;
  uint32_t run = 0;
  const auto advance = [&](bool foreground, uint32_t n) {
    if (n == 0) return;
    if (foreground != inside) {
      w.counts.push_back(run);
      run = 0;
      inside = foreground;
    }
    run += n;
  };
  const auto full_height = static_cast<uint32_t>(job.full_height);
  advance(false, static_cast<uint32_t>(component.x1 + job.left) * full_height);
  for (int32_t x = component.x1; x < component.x2; ++x) {
    advance(false, static_cast<uint32_t>(component.y1 + job.top));
    for (int32_t y = component.y1; y < component.y2; ++y) {
      advance(
          w.component_of[static_cast<size_t>(y) * static_cast<size_t>(job.width) + static_cast<size_t>(x)] == component.root + 1,
          1);
    }
    advance(false, static_cast<uint32_t>(job.full_height - component.y2 - job.top));
  }
  advance(false, static_cast<uint32_t>(job.full_width - component.x2 - job.left) * full_height);
  w.counts.push_back(run);
  auto* counts = arena.Array<uint32_t>(w.counts.size());
  for (size_t i = 0; i < w.counts.size(); ++i) counts[i] = w.counts[i];
  const auto index = static_cast<int32_t>(image->rles.size());
  image->rles.Add(arena, LnxRle{counts, static_cast<uint32_t>(w.counts.size()), job.full_width, job.full_height, {}});
  return index;
}

}  // namespace lnx::decode
