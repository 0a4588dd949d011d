// Decoding, labels, thresholds and verdict rules.
#include <set>
#include <string>

#include "base/utf8.h"
#include "manifest/parse.h"

namespace lnx::manifest {
namespace {

constexpr int64_t kMaxLabels = 65536;

ClassificationDecode ParseClassification(ObjectReader& r) {
  using Activation = ClassificationDecode::Activation;
  ClassificationDecode d;
  d.activation = r.Word<Activation>(
      "activation", {{"none", Activation::kNone}, {"softmax", Activation::kSoftmax}, {"sigmoid", Activation::kSigmoid}});
  d.multi_label = r.Flag("multi_label", false);
  d.top_k = static_cast<uint32_t>(r.Integer("top_k", 5, 1, kMaxLabels));
  return d;
}

YoloxDecode ParseYolox(ObjectReader& r) {
  YoloxDecode d;
  if (r.Has("strides")) {
    d.strides.clear();
    for (const int64_t stride : r.Integers("strides", 1, 1024)) d.strides.push_back(static_cast<int32_t>(stride));
    if (d.strides.empty()) r.Refuse("strides", "an empty list", "at least one stride");
  }
  d.decoded = r.Flag("decoded_in_graph", true);
  d.activated = r.Flag("activation_in_graph", true);
  d.score_floor = r.Number("score_floor", 0.01, 0, 1);
  return d;
}

SegmentationDecode ParseSegmentation(ObjectReader& r) {
  using Mode = SegmentationDecode::Mode;
  using Activation = SegmentationDecode::Activation;
  SegmentationDecode d;
  d.mode =
      r.Word<Mode>("mode", {{"binary", Mode::kBinary}, {"multi_class", Mode::kMultiClass}, {"multi_label", Mode::kMultiLabel}});
  d.activation = r.Word<Activation>(
      "activation", {{"none", Activation::kNone}, {"softmax", Activation::kSoftmax}, {"sigmoid", Activation::kSigmoid}});
  const bool nchw = true;
  d.nchw = r.Word<bool>("layout", {{"NCHW", true}, {"NHWC", false}}, &nchw);
  d.mask_threshold = r.Number("mask_threshold", 0.5, 0, 1);
  d.background = static_cast<int32_t>(r.Integer("background", 0, -1, kMaxLabels));
  d.fill_holes = r.Flag("fill_holes", false);
  d.connectivity = static_cast<uint32_t>(r.Integer("connectivity", 8, 4, 8));
  if (d.connectivity != 4 && d.connectivity != 8) r.Refuse("connectivity", std::to_string(d.connectivity), "4 or 8");
  return d;
}

constexpr std::initializer_list<std::pair<const char*, LnxVerdict>> kVerdicts = {
    {"OK", LNX_VERDICT_OK}, {"NG", LNX_VERDICT_NG}, {"REVIEW", LNX_VERDICT_REVIEW}, {"UNDEFINED", LNX_VERDICT_UNDEFINED}};

uint32_t ParseColorCode(ObjectReader& r) {
  const std::string text = r.Text("color", "#FF3030");
  uint32_t color = 0;
  bool good = text.size() == 7 && text[0] == '#';
  for (size_t i = 1; good && i < 7; ++i) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : -1;
    good = digit >= 0;
    color = color << 4 | static_cast<uint32_t>(digit & 15);
  }
  if (!good) r.Refuse("color", Shortened(text, 32), "#RRGGBB");
  return color;
}

}  // namespace

Decode ParseDecode(const json& value, LnxTask task) {
  ObjectReader r(value, "decode");
  using Parser = Decode (*)(ObjectReader&);
  struct Family {
    LnxTask task;
    Parser parse;
  };
  const auto family = r.Word<Family>(
      "kind",
      {{"classification", {LNX_TASK_CLASSIFICATION, [](ObjectReader& o) -> Decode { return ParseClassification(o); }}},
       {"yolox", {LNX_TASK_DETECTION, [](ObjectReader& o) -> Decode { return ParseYolox(o); }}},
       {"rtmdet", {LNX_TASK_DETECTION, [](ObjectReader& o) -> Decode { return ParseRtmdet(o); }}},
       {"rtdetr", {LNX_TASK_DETECTION, [](ObjectReader& o) -> Decode { return ParseRtdetr(o); }}},
       {"ppyoloe", {LNX_TASK_DETECTION, [](ObjectReader& o) -> Decode { return ParsePpyoloe(o); }}},
       {"efficientdet", {LNX_TASK_DETECTION, [](ObjectReader& o) -> Decode { return ParseEfficientDet(o); }}},
       {"candidates", {LNX_TASK_DETECTION, [](ObjectReader& o) -> Decode { return ParseCandidates(o); }}},
       {"instance", {LNX_TASK_DETECTION, [](ObjectReader& o) -> Decode { return ParseInstance(o); }}},
       {"segmentation", {LNX_TASK_SEGMENTATION, [](ObjectReader& o) -> Decode { return ParseSegmentation(o); }}},
       {"anomaly", {LNX_TASK_ANOMALY, [](ObjectReader& o) -> Decode { return ParseAnomaly(o); }}},
       {"enhancement", {LNX_TASK_ENHANCEMENT, [](ObjectReader& o) -> Decode { return ParseEnhancement(o); }}},
       {"ocr", {LNX_TASK_OCR, [](ObjectReader& o) -> Decode { return ParseOcr(o); }}}},
      nullptr, true);
  if (family.task != task) r.Refuse("kind", r.Text("kind"), std::string("a decoder for task \"") + TaskName(task) + "\"");
  Decode decode = family.parse(r);
  r.Done();
  return decode;
}

Nms ParseNms(const json& value) {
  ObjectReader r(value, "nms");
  Nms nms;
  const bool aware = true;
  nms.class_aware = r.Word<bool>("kind", {{"class_aware", true}, {"class_agnostic", false}}, &aware);
  nms.iou = r.Number("iou", 0.65, 0, 1);
  nms.pre_top_k = static_cast<uint32_t>(r.Integer("pre_top_k", 1000, 1, 100000));
  nms.max = static_cast<uint32_t>(r.Integer("max", 300, 1, 10000));
  nms.clip = r.Flag("clip", false);
  const bool image = false;
  nms.clip_to_input = r.Word<bool>("clip_to", {{"image", false}, {"input", true}}, &image);
  r.Done();
  return nms;
}

std::vector<Label> ParseLabels(const json& values) {
  std::vector<Label> labels;
  std::set<int32_t> ids;
  for (size_t i = 0; i < values.size(); ++i) {
    ObjectReader r(values[i], "labels[" + std::to_string(i) + "]");
    Label label;
    label.id = static_cast<int32_t>(r.Integer("id", 0, kMaxLabels));
    label.name = r.Text("name");
    label.name_ko = r.Text("name_ko", "");
    label.color = ParseColorCode(r);
    if (r.Has("threshold")) label.threshold = r.Number("threshold", 0, -1e9, 1e9);
    r.Find("threshold");
    label.min_area_px = r.Number("min_area_px", 0, 0, 1e12);
    if (!ids.insert(label.id).second) r.Refuse("id", std::to_string(label.id), "an id that no other label has");
    if (label.name.empty()) r.Refuse("name", "an empty text", "a name");
    r.Done();
    labels.push_back(std::move(label));
  }
  return labels;
}

Thresholds ParseThresholds(const json& value) {
  ObjectReader r(value, "thresholds");
  Thresholds t;
  const std::string raw = "raw";
  t.space = r.Word<std::string>("space", {{"raw", "raw"}, {"norm", "norm"}}, &raw);
  t.score = r.Number("score", 0.5, -1e9, 1e9);
  t.guard = r.Number("guard", 0, 0, 1e9);
  r.Done();
  return t;
}

Verdict ParseVerdict(const json& value, const std::vector<Label>& labels) {
  ObjectReader r(value, "verdict");
  Verdict verdict;
  const LnxVerdict undefined = LNX_VERDICT_UNDEFINED;
  verdict.otherwise = r.Word<LnxVerdict>("otherwise", kVerdicts, &undefined);
  if (const json* rules = r.FindArray("rules", 256)) {
    for (size_t i = 0; i < rules->size(); ++i) {
      ObjectReader rule((*rules)[i], "verdict.rules[" + std::to_string(i) + "]");
      Rule parsed;
      parsed.kind = rule.Word<Rule::Kind>("kind",
                                          {{"score", Rule::Kind::kScore},
                                           {"count", Rule::Kind::kCount},
                                           {"area", Rule::Kind::kArea},
                                           {"top_below", Rule::Kind::kTopBelow}},
                                          nullptr, true);
      if (rule.Has("labels")) {
        for (const int64_t id : rule.Integers("labels", 0, kMaxLabels)) {
          bool known = false;
          for (const Label& label : labels) known = known || label.id == id;
          if (!known) rule.Refuse("labels", std::to_string(id), "an id of `labels`");
          parsed.labels.push_back(static_cast<int32_t>(id));
        }
      }
      rule.Find("labels");
      parsed.at_least = rule.Number("at_least", 1, 0, 1e12);
      parsed.then = rule.Word<LnxVerdict>("then", kVerdicts);
      rule.Done();
      verdict.rules.push_back(std::move(parsed));
    }
  }
  r.Done();
  return verdict;
}

}  // namespace lnx::manifest
