#include <cstdlib>
#include <cstring>
#include <new>

#include "base/clock.h"
#include "runtime/limits.h"
#include "runtime/ort.h"
#include "runtime/runtime.h"

namespace lnx::runtime {
namespace {

constexpr size_t kAlignment = 64;

struct AlignedDelete {
  void operator()(uint8_t* p) const noexcept { ::operator delete[](p, std::align_val_t(kAlignment)); }
};
using Buffer = std::unique_ptr<uint8_t[], AlignedDelete>;

Buffer MakeBuffer(size_t bytes) {
  Buffer buffer(static_cast<uint8_t*>(::operator new[](bytes, std::align_val_t(kAlignment))));
  std::memset(buffer.get(), 0, bytes);
  return buffer;
}

size_t ElementsOf(const std::vector<int64_t>& shape) {
  size_t n = 1;
  for (const int64_t side : shape) n *= static_cast<size_t>(side);
  return n;
}

}  // namespace

size_t Tensor::Elements() const {
  size_t n = 1;
  for (int32_t i = 0; i < rank; ++i) n *= static_cast<size_t>(shape[i]);
  return n;
}

struct Slot::State {
  Runtime::State* runtime = nullptr;
  Model::State* model = nullptr;
  std::vector<Buffer> input_buffers, output_buffers;
  std::vector<size_t> input_bytes;
  std::vector<Owned<OrtValue>> values;  // bound inputs and fixed outputs; must outlive the binding
  std::vector<OrtValue*> input_values;
  Owned<OrtRunOptions> run_options;
  Owned<OrtIoBinding> binding;
  std::vector<Tensor> outputs;
  std::vector<bool> fixed;  // the output was bound to our own buffer
  bool any_dynamic = false;
  std::vector<Owned<OrtValue>> dynamic;  // values of the last run
  bool gpu = false;

  OrtValue* MakeValue(uint8_t* data, size_t bytes, const std::vector<int64_t>& shape, manifest::DType dtype) {
    OrtValue* value = nullptr;
    CheckOrt(runtime->ort,
             runtime->ort.CreateTensorWithDataAsOrtValue(runtime->cpu, data, bytes, shape.data(), shape.size(), FromDType(dtype),
                                                         &value),
             LNX_E_INFERENCE, "CreateTensor");
    values.emplace_back(value, runtime->ort.ReleaseValue);
    return value;
  }
  void BindInputs() {
    for (size_t i = 0; i < input_values.size(); ++i) {
      CheckOrt(runtime->ort, runtime->ort.BindInput(binding.get(), model->inputs[i].name.c_str(), input_values[i]),
               LNX_E_INFERENCE, "BindInput");
    }
  }
  void ReadDynamicOutputs();
  void DescribeOutput(size_t index, OrtValue* value);
};

Slot::Slot(Model& model, const std::vector<std::vector<int64_t>>& input_shapes) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.model = &model.state();
  s.runtime = s.model->runtime;
  s.gpu = model.provider() != LNX_PROVIDER_CPU;
  const OrtFunctions& ort = s.runtime->ort;
  OrtIoBinding* binding = nullptr;
  CheckOrt(ort, ort.CreateIoBinding(s.model->session.get(), &binding), LNX_E_INFERENCE, "CreateIoBinding");
  s.binding = Owned<OrtIoBinding>(binding, ort.ReleaseIoBinding);
  OrtRunOptions* options = nullptr;
  CheckOrt(ort, ort.CreateRunOptions(&options), LNX_E_INFERENCE, "CreateRunOptions");
  s.run_options = Owned<OrtRunOptions>(options, ort.ReleaseRunOptions);

  const std::vector<IoInfo>& inputs = model.inputs();
  if (input_shapes.size() != inputs.size()) {
    Fail(LNX_E_GRAPH_MISMATCH, {std::to_string(inputs.size()) + " inputs", std::to_string(input_shapes.size()), "the graph"});
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const size_t bytes = ElementsOf(input_shapes[i]) * manifest::DTypeBytes(inputs[i].dtype);
    s.input_buffers.push_back(MakeBuffer(bytes));
    s.input_bytes.push_back(bytes);
    s.input_values.push_back(s.MakeValue(s.input_buffers.back().get(), bytes, input_shapes[i], inputs[i].dtype));
  }
  s.BindInputs();

  for (const IoInfo& io : model.outputs()) {
    std::vector<int64_t> shape = io.shape;
    bool known = true;
    for (const int64_t side : shape) known = known && side > 0;
    Tensor tensor;
    tensor.name = io.name;
    tensor.dtype = io.dtype;
    if (known) {
      const size_t bytes = ElementsOf(shape) * manifest::DTypeBytes(io.dtype);
      s.output_buffers.push_back(MakeBuffer(bytes));
      tensor.data = s.output_buffers.back().get();
      tensor.rank = static_cast<int32_t>(shape.size());
      for (size_t d = 0; d < shape.size(); ++d) tensor.shape[d] = shape[d];
      OrtValue* value = s.MakeValue(s.output_buffers.back().get(), bytes, shape, io.dtype);
      CheckOrt(ort, ort.BindOutput(s.binding.get(), io.name.c_str(), value), LNX_E_INFERENCE, "BindOutput");
    } else {
      s.any_dynamic = true;
      CheckOrt(ort, ort.BindOutputToDevice(s.binding.get(), io.name.c_str(), s.runtime->cpu), LNX_E_INFERENCE,
               "BindOutputToDevice");
    }
    s.fixed.push_back(known);
    s.outputs.push_back(tensor);
  }
}

Slot::~Slot() = default;

void* Slot::Input(size_t index) { return state_->input_buffers[index].get(); }
size_t Slot::InputBytes(size_t index) const { return state_->input_bytes[index]; }
size_t Slot::output_count() const { return state_->outputs.size(); }
const Tensor& Slot::Output(size_t index) const { return state_->outputs[index]; }

void Slot::State::DescribeOutput(size_t index, OrtValue* value) {
  const OrtFunctions& ort = runtime->ort;
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

void Slot::State::ReadDynamicOutputs() {
  const OrtFunctions& ort = runtime->ort;
  OrtValue** bound = nullptr;
  size_t count = 0;
  CheckOrt(ort, ort.GetBoundOutputValues(binding.get(), runtime->allocator, &bound, &count), LNX_E_INFERENCE,
           "GetBoundOutputValues");
  dynamic.clear();
  for (size_t i = 0; i < count; ++i) dynamic.emplace_back(bound[i], ort.ReleaseValue);
  CheckOrt(ort, ort.AllocatorFree(runtime->allocator, static_cast<void*>(bound)), LNX_E_INTERNAL, "AllocatorFree");
  for (size_t i = 0; i < count && i < outputs.size(); ++i) {
    if (!fixed[i]) DescribeOutput(i, dynamic[i].get());
  }
}

void Slot::Stop() noexcept { StopRun(state_->runtime->ort, state_->run_options.get()); }
void Slot::Resume() noexcept { ResumeRun(state_->runtime->ort, state_->run_options.get()); }

void Slot::RunIdle() noexcept {
  State& s = *state_;
  if (!s.gpu && (Cores::OfProcess().in_use() > 0 || !Cores::OfProcess().TryTake(&s.model->cores))) return;
  const OrtFunctions& ort = s.runtime->ort;
  OrtStatus* status = ort.RunWithBinding(s.model->session.get(), s.run_options.get(), s.binding.get());
  if (status != nullptr) ort.ReleaseStatus(status);  // a device that is lost is told by the next real run
  if (!s.gpu) Cores::OfProcess().Give(&s.model->cores);
}

void Slot::Run(LnxTimings* timings, int64_t deadline) {
  State& s = *state_;
  const OrtFunctions& ort = s.runtime->ort;
  const int64_t asked = NowMicros();
  if (deadline != 0 && asked >= deadline) FailLate(deadline, "before the model");
  const CoreUse cores(s.gpu ? nullptr : &s.model->cores, deadline);
  const int64_t begin = NowMicros();
  // A host tensor is copied to a GPU when it is bound, not when the model runs.
  if (s.gpu) s.BindInputs();
  const int64_t bound = NowMicros();
  DeadlineWatch watch(ort, s.run_options.get(), deadline);
  OrtStatus* status = ort.RunWithBinding(s.model->session.get(), s.run_options.get(), s.binding.get());
  const bool late = watch.Disarm();
  if (status != nullptr) {
    const std::string message = TakeMessage(ort, status);
    if (late) FailLate(deadline, "the model");
    LnxStatus code = LNX_E_INFERENCE;
    if (s.gpu && (message.find("CUDA error") != std::string::npos || message.find("CUDA failure") != std::string::npos)) {
      code = message.find("out of memory") != std::string::npos ? LNX_E_DEVICE_MEMORY : LNX_E_DEVICE_LOST;
    }
    Fail(code, {message, "a run without error", s.model->device_name});
  }
  if (late) FailLate(deadline, "the model");
  const int64_t ran = NowMicros();
  if (s.any_dynamic) s.ReadDynamicOutputs();
  if (timings != nullptr) {
    timings->queue = static_cast<uint32_t>(begin - asked);
    timings->host_to_device = static_cast<uint32_t>(bound - begin);
    timings->infer = static_cast<uint32_t>(ran - bound);
    timings->device_to_host = static_cast<uint32_t>(NowMicros() - ran);
  }
}

}  // namespace lnx::runtime
