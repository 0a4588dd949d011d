// ONNX Runtime's CUDA provider: its options, and the proof that it works before a model depends on it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime/cuda/device.h"
#include "runtime/ort.h"

namespace lnx::runtime::cuda {

struct ProviderOptions {
  int device = 0;
  bool graph = false, tf32 = true;
  uint64_t memory_limit = 0;  // bytes, 0 = none
  Stream stream = nullptr;    // NULL = the provider's own
};

// Names and values as the provider takes them, without the stream.
std::vector<std::pair<std::string, std::string>> KeysAndValues(const ProviderOptions& options);

// LNX_E_DEVICE_UNAVAILABLE, naming libraries that are missing or did not load.
void Append(Runtime& runtime, OrtSessionOptions* session, const ProviderOptions& options);

// One convolution through the provider, once per process and device: cuDNN is loaded only when it is needed, and a pack without
// it would fail in the middle of a model. LNX_E_DEVICE_UNAVAILABLE. The caller holds the capture gate.
void ProveConvolution(Runtime& runtime, int device);

}  // namespace lnx::runtime::cuda
