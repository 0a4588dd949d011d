#include "session/text.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/clock.h"
#include "base/status.h"
#include "image/warp.h"
#include "session/graphs.h"
#include "session/text_characters.h"

namespace lnx::session {
namespace {

constexpr int32_t kMultiple = 32;  // sides of the detector's input
constexpr size_t kShapes = 12;     // input shapes that a slot keeps buffers for

int32_t ToMultiple(double side) {
  const double whole = std::trunc(side);
  return std::max(kMultiple, static_cast<int32_t>(std::nearbyint(whole / kMultiple)) * kMultiple);
}

uint32_t Since(int64_t at) { return static_cast<uint32_t>(NowMicros() - at); }

// Runs, and adds what it took.
void RunAndAdd(runtime::Slot& bound, int64_t deadline, LnxTimings* t) {
  LnxTimings own{};
  bound.Run(&own, deadline);
  t->queue += own.queue;
  t->host_to_device += own.host_to_device;
  t->infer += own.infer;
  t->device_to_host += own.device_to_host;
}

// Buffers for the shapes that were used last.
class ShapeCache {
 public:
  runtime::Slot& For(runtime::Model& model, int64_t n, int64_t channels, int64_t height, int64_t width) {
    ++clock_;
    for (Entry& e : entries_) {
      if (e.n != n || e.height != height || e.width != width) continue;
      e.used = clock_;
      return *e.slot;
    }
    if (entries_.size() >= kShapes) {
      entries_.erase(
          std::min_element(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.used < b.used; }));
    }
    entries_.push_back({n, height, width, clock_,
                        std::make_unique<runtime::Slot>(model, std::vector<std::vector<int64_t>>{{n, channels, height, width}})});
    return *entries_.back().slot;
  }
  // The one used last, NULL when there is none.
  runtime::Slot* Last() const {
    const Entry* last = nullptr;
    for (const Entry& e : entries_) {
      if (last == nullptr || e.used > last->used) last = &e;
    }
    return last != nullptr ? last->slot.get() : nullptr;
  }

 private:
  struct Entry {
    int64_t n, height, width;
    uint64_t used;
    std::unique_ptr<runtime::Slot> slot;
  };
  std::vector<Entry> entries_;
  uint64_t clock_ = 0;
};

// A graph with its value ops.
struct Part {
  runtime::Model* model;
  image::Fit fit;
  std::string where;
  int64_t batch = 0, height = 0, width = 0;  // that the graph fixes; 0 = open

  Part(const manifest::Graph& graph, const std::vector<manifest::PreOp>& pre, runtime::Model* of)
      : model(of), fit(image::Fit::Compile(pre, "graph \"" + graph.id + "\"")), where("graph \"" + graph.id + "\"") {
    const manifest::TensorSpec input = RealInput(graph, *model);
    const auto refuse = [&](const std::string& found, const std::string& expected) {
      Fail(LNX_E_GRAPH_MISMATCH, {found, expected, where});
    };
    if (model->inputs().size() != 1) refuse(std::to_string(model->inputs().size()) + " inputs", "one input");
    if (input.shape.size() != 4 || input.dtype != manifest::DType::kF32 ||
        (input.shape[1] > 0 && input.shape[1] != fit.channels())) {
      refuse("input \"" + input.name + "\" of rank " + std::to_string(input.shape.size()),
             "f32 [N, " + std::to_string(fit.channels()) + ", height, width]");
    }
    if (model->outputs()[0].dtype != manifest::DType::kF32) refuse("an output that is not float32", "float32");
    batch = std::max<int64_t>(0, input.shape[0]);
    height = std::max<int64_t>(0, input.shape[2]);
    width = std::max<int64_t>(0, input.shape[3]);
  }
};

}  // namespace

struct TextSlot {
  ShapeCache detector, angle, reader;
  image::FitScratchPtr fit;
  decode::LineFinder finder;
  decode::Reading reading;
  std::vector<uint8_t> eight, scaled, padded, turn;
  std::vector<std::vector<uint8_t>> pixels;  // of the lines
  std::vector<image::View> pictures;
  std::vector<image::Perspective> maps;
  std::vector<size_t> order;
  std::vector<uint8_t> tall, turned;
  std::vector<int32_t> gaps;
  std::vector<LnxText> texts;
  int64_t deadline = 0;  // of the run
};

void TextSlotDelete::operator()(TextSlot* slot) const noexcept { delete slot; }

struct TextReader::Parts {
  std::shared_ptr<const manifest::Manifest> manifest;
  const manifest::OcrDecode& options;
  Models models;
  decode::Dictionary dictionary;
  Part detector;
  std::unique_ptr<Part> angle;
  Part reader;

  // What the detector sees: where it lies in the image, and how it leads back.
  struct Searched {
    image::View view;
    double factor_x = 1, factor_y = 1;
    int32_t band = 0;
    int32_t input_width = 0, input_height = 0;
  };
  Searched Search(const image::View& view, TextSlot* s) const;
  void CutOut(const Searched& searched, const std::vector<decode::TextLine>& lines, TextSlot* s) const;
  void TurnUpright(TextSlot* s, LnxTimings* t) const;
  void Read(const Searched& searched, const LnxRect& roi, const std::vector<decode::TextLine>& lines, TextSlot* s,
            result::Arena& arena, LnxTimings* t) const;
  const manifest::Graph& GraphOf(const std::string& id) const { return *manifest->FindGraph(id); }
  const std::vector<manifest::PreOp>& PreOf(const std::string& id) const {
    size_t i = 0;
    while (manifest->graphs[i].id != id) ++i;
    return manifest->graph_pre[i];
  }
  Parts(std::shared_ptr<const manifest::Manifest> m, Models given, decode::Dictionary words)
      : manifest(std::move(m)),
        options(std::get<manifest::OcrDecode>(manifest->decode)),
        models(std::move(given)),
        dictionary(std::move(words)),
        detector(manifest->graphs[0], manifest->pre, models.detector),
        reader(GraphOf(options.reader.graph), PreOf(options.reader.graph), models.reader.get()) {
    if (models.angle != nullptr) {
      angle = std::make_unique<Part>(GraphOf(options.angle.graph), PreOf(options.angle.graph), models.angle.get());
    }
  }
};

TextReader::TextReader(std::shared_ptr<const manifest::Manifest> manifest, Models models, decode::Dictionary dictionary)
    : parts_(std::make_unique<Parts>(std::move(manifest), std::move(models), std::move(dictionary))) {
  const runtime::IoInfo& output = parts_->models.reader->outputs()[0];
  if (output.shape.size() != 3) {
    Fail(LNX_E_GRAPH_MISMATCH,
         {"an output of rank " + std::to_string(output.shape.size()), "[N, columns, classes]", parts_->reader.where});
  }
  if (output.shape[2] > 0) parts_->dictionary.Require(output.shape[2], output.name);
  if (parts_->reader.height > 0 && parts_->reader.height != parts_->options.reader.height) {
    Fail(LNX_E_GRAPH_MISMATCH, {"an input " + std::to_string(parts_->reader.height) + " high",
                                "the manifest's " + std::to_string(parts_->options.reader.height), parts_->reader.where});
  }
}

TextReader::~TextReader() = default;
const runtime::Model* TextReader::angle() const { return parts_->models.angle.get(); }
const runtime::Model& TextReader::reader() const { return *parts_->models.reader; }

TextSlotPtr TextReader::MakeSlot() const {
  TextSlotPtr slot(new TextSlot);
  slot->fit = parts_->detector.fit.MakeScratch();
  return slot;
}

TextReader::Parts::Searched TextReader::Parts::Search(const image::View& view, TextSlot* s) const {
  Searched found;
  const uint32_t channels = image::Channels(view.format);
  const bool plain = image::BytesPerPixel(view.format) == channels && (channels == 1 || channels == 3);
  const std::optional<manifest::Window>& limits = manifest->input.window;
  const manifest::Window* window = limits.has_value() ? &limits.value() : nullptr;
  found.view = plain ? view : image::CopyEightBit(view, window, &s->eight);
  for (const bool large : {true, false}) {
    const image::View& v = found.view;
    const int32_t side = large ? std::max(v.width, v.height) : std::min(v.width, v.height);
    const int32_t limit = large ? options.max_side : options.min_side;
    if (large ? side <= limit : side >= limit) continue;
    const double ratio = static_cast<double>(limit) / side;
    const int32_t width = ToMultiple(v.width * ratio), height = ToMultiple(v.height * ratio);
    found.factor_x = static_cast<double>(v.width) / width;
    found.factor_y = static_cast<double>(v.height) / height;
    std::vector<uint8_t>* to = found.view.data == s->scaled.data() ? &s->eight : &s->scaled;
    found.view = image::ScaleLinear(found.view, width, height, to, s->fit.get());
  }
  const image::View& v = found.view;
  const bool wide = options.pad_ratio > 0 && static_cast<double>(v.width) / v.height > options.pad_ratio;
  if (v.height <= options.pad_height || wide) {
    const int32_t by_ratio = options.pad_ratio > 0 ? static_cast<int32_t>(v.width / options.pad_ratio) : 0;
    found.band = std::abs(std::max(by_ratio, options.pad_height) * 2 - v.height) / 2;
    const auto row = static_cast<size_t>(v.width) * image::BytesPerPixel(v.format);
    const size_t rows = static_cast<size_t>(v.height) + 2 * static_cast<size_t>(found.band);
    s->padded.assign(row * rows, 0);
    for (int32_t y = 0; y < v.height; ++y)
      std::memcpy(s->padded.data() + static_cast<size_t>(y + found.band) * row, v.Row(y), row);
    found.view.data = s->padded.data();
    found.view.stride = static_cast<int64_t>(row);
    found.view.height = static_cast<int32_t>(rows);
  }
  const manifest::OcrDecode::Detector& d = options.detector;
  const int32_t reached =
      d.limit_min ? std::min(found.view.width, found.view.height) : std::max(found.view.width, found.view.height);
  const double ratio = (d.limit_min ? reached < d.side : reached > d.side) ? static_cast<double>(d.side) / reached : 1.0;
  found.input_width = detector.width > 0 ? static_cast<int32_t>(detector.width) : ToMultiple(found.view.width * ratio);
  found.input_height = detector.height > 0 ? static_cast<int32_t>(detector.height) : ToMultiple(found.view.height * ratio);
  return found;
}

void TextReader::Parts::CutOut(const Searched& searched, const std::vector<decode::TextLine>& lines, TextSlot* s) const {
  const size_t n = lines.size();
  if (s->pixels.size() < n) s->pixels.resize(n);
  s->pictures.resize(n);
  s->maps.resize(n);
  s->tall.assign(n, 0);
  s->turned.assign(n, 0);
  s->order.resize(n);
  for (size_t i = 0; i < n; ++i) {
    int32_t width = 0, height = 0;
    image::UprightSize(lines[i].quad, &width, &height);
    if (!image::RectangleToQuad(lines[i].quad, width, height, &s->maps[i])) s->maps[i] = image::Perspective();
    s->tall[i] = static_cast<double>(height) / width >= 1.5 ? 1 : 0;
    if (s->tall[i] != 0) {
      s->pictures[i] = image::TurnLeft(image::Warp(searched.view, s->maps[i], width, height, &s->turn), &s->pixels[i]);
    } else {
      s->pictures[i] = image::Warp(searched.view, s->maps[i], width, height, &s->pixels[i]);
    }
    s->order[i] = i;
  }
  // Lines of about the same shape go together, so that little of a batch is padding.
  const auto ratio = [&](size_t i) { return static_cast<double>(s->pictures[i].width) / s->pictures[i].height; };
  std::stable_sort(s->order.begin(), s->order.end(), [&](size_t a, size_t b) { return ratio(a) < ratio(b); });
}

// Width of a line in a batch that is `width` wide.
int32_t FittedWidth(const image::View& picture, int32_t width, int32_t height) {
  const double ratio = static_cast<double>(picture.width) / picture.height;
  return std::max(1, static_cast<int32_t>(std::min<double>(width, std::ceil(height * ratio))));
}

void TextReader::Parts::TurnUpright(TextSlot* s, LnxTimings* t) const {
  if (angle == nullptr) return;
  const manifest::OcrDecode::Angle& a = options.angle;
  const size_t most = angle->batch > 0 ? static_cast<size_t>(angle->batch) : a.batch;
  for (size_t begin = 0; begin < s->order.size(); begin += most) {
    int64_t at = NowMicros();
    const size_t count = std::min(most, s->order.size() - begin);
    runtime::Slot& bound = s->angle.For(*angle->model, angle->batch > 0 ? angle->batch : static_cast<int64_t>(count),
                                        angle->fit.channels(), a.height, a.width);
    auto* tensor = static_cast<float*>(bound.Input(0));
    const auto each = static_cast<size_t>(angle->fit.channels()) * static_cast<size_t>(a.height) * static_cast<size_t>(a.width);
    for (size_t i = 0; i < count; ++i) {
      const image::View& picture = s->pictures[s->order[begin + i]];
      angle->fit.Run(picture, FittedWidth(picture, a.width, a.height), a.height, a.width, tensor + i * each, s->fit.get());
    }
    t->pre += Since(at);
    RunAndAdd(bound, s->deadline, t);
    at = NowMicros();
    const runtime::Tensor& output = bound.Output(0);
    if (output.rank != 2 || output.shape[0] < static_cast<int64_t>(count) || output.shape[1] != 2) {
      Fail(LNX_E_OUTPUT_SHAPE, {"an output of rank " + std::to_string(output.rank), "[N, 2]", angle->where});
    }
    for (size_t i = 0; i < count; ++i) {
      const float* row = output.F32() + 2 * i;
      if (!std::isfinite(row[0]) || !std::isfinite(row[1]))
        Fail(LNX_E_NUMERIC, {"NaN or infinity", "finite numbers", angle->where});
      if (row[1] <= row[0] || row[1] <= static_cast<float>(a.threshold)) continue;
      s->turned[s->order[begin + i]] = 1;
      image::TurnAround(&s->pictures[s->order[begin + i]]);
    }
    t->post += Since(at);
  }
}

void TextReader::Parts::Read(const Searched& searched, const LnxRect& roi, const std::vector<decode::TextLine>& lines,
                             TextSlot* s, result::Arena& arena, LnxTimings* t) const {
  const manifest::OcrDecode::Reader& r = options.reader;
  const size_t most = reader.batch > 0 ? static_cast<size_t>(reader.batch) : r.batch;
  s->texts.assign(lines.size(), LnxText{});
  for (size_t begin = 0; begin < s->order.size(); begin += most) {
    int64_t at = NowMicros();
    const size_t count = std::min(most, s->order.size() - begin);
    double ratio = static_cast<double>(r.width) / r.height;
    for (size_t i = 0; i < count; ++i) {
      const image::View& picture = s->pictures[s->order[begin + i]];
      ratio = std::max(ratio, static_cast<double>(picture.width) / picture.height);
    }
    auto width = static_cast<int64_t>(r.height * ratio);
    if (!r.widths.empty()) {
      const auto bucket = std::lower_bound(r.widths.begin(), r.widths.end(), width);
      width = bucket == r.widths.end() ? r.widths.back() : *bucket;
    }
    if (reader.width > 0) width = reader.width;
    runtime::Slot& bound = s->reader.For(*reader.model, reader.batch > 0 ? reader.batch : static_cast<int64_t>(count),
                                         reader.fit.channels(), r.height, width);
    auto* tensor = static_cast<float*>(bound.Input(0));
    const auto each = static_cast<size_t>(reader.fit.channels()) * static_cast<size_t>(r.height) * static_cast<size_t>(width);
    const auto columns = static_cast<int32_t>(width);
    for (size_t i = 0; i < count; ++i) {
      const image::View& picture = s->pictures[s->order[begin + i]];
      reader.fit.Run(picture, FittedWidth(picture, columns, r.height), r.height, columns, tensor + i * each, s->fit.get());
    }
    t->pre += Since(at);
    RunAndAdd(bound, s->deadline, t);
    at = NowMicros();
    const runtime::Tensor& output = bound.Output(0);
    if (output.rank != 3 || output.shape[0] < static_cast<int64_t>(count)) {
      Fail(LNX_E_OUTPUT_SHAPE, {"an output of rank " + std::to_string(output.rank), "[N, columns, classes]", reader.where});
    }
    dictionary.Require(output.shape[2], std::string(output.name));
    for (size_t i = 0; i < count; ++i) {
      const size_t line = s->order[begin + i];
      decode::ReadColumns(output.F32() + static_cast<int64_t>(i) * output.shape[1] * output.shape[2], output.shape[1],
                          output.shape[2], &s->reading);
      const image::View& picture = s->pictures[line];
      CharacterPlan plan;
      plan.columns = output.shape[1];
      plan.line_columns =
          static_cast<double>(output.shape[1]) * FittedWidth(picture, columns, r.height) / static_cast<double>(width);
      plan.picture_width = picture.width;
      plan.picture_height = picture.height;
      plan.tall = s->tall[line] != 0;
      plan.turned = s->turned[line] != 0;
      plan.map = &s->maps[line];
      plan.factor_x = searched.factor_x;
      plan.factor_y = searched.factor_y;
      plan.band = searched.band;
      plan.part = roi;
      s->texts[line] = MakeText(s->reading, dictionary, plan, lines[line], &s->gaps, arena);
    }
    t->post += Since(at);
  }
}

void TextReader::Run(const image::View& view, const LnxRect& roi, const result::RunParams& params, TextSlot* slot,
                     result::Arena& arena, result::ImageResult* image) const {
  LnxTimings& t = image->summary.timings;
  int64_t at = NowMicros();
  slot->deadline = params.deadline;
  const Parts& p = *parts_;
  const Parts::Searched searched = p.Search(view, slot);
  runtime::Slot& bound =
      slot->detector.For(*p.detector.model, 1, p.detector.fit.channels(), searched.input_height, searched.input_width);
  p.detector.fit.Run(searched.view, searched.input_width, searched.input_height, searched.input_width,
                     static_cast<float*>(bound.Input(0)), slot->fit.get());
  t.pre += Since(at);
  RunAndAdd(bound, slot->deadline, &t);
  at = NowMicros();
  const runtime::Tensor& map = bound.Output(0);
  if (map.rank != 4 || map.shape[1] != 1 || map.shape[2] < 1 || map.shape[3] < 1) {
    Fail(LNX_E_OUTPUT_SHAPE, {"an output of rank " + std::to_string(map.rank), "[1, 1, height, width]", p.detector.where});
  }
  const std::vector<decode::TextLine>& lines =
      slot->finder.Find(map.F32(), static_cast<int32_t>(map.shape[3]), static_cast<int32_t>(map.shape[2]), searched.view.width,
                        searched.view.height, p.options.detector);
  t.post += Since(at);
  at = NowMicros();
  p.CutOut(searched, lines, slot);
  t.pre += Since(at);
  p.TurnUpright(slot, &t);
  p.Read(searched, roi, lines, slot, arena, &t);
  const double least = params.threshold - params.guard_band;
  for (const LnxText& text : slot->texts) {
    if (text.char_count > 0 && !IsBlank(text.text) && static_cast<double>(text.score) >= least) image->texts.Add(arena, text);
  }
}

TextReader::Input TextReader::Prepare(const image::View& view, TextSlot* slot) const {
  const Parts& p = *parts_;
  const Parts::Searched searched = p.Search(view, slot);
  runtime::Slot& bound =
      slot->detector.For(*p.detector.model, 1, p.detector.fit.channels(), searched.input_height, searched.input_width);
  auto* tensor = static_cast<float*>(bound.Input(0));
  p.detector.fit.Run(searched.view, searched.input_width, searched.input_height, searched.input_width, tensor, slot->fit.get());
  return {tensor, bound.InputBytes(0) / sizeof(float), &bound};
}

runtime::Slot* TextReader::Warmest(TextSlot* slot) const { return slot->detector.Last(); }

void TextReader::WarmUp(TextSlot* slot) const {
  const Parts& p = *parts_;
  const int32_t side = ToMultiple(p.options.detector.side);
  const auto pick = [](int64_t fixed, int64_t open) { return fixed > 0 ? fixed : open; };
  slot->detector.For(*p.detector.model, 1, p.detector.fit.channels(), pick(p.detector.height, side), pick(p.detector.width, side))
      .Run(nullptr);
  if (p.angle != nullptr) {
    const auto& a = p.options.angle;
    slot->angle.For(*p.angle->model, pick(p.angle->batch, a.batch), p.angle->fit.channels(), a.height, a.width).Run(nullptr);
  }
  const auto& r = p.options.reader;
  std::vector<int64_t> widths = r.widths.empty() ? std::vector<int64_t>{r.width} : r.widths;
  if (p.reader.width > 0) widths = {p.reader.width};
  for (const int64_t width : widths) {
    runtime::Slot& bound =
        slot->reader.For(*p.reader.model, pick(p.reader.batch, r.batch), p.reader.fit.channels(), r.height, width);
    bound.Run(nullptr);
    const runtime::Tensor& output = bound.Output(0);
    if (output.rank == 3) p.dictionary.Require(output.shape[2], std::string(output.name));
  }
}

}  // namespace lnx::session
