#include "session/session.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/platform.h"
#include "base/status.h"
#include "license/opener.h"
#include "session/core.h"
#include "session/graphs.h"
#include "session/recorder.h"

namespace lnx::session {
namespace {

using nlohmann::ordered_json;

// Tells the caller where Initialize is, and stops when it asks for it. Stages share the bar by what they usually take.
class Reporter {
 public:
  explicit Reporter(const LnxInitOptions& options) : progress_(options.progress), user_(options.progress_user) {}

  void operator()(const char* stage, double fraction) const {
    static constexpr struct {
      const char* stage;
      double begin, share;
    } kStages[] = {{"read", 0, 0.05}, {"verify", 0.05, 0.05}, {"decrypt", 0.1, 0.2}, {"load", 0.3, 0.4}, {"warm-up", 0.7, 0.3}};
    if (progress_ == nullptr) return;
    for (const auto& s : kStages) {
      if (std::strcmp(s.stage, stage) != 0) continue;
      if (progress_(stage, s.begin + s.share * fraction, user_) != 0)
        Fail(LNX_E_CANCELLED, {"cancelled by the progress callback", "", stage});
    }
  }

 private:
  LnxProgress progress_;
  void* user_;
};

// One graph with pipeline and decoder, and the stages after it.
void BuildPipeline(Core& core, runtime::Runtime& runtime, const runtime::DeviceRequest& request) {
  const manifest::Manifest& m = *core.manifest;
  const manifest::TensorSpec input = RealInput(m.graphs[0], *core.model);
  core.input_shape = input.shape;
  core.pipeline = std::make_unique<image::Pipeline>(image::Pipeline::Compile(m, input));
  for (size_t d = 1; d < core.input_shape.size(); ++d) {
    if (core.input_shape[d] > 0) continue;
    Fail(LNX_E_GRAPH_MISMATCH, {"an input whose side " + std::to_string(d) + " is open",
                                "a shape that is fixed but for the batch", "the shape of the image input in graphs[0].inputs"});
  }
  core.decoder = decode::MakeDecoder(core.manifest, core.model->outputs());
  core.fixed_batch = core.input_shape[0] > 0 ? core.input_shape[0] : 0;
  for (size_t i = 0; i < m.stages.size(); ++i) {
    core.stages.push_back(
        std::make_unique<Stage>(core.manifest, i, LoadGraph(*core.container, *m.FindGraph(m.stages[i].graph), runtime, request)));
  }
}

// What the caller asks for, else what the manifest declares.
std::optional<manifest::Tiling> TilingOf(const manifest::Manifest& m, const LnxInitOptions& options) {
  constexpr uint32_t kNever = std::numeric_limits<uint32_t>::max();
  std::optional<manifest::Tiling> tiling = m.tiling;
  if (options.tile_width == kNever) return std::nullopt;
  if (options.tile_width != 0) {
    if (!tiling) tiling.emplace();
    tiling->width = static_cast<int32_t>(options.tile_width);
    tiling->height = static_cast<int32_t>(options.tile_height);
  }
  if (!tiling) return std::nullopt;
  if (!std::isnan(options.tile_overlap)) tiling->overlap = options.tile_overlap;
  const char* where = options.tile_width != 0 ? "options.tile_width" : "tiling";
  const auto refuse = [&](const std::string& found, const char* expected) {
    Fail(options.tile_width != 0 ? LNX_E_ARGUMENT : LNX_E_MANIFEST_FIELD, {found, expected, where});
  };
  if (m.task == LNX_TASK_CLASSIFICATION || m.task == LNX_TASK_OCR) {
    refuse("tiles for " + std::string(manifest::TaskName(m.task)), "a detector, segmentation, anomaly or enhancement");
  }
  for (const manifest::PreOp& op : m.pre) {
    if (std::holds_alternative<manifest::CropOp>(op)) refuse("a recipe that crops", "one that shows the model all of a tile");
  }
  return tiling;
}

// Waiting images may share a batch where the graph leaves its size open and each image is one input.
uint32_t MostTogether(const Core& core, const LnxInitOptions& options) {
  if (options.submit_batch <= 1) return 1;
  if (core.text != nullptr || core.tiling || core.fixed_batch > 0) {
    const char* found = core.text != nullptr ? "a model that reads text" : core.tiling ? "tiles" : "a graph of fixed batch size";
    Fail(LNX_E_ARGUMENT,
         {std::string("submit_batch with ") + found, "a graph whose batch size is open, without tiles", "options.submit_batch"});
  }
  if (options.submit_batch > core.max_batch) {
    Fail(LNX_E_BATCH_SIZE,
         {std::to_string(options.submit_batch), "at most " + std::to_string(core.max_batch), "options.submit_batch"});
  }
  return options.submit_batch;
}

// The graphs that read text, with their dictionary.
void BuildText(Core& core, runtime::Runtime& runtime, const runtime::DeviceRequest& request) {
  const manifest::Manifest& m = *core.manifest;
  const auto& options = std::get<manifest::OcrDecode>(m.decode);
  const auto load = [&](const std::string& id) { return LoadGraph(*core.container, *m.FindGraph(id), runtime, request); };
  decode::Dictionary dictionary(core.container->Read(options.reader.dictionary), options.reader.space, options.reader.dictionary);
  TextReader::Models models;
  models.detector = core.model.get();
  if (!options.angle.graph.empty()) models.angle = load(options.angle.graph);
  models.reader = load(options.reader.graph);
  core.text = std::make_unique<TextReader>(core.manifest, std::move(models), std::move(dictionary));
}

// Reads the container with the keys that are at hand: the caller's key file, or a licence and its dongle.
std::unique_ptr<container::Container> OpenContainer(const std::string& path, const LnxInitOptions& options,
                                                    const Reporter& report, std::shared_ptr<license::Guard>* guard) {
  std::vector<std::string> trusted;
  trusted.reserve(options.trusted_key_count);
  for (uint32_t i = 0; i < options.trusted_key_count; ++i) trusted.emplace_back(options.trusted_keys[i]);
  const container::TrustStore trust = container::TrustStore::Load(trusted);
  container::KeyRing keys = container::KeyRing::Load(options.key_file != nullptr ? options.key_file : "");
  license::OpenOptions licensing;
  licensing.license_file = options.license_file != nullptr ? options.license_file : "";
  licensing.wait_ms = options.license_wait_ms;
  licensing.has_own_keys = !keys.families.empty();
  licensing.waiting = [&report] { report("verify", 0.5); };
  license::Opener opener(licensing, trust);
  keys.source = &opener;
  auto container = std::make_unique<container::Container>(container::Container::Open(path, trust, keys, report));
  opener.Opened(container->manifest());
  *guard = opener.guard();
  return container;
}

// Whether the first graph is to run in its form for GPUs. Tiles, stages and decoders see no difference but in their manifest.
bool WantsGpuForm(const manifest::Manifest& m, const LnxInitOptions& options, runtime::Runtime& runtime,
                  const runtime::DeviceRequest& request) {
  constexpr uint32_t kAlways = 1, kNever = 2;
  if (!m.gpu_form || options.uint8_heads == kNever) return false;
  return options.uint8_heads == kAlways || runtime::WillUseGpu(runtime, request);
}

std::string Quoted(const std::string& text) {
  return ordered_json(text).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

struct Session::State {
  Core core;
  std::unique_ptr<Queue> queue;
  int64_t started = UnixNanos();
};

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}

std::unique_ptr<Session> Session::Initialize(const std::string& model_path, const LnxInitOptions& options) {
  const Reporter report(options);
  auto state = std::make_unique<State>();
  Core& core = state->core;
  core.path = model_path;
  runtime::SetLog(options.log, options.log_user);

  std::shared_ptr<license::Guard> guard;
  core.container = OpenContainer(model_path, options, report, &guard);
  core.manifest = std::make_shared<const manifest::Manifest>(manifest::Parse(core.container->Read("manifest.json"), model_path));
  const std::shared_ptr<const manifest::Manifest> packed = core.manifest;
  const manifest::Manifest& m = *packed;
  core.model_json = Quoted(m.name);
  const manifest::Graph& graph = m.graphs[0];
  const license::License* licence = guard ? &guard->license() : nullptr;
  license::Seats seats;
  if (licence != nullptr) {
    license::RequireTool(*licence, manifest::TaskName(m.task));
    seats = license::Seats::Take(*licence, core.container->manifest().model_id, options.run_slots);
  }

  report("load", 0);
  runtime::Runtime& runtime = runtime::Runtime::Get(options.runtime_dir != nullptr ? options.runtime_dir : "",
                                                    licence != nullptr ? licence->runtime_sha256 : std::vector<std::string>());
  runtime::DeviceRequest request;
  request.device = options.device;
  request.allow_cpu_fallback = options.allow_cpu_fallback != 0;
  request.cpu_threads = options.cpu_threads;
  request.gpu_graph = options.gpu_graph == 0;
  request.tf32 = options.gpu_tf32 == 0;
  request.gpu_keep_warm_ms = options.gpu_keep_warm_ms;
  if (options.keep_warm_minutes > 0) request.keep_warm_minutes = options.keep_warm_minutes;
  request.gpu_memory_mb = options.gpu_memory_mb;
  if (licence != nullptr) request.no_gpu = license::WhyNoGpu(*licence);
  core.gpu_form = WantsGpuForm(m, options, runtime, request);
  core.gpu_preprocess = options.gpu_preprocess;
  core.half = graph.inputs[graph.image_input].dtype == manifest::DType::kF16;
  if (core.gpu_form) core.manifest = std::make_shared<const manifest::Manifest>(manifest::InGpuForm(m));
  const std::string form = core.gpu_form && m.gpu_form ? m.gpu_form->file : std::string();
  core.model = LoadGraph(*core.container, core.manifest->graphs[0], runtime, request, form);
  core.image_input = graph.image_input;
  CheckExtraInputs(core);
  report("load", 1);

  if (m.task == LNX_TASK_OCR) {
    BuildText(core, runtime, request);
  } else {
    BuildPipeline(core, runtime, request);
  }
  core.max_batch = options.max_batch != 0 ? options.max_batch
                                          : static_cast<uint32_t>(*std::max_element(graph.batch.begin(), graph.batch.end()));
  core.tiling = TilingOf(m, options);
  core.cpu_threads = options.cpu_threads;
  core.results = std::make_shared<result::Pool>(core.manifest);
  core.parameters = std::make_unique<Parameters>(core.manifest, options);
  for (uint32_t i = 0; i < options.run_slots; ++i) {
    auto slot = std::make_unique<RunSlot>();
    if (core.text != nullptr) {
      slot->text = core.text->MakeSlot();
    } else {
      slot->workspace = core.decoder->MakeWorkspace();
    }
    slot->developed.resize(1);
    slot->stages.resize(core.stages.size());
    core.slots.Add(std::move(slot));
  }
  state->queue = std::make_unique<Queue>(core, options.queue_depth, MostTogether(core, options));
  if (core.text == nullptr) ProveGpuPreprocessing(core);
  WarmUp(core, options, [&report](double fraction) { report("warm-up", fraction); });
  core.warm = true;
  if (options.gpu_keep_warm_ms > 0 && core.model->provider() == LNX_PROVIDER_CPU) {
    core.keep_warm = std::make_unique<KeepWarm>(core, options.gpu_keep_warm_ms, request.keep_warm_minutes);
  }
  core.kept_warm = options.gpu_keep_warm_ms > 0;

  core.events = options.events == 0;
  if (core.events) {
    if (options.program != nullptr) event::Log::Get().SetProgram(options.program);
    core.session_id = std::to_string(platform::ProcessId()) + "-" + std::to_string(state->started);
    core.summary = std::make_unique<event::RunSummary>(core.model_json, core.session_id);
    event::Log::Get().Write("lnx.session.start", ordered_json({{"model", m.name},
                                                               {"version", m.version},
                                                               {"model_id", core.container->manifest().model_id},
                                                               {"session", core.session_id},
                                                               {"device", core.model->device_name()},
                                                               {"runtime", runtime.info().version},
                                                               {"threshold", m.thresholds.score}})
                                                     .dump(-1, ' ', false, ordered_json::error_handler_t::replace));
  }
  core.licensing = std::make_unique<Licensing>(std::move(guard), std::move(seats), options, Quoted(m.name), core.session_id);
  return std::unique_ptr<Session>(new Session(std::move(state)));
}

Session::~Session() {
  state_->queue.reset();
  state_->core.slots.WaitAllFree();
  state_->core.keep_warm.reset();
  state_->core.recording.Set(nullptr);
  state_->core.licensing.reset();
  if (!state_->core.events) return;
  state_->core.summary.reset();
  event::Log::Get().Write("lnx.session.stop", "{\"model\":" + Quoted(state_->core.manifest->name) + ",\"session\":\"" +
                                                  state_->core.session_id +
                                                  "\",\"runs\":" + std::to_string(state_->core.sequence.load()) + "}");
  event::Log::Get().Flush(500);
}

result::Storage* Session::Run(const LnxImage* images, uint32_t n, const LnxRunOptions* options) {
  const Core& core = state_->core;
  if (n > core.max_batch) {
    Fail(LNX_E_BATCH_SIZE, {std::to_string(n) + " images", "at most " + std::to_string(core.max_batch), "n"});
  }
  return RunMany(images, nullptr, n, options);
}

// Any number, in batches of at most max_batch. rois: parts of the one image; NULL = n images.
result::Storage* Session::RunMany(const LnxImage* images, const LnxRect* rois, uint32_t n, const LnxRunOptions* options) {
  Core& core = state_->core;
  core.licensing->RequireRun();
  const int64_t asked = NowMicros();
  try {
    const SlotUse slot(core, options != nullptr && options->deadline_ms > 0 ? asked + int64_t{1000} * options->deadline_ms : 0);
    if (rois != nullptr) {
      slot->parts.assign(n, *images);
      for (uint32_t i = 0; i < n; ++i) slot->parts[i].roi = rois[i];
      images = slot->parts.data();
    }
    return RunAndRecord(core, *slot, images, n, options, asked);
  } catch (const Error& error) {
    NoteFailure(core, error);
    throw;
  }
}

result::Storage* Session::RunRois(const LnxImage& image, const LnxRect* rois, uint32_t n, const LnxRunOptions* options) {
  return RunMany(&image, rois, n, options);
}

LnxTicket Session::Submit(const LnxImage* images, uint32_t n, const LnxRunOptions* options) {
  if (n > state_->core.max_batch) {
    Fail(LNX_E_BATCH_SIZE, {std::to_string(n) + " images", "at most " + std::to_string(state_->core.max_batch), "n"});
  }
  state_->core.licensing->RequireRun();
  return state_->queue->Submit(images, n, options);
}

result::Storage* Session::Wait(LnxTicket ticket, uint32_t timeout_ms) { return state_->queue->Wait(ticket, timeout_ms); }
void Session::SetParam(const std::string& key, const LnxValue& value) { state_->core.parameters->Set(key, value); }
void Session::GetParam(const std::string& key, LnxValue* value) { state_->core.parameters->Get(key, value); }
std::string Session::DescribeJson() const { return session::DescribeJson(state_->core); }
bool Session::SelfTest(LnxSelfTestReport* report) {
  state_->core.licensing->RequireRun();
  return RunSelfTest(state_->core, report);
}

void Session::License(LnxLicenseInfo* info) const { state_->core.licensing->Fill(info); }
std::string Session::FeaturesJson() const { return state_->core.licensing->FeaturesJson(); }

void Session::RecordStart(const LnxRecordOptions& options) { state_->core.recording.Set(MakeRecorder(state_->core, options)); }
std::string Session::RecordSave(const std::string& reason) { return state_->core.recording.Require()->Save(reason); }
void Session::RecordStop() { state_->core.recording.Set(nullptr); }

void Session::RecordState(LnxRecordInfo* info) const {
  const std::shared_ptr<Recorder> recorder = state_->core.recording.Get();
  if (recorder != nullptr) recorder->Fill(info);
}

}  // namespace lnx::session
