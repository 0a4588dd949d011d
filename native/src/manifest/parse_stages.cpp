// Several graphs: what reads text, what looks at objects again, and that every graph has its place.
#include <algorithm>
#include <cstdio>
#include <set>
#include <string>

#include "base/utf8.h"
#include "manifest/parse.h"

namespace lnx::manifest {
namespace {

constexpr int64_t kMaxBatch = 64;

OcrDecode::Detector ParseDetector(const json& value) {
  ObjectReader r(value, "decode.detector");
  OcrDecode::Detector d;
  const bool shortest = true, neighbour = false;
  d.limit_min = r.Word<bool>("limit", {{"min", true}, {"max", false}}, &shortest);
  d.side = static_cast<int32_t>(r.Integer("side", d.side, 32, 8192));
  d.threshold = r.Number("threshold", d.threshold, 0, 1);
  d.box_threshold = r.Number("box_threshold", d.box_threshold, 0, 1);
  d.unclip = r.Number("unclip", d.unclip, 0, 10);
  d.max_candidates = static_cast<uint32_t>(r.Integer("max_candidates", d.max_candidates, 1, 100000));
  d.dilate = r.Flag("dilate", d.dilate);
  d.line_gap = static_cast<int32_t>(r.Integer("line_gap", d.line_gap, 0, 1000));
  d.chain = r.Word<bool>("line_rule", {{"neighbour", false}, {"chain", true}}, &neighbour);
  r.Done();
  return d;
}

OcrDecode::Angle ParseAngle(const json& value) {
  ObjectReader r(value, "decode.angle");
  OcrDecode::Angle a;
  a.graph = r.Text("graph");
  ParseSize(r, &a.width, &a.height);
  a.threshold = r.Number("threshold", a.threshold, 0, 1);
  a.batch = static_cast<uint32_t>(r.Integer("batch", a.batch, 1, kMaxBatch));
  r.Done();
  return a;
}

OcrDecode::Reader ParseReader(const json& value) {
  ObjectReader r(value, "decode.reader");
  OcrDecode::Reader t;
  t.graph = r.Text("graph");
  ParseSize(r, &t.width, &t.height);
  t.batch = static_cast<uint32_t>(r.Integer("batch", t.batch, 1, kMaxBatch));
  if (r.Has("widths")) t.widths = r.Integers("widths", 8, 8192);
  r.Find("widths");
  for (size_t i = 1; i < t.widths.size(); ++i) {
    if (t.widths[i] <= t.widths[i - 1]) r.Refuse("widths", std::to_string(t.widths[i]), "widths that grow");
  }
  t.dictionary = r.Text("dictionary");
  t.space = r.Flag("space", t.space);
  r.Done();
  return t;
}

ClassifyStage ParseStage(const json& value, const std::string& path, const Manifest& manifest) {
  using Activation = ClassificationDecode::Activation;
  using Score = ClassifyStage::Score;
  ObjectReader r(value, path);
  r.Word<int>("kind", {{"classify", 0}}, nullptr, true);
  ClassifyStage stage;
  stage.graph = r.Text("graph");
  const auto labels = [&](const char* name, std::vector<int32_t>* to) {
    for (const int64_t id : r.Integers(name, 0, 65536)) {
      if (manifest.FindLabel(static_cast<int32_t>(id)) == nullptr) r.Refuse(name, std::to_string(id), "an id of `labels`");
      to->push_back(static_cast<int32_t>(id));
    }
  };
  if (r.Has("on")) labels("on", &stage.on);
  r.Find("on");
  labels("label_ids", &stage.label_ids);
  if (stage.label_ids.empty()) r.Refuse("label_ids", "an empty list", "a label for each class of the graph");
  stage.margin = r.Number("margin", 0, 0, 4);
  const Activation softmax = Activation::kSoftmax;
  stage.activation = r.Word<Activation>(
      "activation", {{"none", Activation::kNone}, {"softmax", Activation::kSoftmax}, {"sigmoid", Activation::kSigmoid}},
      &softmax);
  const Score replace = Score::kReplace;
  stage.score = r.Word<Score>("score", {{"replace", Score::kReplace}, {"product", Score::kProduct}}, &replace);
  r.Done();
  return stage;
}

}  // namespace

OcrDecode ParseOcr(ObjectReader& r) {
  OcrDecode d;
  if (const json* bounds = r.Find("bounds")) {
    ObjectReader b(*bounds, "decode.bounds");
    d.min_side = static_cast<int32_t>(b.Integer("min_side", d.min_side, 1, 4096));
    d.max_side = static_cast<int32_t>(b.Integer("max_side", d.max_side, std::max(64, d.min_side), 30000));
    b.Done();
  }
  if (const json* padding = r.Find("padding")) {
    ObjectReader p(*padding, "decode.padding");
    d.pad_ratio = p.Number("ratio", d.pad_ratio, -1, 1000);
    d.pad_height = static_cast<int32_t>(p.Integer("min_height", d.pad_height, 0, 4096));
    p.Done();
  }
  d.detector = ParseDetector(r.Get("detector"));
  if (const json* angle = r.Find("angle")) d.angle = ParseAngle(*angle);
  d.reader = ParseReader(r.Get("reader"));
  return d;
}

std::vector<ClassifyStage> ParseStages(const json& values, const Manifest& manifest) {
  std::vector<ClassifyStage> stages;
  for (size_t i = 0; i < values.size(); ++i) {
    if (manifest.task != LNX_TASK_DETECTION) {
      Fail(LNX_E_MANIFEST_FIELD,
           {std::string("a stage after task \"") + TaskName(manifest.task) + "\"", "stages after task \"detection\"", "stages"});
    }
    stages.push_back(ParseStage(values[i], "stages[" + std::to_string(i) + "]", manifest));
  }
  return stages;
}

void CheckGraphs(const Manifest& manifest) {
  std::set<std::string> ids, used = {manifest.graphs[0].id};
  for (size_t i = 0; i < manifest.graphs.size(); ++i) {
    if (ids.insert(manifest.graphs[i].id).second) continue;
    Fail(LNX_E_MANIFEST_FIELD,
         {"\"" + manifest.graphs[i].id + "\" twice", "ids that differ", "graphs[" + std::to_string(i) + "].id"});
  }
  const auto use = [&](const std::string& id, const std::string& where) {
    if (ids.count(id) == 0 || id == manifest.graphs[0].id) {
      Fail(LNX_E_MANIFEST_FIELD, {"\"" + id + "\"", "the id of a graph after the first", where});
    }
    used.insert(id);
  };
  for (size_t i = 0; i < manifest.stages.size(); ++i) use(manifest.stages[i].graph, "stages[" + std::to_string(i) + "].graph");
  if (const auto* ocr = std::get_if<OcrDecode>(&manifest.decode)) {
    if (!ocr->angle.graph.empty()) use(ocr->angle.graph, "decode.angle.graph");
    use(ocr->reader.graph, "decode.reader.graph");
  }
  for (size_t i = 0; i < manifest.graphs.size(); ++i) {
    if (used.count(manifest.graphs[i].id) != 0) continue;
    Fail(LNX_E_MANIFEST_FIELD, {"graph \"" + manifest.graphs[i].id + "\", which nothing uses",
                                "a stage that uses it, or one graph less", "graphs[" + std::to_string(i) + "]"});
  }
}

void CheckCore(const std::string& min_core) {
  if (min_core.empty()) return;
  int wanted[3] = {}, own[3] = {}, read = 0;
  if (std::sscanf(min_core.c_str(), "%4d.%4d.%4d%n", &wanted[0], &wanted[1], &wanted[2], &read) != 3 ||
      static_cast<size_t>(read) != min_core.size()) {
    Fail(LNX_E_MANIFEST_FIELD, {"\"" + Shortened(min_core, 32) + "\"", "\"1.0.0\"", "min_core"});
  }
  std::sscanf(LNX_VERSION, "%4d.%4d.%4d", &own[0], &own[1], &own[2]);
  if (std::lexicographical_compare(own, own + 3, wanted, wanted + 3)) {
    Fail(LNX_E_MANIFEST_VERSION,
         {"a model for core " + min_core, std::string("at most ") + LNX_VERSION + ", this core", "min_core"});
  }
}

}  // namespace lnx::manifest
