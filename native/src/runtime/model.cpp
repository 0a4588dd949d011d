#include <algorithm>
#include <mutex>

#include "base/platform.h"
#include "runtime/cuda.h"
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

// Two sessions created at once on one GPU crash, so creation is serialised; capture of CUDA graphs will share this lock.
std::mutex& CreateMutex() {
  static std::mutex* mutex = new std::mutex;
  return *mutex;
}

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

Model::Model() : state_(std::make_unique<State>()) {}
Model::~Model() = default;

std::unique_ptr<Model> Model::Create(Runtime& runtime, Bytes onnx, Bytes external_data, const std::string& external_name,
                                     const DeviceRequest& request) {
  const std::lock_guard<std::mutex> lock(CreateMutex());
  Runtime::State& state = runtime.state();
  const OrtFunctions& ort = state.ort;
  const GpuChoice gpu = ChooseGpu(runtime, request);
  std::unique_ptr<Model> model(new Model);
  State& made = *model->state_;
  made.runtime = &state;
  made.provider = gpu.use ? LNX_PROVIDER_CUDA : LNX_PROVIDER_CPU;
  made.device_name = gpu.use ? gpu.name : "cpu";
  made.fallback_reason = gpu.reason;

  const auto create = [&](bool on_gpu) {
    const Owned<OrtSessionOptions> options = MakeOptions(state, request, on_gpu);
    AddWeights(ort, options.get(), external_data, external_name);
    if (on_gpu) AppendCuda(runtime, options.get(), gpu.index);
    OrtSession* session = nullptr;
    CheckOrt(ort, ort.CreateSessionFromArray(state.env, onnx.data, onnx.size, options.get(), &session), LNX_E_GRAPH_INVALID,
             "the graph");
    made.session = Owned<OrtSession>(session, ort.ReleaseSession);
  };
  if (!gpu.use) {
    create(false);
  } else {
    try {
      create(true);
    } catch (const Error& error) {
      if (error.status() != LNX_E_DEVICE_UNAVAILABLE || !(gpu.may_fall_back)) throw;
      made.provider = LNX_PROVIDER_CPU;
      made.device_name = "cpu";
      made.fallback_reason = error.finding().found;
      create(false);
    }
  }

  made.cores.threads = CpuThreads(request);

  size_t inputs = 0, outputs = 0;
  CheckOrt(ort, ort.SessionGetInputCount(made.session.get(), &inputs), LNX_E_GRAPH_INVALID, "inputs");
  CheckOrt(ort, ort.SessionGetOutputCount(made.session.get(), &outputs), LNX_E_GRAPH_INVALID, "outputs");
  for (size_t i = 0; i < inputs; ++i) made.inputs.push_back(ReadIo(state, made.session.get(), i, true));
  for (size_t i = 0; i < outputs; ++i) made.outputs.push_back(ReadIo(state, made.session.get(), i, false));
  return model;
}

const std::vector<IoInfo>& Model::inputs() const { return state_->inputs; }
const std::vector<IoInfo>& Model::outputs() const { return state_->outputs; }
LnxProvider Model::provider() const { return state_->provider; }
const std::string& Model::device_name() const { return state_->device_name; }
const std::string& Model::fallback_reason() const { return state_->fallback_reason; }

}  // namespace lnx::runtime
