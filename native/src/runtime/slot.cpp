#include "base/clock.h"
#include "runtime/limits.h"
#include "runtime/slot_state.h"

namespace lnx::runtime {

size_t ElementsOf(const std::vector<int64_t>& shape) {
  size_t n = 1;
  for (const int64_t side : shape) n *= static_cast<size_t>(side);
  return n;
}

size_t Tensor::Elements() const {
  size_t n = 1;
  for (int32_t i = 0; i < rank; ++i) n *= static_cast<size_t>(shape[i]);
  return n;
}

Slot::Slot(Model& model, const std::vector<std::vector<int64_t>>& input_shapes)
    : state_(model.provider() == LNX_PROVIDER_CPU ? MakeHostSlot(model, input_shapes) : MakeDeviceSlot(model, input_shapes)) {}

Slot::~Slot() = default;

void* Slot::Input(size_t index) { return state_->Input(index); }
size_t Slot::InputBytes(size_t index) const { return state_->input_bytes[index]; }
size_t Slot::output_count() const { return state_->outputs.size(); }
const Tensor& Slot::Output(size_t index) const { return state_->outputs[index]; }
void Slot::Run(LnxTimings* timings, int64_t deadline) {
  if (deadline != 0 && NowMicros() >= deadline) FailLate(deadline, "before the model");
  state_->Run(timings, deadline);
}
void Slot::RunIdle() noexcept { state_->RunIdle(); }
void Slot::Stop() noexcept { StopRun(state_->runtime.ort, state_->run_options.get()); }
void Slot::Resume() noexcept { ResumeRun(state_->runtime.ort, state_->run_options.get()); }
SlotOnDevice* Slot::Device() { return state_->Device(); }

Slot::State::State(Model& made_for, const std::vector<std::vector<int64_t>>& input_shapes)
    : owner(made_for), model(made_for.state()), runtime(*model.runtime) {
  const OrtFunctions& ort = runtime.ort;
  OrtIoBinding* made_binding = nullptr;
  CheckOrt(ort, ort.CreateIoBinding(model.session.get(), &made_binding), LNX_E_INFERENCE, "CreateIoBinding");
  binding = Owned<OrtIoBinding>(made_binding, ort.ReleaseIoBinding);
  OrtRunOptions* options = nullptr;
  CheckOrt(ort, ort.CreateRunOptions(&options), LNX_E_INFERENCE, "CreateRunOptions");
  run_options = Owned<OrtRunOptions>(options, ort.ReleaseRunOptions);
  if (input_shapes.size() != model.inputs.size()) {
    Fail(LNX_E_GRAPH_MISMATCH,
         {std::to_string(model.inputs.size()) + " inputs", std::to_string(input_shapes.size()), "the graph"});
  }
  for (size_t i = 0; i < model.inputs.size(); ++i)
    input_bytes.push_back(ElementsOf(input_shapes[i]) * manifest::DTypeBytes(model.inputs[i].dtype));
  for (const IoInfo& io : model.outputs) {
    Tensor tensor;
    tensor.name = io.name;
    tensor.dtype = io.dtype;
    outputs.push_back(tensor);
    open.push_back(false);
  }
}

Slot::State::~State() = default;

OrtValue* Slot::State::MakeValue(const OrtMemoryInfo* where, void* data, size_t bytes, const std::vector<int64_t>& shape,
                                 manifest::DType dtype) {
  OrtValue* value = nullptr;
  CheckOrt(runtime.ort,
           runtime.ort.CreateTensorWithDataAsOrtValue(where, data, bytes, shape.data(), shape.size(), FromDType(dtype), &value),
           LNX_E_INFERENCE, "CreateTensor");
  values.emplace_back(value, runtime.ort.ReleaseValue);
  return value;
}

void Slot::State::BindInput(size_t index, OrtValue* value) {
  CheckOrt(runtime.ort, runtime.ort.BindInput(binding.get(), model.inputs[index].name.c_str(), value), LNX_E_INFERENCE,
           "BindInput");
}

void Slot::State::BindOutput(size_t index, OrtValue* value) {
  CheckOrt(runtime.ort, runtime.ort.BindOutput(binding.get(), model.outputs[index].name.c_str(), value), LNX_E_INFERENCE,
           "BindOutput");
}

void Slot::State::LeaveOutputOpen(size_t index) {
  open[index] = any_open = true;
  // Bound here too, although every run does it: ONNX Runtime lists bound outputs in the order of their first binding.
  CheckOrt(runtime.ort, ForgetOpenOutputs(), LNX_E_INFERENCE, "BindOutputToDevice");
}

OrtStatus* Slot::State::ForgetOpenOutputs() {
  if (!any_open) return nullptr;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!open[i]) continue;
    OrtStatus* status = runtime.ort.BindOutputToDevice(binding.get(), model.outputs[i].name.c_str(), runtime.cpu);
    if (status != nullptr) return status;
  }
  return nullptr;
}

void Slot::State::RunBound(int64_t deadline) {
  CheckOrt(runtime.ort, ForgetOpenOutputs(), LNX_E_INFERENCE, "BindOutputToDevice");
  DeadlineWatch watch(runtime.ort, run_options.get(), deadline);
  OrtStatus* status = runtime.ort.RunWithBinding(model.session.get(), run_options.get(), binding.get());
  const bool late = watch.Disarm();
  if (status != nullptr) {
    const std::string message = TakeMessage(runtime.ort, status);
    if (late) FailLate(deadline, "the model");
    Fail(StatusOfRun(message, model.provider != LNX_PROVIDER_CPU), {message, "a run without error", model.device_name});
  }
  if (late) FailLate(deadline, "the model");
}

void Slot::State::DescribeOutput(size_t index, OrtValue* value) {
  const OrtFunctions& ort = runtime.ort;
  Tensor& tensor = outputs[index];
  void* data = nullptr;
  CheckOrt(ort, ort.GetTensorMutableData(value, &data), LNX_E_INFERENCE, "output data");
  OrtTensorTypeAndShapeInfo* raw = nullptr;
  CheckOrt(ort, ort.GetTensorTypeAndShape(value, &raw), LNX_E_INFERENCE, "output shape");
  const Owned<OrtTensorTypeAndShapeInfo> info(raw, ort.ReleaseTensorTypeAndShapeInfo);
  size_t rank = 0;
  CheckOrt(ort, ort.GetDimensionsCount(raw, &rank), LNX_E_INFERENCE, "output shape");
  if (rank > 8) Fail(LNX_E_OUTPUT_SHAPE, {"rank " + std::to_string(rank), "rank up to 8", std::string(tensor.name)});
  CheckOrt(ort, ort.GetDimensions(raw, tensor.shape, rank), LNX_E_INFERENCE, "output shape");
  tensor.rank = static_cast<int32_t>(rank);
  tensor.data = data;
}

void Slot::State::ReadOpenOutputs() {
  if (!any_open) return;
  const OrtFunctions& ort = runtime.ort;
  OrtValue** bound = nullptr;
  size_t count = 0;
  CheckOrt(ort, ort.GetBoundOutputValues(binding.get(), runtime.allocator, &bound, &count), LNX_E_INFERENCE,
           "GetBoundOutputValues");
  opened.clear();
  for (size_t i = 0; i < count; ++i) opened.emplace_back(bound[i], ort.ReleaseValue);
  CheckOrt(ort, ort.AllocatorFree(runtime.allocator, static_cast<void*>(bound)), LNX_E_INTERNAL, "AllocatorFree");
  for (size_t i = 0; i < count && i < outputs.size(); ++i) {
    if (open[i]) DescribeOutput(i, opened[i].get());
  }
}

}  // namespace lnx::runtime
