// ONNX Runtime behind a small face: find and load it once, make models, run them on fixed buffers.
// It is loaded by absolute path, never released, never unloaded (teardown of its globals crashes on both systems).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/span.h"
#include "lnx/lnx.h"
#include "manifest/manifest.h"
#include "runtime/device_picture.h"

namespace lnx::runtime {

struct RuntimeInfo {
  std::string version, path;  // "1.31.1", full path
  std::vector<std::string> providers;
};

// Where ONNX Runtime's warnings and errors go from now on; NULL = nowhere. One for the process.
void SetLog(LnxLog log, void* user);

// A warning of ours for the same log.
void Warn(const std::string& text) noexcept;

class Runtime {
 public:
  // Loads on first use; later calls must find the same library or LNX_E_RUNTIME_CONFLICT. runtime_dir "" = search.
  // LNX_E_RUNTIME_NOT_FOUND (with every place looked at), _LOAD, _ARCH, _API, _TOO_OLD. pinned: SHA-256 (hex) of the libraries
  // that are allowed, checked before one is loaded, none = any; LNX_E_LICENSE_RUNTIME.
  static Runtime& Get(const std::string& runtime_dir, const std::vector<std::string>& pinned = {});
  static const RuntimeInfo* Loaded() noexcept;  // NULL before the first success

  const RuntimeInfo& info() const;
  struct State;
  State& state() { return *state_; }

 private:
  Runtime();
  State* state_;  // lives for ever
};

struct DeviceRequest {
  std::string device = "auto";  // "auto" | "cpu" | "cuda:N"
  bool allow_cpu_fallback = false;
  uint32_t cpu_threads = 0;
  std::string no_gpu;  // why the licence allows no GPU, "" = it does
  bool gpu_graph = true, tf32 = true;
  uint32_t gpu_keep_warm_ms = 0;  // 0 = off
  uint32_t keep_warm_minutes = 10;
  uint32_t gpu_memory_mb = 0;  // most that the arena of a graph takes, 0 = what is free
};

// What Model::Create would choose. The same errors.
bool WillUseGpu(Runtime& runtime, const DeviceRequest& request);

struct Tensor {  // borrowed; valid until the next Run of its slot
  std::string_view name;
  manifest::DType dtype = manifest::DType::kF32;
  int32_t rank = 0;
  int64_t shape[8] = {};
  const void* data = nullptr;

  size_t Elements() const;
  const float* F32() const { return static_cast<const float*>(data); }
};

struct IoInfo {
  std::string name;
  manifest::DType dtype;
  std::vector<int64_t> shape;  // -1 = dynamic
  std::string batch = {};      // name of a dynamic first side: the same name means the same number. "" = none
};

// How a model on a GPU runs.
struct GpuReport {
  bool graph = false;        // as CUDA graphs
  std::string why_no_graph;  // "" when it does
  uint64_t bytes = 0;        // that it took from the device when it was loaded
  uint64_t ticks = 0;        // times that it was kept warm
};

// One graph on one device. Any number of slots may run at the same time.
class Model {
 public:
  // onnx is borrowed until Create returns. LNX_E_GRAPH_INVALID, LNX_E_DEVICE_..., LNX_E_CPU_FALLBACK, LNX_E_DRIVER.
  static std::unique_ptr<Model> Create(Runtime& runtime, Bytes onnx, Bytes external_data, const std::string& external_name,
                                       const DeviceRequest& request);
  ~Model();

  const std::vector<IoInfo>& inputs() const;
  const std::vector<IoInfo>& outputs() const;
  LnxProvider provider() const;
  const std::string& device_name() const;  // "cpu", "cuda:0 NVIDIA ..."
  GpuReport gpu() const;
  const std::string& fallback_reason() const;  // why "auto" or allow_cpu_fallback ended on the CPU, "" otherwise

  struct State;
  State& state() { return *state_; }

 private:
  Model();
  std::unique_ptr<State> state_;
};

// What a slot on a GPU can do besides.
class SlotOnDevice {
 public:
  virtual ~SlotOnDevice() = default;
  virtual bool CanPrepare() = 0;  // our kernels work there
  // The next run makes image `index` of input `input` from this picture, instead of reading it from Input(input).
  virtual void Prepare(size_t input, size_t index, const DevicePicture& picture) = 0;
  // Makes it now and copies it to `to`: what the next run would be fed (tests, self-test).
  virtual void PrepareOnly(size_t input, size_t index, const DevicePicture& picture, void* to) = 0;
  virtual bool graph() const = 0;
};

// Buffers and bindings of one run in flight at one batch size. Not shared between threads.
class Slot {
 public:
  // One shape per input, without dynamic axes. LNX_E_INFERENCE when the model refuses them.
  Slot(Model& model, const std::vector<std::vector<int64_t>>& input_shapes);
  ~Slot();

  void* Input(size_t index);  // host memory for the whole batch, fixed address
  size_t InputBytes(size_t index) const;
  // Runs. No allocation of our own. On a CPU it first waits for its cores (timings->queue). deadline: NowMicros, 0 = none; a run
  // that is not done by then ends at its next node. LNX_E_INFERENCE, LNX_E_DEVICE_LOST, LNX_E_OUT_OF_MEMORY, LNX_E_DEADLINE.
  void Run(LnxTimings* timings, int64_t deadline = 0);
  // Runs when no model of the process uses the CPU's cores, until Stop is called or another run of the process begins; the
  // outputs mean nothing. Nothing on a GPU.
  void RunIdle() noexcept;
  // From any thread, at any time. Resume: before the slot is used again.
  void Stop() noexcept;
  void Resume() noexcept;
  size_t output_count() const;
  const Tensor& Output(size_t index) const;
  SlotOnDevice* Device();  // NULL on the CPU

  struct State;

 private:
  std::unique_ptr<State> state_;
};

// What `lnx doctor` shows: every library candidate with its verdict, GPU and driver. Problems are part of the answer.
std::string DescribeEnvironmentJson(const std::string& runtime_dir);

}  // namespace lnx::runtime
