#include <algorithm>

#include "decode/workspace.h"

namespace lnx::decode {
namespace {

float Overlap(const Candidate& a, const Candidate& b) {
  const float width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1), height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  if (width <= 0 || height <= 0) return 0;
  const float both = width * height;
  const float sum = (a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1) - both;
  return sum > 0 ? both / sum : 0;
}

bool Better(const Candidate& a, const Candidate& b) { return a.score != b.score ? a.score > b.score : a.order < b.order; }

}  // namespace

void SuppressOverlaps(const manifest::Nms& nms, double iou, uint32_t max, Workspace* workspace) {
  std::vector<Candidate>& candidates = workspace->candidates;
  // A threshold near zero must not turn a few milliseconds into fifty: only the best are compared.
  if (candidates.size() > nms.pre_top_k) {
    std::nth_element(candidates.begin(), candidates.begin() + nms.pre_top_k, candidates.end(), Better);
    candidates.resize(nms.pre_top_k);
  }
  std::sort(candidates.begin(), candidates.end(), Better);
  const auto count = static_cast<int32_t>(candidates.size());
  workspace->removed.assign(candidates.size(), 0);
  workspace->sorted.clear();
  // Only boxes of one class are compared: each knows the next of its chain, and what goes is taken out of it. Classes may share
  // one.
  constexpr size_t kChains = 64;
  int32_t first[kChains];
  std::fill(first, first + kChains, count);
  std::vector<int32_t>& next = workspace->order;
  next.resize(candidates.size());
  for (int32_t i = count - 1; i >= 0; --i) {
    const auto k = static_cast<size_t>(i);
    int32_t& chain = first[nms.class_aware ? static_cast<uint32_t>(candidates[k].class_id) % kChains : 0];
    next[k] = chain;
    chain = i;
  }
  const auto limit = static_cast<float>(iou);
  for (size_t i = 0; i < candidates.size() && workspace->sorted.size() < max; ++i) {
    if (workspace->removed[i]) continue;
    const Candidate& kept = candidates[i];
    workspace->sorted.push_back(kept);
    for (size_t before = i; next[before] < count;) {
      const auto k = static_cast<size_t>(next[before]);
      const bool comparable = !nms.class_aware || candidates[k].class_id == kept.class_id;
      if (comparable && Overlap(kept, candidates[k]) > limit) {
        workspace->removed[k] = 1;
        next[before] = next[k];
      } else {
        before = k;
      }
    }
  }
}

}  // namespace lnx::decode
