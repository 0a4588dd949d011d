// Choosing an NVIDIA GPU and adding ONNX Runtime's CUDA provider. Internal to runtime/.
#pragma once

#include <string>
#include <vector>

#include "runtime/ort_api.h"
#include "runtime/runtime.h"

namespace lnx::runtime {

struct Gpu {
  int index = 0;
  std::string name;
  int capability_major = 0, capability_minor = 0;
  uint64_t memory_bytes = 0;
};

// What the NVIDIA driver says. The driver library is loaded from the system on first use and stays.
struct GpuSurvey {
  bool driver = false;
  int cuda_version = 0;  // 12000 = CUDA 12.0
  std::string reason;    // why there is no GPU, "" otherwise
  std::vector<Gpu> gpus;
};
GpuSurvey SurveyGpus() noexcept;

struct GpuChoice {
  bool use = false;
  bool may_fall_back = false;  // "auto", or allow_cpu_fallback
  int index = 0;
  std::string name;    // "cuda:0 NVIDIA GeForce RTX 4060"
  std::string reason;  // why the CPU is used although a GPU was asked for or would have been taken
};

// LNX_E_DEVICE_NOT_FOUND, LNX_E_LICENSE_FEATURE, LNX_E_DRIVER, LNX_E_DEVICE_UNAVAILABLE, unless the request may fall back.
GpuChoice ChooseGpu(Runtime& runtime, const DeviceRequest& request);

// Brings the NVIDIA libraries next to the runtime into the process and appends the provider. LNX_E_DEVICE_UNAVAILABLE.
void AppendCuda(Runtime& runtime, OrtSessionOptions* options, int index);

// Libraries that the CUDA provider beside the runtime needs and that cannot be found.
std::vector<std::string> MissingCudaLibraries(const std::string& runtime_path);

}  // namespace lnx::runtime
