// Choosing an NVIDIA GPU. Internal to runtime/; what a model on one consists of is in cuda/.
#pragma once

#include <string>

#include "runtime/cuda/driver.h"
#include "runtime/runtime.h"

namespace lnx::runtime {

using cuda::Gpu;
using GpuSurvey = cuda::Survey;
inline const GpuSurvey& SurveyGpus() noexcept { return cuda::Look(); }

struct GpuChoice {
  bool use = false;
  bool may_fall_back = false;  // "auto", or allow_cpu_fallback
  int index = 0;
  std::string name;    // "cuda:0 NVIDIA GeForce RTX 4060"
  std::string reason;  // why the CPU is used although a GPU was asked for or would have been taken
};

// LNX_E_DEVICE_NOT_FOUND, LNX_E_LICENSE_FEATURE, LNX_E_DRIVER, LNX_E_DEVICE_UNAVAILABLE, unless the request may fall back.
GpuChoice ChooseGpu(Runtime& runtime, const DeviceRequest& request);

}  // namespace lnx::runtime
