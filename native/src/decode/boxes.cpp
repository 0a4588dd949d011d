#include "decode/boxes.h"

#include "base/status.h"

namespace lnx::decode {

double LowestThreshold(const result::RunParams& params) {
  double lowest = params.threshold;
  for (const double t : params.class_threshold) lowest = std::min(lowest, t);
  return lowest - params.guard_band;
}

void TakeBest(uint32_t most, Workspace* w) {
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.order < b.order;
  };
  std::vector<Candidate>& candidates = w->candidates;
  if (candidates.size() > most) {
    std::nth_element(candidates.begin(), candidates.begin() + most, candidates.end(), better);
    candidates.resize(most);
  }
  std::sort(candidates.begin(), candidates.end(), better);
  w->sorted.assign(candidates.begin(), candidates.end());
}

void ClipToContent(const manifest::Nms& nms, const image::Geometry& g, Workspace* w) {
  if (!nms.clip) return;
  // Where the image really ends, which may be within a pixel of the input; or the whole input.
  const auto x = [&](int32_t full) { return static_cast<float>((full - g.origin_x) / g.scale_x + g.offset_x); };
  const auto y = [&](int32_t full) { return static_cast<float>((full - g.origin_y) / g.scale_y + g.offset_y); };
  const bool whole = nms.clip_to_input;
  const float left = whole ? 0 : x(g.part_x), right = whole ? static_cast<float>(g.input_width) : x(g.part_x + g.part_width);
  const float top = whole ? 0 : y(g.part_y), bottom = whole ? static_cast<float>(g.input_height) : y(g.part_y + g.part_height);
  size_t kept = 0;
  for (Candidate c : w->candidates) {
    c.x1 = std::clamp(c.x1, left, right), c.x2 = std::clamp(c.x2, left, right);
    c.y1 = std::clamp(c.y1, top, bottom), c.y2 = std::clamp(c.y2, top, bottom);
    if (c.x2 > c.x1 && c.y2 > c.y1) w->candidates[kept++] = c;
  }
  w->candidates.resize(kept);
}

LnxRectF ToImage(const Candidate& c, const image::Geometry& g, manifest::BoxSpace space) {
  const bool input = space == manifest::BoxSpace::kInput;
  const auto x = [&](float v) {
    const double full = input ? g.X(static_cast<double>(v)) : static_cast<double>(v) + g.part_x;
    return static_cast<float>(std::clamp(full, 0.0, static_cast<double>(g.image_width)));
  };
  const auto y = [&](float v) {
    const double full = input ? g.Y(static_cast<double>(v)) : static_cast<double>(v) + g.part_y;
    return static_cast<float>(std::clamp(full, 0.0, static_cast<double>(g.image_height)));
  };
  return {x(c.x1), y(c.y1), x(c.x2), y(c.y2)};
}

LnxObject* AddObject(const manifest::Manifest& manifest, const Candidate& c, const Job& job, manifest::BoxSpace space,
                     result::Arena& arena, result::ImageResult* image) {
  LnxObject object{};
  object.box = ToImage(c, *job.geometry, space);
  object.score = c.score;
  object.class_id = c.class_id;
  object.area_px = (object.box.x2 - object.box.x1) * (object.box.y2 - object.box.y1);
  if (object.area_px <= 0) return nullptr;  // wholly in a letterbox margin or beside the image
  object.region_index = -1;
  object.name = "";
  double threshold = job.params->threshold, smallest = job.params->min_area_px;
  for (size_t i = 0; i < manifest.labels.size(); ++i) {
    if (manifest.labels[i].id != c.class_id) continue;
    object.name = manifest.labels[i].name.c_str();
    threshold = job.params->class_threshold[i];
    smallest = job.params->class_min_area[i];
  }
  if (c.score < threshold - job.params->guard_band || object.area_px < smallest) return nullptr;
  return &image->objects.Add(arena, object);
}

void AddObjects(const manifest::Manifest& manifest, const Job& job, manifest::BoxSpace space, const Workspace& w,
                result::Arena& arena, result::ImageResult* image) {
  for (const Candidate& c : w.sorted) AddObject(manifest, c, job, space, arena, image);
}

void CheckBox(const Candidate& c, const char* where) {
  if (!std::isfinite(c.x1 + c.y1 + c.x2 + c.y2)) Fail(LNX_E_NUMERIC, {"a box that is not finite", "finite corners", where});
}

}  // namespace lnx::decode
