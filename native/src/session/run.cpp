// The way of one image: preprocessing, inference, decoding, verdict.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/clock.h"
#include "base/status.h"
#include "session/core.h"

namespace lnx::session {
namespace {

// Gives the storage back when a run fails half-way.
class Filling {
 public:
  explicit Filling(result::Storage* storage) : storage_(storage) {}
  ~Filling() {
    if (storage_ != nullptr) result::Pool::Give(storage_);
  }
  Filling(const Filling&) = delete;
  Filling& operator=(const Filling&) = delete;
  result::Storage* operator->() const { return storage_; }
  result::Storage* get() const { return storage_; }
  result::Storage* Release() {
    result::Storage* storage = storage_;
    storage_ = nullptr;
    return storage;
  }

 private:
  result::Storage* storage_;
};

void CheckAccepted(const manifest::Manifest& manifest, const image::View& view) {
  const std::vector<LnxPixelFormat>& accept = manifest.input.accept;
  if (!accept.empty() && std::find(accept.begin(), accept.end(), view.format) == accept.end()) {
    std::string formats;
    for (const LnxPixelFormat format : accept) formats += (formats.empty() ? "" : ", ") + std::string(image::FormatName(format));
    Fail(LNX_E_IMAGE_FORMAT, {image::FormatName(view.format), formats, "the model's input"});
  }
  const manifest::Limits& l = manifest.limits;
  if (view.width < l.min_width || view.height < l.min_height || view.width > l.max_width || view.height > l.max_height) {
    Fail(LNX_E_IMAGE_SIZE, {std::to_string(view.width) + " x " + std::to_string(view.height),
                            std::to_string(l.min_width) + " x " + std::to_string(l.min_height) + " .. " +
                                std::to_string(l.max_width) + " x " + std::to_string(l.max_height),
                            "limits of the model"});
  }
}

// A result that comes late is none.
void RequireInTime(int64_t deadline, int64_t now, const char* where) {
  if (deadline == 0 || now <= deadline) return;
  Fail(LNX_E_DEADLINE, {std::to_string(now - deadline) + " us after the deadline", "a run that is done by then", where});
}

struct Look {
  float brightness = 0, contrast = 0, sharpness = 0;
};

// Brightness and contrast of the input from a sparse grid of pixels (at most 64 x 64), in grey levels.
Look LookAt(const image::View& view, int32_t next = 1) {
  const int32_t step_x = std::max(1, view.width / 64), step_y = std::max(1, view.height / 64);
  const uint32_t bytes = image::BytesPerPixel(view.format);
  const uint32_t shift = view.valid_bits > 8 ? view.valid_bits - 8 : 0;
  const auto level = [&](const uint8_t* p) {
    if (view.format != LNX_PIXEL_GRAY16) return static_cast<int32_t>(p[bytes > 2 ? 1 : 0]);
    uint16_t value;
    std::memcpy(&value, p, 2);
    return static_cast<int32_t>(value >> shift);
  };
  double sum = 0, squares = 0, edges = 0;
  int64_t n = 0;
  for (int32_t y = 0; y < view.height; y += step_y) {
    const uint8_t* row = view.Row(y);
    for (int32_t x = 0; x + next < view.width || x == 0; x += step_x) {
      const int32_t a = level(row + static_cast<int64_t>(x) * bytes);
      const int32_t b = view.width > next ? level(row + static_cast<int64_t>(x + next) * bytes) : a;
      sum += a;
      squares += static_cast<double>(a) * a;
      edges += std::abs(a - b);
      ++n;
    }
  }
  const double mean = sum / static_cast<double>(n);
  return {static_cast<float>(mean), static_cast<float>(std::sqrt(std::max(0.0, squares / static_cast<double>(n) - mean * mean))),
          static_cast<float>(edges / static_cast<double>(n))};
}

// A mosaic or NV12 that the GPU develops: its values as they are, neighbours of the same colour.
Look LookAtRaw(const image::View& raw) {
  if (!image::IsCameraFormat(raw.format)) return LookAt(raw);
  image::View view = raw;
  view.format = image::IsWideMosaic(raw.format) ? LNX_PIXEL_GRAY16 : LNX_PIXEL_GRAY8;
  view.data = raw.Row(raw.top) + static_cast<int64_t>(raw.left) * image::BytesPerPixel(view.format);
  return LookAt(view, raw.format == LNX_PIXEL_NV12 ? 1 : 2);
}

void FillSummary(const Core& core, const LnxImage& image, LnxSummary* s) {
  s->struct_size = sizeof *s;
  s->task = core.manifest->task;
  s->user_tag = image.user_tag;
  s->provider = core.model->provider();
  s->precision = core.half ? LNX_PRECISION_FP16 : LNX_PRECISION_FP32;
  s->flags = core.warm ? LNX_SUMMARY_WARMED : 0;
  if (core.gpu_form) s->flags |= LNX_SUMMARY_UINT8_HEADS;
  if (!core.model->fallback_reason().empty()) s->flags |= LNX_SUMMARY_CPU_FALLBACK;
  if (core.licensing && core.licensing->evaluation()) s->flags |= LNX_SUMMARY_EVALUATION;
  s->image_width = image.width;
  s->image_height = image.height;
  std::copy(core.container->model_sha256().begin(), core.container->model_sha256().end(), s->model_sha256);
}

// One image on its way.
struct Inspection {
  const LnxImage* image = nullptr;
  image::View view;     // of the part to inspect
  bool on_gpu = false;  // `view` is as the caller gave it, and the GPU prepares it
  LnxRect roi{};
  Look look;
};

// bound: where it will run, when the GPU may prepare it.
Inspection Receive(const Core& core, const LnxImage& image, image::Developed* developed, result::ImageResult* result,
                   runtime::Slot* bound = nullptr) {
  Inspection own;
  own.image = &image;
  own.view = image::CheckImage(image, &own.roi);
  CheckAccepted(*core.manifest, own.view);
  const auto& window = core.manifest->input.window;
  own.on_gpu = bound != nullptr && PreparesOnGpu(core, *bound, own.view);
  if (!own.on_gpu) own.view = image::Develop(own.view, window ? &*window : nullptr, developed);
  own.look = own.on_gpu ? LookAtRaw(own.view) : LookAt(own.view);
  FillSummary(core, image, &result->summary);
  if (own.on_gpu) result->summary.flags |= LNX_SUMMARY_GPU_PREPROCESS;
  return own;
}

void RunStages(const Core& core, RunSlot& slot, const Inspection& own, result::ImageResult* result, LnxTimings* t) {
  for (LnxObject& object : result->objects) {
    object.first_class_id = object.class_id;
    object.first_score = object.score;
  }
  for (size_t s = 0; s < core.stages.size(); ++s)
    core.stages[s]->Run(own.view, own.roi, slot.params.deadline, &slot.stages[s], result, t);
}

// Verdict, numbering, times and what is told to the event log.
void Conclude(Core& core, const RunSlot& slot, const Inspection& own, result::Arena& arena, result::ImageResult* result,
              int64_t begin, int64_t queued_at) {
  const int64_t at = NowMicros();
  result::DecideVerdict(*core.manifest, slot.params, arena, result);
  result->classes.Truncate(slot.params.top_k);
  result->summary.sequence = core.sequence.fetch_add(1) + 1;
  LnxTimings& t = result->summary.timings;
  t.queue += static_cast<uint32_t>(begin - queued_at);
  const int64_t now = NowMicros();
  RequireInTime(slot.params.deadline, now, "the result");
  t.post += static_cast<uint32_t>(now - at);
  t.total = static_cast<uint32_t>(now - queued_at);
  if (core.summary) {
    core.summary->Add(result->summary.verdict, result->summary.score_norm, t.total, own.look.brightness, own.look.contrast,
                      own.look.sharpness);
  }
}

// One image (or tile) of the batch that has just run: its outputs as classes, objects, regions.
void DecodeOne(const Core& core, RunSlot& slot, const uint8_t* tensor, uint32_t index, result::Arena& arena,
               result::ImageResult* result) {
  decode::Job job;
  job.outputs = slot.outputs.data();
  job.output_count = slot.outputs.size();
  job.batch_index = index;
  job.geometry = &slot.geometry[index];
  job.params = &slot.params;
  if (core.model->inputs()[core.image_input].dtype == manifest::DType::kF32) {
    job.input = reinterpret_cast<const float*>(tensor + index * core.pipeline->TensorBytes());
    job.input_elements = core.pipeline->TensorBytes() / sizeof(float);
  }
  if (slot.blend_tile) {
    core.decoder->Blend(job, *slot.blend_tile, *slot.workspace, arena);
  } else {
    core.decoder->Decode(job, *slot.workspace, arena, result);
  }
}

// What the tiles have blended, as the answer about the whole part.
void DecodeBlended(const Core& core, RunSlot& slot, const Inspection& own, result::Arena& arena, result::ImageResult* result) {
  slot.blend_tile.reset();
  const image::Geometry geometry = decode::WholePart(own.roi, own.image->width, own.image->height);
  decode::Job job;
  job.geometry = &geometry;
  job.params = &slot.params;
  core.decoder->DecodeBlended(job, *slot.workspace, arena, result);
}

void Infer(const Core& core, RunSlot& slot, runtime::Slot& bound, LnxTimings* times) {
  bound.Run(times, slot.params.deadline);
  slot.outputs.resize(bound.output_count());
  for (size_t o = 0; o < bound.output_count(); ++o) slot.outputs[o] = bound.Output(o);
  decode::CheckOutputs(*core.manifest, slot.outputs.data(), slot.outputs.size());
}

// A batch of images, each as one input of the model. targets: one per image.
void RunBatch(Core& core, RunSlot& slot, const LnxImage* images, uint32_t count, uint32_t chunk, const RunSlot::Target* targets,
              int64_t begin) {
  const size_t tensor_bytes = core.pipeline->TensorBytes();
  runtime::Slot& bound = core.SlotFor(slot, chunk);
  auto* tensor = static_cast<uint8_t*>(bound.Input(core.image_input));
  Inspection own[64];
  for (uint32_t i = 0; i < count; ++i) {
    const int64_t at = NowMicros();
    own[i] = Receive(core, images[i], &slot.developed[i], targets[i].image, &bound);
    if (bound.Device() != nullptr && bound.Device()->graph()) targets[i].image->summary.flags |= LNX_SUMMARY_GPU_GRAPH;
    if (own[i].on_gpu) {
      PrepareOnGpu(core, slot, &bound, images[i], own[i].view, own[i].roi, i);
    } else {
      core.pipeline->Run(own[i].view, own[i].roi, images[i].width, images[i].height, tensor + i * tensor_bytes, &slot.scratch[i],
                         &slot.geometry[i]);
    }
    FillExtraInputs(core, slot.geometry[i], i, &bound);
    targets[i].image->summary.timings.pre = static_cast<uint32_t>(NowMicros() - at);
  }
  LnxTimings model{};
  Infer(core, slot, bound, &model);
  for (uint32_t i = 0; i < count; ++i) {
    const int64_t at = NowMicros();
    result::ImageResult* result = targets[i].image;
    result::Arena& arena = targets[i].storage->arena;
    LnxTimings& t = result->summary.timings;
    t.queue = model.queue;
    t.host_to_device = model.host_to_device;
    t.infer = model.infer;
    t.device_to_host = model.device_to_host;
    DecodeOne(core, slot, tensor, i, arena, result);
    t.post = static_cast<uint32_t>(NowMicros() - at);
    RunStages(core, slot, own[i], result, &t);
    Conclude(core, slot, own[i], arena, result, begin, targets[i].queued_at);
  }
}

// A large image, tile by tile, as many at once as the model takes.
void RunTiled(Core& core, const manifest::Tiling& tiling, RunSlot& slot, const LnxImage& image, result::Storage* filling,
              result::ImageResult* result, int64_t begin, int64_t queued_at) {
  int64_t at = NowMicros();
  const auto lap = [&at] {
    const int64_t before = at;
    at = NowMicros();
    return static_cast<uint32_t>(at - before);
  };
  const Inspection own = Receive(core, image, slot.developed.data(), result);
  LnxTimings& t = result->summary.timings;
  TileMerger& merger = slot.tiles;
  PlaceTiles(own.roi, tiling, &merger.tiles);
  merger.tile_of.clear();
  const bool blends = core.decoder->Blends();
  slot.blend_tile.reset();
  if (blends) decode::BeginBlend(own.roi, merger.tiles, *slot.workspace);
  const size_t tensor_bytes = core.pipeline->TensorBytes();
  const auto n = static_cast<uint32_t>(merger.tiles.size());
  const auto most = static_cast<uint32_t>(core.fixed_batch > 0 ? core.fixed_batch : core.max_batch);
  for (uint32_t first = 0; first < n; first += most) {
    const uint32_t count = std::min(most, n - first);
    runtime::Slot& bound = core.SlotFor(slot, core.fixed_batch > 0 ? core.fixed_batch : count);
    auto* tensor = static_cast<uint8_t*>(bound.Input(core.image_input));
    for (uint32_t i = 0; i < count; ++i) {
      const LnxRect& tile = merger.tiles[first + i];
      const image::View view = image::PartOf(own.view, {tile.x - own.roi.x, tile.y - own.roi.y, tile.width, tile.height});
      core.pipeline->Run(view, tile, image.width, image.height, tensor + i * tensor_bytes, &slot.scratch[i], &slot.geometry[i]);
      FillExtraInputs(core, slot.geometry[i], i, &bound);
    }
    t.pre += lap();
    LnxTimings model{};
    Infer(core, slot, bound, &model);
    t.queue += model.queue;
    t.host_to_device += model.host_to_device;
    t.infer += model.infer;
    t.device_to_host += model.device_to_host;
    lap();
    for (uint32_t i = 0; i < count; ++i) {
      if (blends) slot.blend_tile = first + i;
      DecodeOne(core, slot, tensor, i, filling->arena, result);
      merger.tile_of.resize(result->objects.size(), first + i);
    }
    t.post += lap();
  }
  if (blends) {
    DecodeBlended(core, slot, own, filling->arena, result);
  } else {
    merger.Merge(own.roi, core.manifest->nms.class_aware, slot.params.nms_iou, slot.params.max_objects, &result->objects);
    KeepRegionsOfObjects(filling->arena, result);
  }
  t.post += lap();
  RunStages(core, slot, own, result, &t);
  Conclude(core, slot, own, filling->arena, result, begin, queued_at);
}

// Text: every image decides the sizes of its inputs itself.
void RunText(Core& core, RunSlot& slot, const LnxImage& image, result::Storage* filling, result::ImageResult* result,
             int64_t begin, int64_t queued_at) {
  const Inspection own = Receive(core, image, slot.developed.data(), result);
  core.text->Run(own.view, own.roi, slot.params, slot.text.get(), filling->arena, result);
  Conclude(core, slot, own, filling->arena, result, begin, queued_at);
}

// What slot.targets are for, as many at once as the model takes.
void RunChunks(Core& core, RunSlot& slot, const LnxImage* images, uint32_t n, int64_t begin) {
  const auto chunk = static_cast<uint32_t>(core.fixed_batch > 0 ? core.fixed_batch : std::min(n, core.max_batch));
  for (uint32_t first = 0; first < n; first += chunk) {
    RunBatch(core, slot, images + first, std::min(chunk, n - first), chunk, slot.targets.data() + first, begin);
  }
}

}  // namespace

void NoteFailure(Core& core, const Error& error) noexcept {
  if (!core.events || error.status() < 400) return;
  if (error.status() == LNX_E_DEADLINE) return core.summary->AddLate();
  try {
    event::Log::Get().Write("lnx.error", "{\"status\":" + std::to_string(error.status()) + ",\"model\":" + core.model_json + "}");
  } catch (...) {  // no memory for the text: the run has failed anyway
  }
}

result::Storage* RunImages(Core& core, RunSlot& slot, const LnxImage* images, uint32_t n, const LnxRunOptions* options,
                           int64_t queued_at, const Parameters* parameters) {
  const int64_t begin = NowMicros();
  (parameters != nullptr ? *parameters : *core.parameters).Resolve(options, &slot.params);
  slot.params.deadline = options != nullptr && options->deadline_ms > 0 ? queued_at + int64_t{1000} * options->deadline_ms : 0;
  slot.blend_tile.reset();  // a run of tiles that failed half-way leaves it
  RequireInTime(slot.params.deadline, begin, "waiting for a slot");
  Filling filling(core.results->Take(n));
  result::ImageResult* results = filling->images.data();
  if (core.text != nullptr) {
    for (uint32_t i = 0; i < n; ++i) RunText(core, slot, images[i], filling.get(), &results[i], begin, queued_at);
    return filling.Release();
  }
  // Golden images were recorded as one input each; with the self-test's parameters they are run so again.
  if (core.tiling && parameters == nullptr) {
    for (uint32_t i = 0; i < n; ++i) RunTiled(core, *core.tiling, slot, images[i], filling.get(), &results[i], begin, queued_at);
    return filling.Release();
  }
  slot.targets.clear();
  for (uint32_t i = 0; i < n; ++i) slot.targets.push_back({filling.get(), &results[i], queued_at});
  RunChunks(core, slot, images, n, begin);
  return filling.Release();
}

void RunApart(Core& core, RunSlot& slot, const LnxImage* images, uint32_t n, const int64_t* queued_at,
              result::Storage** storages) {
  const int64_t begin = NowMicros();
  core.parameters->Resolve(nullptr, &slot.params);
  slot.params.deadline = 0;
  slot.targets.clear();
  try {
    for (uint32_t i = 0; i < n; ++i) {
      storages[i] = core.results->Take(1);
      slot.targets.push_back({storages[i], &storages[i]->images[0], queued_at[i]});
    }
    RunChunks(core, slot, images, n, begin);
  } catch (...) {
    for (const RunSlot::Target& target : slot.targets) result::Pool::Give(target.storage);
    throw;
  }
}

}  // namespace lnx::session
