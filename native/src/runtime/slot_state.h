// What the two kinds of slot share: host_slot.cpp runs on buffers of the CPU, cuda/device_slot.cpp on buffers of a GPU.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/ort.h"
#include "runtime/runtime.h"

namespace lnx::runtime {

size_t ElementsOf(const std::vector<int64_t>& shape);

struct Slot::State {
  State(Model& made_for, const std::vector<std::vector<int64_t>>& input_shapes);
  virtual ~State();
  virtual void* Input(size_t index) = 0;
  virtual void Run(LnxTimings* timings, int64_t deadline) = 0;
  virtual void RunIdle() noexcept = 0;
  virtual SlotOnDevice* Device() { return nullptr; }

  OrtValue* MakeValue(const OrtMemoryInfo* where, void* data, size_t bytes, const std::vector<int64_t>& shape,
                      manifest::DType dtype);
  void BindInput(size_t index, OrtValue* value);
  void BindOutput(size_t index, OrtValue* value);
  void LeaveOutputOpen(size_t index);  // its shape is known after the run; it comes to the CPU
  // ONNX Runtime keeps what it made for an open output and would want the next run's to have the same shape. Before every run.
  OrtStatus* ForgetOpenOutputs();
  // Runs; errors in our words. LNX_E_DEADLINE.
  void RunBound(int64_t deadline);
  void ReadOpenOutputs();

  Model& owner;
  Model::State& model;
  Runtime::State& runtime;
  std::vector<size_t> input_bytes;
  std::vector<Owned<OrtValue>> values;  // bound inputs and fixed outputs; must outlive the binding
  Owned<OrtRunOptions> run_options;
  Owned<OrtIoBinding> binding;
  std::vector<Tensor> outputs;
  std::vector<bool> open;  // outputs of unknown shape
  bool any_open = false;
  std::vector<Owned<OrtValue>> opened;  // their values in the last run

 private:
  void DescribeOutput(size_t index, OrtValue* value);
};

std::unique_ptr<Slot::State> MakeHostSlot(Model& model, const std::vector<std::vector<int64_t>>& input_shapes);
std::unique_ptr<Slot::State> MakeDeviceSlot(Model& model, const std::vector<std::vector<int64_t>>& input_shapes);

}  // namespace lnx::runtime
