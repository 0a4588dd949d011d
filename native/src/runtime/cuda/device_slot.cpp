// Runs on a GPU. Inputs and outputs of known shape lie on the device at addresses that never change, bound once; pinned memory
// beside them is what the caller fills and reads. Copies, our kernels and the model go into one stream in that order, on the
// session's own thread, and one event at the end says that all of it is done.
//
//   caller fills pinned input -> [stream: copy in | picture in, kernel -> model (CUDA graph) -> copy out -> event] -> pinned
//   outputs
#include <cstring>
#include <string>

#include "base/clock.h"
#include "runtime/cuda/capture_gate.h"
#include "runtime/cuda/module.h"
#include "runtime/cuda/session.h"
#include "runtime/limits.h"
#include "runtime/slot_state.h"

namespace lnx::runtime {
namespace {

using namespace cuda;  // NOLINT(google-build-using-namespace): this file is about nothing else

constexpr int kSetUpRuns = 2;  // ONNX Runtime warms up and captures within them

// Device and pinned memory of one tensor.
struct Mirrored {
  PinnedMemory host;
  DeviceMemory device;
  size_t bytes = 0;
};

// One picture of the batch that the GPU prepares.
struct Prepared {
  bool wanted = false;
  size_t input = 0;
  DevicePicture picture;
  DeviceMemory pixels, tables;
  size_t pixel_capacity = 0, table_capacity = 0;
  uint64_t tables_version = 0;
};

class DeviceSlot final : public Slot::State, public SlotOnDevice {
 public:
  DeviceSlot(Model& made_for, const std::vector<std::vector<int64_t>>& input_shapes)
      : Slot::State(made_for, input_shapes), gpu_(*model.gpu), device_(gpu_.device) {
    OrtMemoryInfo* info = nullptr;
    CheckOrt(runtime.ort, runtime.ort.CreateMemoryInfo("Cuda", OrtDeviceAllocator, device_, OrtMemTypeDefault, &info),
             LNX_E_DEVICE_UNAVAILABLE, "CreateMemoryInfo");
    memory_ = Owned<OrtMemoryInfo>(info, runtime.ort.ReleaseMemoryInfo);
    WithGate([&] { Allocate(input_shapes); });
    may_learn_ = gpu_.graph && any_open;
    UseGraph(gpu_.graph && !any_open);
  }

  ~DeviceSlot() override {
    try {
      WithGate([&] { Free(); });
    } catch (...) {  // the context is dead, and with it what it held
    }
  }

  void* Input(size_t index) override { return inputs_[index].host.get(); }
  SlotOnDevice* Device() override { return this; }
  bool graph() const override { return graph_; }
  bool CanPrepare() override { return Kernels::Of(device_) != nullptr; }

  void Prepare(size_t input, size_t index, const DevicePicture& picture) override {
    Prepared& own = prepared_[index];
    own.input = input;
    own.picture = picture;
    own.wanted = true;
  }

  void PrepareOnly(size_t input, size_t index, const DevicePicture& picture, void* to) override {
    Prepare(input, index, picture);
    struct Call {
      DeviceSlot* slot;
      size_t input, index;
      void* to;
    } call{this, input, index, to};
    gpu_.worker->Run(
        [](void* argument) {
          const auto* c = static_cast<Call*>(argument);
          c->slot->WithGate([&] { c->slot->MakeOne(c->input, c->index, c->to); });
        },
        &call);
  }

  // The worker of the session keeps the GPU awake.
  void RunIdle() noexcept override {}

  void Run(LnxTimings* timings, int64_t deadline) override {
    const int64_t begin = NowMicros();
    deadline_ = deadline;
    gpu_.worker->Run([](void* slot) { static_cast<DeviceSlot*>(slot)->RunOnWorker(); }, this);
    if (timings == nullptr) return;
    timings->queue = 0;
    timings->host_to_device = Micros(begin_.get(), copied_.get());
    timings->device_to_host = Micros(ran_.get(), finished_.get());
    const auto total = static_cast<uint32_t>(NowMicros() - begin);
    const uint32_t copies = timings->host_to_device + timings->device_to_host;
    timings->infer = total > copies ? total - copies : 0;
  }

 private:
  // Memory and streams are touched only while nobody captures. Whoever creates a model holds the gate already, for its worker
  // too.
  template <typename Work>
  void WithGate(Work&& work) {
    if (gpu_.creating) {
      const Current current(device_);
      return work();
    }
    const CaptureGate::Pass pass(CaptureGate::Get());
    const Current current(device_);
    work();
  }

  void Free() {
    binding = {};
    values.clear();
    opened.clear();
    inputs_.clear();
    outputs_.clear();
    prepared_.clear();
  }

  // With a graph of its own, when the session has one left.
  void UseGraph(bool wanted) {
    const int id = wanted ? gpu_.NextGraphId() : kNoGraph;
    graph_ = id != kNoGraph;
    runs_ = 0;
    Configure("disable_synchronize_execution_providers", any_open ? "0" : "1");
    if (gpu_.graph) Configure("gpu_graph_id", std::to_string(id));
  }

  void Configure(const char* key, const std::string& value) {
    CheckOrt(runtime.ort, runtime.ort.AddRunConfigEntry(run_options.get(), key, value.c_str()), LNX_E_INTERNAL, key);
  }

  Mirrored Mirror(size_t bytes) const { return {AllocatePinned(device_, bytes), AllocateOnDevice(device_, bytes), bytes}; }

  static void* Address(const DeviceMemory& memory) { return reinterpret_cast<void*>(static_cast<uintptr_t>(memory.get())); }

  void Allocate(const std::vector<std::vector<int64_t>>& input_shapes) {
    int64_t most = 1;
    for (size_t i = 0; i < input_shapes.size(); ++i) {
      inputs_.push_back(Mirror(input_bytes[i]));
      BindInput(i,
                MakeValue(memory_.get(), Address(inputs_.back().device), input_bytes[i], input_shapes[i], model.inputs[i].dtype));
      if (!input_shapes[i].empty()) most = std::max(most, input_shapes[i][0]);
      images_.push_back(input_shapes[i].empty() ? 1 : static_cast<size_t>(input_shapes[i][0]));
    }
    prepared_.resize(static_cast<size_t>(most));
    for (size_t o = 0; o < model.outputs.size(); ++o) AddOutput(o, input_shapes);
    begin_ = MakeEvent(device_, EventKind::kTiming);
    copied_ = MakeEvent(device_, EventKind::kTiming);
    ran_ = MakeEvent(device_, EventKind::kTiming);
    finished_ = MakeEvent(device_, EventKind::kTiming);
    done_ = MakeEvent(device_, EventKind::kBlocking);
  }

  // The shape of an output when every side is fixed, the first one perhaps by the name that it shares with an input.
  std::vector<int64_t> FixedShape(const IoInfo& io, const std::vector<std::vector<int64_t>>& input_shapes) const {
    std::vector<int64_t> shape = io.shape;
    for (size_t i = 0; i < model.inputs.size() && !shape.empty() && shape[0] < 0; ++i) {
      if (!io.batch.empty() && model.inputs[i].batch == io.batch) shape[0] = input_shapes[i][0];
    }
    for (const int64_t side : shape) {
      if (side <= 0) return {};
    }
    return shape;
  }

  void AddOutput(size_t index, const std::vector<std::vector<int64_t>>& input_shapes) {
    const IoInfo& io = model.outputs[index];
    const std::vector<int64_t> shape = FixedShape(io, input_shapes);
    outputs_.emplace_back();
    if (shape.empty() && !io.shape.empty()) return LeaveOutputOpen(index);
    Close(index, shape);
  }

  void Close(size_t index, const std::vector<int64_t>& shape) {
    const IoInfo& io = model.outputs[index];
    const size_t bytes = ElementsOf(shape) * manifest::DTypeBytes(io.dtype);
    outputs_[index] = Mirror(bytes);
    Tensor& tensor = outputs[index];
    tensor.data = outputs_[index].host.get();
    tensor.rank = static_cast<int32_t>(shape.size());
    for (size_t d = 0; d < shape.size(); ++d) tensor.shape[d] = shape[d];
    BindOutput(index, MakeValue(memory_.get(), Address(outputs_[index].device), bytes, shape, io.dtype));
  }

  // What the first run told of its outputs holds for all runs of this slot, whose inputs have fixed shapes, unless the model has
  // outputs that depend on the image; then a later run fails and Reopen takes it back.
  void Learn() {
    may_learn_ = false;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (open[i] && outputs[i].Elements() == 0) return;
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!open[i]) continue;
      const Tensor& known = outputs[i];
      Close(i, std::vector<int64_t>(known.shape, known.shape + known.rank));
      learned_.push_back(i);
      open[i] = false;
    }
    opened.clear();
    any_open = false;
    UseGraph(true);
  }

  void Reopen() {
    for (const size_t i : learned_) {
      LeaveOutputOpen(i);
      outputs_[i] = {};
    }
    learned_.clear();
    UseGraph(false);
  }

  void RunOnWorker() {
    if (may_learn_ && runs_ > 0) WithGate([&] { Learn(); });
    if (gpu_.creating) return Work();
    if (graph_ && runs_ < kSetUpRuns) {
      const CaptureGate::Alone alone(CaptureGate::Get());
      return Work();
    }
    const CaptureGate::Pass pass(CaptureGate::Get());
    Work();
  }

  void Work() {
    const Current current(device_);
    const Stream stream = gpu_.stream.get();
    Record(begin_);
    for (size_t i = 0; i < inputs_.size(); ++i) Send(i, stream);
    for (Prepared& own : prepared_) own.wanted = false;
    Record(copied_);
    Infer();
    Record(ran_);
    for (const Mirrored& output : outputs_) {
      if (output.bytes == 0) continue;
      Check(Functions().MemcpyDtoHAsync(output.host.get(), output.device.get(), output.bytes, stream), "cuMemcpyDtoHAsync",
            LNX_E_DEVICE_LOST);
    }
    Record(finished_);
    Record(done_);
    WaitFor(done_.get());
    if (deadline_ != 0 && NowMicros() >= deadline_) FailLate(deadline_, "the model");
    ReadOpenOutputs();
    ++runs_;
  }

  // A capture that fails although it worked when the model was loaded, or a shape that changed: once without, and from then on.
  void Infer() {
    try {
      RunBound(deadline_);
    } catch (const Error& error) {
      const bool capturing = graph_ && runs_ < kSetUpRuns && !gpu_.creating;
      if ((!capturing && learned_.empty()) || error.status() == LNX_E_DEVICE_MEMORY || error.status() == LNX_E_DEADLINE) throw;
      if (gpu_.creating) gpu_.why_no_graph = error.finding().found;
      Say(ORT_LOGGING_LEVEL_WARNING,
          std::string("this input shape runs without a CUDA graph, a little slower: ") + error.finding().found);
      if (learned_.empty()) {
        UseGraph(false);
      } else {
        Reopen();
      }
      RunBound(deadline_);
    }
  }

  void Record(const OwnEvent& event) {
    Check(Functions().EventRecord(event.get(), gpu_.stream.get()), "cuEventRecord", LNX_E_DEVICE_LOST);
  }

  // Times are taken after the event; 0 where the driver cannot tell.
  static uint32_t Micros(Event from, Event to) {
    float milliseconds = 0;
    if (Functions().EventElapsedTime(&milliseconds, from, to) != kSuccess) return 0;
    return static_cast<uint32_t>(milliseconds * 1000 + 0.5f);
  }

  // One input: pictures that the GPU prepares are made in place, the rest comes from pinned memory.
  void Send(size_t input, Stream stream) {
    const Mirrored& own = inputs_[input];
    const size_t each = own.bytes / images_[input];
    size_t from = 0;  // first image that is to be copied
    const auto copy = [&](size_t end) {
      if (end == from) return;
      Check(Functions().MemcpyHtoDAsync(own.device.get() + from * each, static_cast<const uint8_t*>(own.host.get()) + from * each,
                                        (end - from) * each, stream),
            "cuMemcpyHtoDAsync", LNX_E_DEVICE_LOST);
    };
    for (size_t i = 0; i < images_[input]; ++i) {
      if (i >= prepared_.size() || !prepared_[i].wanted || prepared_[i].input != input) continue;
      copy(i);
      from = i + 1;
      Make(&prepared_[i], own.device.get() + i * each, stream);
    }
    copy(images_[input]);
  }

  void Grow(DeviceMemory* memory, size_t* capacity, size_t bytes) const {
    if (*capacity >= bytes) return;
    *memory = {};
    *memory = AllocateOnDevice(device_, bytes);
    *capacity = bytes;
  }

  void Make(Prepared* own, DevicePtr output, Stream stream) {
    const DevicePicture& picture = own->picture;
    Grow(&own->pixels, &own->pixel_capacity, picture.bytes);
    if (picture.pinned) {
      Check(Functions().MemcpyHtoDAsync(own->pixels.get(), picture.pixels, picture.bytes, stream), "cuMemcpyHtoDAsync",
            LNX_E_DEVICE_LOST);
    } else {
      gpu_.staging.Upload(own->pixels.get(), picture.pixels, picture.bytes, stream);
    }
    if (picture.table_bytes > 0 && own->tables_version != picture.tables_version) {
      Grow(&own->tables, &own->table_capacity, picture.table_bytes);
      gpu_.staging.Upload(own->tables.get(), picture.tables, picture.table_bytes, stream);
      own->tables_version = picture.tables_version;
    }
    kernels::Preprocess p = picture.kernel;
    p.source = own->pixels.get() + static_cast<DevicePtr>(picture.top);
    p.output = output;
    kernels::u64* pointers[] = {&p.first_x, &p.first_y, &p.table_x, &p.table_y, &p.count_x, &p.count_y};
    for (size_t i = 0; i < 6; ++i) *pointers[i] = own->tables.get() + picture.table_at[i];
    Kernels::Of(device_)->Preprocess(p, stream);
  }

  void MakeOne(size_t input, size_t index, void* to) {
    const Mirrored& own = inputs_[input];
    const size_t each = own.bytes / images_[input];
    const Stream stream = gpu_.stream.get();
    Make(&prepared_[index], own.device.get() + index * each, stream);
    prepared_[index].wanted = false;
    // Through our own pinned memory, which the caller refills anyway.
    uint8_t* host = static_cast<uint8_t*>(own.host.get()) + index * each;
    Check(Functions().MemcpyDtoHAsync(host, own.device.get() + index * each, each, stream), "cuMemcpyDtoHAsync",
          LNX_E_DEVICE_LOST);
    Record(done_);
    WaitFor(done_.get());
    std::memcpy(to, host, each);
  }

  GpuSession& gpu_;
  const int device_;
  Owned<OrtMemoryInfo> memory_;
  std::vector<Mirrored> inputs_, outputs_;
  std::vector<size_t> images_;  // per input: the first side
  std::vector<Prepared> prepared_;
  OwnEvent begin_, copied_, ran_, finished_, done_;
  bool graph_ = false;
  bool may_learn_ = false;       // shapes of open outputs from the first run
  std::vector<size_t> learned_;  // outputs whose shapes were learnt
  int runs_ = 0;                 // since the slot was set up as it is
  int64_t deadline_ = 0;         // of the run that is asked for
};

}  // namespace

std::unique_ptr<Slot::State> MakeDeviceSlot(Model& model, const std::vector<std::vector<int64_t>>& input_shapes) {
  return std::make_unique<DeviceSlot>(model, input_shapes);
}

}  // namespace lnx::runtime
