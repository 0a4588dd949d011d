#include "runtime/cuda/module.h"

#include <map>
#include <mutex>
#include <string>

#include "runtime/ort.h"

namespace lnx::runtime::cuda {
namespace {

constexpr const char* kPtx[] = {
#include "runtime/cuda/kernels/kernels_ptx.inc"
};

constexpr unsigned kBlockX = 32, kBlockY = 8, kWarmThreads = 128;
constexpr int kWarmRounds = 2000;

}  // namespace

const Kernels* Kernels::Of(int device) {
  static std::mutex* mutex = new std::mutex;
  static auto* made = new std::map<int, Kernels*>;
  const std::lock_guard<std::mutex> lock(*mutex);
  const auto found = made->find(device);
  if (found != made->end()) return found->second;
  Kernels*& kernels = (*made)[device];
  try {
    const Current current(device);
    std::string ptx;
    for (const char* piece : kPtx) ptx += piece;
    Module module = nullptr;  // for the life of the process, as the context
    Check(Functions().ModuleLoadData(&module, ptx.c_str()), "cuModuleLoadData");
    auto* own = new Kernels;
    own->device_ = device;
    Check(Functions().ModuleGetFunction(&own->preprocess_, module, "lnx_preprocess"), "cuModuleGetFunction");
    Check(Functions().ModuleGetFunction(&own->keep_warm_, module, "lnx_keep_warm"), "cuModuleGetFunction");
    kernels = own;
  } catch (const Error& error) {
    Say(ORT_LOGGING_LEVEL_WARNING,
        std::string("images are prepared on the CPU: the driver refuses our kernels: ") + error.what());
  }
  return kernels;
}

void Kernels::Preprocess(const kernels::Preprocess& p, Stream stream) const {
  kernels::Preprocess copy = p;
  void* arguments[] = {&copy};
  const auto blocks = [](int n, unsigned block) { return (static_cast<unsigned>(n) + block - 1) / block; };
  Check(Functions().LaunchKernel(preprocess_, blocks(p.out_width, kBlockX), blocks(p.out_height, kBlockY), 1, kBlockX, kBlockY, 1,
                                 0, stream, arguments, nullptr),
        "lnx_preprocess", LNX_E_DEVICE_LOST);
}

void Kernels::KeepWarm(DevicePtr floats, unsigned count, Stream stream) const {
  int rounds = kWarmRounds;
  void* arguments[] = {&floats, &rounds};
  Check(Functions().LaunchKernel(keep_warm_, count / kWarmThreads, 1, 1, kWarmThreads, 1, 1, 0, stream, arguments, nullptr),
        "lnx_keep_warm", LNX_E_DEVICE_LOST);
}

}  // namespace lnx::runtime::cuda
