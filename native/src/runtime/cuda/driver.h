// NVIDIA's driver library, loaded from the system on first use; it stays. No CUDA toolkit is needed to build or to run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lnx/lnx_status.h"

#if defined(_WIN32)
#define LNX_CUDA_CALL __stdcall
#else
#define LNX_CUDA_CALL
#endif

namespace lnx::runtime::cuda {

using Result = int;
using Device = int;
using DevicePtr = unsigned long long;  // NOLINT(google-runtime-int): CUdeviceptr
using Context = struct ContextTag*;
using Stream = struct StreamTag*;
using Event = struct EventTag*;
using Module = struct ModuleTag*;
using Function = struct FunctionTag*;

constexpr Result kSuccess = 0, kOutOfMemory = 2, kNotReady = 600;

struct Driver {
#define F(name, symbol, arguments) Result(LNX_CUDA_CALL* name) arguments = nullptr;
#include "runtime/cuda/driver_functions.inc"
#undef F
};

struct Gpu {
  int index = 0;
  std::string name;
  int capability_major = 0, capability_minor = 0;
  uint64_t memory_bytes = 0;
};

// What the driver says. Asked once; it does not change while a process lives.
struct Survey {
  bool driver = false;
  int cuda_version = 0;  // 12000 = CUDA 12.0
  std::string reason;    // why there is no GPU, "" otherwise
  std::string path;      // of the library
  std::vector<Gpu> gpus;
};
const Survey& Look() noexcept;

// The functions. Only after Look() has found a driver.
const Driver& Functions();

// Throws with NVIDIA's words unless result is success: LNX_E_DEVICE_MEMORY when memory ran out, LNX_E_DEVICE_LOST when the
// context is dead, else `otherwise`.
void Check(Result result, const char* where, LnxStatus otherwise = LNX_E_DEVICE_UNAVAILABLE);

}  // namespace lnx::runtime::cuda
