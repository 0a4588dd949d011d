// Why a GPU cannot be used with the runtime that was found: facts in, an error out. What each pack needs is pack_choice.h's to
// say. Nothing here touches a device, so every line of the table is tested without one.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "runtime/cuda/driver.h"
#include "runtime/pack_choice.h"

namespace lnx::runtime::cuda {

// Everything that decides whether a GPU can be used.
struct Situation {
  DriverFacts driver;
  std::string no_driver;  // why there is none
  std::vector<Gpu> gpus;
  std::string no_gpus;  // why there are none
  int index = 0;        // of the GPU that is wanted
  std::string runtime_version, runtime_path;
  bool has_provider = false;  // ONNX Runtime names its CUDA provider
  int cuda_major = 0;         // that the provider is built for; 0 = not known
};

struct Refusal {
  LnxStatus status = LNX_OK;  // LNX_OK: the GPU can be tried
  Finding finding;
};
Refusal Judge(const Situation& situation);

}  // namespace lnx::runtime::cuda
