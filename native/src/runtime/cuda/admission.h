// Whether a model fits into what is free on a GPU, asked before it is loaded: newer Windows drivers do not fail when memory runs
// out but move it to the PC's memory, and every run becomes slow without a word.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "runtime/cuda/device.h"

namespace lnx::runtime::cuda {

struct Demand {
  uint64_t weights = 0;  // bytes of the graph and its external weights
  uint64_t limit = 0;    // most that the arena may take, 0 = none
  bool first = false;    // nothing of this process is on the device yet
};

// An estimate on the low side: weights, the same again for activations and work space but at least 64 MiB (or the limit, where it
// is less), and 256 MiB for the context and the libraries of the first model.
uint64_t BytesNeeded(const Demand& demand);

// LNX_E_DEVICE_MEMORY, with needed and free megabytes.
void Admit(const Demand& demand, const MemoryState& memory, int device);

}  // namespace lnx::runtime::cuda
