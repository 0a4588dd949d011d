#include <algorithm>
#include <chrono>

#include "base/platform.h"
#include "runtime/cuda.h"
#include "runtime/cuda/admission.h"
#include "runtime/cuda/capture_gate.h"
#include "runtime/cuda/provider.h"
#include "runtime/cuda/session.h"
#include "runtime/ort.h"
#include "runtime/runtime.h"

namespace lnx::runtime {
namespace {

struct Types {
  ONNXTensorElementDataType ort;
  manifest::DType dtype;
};
constexpr Types kTypes[] = {
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, manifest::DType::kF32}, {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, manifest::DType::kF16},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, manifest::DType::kU8},  {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, manifest::DType::kI32},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, manifest::DType::kI64}, {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16, manifest::DType::kU16},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, manifest::DType::kBool},
};

IoInfo ReadIo(const Runtime::State& runtime, const OrtSession* session, size_t index, bool input) {
  const OrtFunctions& ort = runtime.ort;
  IoInfo io;
  char* name = nullptr;
  CheckOrt(ort,
           input ? ort.SessionGetInputName(session, index, runtime.allocator, &name)
                 : ort.SessionGetOutputName(session, index, runtime.allocator, &name),
           LNX_E_GRAPH_INVALID, "names");
  io.name = name;
  CheckOrt(ort, ort.AllocatorFree(runtime.allocator, name), LNX_E_INTERNAL, "AllocatorFree");
  OrtTypeInfo* raw = nullptr;
  CheckOrt(ort, input ? ort.SessionGetInputTypeInfo(session, index, &raw) : ort.SessionGetOutputTypeInfo(session, index, &raw),
           LNX_E_GRAPH_INVALID, "types");
  const Owned<OrtTypeInfo> type(raw, ort.ReleaseTypeInfo);
  const OrtTensorTypeAndShapeInfo* tensor = nullptr;  // owned by type
  CheckOrt(ort, ort.CastTypeInfoToTensorInfo(raw, &tensor), LNX_E_GRAPH_INVALID, "types");
  if (tensor == nullptr) Fail(LNX_E_GRAPH_MISMATCH, {"something that is not a tensor", "a tensor", "\"" + io.name + "\""});
  ONNXTensorElementDataType element = {};
  size_t rank = 0;
  CheckOrt(ort, ort.GetTensorElementType(tensor, &element), LNX_E_GRAPH_INVALID, "types");
  CheckOrt(ort, ort.GetDimensionsCount(tensor, &rank), LNX_E_GRAPH_INVALID, "shapes");
  io.shape.resize(rank);
  CheckOrt(ort, ort.GetDimensions(tensor, io.shape.data(), rank), LNX_E_GRAPH_INVALID, "shapes");
  for (int64_t& side : io.shape) side = side < 0 ? -1 : side;
  if (rank > 0 && rank <= 8 && io.shape[0] < 0) {
    const char* names[8] = {};
    CheckOrt(ort, ort.GetSymbolicDimensions(tensor, names, rank), LNX_E_GRAPH_INVALID, "shapes");
    if (names[0] != nullptr) io.batch = names[0];
  }
  if (!ToDType(element, &io.dtype) || rank > 8) {
    Fail(LNX_E_GRAPH_MISMATCH, {"element type " + std::to_string(element) + ", rank " + std::to_string(rank),
                                "float32, float16, uint8, uint16, int32, int64 or bool, rank up to 8", "\"" + io.name + "\""});
  }
  return io;
}

uint32_t CpuThreads(const DeviceRequest& request) {
  return request.cpu_threads != 0 ? request.cpu_threads : platform::PhysicalCores();
}

Owned<OrtSessionOptions> MakeOptions(const Runtime::State& runtime, const DeviceRequest& request, bool gpu) {
  const OrtFunctions& ort = runtime.ort;
  OrtSessionOptions* raw = nullptr;
  CheckOrt(ort, ort.CreateSessionOptions(&raw), LNX_E_INTERNAL, "CreateSessionOptions");
  Owned<OrtSessionOptions> options(raw, ort.ReleaseSessionOptions);
  const uint32_t threads = gpu ? 1 : CpuThreads(request);
  CheckOrt(ort, ort.SetSessionExecutionMode(raw, ORT_SEQUENTIAL), LNX_E_INTERNAL, "SetSessionExecutionMode");
  CheckOrt(ort, ort.SetSessionGraphOptimizationLevel(raw, ORT_ENABLE_ALL), LNX_E_INTERNAL, "SetSessionGraphOptimizationLevel");
  CheckOrt(ort, ort.SetIntraOpNumThreads(raw, static_cast<int>(threads)), LNX_E_INTERNAL, "SetIntraOpNumThreads");
  CheckOrt(ort, ort.SetInterOpNumThreads(raw, 1), LNX_E_INTERNAL, "SetInterOpNumThreads");
  // Idle pools that spin slow down whatever else runs on the inspection PC.
  CheckOrt(ort, ort.AddSessionConfigEntry(raw, "session.intra_op.allow_spinning", gpu ? "0" : "1"), LNX_E_INTERNAL,
           "allow_spinning");
  if (!gpu) {
    CheckOrt(ort, ort.AddSessionConfigEntry(raw, "session.force_spinning_stop", "1"), LNX_E_INTERNAL, "force_spinning_stop");
  }
  return options;
}

void AddWeights(const OrtFunctions& ort, OrtSessionOptions* options, Bytes data, const std::string& name) {
  if (data.empty()) return;
#if defined(_WIN32)
  const std::wstring wide = platform::Widen(name);
  const ORTCHAR_T* names[] = {wide.c_str()};
#else
  const ORTCHAR_T* names[] = {name.c_str()};
#endif
  // ONNX Runtime reads the buffer only; its signature lacks the const.
  char* const buffers[] = {reinterpret_cast<char*>(const_cast<uint8_t*>(data.data))};
  const size_t lengths[] = {data.size};
  CheckOrt(ort, ort.AddExternalInitializersFromFilesInMemory(options, names, buffers, lengths, 1), LNX_E_GRAPH_INVALID,
           "external weights");
}

}  // namespace

bool ToDType(ONNXTensorElementDataType type, manifest::DType* dtype) {
  const auto* found = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const Types& t) { return t.ort == type; });
  if (found == std::end(kTypes)) return false;
  *dtype = found->dtype;
  return true;
}

ONNXTensorElementDataType FromDType(manifest::DType dtype) {
  return std::find_if(std::begin(kTypes), std::end(kTypes), [&](const Types& t) { return t.dtype == dtype; })->ort;
}

Model::State::State() = default;
Model::State::~State() = default;

Model::Model() : state_(std::make_unique<State>()) {}

Model::~Model() {
  if (!state_->gpu) return;
  state_->gpu->worker.reset();  // first: it may be waiting to pass
  // Freeing the session's memory would break a capture elsewhere.
  const cuda::CaptureGate::Alone alone(cuda::CaptureGate::Get());
  state_.reset();
}

namespace {

// What a session is made of, once or twice: a GPU that cannot be used, or a graph that cannot be captured, means another try.
struct Recipe {
  Runtime& runtime;
  Bytes onnx, external_data;
  const std::string& external_name;
  const DeviceRequest& request;
  int device;
};

void CreateSession(const Recipe& recipe, bool on_gpu, bool graph, Model::State* made) {
  Runtime::State& state = recipe.runtime.state();
  const OrtFunctions& ort = state.ort;
  made->session = {};
  made->gpu.reset();
  const Owned<OrtSessionOptions> options = MakeOptions(state, recipe.request, on_gpu);
  AddWeights(ort, options.get(), recipe.external_data, recipe.external_name);
  if (on_gpu) {
    cuda::KeepWarmTimes times;
    times.every = std::chrono::milliseconds(recipe.request.gpu_keep_warm_ms);
    times.let_go_after = std::chrono::minutes(recipe.request.keep_warm_minutes);
    made->gpu = std::make_unique<cuda::GpuSession>(recipe.device, graph, times);
    cuda::ProviderOptions own;
    own.device = recipe.device;
    own.graph = graph;
    own.tf32 = recipe.request.tf32;
    own.memory_limit = static_cast<uint64_t>(recipe.request.gpu_memory_mb) << 20;
    own.stream = made->gpu->stream.get();
    cuda::Append(recipe.runtime, options.get(), own);
  }
  OrtSession* session = nullptr;
  OrtStatus* status = ort.CreateSessionFromArray(state.env, recipe.onnx.data, recipe.onnx.size, options.get(), &session);
  if (status != nullptr) {
    const std::string message = TakeMessage(ort, status);
    Fail(StatusOfRun(message, on_gpu, LNX_E_GRAPH_INVALID), {message, "success", "the graph"});
  }
  made->session = Owned<OrtSession>(session, ort.ReleaseSession);
}

void ReadTensors(Model::State* made) {
  const Runtime::State& state = *made->runtime;
  const OrtFunctions& ort = state.ort;
  size_t inputs = 0, outputs = 0;
  CheckOrt(ort, ort.SessionGetInputCount(made->session.get(), &inputs), LNX_E_GRAPH_INVALID, "inputs");
  CheckOrt(ort, ort.SessionGetOutputCount(made->session.get(), &outputs), LNX_E_GRAPH_INVALID, "outputs");
  made->inputs.clear();
  made->outputs.clear();
  for (size_t i = 0; i < inputs; ++i) made->inputs.push_back(ReadIo(state, made->session.get(), i, true));
  for (size_t i = 0; i < outputs; ++i) made->outputs.push_back(ReadIo(state, made->session.get(), i, false));
}

// Input shapes of batch 1; empty when another side is open, in which case each shape is captured when it comes.
std::vector<std::vector<int64_t>> ShapesOfOne(const std::vector<IoInfo>& inputs) {
  std::vector<std::vector<int64_t>> shapes;
  for (const IoInfo& io : inputs) {
    std::vector<int64_t> shape = io.shape;
    if (!shape.empty() && shape[0] < 0) shape[0] = 1;
    if (std::any_of(shape.begin(), shape.end(), [](int64_t side) { return side <= 0; })) return {};
    shapes.push_back(shape);
  }
  return shapes;
}

constexpr int kTrialRuns = 3;  // the shapes of open outputs are learnt; ONNX Runtime warms up, and captures

// As a CUDA graph where that works: tried here, while the bytes of the model are at hand for another try.
void CreateOnGpu(const Recipe& recipe, Model* model, Model::State* made) {
  std::string why = recipe.request.gpu_graph ? "" : "turned off";
  if (why.empty()) {
    try {
      CreateSession(recipe, true, true, made);
      ReadTensors(made);
      const auto shapes = ShapesOfOne(made->inputs);
      if (!shapes.empty()) {
        Slot trial(*model, shapes);
        for (int i = 0; i < kTrialRuns; ++i) trial.Run(nullptr);
        if (!trial.Device()->graph()) why = made->gpu->why_no_graph;
        if (!trial.Device()->graph() && why.empty()) why = "an output is empty";
      }
    } catch (const Error& error) {
      const LnxStatus status = error.status();
      if (status == LNX_E_DEVICE_UNAVAILABLE || status == LNX_E_DEVICE_MEMORY) throw;
      why = error.finding().found;
    }
    if (why.empty()) return;
    Say(ORT_LOGGING_LEVEL_WARNING, "this model runs without a CUDA graph, a little slower: " + why);
  }
  CreateSession(recipe, true, false, made);
  ReadTensors(made);
  made->gpu->why_no_graph = why;
}

}  // namespace

bool WillUseGpu(Runtime& runtime, const DeviceRequest& request) { return ChooseGpu(runtime, request).use; }

std::unique_ptr<Model> Model::Create(Runtime& runtime, Bytes onnx, Bytes external_data, const std::string& external_name,
                                     const DeviceRequest& request) {
  // Two sessions created at once on one GPU crash, and a capture bears nothing beside it.
  const cuda::CaptureGate::Alone alone(cuda::CaptureGate::Get());
  const GpuChoice gpu = ChooseGpu(runtime, request);
  std::unique_ptr<Model> model(new Model);
  State& made = *model->state_;
  made.runtime = &runtime.state();
  const Recipe recipe{runtime, onnx, external_data, external_name, request, gpu.index};
  const auto on_cpu = [&](const std::string& reason) {
    made.provider = LNX_PROVIDER_CPU;
    made.device_name = "cpu";
    made.fallback_reason = reason;
    made.cores.threads = CpuThreads(request);
    CreateSession(recipe, false, false, &made);
    ReadTensors(&made);
  };
  if (!gpu.use) {
    on_cpu(gpu.reason);
    return model;
  }
  made.provider = LNX_PROVIDER_CUDA;
  made.device_name = gpu.name;
  try {
    const cuda::MemoryState before = cuda::MemoryOf(gpu.index);
    cuda::Demand demand;
    demand.weights = onnx.size + external_data.size;
    demand.limit = static_cast<uint64_t>(request.gpu_memory_mb) << 20;
    demand.first = runtime.state().gpu_models == 0;
    cuda::Admit(demand, before, gpu.index);
    cuda::ProveConvolution(runtime, gpu.index);
    CreateOnGpu(recipe, model.get(), &made);
    const cuda::MemoryState after = cuda::MemoryOf(gpu.index);
    made.gpu->bytes = before.free > after.free ? before.free - after.free : 0;
    made.gpu->creating = false;
    ++runtime.state().gpu_models;
  } catch (const Error& error) {
    const LnxStatus status = error.status();
    const bool device = status == LNX_E_DEVICE_UNAVAILABLE || status == LNX_E_DEVICE_MEMORY || status == LNX_E_DEVICE_LOST;
    if (!device || !gpu.may_fall_back) throw;
    on_cpu(error.finding().found);
  }
  return model;
}

GpuReport Model::gpu() const {
  GpuReport report;
  if (!state_->gpu) return report;
  report.graph = state_->gpu->graph;
  report.why_no_graph = state_->gpu->why_no_graph;
  report.bytes = state_->gpu->bytes;
  report.ticks = state_->gpu->worker->ticks();
  return report;
}

const std::vector<IoInfo>& Model::inputs() const { return state_->inputs; }
const std::vector<IoInfo>& Model::outputs() const { return state_->outputs; }
LnxProvider Model::provider() const { return state_->provider; }
const std::string& Model::device_name() const { return state_->device_name; }
const std::string& Model::fallback_reason() const { return state_->fallback_reason; }

}  // namespace lnx::runtime
