#include <cmath>
#include <nlohmann/json.hpp>

#include "result/result.h"

namespace lnx::result {
namespace {

using nlohmann::ordered_json;

// Six significant digits: enough for a score and half a thousandth of a pixel, and the same text on every system.
double Number(double value) {
  if (!std::isfinite(value)) return 0;
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return std::strtod(text, nullptr);
}

ordered_json Box(const LnxRectF& box) { return {Number(box.x1), Number(box.y1), Number(box.x2), Number(box.y2)}; }

const char* ProviderName(LnxProvider provider) {
  return provider == LNX_PROVIDER_CUDA ? "cuda" : provider == LNX_PROVIDER_TENSORRT_RTX ? "tensorrt_rtx" : "cpu";
}

const char* PrecisionName(LnxPrecision precision) {
  return precision == LNX_PRECISION_FP16   ? "fp16"
         : precision == LNX_PRECISION_INT8 ? "int8"
         : precision == LNX_PRECISION_FP32 ? "fp32"
                                           : "unknown";
}

void AddName(const manifest::Manifest& manifest, int32_t class_id, ordered_json* item) {
  (*item)["class_id"] = class_id;
  const manifest::Label* label = manifest.FindLabel(class_id);
  if (label == nullptr) return;
  (*item)["name"] = label->name;
  if (!label->name_ko.empty()) (*item)["name_ko"] = label->name_ko;
}

ordered_json Polygons(const ImageResult& image, const LnxRegion& region) {
  ordered_json polygons = ordered_json::array();
  for (uint32_t i = 0; i < region.polygon_count; ++i) {
    const LnxPolygon& polygon = image.polygons[static_cast<uint32_t>(region.polygon_index) + i];
    ordered_json points = ordered_json::array();
    for (uint32_t k = 0; k < polygon.point_count; ++k)
      points.push_back({Number(polygon.points[k].x), Number(polygon.points[k].y)});
    polygons.push_back({{"hole", polygon.parent >= 0}, {"points", points}});
  }
  return polygons;
}

ordered_json Text(const LnxText& t) {
  ordered_json quad = ordered_json::array(), chars = ordered_json::array();
  for (const LnxPointF& p : t.quad) quad.push_back({Number(p.x), Number(p.y)});
  for (uint32_t i = 0; i < t.char_count; ++i) {
    const std::string character(t.text + t.char_offsets[i], t.char_offsets[i + 1] - t.char_offsets[i]);
    chars.push_back({{"text", character}, {"score", Number(t.char_scores[i])}, {"box", Box(t.char_boxes[i])}});
  }
  return {
      {"text", t.text}, {"score", Number(t.score)}, {"box_score", Number(t.box_score)}, {"turned", t.turned != 0}, {"quad", quad},
      {"chars", chars}};
}

ordered_json UsedWays(uint32_t flags) {
  ordered_json used = ordered_json::array();
  if (flags & LNX_SUMMARY_UINT8_HEADS) used.push_back("uint8_heads");
  if (flags & LNX_SUMMARY_GPU_GRAPH) used.push_back("gpu_graph");
  if (flags & LNX_SUMMARY_GPU_PREPROCESS) used.push_back("gpu_preprocess");
  return used;
}

}  // namespace

std::string ToJson(const Storage& storage, uint32_t i) {
  const ImageResult& image = storage.images[i];
  const manifest::Manifest& manifest = *storage.manifest;
  const LnxSummary& s = image.summary;
  std::string sha;
  for (const uint8_t byte : s.model_sha256) {
    static const char* digits = "0123456789abcdef";
    sha += digits[byte >> 4];
    sha += digits[byte & 15];
  }
  ordered_json j;
  j["schema"] = "lnx-result-1";
  j["sequence"] = s.sequence;
  j["user_tag"] = s.user_tag;
  j["task"] = manifest::TaskName(s.task);
  j["verdict"] = manifest::VerdictName(s.verdict);
  j["verdict_rule"] = s.verdict_rule;
  j["reason"] = s.verdict_reason != nullptr ? s.verdict_reason : "";
  j["score"] = Number(s.score_raw);
  j["score_norm"] = Number(s.score_norm);
  j["threshold"] = Number(s.threshold);
  j["guard_band"] = Number(s.guard_band);
  j["image"] = {{"width", s.image_width}, {"height", s.image_height}};
  j["model"] = {{"name", manifest.name}, {"version", manifest.version}, {"sha256", sha}};
  j["provider"] = ProviderName(s.provider);
  j["precision"] = PrecisionName(s.precision);
  j["evaluation"] = (s.flags & LNX_SUMMARY_EVALUATION) != 0;
  j["used"] = UsedWays(s.flags);
  j["timings_us"] = {{"queue", s.timings.queue},
                     {"pre", s.timings.pre},
                     {"host_to_device", s.timings.host_to_device},
                     {"infer", s.timings.infer},
                     {"device_to_host", s.timings.device_to_host},
                     {"post", s.timings.post},
                     {"total", s.timings.total}};
  ordered_json classes = ordered_json::array(), objects = ordered_json::array(), regions = ordered_json::array();
  for (const LnxClass& c : image.classes) {
    ordered_json item;
    AddName(manifest, c.class_id, &item);
    item["score"] = Number(c.score);
    classes.push_back(item);
  }
  for (const LnxObject& o : image.objects) {
    ordered_json item;
    AddName(manifest, o.class_id, &item);
    item["score"] = Number(o.score);
    item["box"] = Box(o.box);
    item["area_px"] = Number(o.area_px);
    if (o.first_class_id != o.class_id || o.first_score != o.score) {
      ordered_json before;
      AddName(manifest, o.first_class_id, &before);
      before["score"] = Number(o.first_score);
      item["detector"] = before;
    }
    objects.push_back(item);
  }
  for (const LnxRegion& r : image.regions) {
    ordered_json item;
    AddName(manifest, r.class_id, &item);
    item["score_max"] = Number(r.score_max);
    item["score_mean"] = Number(r.score_mean);
    item["area_px"] = Number(r.area_px);
    item["box"] = Box(r.box);
    item["centroid"] = {Number(r.centroid.x), Number(r.centroid.y)};
    if (r.polygon_index >= 0) item["polygons"] = Polygons(image, r);
    regions.push_back(item);
  }
  j["classes"] = classes;
  j["objects"] = objects;
  j["regions"] = regions;
  if (s.task == LNX_TASK_OCR) {
    ordered_json texts = ordered_json::array();
    for (const LnxText& text : image.texts) texts.push_back(Text(text));
    j["texts"] = texts;
  }
  return j.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace lnx::result
