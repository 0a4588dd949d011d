// Runs the golden images stage by stage: the input tensor against the recorded one, the graph on the recorded tensor against the
// recorded outputs, and the whole way against the recorded result.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/status.h"
#include "session/core.h"

namespace lnx::session {
namespace {

using nlohmann::json;

constexpr double kDifferent = std::numeric_limits<double>::infinity();

double HalfToDouble(uint16_t half) {
  const int exponent = half >> 10 & 31, fraction = half & 1023;
  const double magnitude = exponent == 0    ? std::ldexp(fraction, -24)
                           : exponent == 31 ? (fraction ? std::nan("") : kDifferent)
                                            : std::ldexp(1024 + fraction, exponent - 25);
  return half & 0x8000 ? -magnitude : magnitude;
}

double Element(const uint8_t* data, size_t i, manifest::DType dtype) {
  if (dtype == manifest::DType::kF32) {
    float value;
    std::memcpy(&value, data + 4 * i, 4);
    return static_cast<double>(value);
  }
  if (dtype == manifest::DType::kF16) {
    uint16_t value;
    std::memcpy(&value, data + 2 * i, 2);
    return HalfToDouble(value);
  }
  if (dtype == manifest::DType::kI64) {
    int64_t value;
    std::memcpy(&value, data + 8 * i, 8);
    return static_cast<double>(value);
  }
  if (dtype == manifest::DType::kI32) {
    int32_t value;
    std::memcpy(&value, data + 4 * i, 4);
    return value;
  }
  if (dtype == manifest::DType::kU16) {
    uint16_t value;
    std::memcpy(&value, data + 2 * i, 2);
    return value;
  }
  return data[i];
}

// An output of any type against what was recorded, which is always float32.
double DifferenceToGolden(const runtime::Tensor& output, Bytes golden, size_t elements) {
  if (golden.size != elements * 4) return kDifferent;
  double largest = 0;
  for (size_t i = 0; i < elements; ++i) {
    const double difference = std::fabs(Element(static_cast<const uint8_t*>(output.data), i, output.dtype) -
                                        Element(golden.data, i, manifest::DType::kF32));
    if (!(difference <= largest)) largest = std::isnan(difference) ? kDifferent : difference;
  }
  return largest;
}

double LargestDifference(const uint8_t* a, const uint8_t* b, size_t n, manifest::DType dtype) {
  double largest = 0;
  for (size_t i = 0; i < n; ++i) {
    const double difference = std::fabs(Element(a, i, dtype) - Element(b, i, dtype));
    if (!(difference <= largest)) largest = std::isnan(difference) ? kDifferent : difference;
  }
  return largest;
}

class Comparison {
 public:
  void Add(double difference) { largest_ = std::max(largest_, std::isnan(difference) ? kDifferent : std::fabs(difference)); }
  double largest() const { return largest_; }

 private:
  double largest_ = 0;
};

double NumberAt(const json& item, const char* key) {
  return item.contains(key) && item[key].is_number() ? item[key].get<double>() : kDifferent;
}

void CompareBox(const json& expected, const LnxRectF& box, double side, Comparison* c) {
  if (!expected.contains("box") || !expected["box"].is_array() || expected["box"].size() != 4) return c->Add(kDifferent);
  const double own[4] = {box.x1, box.y1, box.x2, box.y2};
  for (size_t i = 0; i < 4; ++i)
    c->Add(expected["box"][i].is_number() ? (expected["box"][i].get<double>() - own[i]) / side : kDifferent);
}

// Each expected object against the nearest one of its class that no other has taken: equal scores may stand in any order.
void CompareObjects(const json& expected, const result::ImageResult& image, double side, Comparison* c) {
  if (expected.size() != image.objects.size()) c->Add(kDifferent);
  std::vector<bool> taken(image.objects.size(), false);
  for (const json& item : expected) {
    double nearest = kDifferent;
    size_t at = taken.size();
    for (size_t i = 0; i < taken.size(); ++i) {
      if (taken[i] || NumberAt(item, "class_id") != image.objects[i].class_id) continue;
      Comparison own;
      own.Add(NumberAt(item, "score") - image.objects[i].score);
      CompareBox(item, image.objects[i].box, side, &own);
      if (own.largest() > nearest || (at < taken.size() && own.largest() == nearest)) continue;
      nearest = own.largest();
      at = i;
    }
    if (at < taken.size()) taken[at] = true;
    c->Add(nearest);
  }
}

// Text by text, in reading order: the same characters, scores as they are, corners relative to the image.
void CompareTexts(const json& expected, const result::ImageResult& image, double side, Comparison* c) {
  if (expected.size() != image.texts.size()) c->Add(kDifferent);
  for (size_t i = 0; i < std::min<size_t>(expected.size(), image.texts.size()); ++i) {
    const json& item = expected[i];
    const LnxText& own = image.texts[i];
    if (!item.contains("text") || item["text"] != own.text) c->Add(kDifferent);
    c->Add(NumberAt(item, "score") - static_cast<double>(own.score));
    for (size_t k = 0; k < 4; ++k) {
      if (!item.contains("quad") || item["quad"].size() != 4 || item["quad"][k].size() != 2) return c->Add(kDifferent);
      c->Add((item["quad"][k][0].get<double>() - static_cast<double>(own.quad[k].x)) / side);
      c->Add((item["quad"][k][1].get<double>() - static_cast<double>(own.quad[k].y)) / side);
    }
  }
}

// Scores as they are, boxes relative to the image, areas relative to themselves; another number or kind of items is a difference.
double CompareResult(const json& expected, const result::ImageResult& image) {
  Comparison c;
  const double side = std::max(image.summary.image_width, image.summary.image_height);
  static const json none = json::array();
  const auto list = [&](const char* key) -> const json& {
    return expected.contains(key) && expected[key].is_array() ? expected[key] : none;
  };
  for (const json& item : list("classes")) {
    bool found = false;
    for (const LnxClass& own : image.classes) {
      if (NumberAt(item, "class_id") != own.class_id) continue;
      c.Add(NumberAt(item, "score") - own.score);
      found = true;
    }
    if (!found && expected.contains("all_classes")) c.Add(kDifferent);
  }
  CompareObjects(list("objects"), image, side, &c);
  CompareTexts(list("texts"), image, side, &c);
  const json& regions = list("regions");
  if (regions.size() != image.regions.size()) c.Add(kDifferent);
  for (size_t i = 0; i < std::min<size_t>(regions.size(), image.regions.size()); ++i) {
    const LnxRegion& own = image.regions[i];
    if (NumberAt(regions[i], "class_id") != own.class_id) c.Add(kDifferent);
    c.Add(NumberAt(regions[i], "score_max") - own.score_max);
    // One pixel on the border may fall either way.
    c.Add(std::max(0.0, std::fabs(NumberAt(regions[i], "area_px") - own.area_px) - 1) / std::max(1.0f, own.area_px));
  }
  return c.largest();
}

// What the first graph is fed for an image, and where it runs.
struct Fed {
  std::vector<uint8_t> tensor;
  image::Geometry geometry;
  runtime::Slot* slot = nullptr;
};

Fed Feed(const Core& core, RunSlot& slot, const LnxImage& image, const image::View& view, const LnxRect& roi, int64_t batch) {
  Fed fed;
  if (core.text != nullptr) {
    const TextReader::Input input = core.text->Prepare(view, slot.text.get());
    const auto* bytes = reinterpret_cast<const uint8_t*>(input.data);
    fed.tensor.assign(bytes, bytes + input.elements * sizeof(float));
    fed.slot = input.slot;
    return fed;
  }
  fed.tensor.resize(core.pipeline->TensorBytes());
  image::Scratch scratch;
  core.pipeline->Run(view, roi, image.width, image.height, fed.tensor.data(), &scratch, &fed.geometry);
  fed.slot = &core.SlotFor(slot, batch);
  return fed;
}

}  // namespace

bool RunSelfTest(Core& core, LnxSelfTestReport* report) {
  const manifest::Manifest& m = *core.manifest;
  report->pre_tolerance = m.tolerance.pre;
  report->model_tolerance = m.tolerance.model;
  report->post_tolerance = m.tolerance.post;
  if (m.golden.empty()) Fail(LNX_E_GOLDEN_MISSING, {"no golden images", "a model packed with --images", core.path});
  const SlotUse use(core, 0);
  RunSlot& slot = *use;
  const int64_t batch = core.fixed_batch > 0 ? core.fixed_batch : 1;
  const manifest::DType dtype = core.model->inputs()[core.image_input].dtype;
  for (const manifest::Golden& golden : m.golden) {
    const Bytes pixels = core.container->Read(golden.pixels), tensor = core.container->Read(golden.tensor);
    const int64_t stride = static_cast<int64_t>(golden.width) * image::BytesPerPixel(golden.format);
    LnxImage image{};
    image.struct_size = sizeof image;
    image.pixel_format = golden.format;
    image.data = pixels.data;
    image.width = golden.width;
    image.height = golden.height;
    image.stride_bytes = stride;
    LnxRect roi;
    const image::View view = image::CheckImage(image, &roi);
    const Fed fed = Feed(core, slot, image, view, roi, batch);
    const size_t tensor_bytes = fed.tensor.size();
    if (pixels.size != static_cast<size_t>(stride * golden.height) || tensor.size != tensor_bytes) {
      Fail(LNX_E_ENTRY_HASH, {std::to_string(pixels.size) + " and " + std::to_string(tensor.size) + " bytes",
                              std::to_string(stride * golden.height) + " and " + std::to_string(tensor_bytes), golden.pixels});
    }
    runtime::Slot& bound = *fed.slot;
    report->pre_max_error = std::max(report->pre_max_error, LargestDifference(fed.tensor.data(), tensor.data,
                                                                              tensor_bytes / manifest::DTypeBytes(dtype), dtype));

    std::memcpy(bound.Input(core.image_input), tensor.data, tensor_bytes);
    for (image::Scratch& other : slot.scratch) other.padded = nullptr;  // the tensor was written from outside
    if (core.text == nullptr) FillExtraInputs(core, fed.geometry, 0, &bound);
    bound.Run(nullptr);
    for (size_t o = 0; o < golden.outputs.size() && o < bound.output_count(); ++o) {
      const Bytes expected = core.container->Read(golden.outputs[o]);
      const runtime::Tensor& output = bound.Output(o);
      const size_t elements = output.Elements() / static_cast<size_t>(batch);
      report->model_max_error = std::max(report->model_max_error, DifferenceToGolden(output, expected, elements));
    }

    const json expected = json::parse(core.container->ReadText(golden.result), nullptr, false);
    if (!expected.is_object()) Fail(LNX_E_MANIFEST_JSON, {"a golden result that is not JSON", "a JSON object", golden.result});
    // With the parameters of the manifest, whatever the session uses now.
    LnxInitOptions defaults{};
    defaults.threshold = defaults.guard_band = defaults.min_area_px = std::nan("");
    const Parameters packed(core.manifest, defaults);
    result::Storage* storage = RunImages(core, slot, &image, 1, nullptr, NowMicros(), &packed);
    report->post_max_error = std::max(report->post_max_error, CompareResult(expected, storage->images[0]));
    result::Pool::Give(storage);
    ++report->golden_count;
  }
  report->passed = report->pre_max_error <= m.tolerance.pre && report->model_max_error <= m.tolerance.model &&
                           report->post_max_error <= m.tolerance.post
                       ? 1
                       : 0;
  return report->passed != 0;
}

}  // namespace lnx::session
