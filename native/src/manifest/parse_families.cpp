// Decoding of the detector, anomaly and enhancement families.
#include <string>

#include "manifest/parse.h"

namespace lnx::manifest {
namespace {

BoxHead ParseHead(ObjectReader& r, bool all_classes, bool activated) {
  BoxHead head;
  head.score_floor = r.Number("score_floor", 0.01, 0, 1);
  head.all_classes = r.Word<bool>("per_anchor", {{"best", false}, {"all", true}}, &all_classes);
  head.activated = r.Flag("activation_in_graph", activated);
  return head;
}

BoxSpace ParseSpace(ObjectReader& r, BoxSpace fallback) {
  return r.Word<BoxSpace>("boxes_in", {{"input", BoxSpace::kInput}, {"image", BoxSpace::kImage}}, &fallback);
}

void ParseStrides(ObjectReader& r, std::vector<int32_t>* strides) {
  if (!r.Has("strides")) return void(r.Find("strides"));
  strides->clear();
  for (const int64_t stride : r.Integers("strides", 1, 1024)) strides->push_back(static_cast<int32_t>(stride));
  if (strides->empty() || strides->size() > 16) r.Refuse("strides", std::to_string(strides->size()) + " strides", "1 .. 16");
}

Calibration ParseCalibration(ObjectReader& parent, const char* name) {
  ObjectReader r(parent.Get(name), parent.At(name));
  Calibration c;
  for (const char* field : {"thr", "min", "max"}) r.Get(field);
  c.thr = r.Number("thr", 0, -1e12, 1e12);
  c.min = r.Number("min", 0, -1e12, 1e12);
  c.max = r.Number("max", 0, -1e12, 1e12);
  if (!(c.max > c.min)) r.Refuse("max", std::to_string(c.max), "more than min");
  r.Done();
  return c;
}

}  // namespace

RtmdetDecode ParseRtmdet(ObjectReader& r) {
  RtmdetDecode d;
  d.head = ParseHead(r, true, false);
  ParseStrides(r, &d.strides);
  const bool pixels = true;
  d.distances_in_pixels = r.Word<bool>("distances", {{"pixels", true}, {"strides", false}}, &pixels);
  return d;
}

RtdetrDecode ParseRtdetr(ObjectReader& r) {
  RtdetrDecode d;
  d.head = ParseHead(r, true, false);
  d.raw = r.Word<bool>("form", {{"raw", true}, {"decoded", false}});
  d.top_k = static_cast<uint32_t>(r.Integer("top_k", 300, 1, 10000));
  d.space = ParseSpace(r, BoxSpace::kInput);
  return d;
}

PpyoloeDecode ParsePpyoloe(ObjectReader& r) {
  PpyoloeDecode d;
  d.head = ParseHead(r, true, true);
  d.nms_in_graph = r.Flag("nms_in_graph", true);
  d.space = ParseSpace(r, BoxSpace::kImage);
  return d;
}

EfficientDetDecode ParseEfficientDet(ObjectReader& r) {
  EfficientDetDecode d;
  d.head = ParseHead(r, true, false);
  d.yxhw = r.Word<bool>("coding", {{"yxhw", true}, {"xywh", false}});
  if (r.Has("variances")) d.variances = r.Numbers("variances", 1e-9, 1e9);
  r.Find("variances");
  if (!d.variances.empty() && d.variances.size() != 4)
    r.Refuse("variances", std::to_string(d.variances.size()) + " numbers", "4 numbers");
  ParseStrides(r, &d.strides);
  d.anchor_scale = r.Number("anchor_scale", 4, 1e-3, 1e3);
  d.octaves = r.Numbers("scales", 1e-3, 1e3);
  const json& ratios = r.Array("ratios", 16);
  for (size_t i = 0; i < ratios.size(); ++i) {
    const json wrapped = {{"ratio", ratios[i]}};
    ObjectReader item(wrapped, r.At("ratios") + "[" + std::to_string(i) + "]");
    const std::vector<double> pair = item.Numbers("ratio", 1e-3, 1e3);
    if (pair.size() != 2) r.Refuse("ratios", ObjectReader::Shown(ratios[i]), "[width, height]");
    d.ratios.emplace_back(pair[0], pair[1]);
  }
  if (d.octaves.empty() || d.octaves.size() > 16) r.Refuse("scales", std::to_string(d.octaves.size()) + " scales", "1 .. 16");
  if (d.ratios.empty()) r.Refuse("ratios", "an empty list", "at least one [width, height]");
  return d;
}

InstanceDecode ParseInstance(ObjectReader& r) {
  InstanceDecode d;
  d.head = ParseHead(r, false, true);
  d.masks_in_box = r.Word<bool>("masks", {{"box", true}, {"input", false}});
  d.mask_threshold = r.Number("mask_threshold", 0.5, -1e9, 1e9);
  d.space = ParseSpace(r, BoxSpace::kInput);
  return d;
}

CandidatesDecode ParseCandidates(ObjectReader& r) {
  CandidatesDecode d;
  d.score_floor = r.Number("score_floor", 0.01, 0, 1);
  d.cut = r.Flag("cut", false);
  d.space = ParseSpace(r, BoxSpace::kInput);
  return d;
}

AnomalyDecode ParseAnomaly(ObjectReader& r) {
  using Score = AnomalyDecode::Score;
  using Step = AnomalyDecode::Step;
  AnomalyDecode d;
  d.score = r.Word<Score>("score", {{"output", Score::kOutput}, {"max", Score::kMax}, {"top_mean", Score::kTopMean}});
  d.top_k = static_cast<uint32_t>(r.Integer("top_k", 1, 1, 1 << 24));
  if (const json* steps = r.FindArray("steps", 8)) {
    for (const json& step : *steps) {
      const json wrapped = {{"steps", step}};
      ObjectReader item(wrapped, r.path());
      d.steps.push_back(item.Word<Step>("steps", {{"upsample", Step::kUpsample}, {"blur", Step::kBlur}}, nullptr, true));
    }
  }
  d.blur_sigma = r.Number("blur_sigma", 4, 0.1, 64);
  d.graph_is_norm = r.Word<bool>("space", {{"norm", true}, {"raw", false}});
  if (r.Has("image")) d.image = ParseCalibration(r, "image");
  if (r.Has("pixel")) d.pixel = ParseCalibration(r, "pixel");
  r.Find("image");
  r.Find("pixel");
  d.clamp = r.Flag("clamp", true);
  d.mask_threshold = r.Number("mask_threshold", 0.5, -1e9, 1e9);
  d.fill_holes = r.Flag("fill_holes", false);
  d.connectivity = static_cast<uint32_t>(r.Integer("connectivity", 8, 4, 8));
  if (d.connectivity != 4 && d.connectivity != 8) r.Refuse("connectivity", std::to_string(d.connectivity), "4 or 8");
  return d;
}

EnhancementDecode ParseEnhancement(ObjectReader& r) {
  EnhancementDecode d;
  d.scale = static_cast<int32_t>(r.Integer("scale", 1, 1, 16));
  d.residual = r.Flag("residual", false);
  const bool nchw = true;
  d.nchw = r.Word<bool>("layout", {{"NCHW", true}, {"NHWC", false}}, &nchw);
  if (r.Has("range")) {
    const std::vector<double> range = r.Numbers("range", -1e6, 1e6);
    if (range.size() != 2 || !(range[1] > range[0])) r.Refuse("range", ObjectReader::Shown(range), "[black, white]");
    d.low = range[0], d.high = range[1];
  }
  r.Find("range");
  d.bits = static_cast<uint32_t>(r.Integer("bits", 8, 8, 16));
  if (d.bits != 8 && d.bits != 16) r.Refuse("bits", std::to_string(d.bits), "8 or 16");
  const bool rgb = false;
  d.bgr = r.Word<bool>("colour", {{"RGB", false}, {"BGR", true}, {"GRAY", false}}, &rgb);
  if (d.residual && d.scale != 1) r.Refuse("residual", "true with scale " + std::to_string(d.scale), "scale 1");
  return d;
}

}  // namespace lnx::manifest
