// Why a GPU cannot be used with the runtime that was found (which pack suits a PC: pack_choice.h): facts in, an error out.
// Nothing here touches a device, so every line of the table is tested without one.
//
//   pack   ONNX Runtime   driver                          GPUs (compute capability)
//   cu12   1.21 .. 1.26   527.41 (CUDA 12.0)              7.5, 8.6, 8.9; 12.0 with driver 570.65 (CUDA 12.8), by JIT
//   cu13   1.27 ..        580 (CUDA 13.0)                 7.5 .. 12.0
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "runtime/cuda/driver.h"

namespace lnx::runtime::cuda {

// Everything that decides whether a GPU can be used.
struct Situation {
  Survey survey;
  int index = 0;
  std::string runtime_version, runtime_path;
  bool has_provider = false;  // ONNX Runtime names its CUDA provider
  int cuda_major = 0;         // that the provider is built for; 0 = not known
  bool windows = false;
};

struct Refusal {
  LnxStatus status = LNX_OK;  // LNX_OK: the GPU can be tried
  Finding finding;
};
Refusal Judge(const Situation& situation);

// "CUDA 12.4" of 12040.
std::string CudaText(int version);

// Whether code for this capability is in ONNX Runtime's CUDA provider: machine code of the same major, or PTX that is not newer.
// True for versions that nobody has looked into.
bool HasCodeFor(const std::string& runtime_version, int capability, bool windows);

}  // namespace lnx::runtime::cuda
