// Runs on the CPU: inputs and outputs of known shape are our own buffers, bound once.
#include <cstring>
#include <new>

#include "base/clock.h"
#include "runtime/limits.h"
#include "runtime/slot_state.h"

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

class HostSlot final : public Slot::State {
 public:
  HostSlot(Model& made_for, const std::vector<std::vector<int64_t>>& input_shapes) : Slot::State(made_for, input_shapes) {
    const std::vector<IoInfo>& inputs = model.inputs;
    for (size_t i = 0; i < inputs.size(); ++i) {
      buffers_.push_back(MakeBuffer(input_bytes[i]));
      BindInput(i, MakeValue(runtime.cpu, buffers_.back().get(), input_bytes[i], input_shapes[i], inputs[i].dtype));
    }
    for (size_t i = 0; i < model.outputs.size(); ++i) AddOutput(i, model.outputs[i]);
  }

  void* Input(size_t index) override { return buffers_[index].get(); }

  void Run(LnxTimings* timings, int64_t deadline) override {
    const int64_t asked = NowMicros();
    const CoreUse cores(&model.cores, deadline);
    const int64_t begin = NowMicros();
    RunBound(deadline);
    const int64_t ran = NowMicros();
    ReadOpenOutputs();
    if (timings == nullptr) return;
    timings->queue = static_cast<uint32_t>(begin - asked);
    timings->host_to_device = 0;
    timings->infer = static_cast<uint32_t>(ran - begin);
    timings->device_to_host = static_cast<uint32_t>(NowMicros() - ran);
  }

  void RunIdle() noexcept override {
    Cores::IdleRun own;
    own.stop = [](void* slot) noexcept { static_cast<HostSlot*>(slot)->StopIdle(); };
    own.what = this;
    if (!Cores::OfProcess().BeginIdle(&own)) return;
    OrtStatus* status = ForgetOpenOutputs();
    if (status == nullptr) status = runtime.ort.RunWithBinding(model.session.get(), run_options.get(), binding.get());
    if (status != nullptr) runtime.ort.ReleaseStatus(status);  // what is wrong is told by the next real run
    Cores::OfProcess().EndIdle(&own);
  }

 private:
  void StopIdle() noexcept { StopRun(runtime.ort, run_options.get()); }

  void AddOutput(size_t index, const IoInfo& io) {
    for (const int64_t side : io.shape) {
      if (side <= 0) return LeaveOutputOpen(index);
    }
    const size_t bytes = ElementsOf(io.shape) * manifest::DTypeBytes(io.dtype);
    buffers_.push_back(MakeBuffer(bytes));
    Tensor& tensor = outputs[index];
    tensor.data = buffers_.back().get();
    tensor.rank = static_cast<int32_t>(io.shape.size());
    for (size_t d = 0; d < io.shape.size(); ++d) tensor.shape[d] = io.shape[d];
    BindOutput(index, MakeValue(runtime.cpu, buffers_.back().get(), bytes, io.shape, io.dtype));
  }

  std::vector<Buffer> buffers_;  // inputs, then fixed outputs
};

}  // namespace

std::unique_ptr<Slot::State> MakeHostSlot(Model& model, const std::vector<std::vector<int64_t>>& input_shapes) {
  return std::make_unique<HostSlot>(model, input_shapes);
}

}  // namespace lnx::runtime
