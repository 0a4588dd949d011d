#include "session/parameters.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/utf8.h"
#include "event/event_log.h"

namespace lnx::session {
namespace {

using nlohmann::ordered_json;

enum Kind : size_t {
  kThreshold,
  kGuard,
  kMinArea,
  kMaxObjects,
  kTopK,
  kNmsIou,
  kMaskThreshold,
  kWant,
  kClassThreshold,
  kClassMinArea,
  kKinds
};

struct Definition {
  const char* key;  // one that ends with '/' is followed by a label's name
  bool whole;
  double low, high;
};

constexpr double kHuge = 1e9;
constexpr Definition kDefinitions[kKinds] = {
    {"threshold", false, -kHuge, kHuge},      {"guard_band", false, 0, kHuge}, {"min_area_px", false, 0, 1e12},
    {"max_objects", true, 1, 10000},          {"top_k", true, 1, 65536},       {"nms_iou", false, 0, 1},
    {"mask_threshold", false, -kHuge, kHuge}, {"want", true, 0, 15},           {"class_threshold/", false, -kHuge, kHuge},
    {"class_min_area_px/", false, 0, 1e12},
};

bool PerClass(size_t definition) { return definition == kClassThreshold || definition == kClassMinArea; }

// What the family's manifest says; 0.5 where there is no mask.
double MaskThreshold(const manifest::Decode& decode) {
  if (const auto* d = std::get_if<manifest::SegmentationDecode>(&decode)) return d->mask_threshold;
  if (const auto* d = std::get_if<manifest::InstanceDecode>(&decode)) return d->mask_threshold;
  if (const auto* d = std::get_if<manifest::AnomalyDecode>(&decode)) return d->mask_threshold;
  return 0.5;
}

std::string Text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

// Values given at Initialize or for one run, one per label; NaN leaves what is there.
void TakePerClass(const float* given, uint32_t count, const char* name, std::vector<double>* values) {
  if (count > values->size()) {
    Fail(LNX_E_ARGUMENT,
         {std::to_string(count) + " values", "at most one for each of " + std::to_string(values->size()) + " labels",
          std::string("options.") + name + "_count"});
  }
  for (uint32_t i = 0; i < count; ++i) {
    if (std::isinf(given[i]))
      Fail(LNX_E_ARGUMENT, {"an infinite value", "finite values, or NaN", std::string("options.") + name});
    if (!std::isnan(given[i])) (*values)[i] = static_cast<double>(given[i]);
  }
}

}  // namespace

Parameters::Parameters(std::shared_ptr<const manifest::Manifest> manifest, const LnxInitOptions& options)
    : manifest_(std::move(manifest)) {
  const manifest::Manifest& m = *manifest_;
  current_.threshold = std::isnan(options.threshold) ? m.thresholds.score : options.threshold;
  current_.guard_band = std::isnan(options.guard_band) ? m.thresholds.guard : options.guard_band;
  current_.nms_iou = m.nms.iou;
  current_.max_objects = m.nms.max;
  current_.mask_threshold = MaskThreshold(m.decode);
  if (const auto* c = std::get_if<manifest::ClassificationDecode>(&m.decode)) current_.top_k = c->top_k;
  current_.want = options.want;
  for (const manifest::Label& label : m.labels) {
    // A threshold given at Initialize is meant for every class.
    current_.class_threshold.push_back(std::isnan(options.threshold) ? label.threshold.value_or(current_.threshold)
                                                                     : options.threshold);
    current_.class_min_area.push_back(std::isnan(options.min_area_px) ? label.min_area_px : options.min_area_px);
  }
  if (!std::isnan(options.min_area_px)) current_.min_area_px = options.min_area_px;
  TakePerClass(options.class_thresholds, options.class_threshold_count, "class_threshold", &current_.class_threshold);
  TakePerClass(options.class_min_areas_px, options.class_min_area_count, "class_min_area", &current_.class_min_area);
}

void Parameters::Find(const std::string& key, size_t* definition, size_t* label) const {
  *label = 0;
  for (size_t i = 0; i < kKinds; ++i) {
    const std::string name = kDefinitions[i].key;
    if (!PerClass(i)) {
      if (key == name) return void(*definition = i);
      continue;
    }
    if (key.compare(0, name.size(), name) != 0) continue;
    for (size_t k = 0; k < manifest_->labels.size(); ++k) {
      if (key.substr(name.size()) == manifest_->labels[k].name) return void((*definition = i, *label = k));
    }
  }
  std::string known;
  for (const Definition& d : kDefinitions) known += (known.empty() ? "" : ", ") + std::string(d.key);
  Fail(LNX_E_PARAM_UNKNOWN, {"\"" + Shortened(key, 64) + "\"", known + " (after '/': a label's name)", "key"});
}

double Parameters::Read(size_t definition, size_t label) const {
  switch (definition) {
    case kThreshold:
      return current_.threshold;
    case kGuard:
      return current_.guard_band;
    case kMinArea:
      return current_.min_area_px;
    case kMaxObjects:
      return current_.max_objects;
    case kTopK:
      return current_.top_k;
    case kNmsIou:
      return current_.nms_iou;
    case kMaskThreshold:
      return current_.mask_threshold;
    case kWant:
      return current_.want;
    case kClassThreshold:
      return current_.class_threshold[label];
    default:
      return current_.class_min_area[label];
  }
}

void Parameters::Write(size_t definition, size_t label, double value) {
  switch (definition) {
    case kThreshold:
      current_.threshold = value;
      for (double& t : current_.class_threshold) t = value;  // for every class, until a class gets its own
      break;
    case kGuard:
      current_.guard_band = value;
      break;
    case kMinArea:
      current_.min_area_px = value;
      for (double& a : current_.class_min_area) a = value;
      break;
    case kMaxObjects:
      current_.max_objects = static_cast<uint32_t>(value);
      break;
    case kTopK:
      current_.top_k = static_cast<uint32_t>(value);
      break;
    case kNmsIou:
      current_.nms_iou = value;
      break;
    case kMaskThreshold:
      current_.mask_threshold = value;
      break;
    case kWant:
      current_.want = static_cast<uint32_t>(value);
      break;
    case kClassThreshold:
      current_.class_threshold[label] = value;
      break;
    default:
      current_.class_min_area[label] = value;
  }
}

void Parameters::Set(const std::string& key, const LnxValue& value) {
  size_t definition = 0, label = 0;
  Find(key, &definition, &label);
  const Definition& d = kDefinitions[definition];
  if (value.type != LNX_VALUE_INT && (value.type != LNX_VALUE_FLOAT || (d.whole && value.f != std::floor(value.f)))) {
    Fail(LNX_E_PARAM_TYPE, {value.type == LNX_VALUE_FLOAT ? Text(value.f) : "a value of type " + std::to_string(value.type),
                            d.whole ? "a whole number" : "a number", key});
  }
  const double number = value.type == LNX_VALUE_INT ? static_cast<double>(value.i) : value.f;
  if (!(number >= d.low && number <= d.high)) Fail(LNX_E_PARAM_RANGE, {Text(number), Text(d.low) + " .. " + Text(d.high), key});
  double old = 0;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    old = Read(definition, label);
    Write(definition, label, number);
  }
  event::Log::Get().Write("lnx.parameter.change",
                          ordered_json({{"model", manifest_->name}, {"key", key}, {"old", old}, {"new", number}})
                              .dump(-1, ' ', false, ordered_json::error_handler_t::replace));
}

void Parameters::Get(const std::string& key, LnxValue* value) const {
  size_t definition = 0, label = 0;
  Find(key, &definition, &label);
  const std::lock_guard<std::mutex> lock(mutex_);
  value->f = Read(definition, label);
  value->i = static_cast<int64_t>(value->f);
  value->type = kDefinitions[definition].whole ? LNX_VALUE_INT : LNX_VALUE_FLOAT;
  value->text = nullptr;
}

std::string Parameters::ListJson() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  ordered_json list = ordered_json::array();
  for (size_t i = 0; i < kKinds; ++i) {
    const Definition& d = kDefinitions[i];
    const auto add = [&](const std::string& key, size_t label) {
      list.push_back(
          {{"key", key}, {"type", d.whole ? "int" : "float"}, {"min", d.low}, {"max", d.high}, {"value", Read(i, label)}});
    };
    if (!PerClass(i)) add(d.key, 0);
    for (size_t k = 0; PerClass(i) && k < manifest_->labels.size(); ++k) add(d.key + manifest_->labels[k].name, k);
  }
  return list.dump();
}

void Parameters::Resolve(const LnxRunOptions* options, result::RunParams* out) const {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    *out = current_;  // vectors of the same size: copied without allocation
  }
  if (options == nullptr) return;
  out->want |= options->want;
  if (!std::isnan(options->threshold)) {
    out->threshold = options->threshold;
    for (double& t : out->class_threshold) t = options->threshold;
  }
  if (!std::isnan(options->guard_band)) out->guard_band = options->guard_band;
  if (!std::isnan(options->min_area_px)) {
    out->min_area_px = options->min_area_px;
    for (double& a : out->class_min_area) a = options->min_area_px;
  }
  if (options->max_objects > 0) out->max_objects = options->max_objects;
  if (options->top_k > 0) out->top_k = options->top_k;
  TakePerClass(options->class_thresholds, options->class_threshold_count, "class_threshold", &out->class_threshold);
  TakePerClass(options->class_min_areas_px, options->class_min_area_count, "class_min_area", &out->class_min_area);
}

}  // namespace lnx::session
