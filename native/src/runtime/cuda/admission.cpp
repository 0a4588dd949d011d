#include "runtime/cuda/admission.h"

#include <algorithm>
#include <string>

namespace lnx::runtime::cuda {
namespace {

constexpr uint64_t kMiB = 1ull << 20, kLeastWork = 64 * kMiB, kFirst = 256 * kMiB;

std::string Megabytes(uint64_t bytes) { return std::to_string((bytes + kMiB - 1) / kMiB) + " MB"; }

}  // namespace

uint64_t BytesNeeded(const Demand& demand) {
  uint64_t work = std::max(kLeastWork, demand.weights);
  if (demand.limit != 0) work = std::min(work, demand.limit);
  return demand.weights + work + (demand.first ? kFirst : 0);
}

void Admit(const Demand& demand, const MemoryState& memory, int device) {
  const uint64_t needed = BytesNeeded(demand);
  if (memory.free >= needed) return;
  Fail(LNX_E_DEVICE_MEMORY, {Megabytes(memory.free) + " free of " + Megabytes(memory.total) +
                                 "; other programs and models of this process hold the rest",
                             "about " + Megabytes(needed) + " for this model", "cuda:" + std::to_string(device)});
}

}  // namespace lnx::runtime::cuda
