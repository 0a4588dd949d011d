#include "manifest/manifest.h"

#include <cstdio>

#include "base/utf8.h"
#include "manifest/parse.h"

namespace lnx::manifest {
namespace {

constexpr std::initializer_list<std::pair<const char*, LnxTask>> kTasks = {{"classification", LNX_TASK_CLASSIFICATION},
                                                                           {"detection", LNX_TASK_DETECTION},
                                                                           {"segmentation", LNX_TASK_SEGMENTATION},
                                                                           {"anomaly", LNX_TASK_ANOMALY},
                                                                           {"enhancement", LNX_TASK_ENHANCEMENT},

                                                                           {"ocr", LNX_TASK_OCR}};
constexpr std::initializer_list<std::pair<const char*, DType>> kDTypes = {
    {"f32", DType::kF32}, {"f16", DType::kF16}, {"u8", DType::kU8},    {"i32", DType::kI32},
    {"i64", DType::kI64}, {"u16", DType::kU16}, {"bool", DType::kBool}};
constexpr std::initializer_list<std::pair<const char*, LnxPixelFormat>> kFormats = {
    {"GRAY8", LNX_PIXEL_GRAY8}, {"GRAY16", LNX_PIXEL_GRAY16}, {"BGR8", LNX_PIXEL_BGR8},
    {"RGB8", LNX_PIXEL_RGB8},   {"BGRA8", LNX_PIXEL_BGRA8},   {"RGBA8", LNX_PIXEL_RGBA8}};
constexpr std::initializer_list<std::pair<const char*, LnxPixelFormat>> kAccepted = {{"GRAY8", LNX_PIXEL_GRAY8},
                                                                                     {"GRAY16", LNX_PIXEL_GRAY16},
                                                                                     {"BGR8", LNX_PIXEL_BGR8},
                                                                                     {"RGB8", LNX_PIXEL_RGB8},
                                                                                     {"BGRA8", LNX_PIXEL_BGRA8},
                                                                                     {"RGBA8", LNX_PIXEL_RGBA8},
                                                                                     {"GRAY10P", LNX_PIXEL_GRAY10P},
                                                                                     {"GRAY12P", LNX_PIXEL_GRAY12P},
                                                                                     {"BAYER_RG8", LNX_PIXEL_BAYER_RG8},
                                                                                     {"BAYER_BG8", LNX_PIXEL_BAYER_BG8},
                                                                                     {"BAYER_GR8", LNX_PIXEL_BAYER_GR8},
                                                                                     {"BAYER_GB8", LNX_PIXEL_BAYER_GB8},
                                                                                     {"BAYER_RG16", LNX_PIXEL_BAYER_RG16},
                                                                                     {"BAYER_BG16", LNX_PIXEL_BAYER_BG16},
                                                                                     {"BAYER_GR16", LNX_PIXEL_BAYER_GR16},
                                                                                     {"BAYER_GB16", LNX_PIXEL_BAYER_GB16},
                                                                                     {"NV12", LNX_PIXEL_NV12},
                                                                                     {"F32_PLANAR", LNX_PIXEL_F32_PLANAR},
                                                                                     {"F32_GRAY", LNX_PIXEL_F32_GRAY}};
constexpr size_t kMaxDepth = 32;

// nlohmann's parser recurses; a hostile file must not exhaust the stack.
bool TooDeep(Bytes text) {
  size_t depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size; ++i) {
    const uint8_t c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      if (depth > 0) --depth;
    }
  }
  return false;
}

void CheckSchema(const std::string& schema) {
  int major = 0, minor = 0, read = 0;
  if (std::sscanf(schema.c_str(), "%4d.%4d%n", &major, &minor, &read) != 2 || static_cast<size_t>(read) != schema.size() ||
      major < 1) {
    Fail(LNX_E_MANIFEST_FIELD, {"\"" + Shortened(schema, 32) + "\"", "\"1.0\"", "schema"});
  }
  if (major > kSchemaMajor) Fail(LNX_E_MANIFEST_VERSION, {"schema " + schema, "schema 1.x", "schema"});
}

// Everything but the image is filled from its size. "image" when nothing is said.
std::string ParseInputRole(ObjectReader& r) {
  const std::string image = "image";
  return r.Word<std::string>("role",
                             {{"image", "image"},
                              {"input_wh", "input_wh"},
                              {"input_hw", "input_hw"},
                              {"image_wh", "image_wh"},
                              {"image_hw", "image_hw"},
                              {"scale_hw", "scale_hw"},
                              {"ones", "ones"}},
                             &image);
}

TensorSpec ParseTensor(const json& value, const std::string& path, bool input) {
  ObjectReader r(value, path);
  TensorSpec spec;
  spec.name = r.Text("name");
  spec.dtype = r.Word<DType>("dtype", kDTypes);
  for (const json& side : r.Array("shape", 8)) {
    if (side.is_string()) {
      spec.shape.push_back(-1);
    } else if (side.is_number_integer() && side.get<int64_t>() >= 1 && side.get<int64_t>() <= (1 << 26)) {
      spec.shape.push_back(side.get<int64_t>());
    } else {
      r.Refuse("shape", ObjectReader::Shown(side), "1 or more, or a name for a dynamic axis");
    }
  }
  spec.role = input ? ParseInputRole(r) : r.Text("role", "");
  const std::string nchw = "NCHW";
  const bool image = spec.role == "image";
  if (input) spec.layout = r.Word<std::string>("layout", {{"NCHW", "NCHW"}, {"NHWC", "NHWC"}}, image ? nullptr : &nchw);
  r.Done();
  return spec;
}

void ParseTensors(ObjectReader& r, const std::string& path, std::vector<TensorSpec>* in, std::vector<TensorSpec>* out) {
  const json& inputs = r.Array("inputs", 16);
  for (size_t i = 0; i < inputs.size(); ++i)
    in->push_back(ParseTensor(inputs[i], path + ".inputs[" + std::to_string(i) + "]", true));
  const json& outputs = r.Array("outputs", 64);
  for (size_t i = 0; i < outputs.size(); ++i)
    out->push_back(ParseTensor(outputs[i], path + ".outputs[" + std::to_string(i) + "]", false));
  if (in->empty()) r.Refuse("inputs", "an empty list", "at least one input");
  if (out->empty()) r.Refuse("outputs", "an empty list", "at least one output");
}

// `pre`: of a graph that is not the first.
Graph ParseGraph(const json& value, const std::string& path, std::vector<PreOp>* pre) {
  ObjectReader r(value, path);
  Graph graph;
  graph.id = r.Text("id");
  graph.file = r.Text("file");
  graph.weights = r.Text("weights", "");
  graph.weights_location = r.Text("weights_location", "");
  ParseTensors(r, path, &graph.inputs, &graph.outputs);
  size_t images = 0;
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    if (graph.inputs[i].role == "image") graph.image_input = i, ++images;
  }
  if (images != 1) r.Refuse("inputs", std::to_string(images) + " inputs with the role \"image\"", "exactly one");
  graph.batch = r.Has("batch") ? r.Integers("batch", 1, 64) : std::vector<int64_t>{1};
  r.Find("batch");
  if (graph.batch.empty()) graph.batch = {1};
  if (pre != nullptr) *pre = ParsePre(r.Array("pre", 64), path + ".pre");
  r.Done();
  return graph;
}

// depth: of the pixels that the ops see.
Input ParseInput(const json& value, uint32_t* depth) {
  ObjectReader r(value, "input");
  Input input;
  if (const json* accept = r.FindArray("accept", 32)) {
    for (size_t i = 0; i < accept->size(); ++i) {
      const json wrapped = {{"accept", (*accept)[i]}};
      ObjectReader item(wrapped, "input");
      input.accept.push_back(item.Word<LnxPixelFormat>("accept", kAccepted));
    }
  }
  if (const json* window = r.Find("window")) {
    ObjectReader w(*window, "input.window");
    Window bounds;
    bounds.lo = static_cast<uint32_t>(w.Integer("lo", 0, 65534));
    bounds.hi = static_cast<uint32_t>(w.Integer("hi", 1, 65535));
    if (bounds.hi <= bounds.lo) w.Refuse("hi", std::to_string(bounds.hi), "more than lo");
    w.Done();
    input.window = bounds;
  }
  *depth = static_cast<uint32_t>(r.Integer("depth", 8, 8, 16));
  if (*depth != 8 && *depth != 16) r.Refuse("depth", std::to_string(*depth), "8 or 16");
  r.Done();
  return input;
}

std::vector<std::string> ParseEntries(ObjectReader& r, const char* name) {
  std::vector<std::string> entries;
  for (const json& entry : r.Array(name, 64)) {
    if (!entry.is_string()) r.Refuse(name, ObjectReader::Shown(entry), "names of entries");
    entries.push_back(entry.get<std::string>());
  }
  return entries;
}

std::vector<Golden> ParseGoldens(const json& values) {
  std::vector<Golden> goldens;
  for (size_t i = 0; i < values.size(); ++i) {
    ObjectReader r(values[i], "golden[" + std::to_string(i) + "]");
    Golden golden;
    golden.image = r.Text("image", "");
    golden.pixels = r.Text("pixels");
    golden.width = static_cast<int32_t>(r.Integer("width", 1, 30000));
    golden.height = static_cast<int32_t>(r.Integer("height", 1, 30000));
    golden.format = r.Word<LnxPixelFormat>("format", kFormats);
    golden.tensor = r.Text("tensor");
    golden.outputs = ParseEntries(r, "outputs");
    golden.result = r.Text("result");
    r.Done();
    goldens.push_back(std::move(golden));
  }
  return goldens;
}

Tolerance ParseTolerance(const json& value) {
  ObjectReader r(value, "tolerance");
  Tolerance t;
  t.pre = r.Number("pre", t.pre, 0, 1e6);
  t.model = r.Number("model", t.model, 0, 1e6);
  t.post = r.Number("post", t.post, 0, 1e6);
  r.Done();
  return t;
}

Limits ParseLimits(const json& value) {
  ObjectReader r(value, "limits");
  Limits limits;
  limits.min_width = static_cast<int32_t>(r.Integer("min_width", 1, 1, 30000));
  limits.min_height = static_cast<int32_t>(r.Integer("min_height", 1, 1, 30000));
  limits.max_width = static_cast<int32_t>(r.Integer("max_width", 30000, limits.min_width, 30000));
  limits.max_height = static_cast<int32_t>(r.Integer("max_height", 30000, limits.min_height, 30000));
  r.Done();
  return limits;
}

Tiling ParseTiling(const json& value) {
  ObjectReader r(value, "tiling");
  Tiling tiling;
  ParseSize(r, &tiling.width, &tiling.height);
  tiling.overlap = r.Number("overlap", 0.2, 0, kMaxTileOverlap);
  r.Done();
  return tiling;
}

GpuForm ParseGpuForm(const json& value, const Manifest& m) {
  ObjectReader r(value, "gpu_form");
  GpuForm form;
  form.file = r.Text("file");
  ParseTensors(r, "gpu_form", &form.inputs, &form.outputs);
  form.pre = ParsePre(r.Array("pre", 64), "gpu_form.pre");
  if (const json* decode = r.Find("decode")) form.decode = ParseDecode(*decode, m.task);
  if (const json* golden = r.FindArray("golden", 64)) {
    for (size_t i = 0; i < golden->size(); ++i) {
      ObjectReader item((*golden)[i], "gpu_form.golden[" + std::to_string(i) + "]");
      form.golden.push_back({item.Text("tensor"), ParseEntries(item, "outputs")});
      item.Done();
    }
  }
  const Graph& graph = m.graphs[0];
  const size_t at = graph.image_input;
  if (form.inputs.size() != graph.inputs.size() || form.inputs[at].role != "image")
    r.Refuse("inputs", std::to_string(form.inputs.size()) + " inputs", "those of the graph, in its order");
  if (form.golden.size() != m.golden.size())
    r.Refuse("golden", std::to_string(form.golden.size()), std::to_string(m.golden.size()) + ", as many as the manifest has");
  r.Done();
  return form;
}

Manifest ParseDocument(const json& document) {
  ObjectReader r(document, "");
  Manifest m;
  m.schema = r.Text("schema");
  CheckSchema(m.schema);
  ObjectReader model(r.Get("model"), "model");
  m.name = model.Text("name");
  m.version = model.Text("version");
  m.title = model.Text("title", "");
  m.trainer = model.Text("trainer", "");
  m.created = model.Text("created", "");
  m.uid = model.Text("uid", "");
  m.attribution = model.Text("attribution", "");
  model.Done();
  m.min_core = r.Text("min_core", "");
  CheckCore(m.min_core);
  m.task = r.Word<LnxTask>("task", kTasks, nullptr, true);
  const json& graphs = r.Array("graphs", 8);
  m.graph_pre.resize(graphs.size());
  for (size_t i = 0; i < graphs.size(); ++i)
    m.graphs.push_back(ParseGraph(graphs[i], "graphs[" + std::to_string(i) + "]", i == 0 ? nullptr : &m.graph_pre[i]));
  if (m.graphs.empty()) r.Refuse("graphs", "an empty list", "at least one graph");
  if (const json* input = r.Find("input")) m.input = ParseInput(*input, &m.depth);
  m.pre = m.graph_pre[0] = ParsePre(r.Array("pre", 64), "pre");
  m.decode = ParseDecode(r.Get("decode"), m.task);
  if (const json* nms = r.Find("nms")) m.nms = ParseNms(*nms);
  m.labels = ParseLabels(r.Array("labels", 65536));
  if (const json* stages = r.FindArray("stages", 8)) m.stages = ParseStages(*stages, m);
  CheckGraphs(m);
  if (const json* thresholds = r.Find("thresholds")) m.thresholds = ParseThresholds(*thresholds);
  if (const json* verdict = r.Find("verdict")) m.verdict = ParseVerdict(*verdict, m.labels);
  if (const json* golden = r.FindArray("golden", 64)) m.golden = ParseGoldens(*golden);
  if (const json* tolerance = r.Find("tolerance")) m.tolerance = ParseTolerance(*tolerance);
  if (const json* limits = r.Find("limits")) m.limits = ParseLimits(*limits);
  if (const json* tiling = r.Find("tiling")) m.tiling = ParseTiling(*tiling);
  if (const json* form = r.Find("gpu_form")) m.gpu_form = ParseGpuForm(*form, m);
  r.Done();
  return m;
}

}  // namespace

Manifest Parse(Bytes text, const std::string& where) {
  if (TooDeep(text)) Fail(LNX_E_MANIFEST_JSON, {"nesting deeper than " + std::to_string(kMaxDepth), "a flat document", where});
  json document;
  try {
    document = json::parse(text.begin(), text.end());
  } catch (const json::exception& error) {
    Fail(LNX_E_MANIFEST_JSON, {error.what(), "JSON", where});
  }
  try {
    return ParseDocument(document);
  } catch (const Error& error) {
    Finding finding = error.finding();
    finding.where = finding.where + " in the manifest of " + where;
    throw Error(error.status(), finding);
  }
}

const Label* Manifest::FindLabel(int32_t id) const {
  for (const Label& label : labels) {
    if (label.id == id) return &label;
  }
  return nullptr;
}

const Graph* Manifest::FindGraph(const std::string& id) const {
  for (const Graph& graph : graphs) {
    if (graph.id == id) return &graph;
  }
  return nullptr;
}

Manifest InGpuForm(const Manifest& manifest) {
  Manifest m = manifest;
  if (!manifest.gpu_form) return m;
  const GpuForm& form = *manifest.gpu_form;
  m.graphs[0].inputs = form.inputs;
  m.graphs[0].outputs = form.outputs;
  m.pre = m.graph_pre[0] = form.pre;
  if (form.decode) m.decode = *form.decode;
  for (size_t i = 0; i < m.golden.size(); ++i) {
    m.golden[i].tensor = form.golden[i].tensor;
    m.golden[i].outputs = form.golden[i].outputs;
  }
  return m;
}

size_t DTypeBytes(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kI32:
      return 4;
    case DType::kF16:
    case DType::kU16:
      return 2;
    case DType::kI64:
      return 8;
    case DType::kU8:
    case DType::kBool:
      return 1;
  }
  return 0;
}

const char* DTypeName(DType dtype) {
  for (const auto& word : kDTypes) {
    if (word.second == dtype) return word.first;
  }
  return "?";
}

const char* TaskName(LnxTask task) {
  for (const auto& word : kTasks) {
    if (word.second == task) return word.first;
  }
  return "unknown";
}

const char* VerdictName(LnxVerdict verdict) {
  switch (verdict) {
    case LNX_VERDICT_OK:
      return "OK";
    case LNX_VERDICT_NG:
      return "NG";
    case LNX_VERDICT_REVIEW:
      return "REVIEW";
    default:
      return "UNDEFINED";
  }
}

}  // namespace lnx::manifest
