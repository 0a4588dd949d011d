#include "runtime/cuda/device.h"

#include <cstring>
#include <map>
#include <mutex>

#include "base/clock.h"
#include "base/status.h"

namespace lnx::runtime::cuda {
namespace {

constexpr unsigned kPortable = 1;                          // CU_MEMHOSTALLOC_PORTABLE
constexpr unsigned kNonBlocking = 1;                       // CU_STREAM_NON_BLOCKING
constexpr unsigned kBlockingSync = 1, kDisableTiming = 2;  // CU_EVENT_...
constexpr int64_t kSpinMicros = 50;

Context ContextOf(int device) {
  static std::mutex* mutex = new std::mutex;
  static auto* contexts = new std::map<int, Context>;
  const std::lock_guard<std::mutex> lock(*mutex);
  Context& context = (*contexts)[device];
  if (context == nullptr) {
    Device handle = 0;
    Check(Functions().DeviceGet(&handle, device), "cuDeviceGet", LNX_E_DEVICE_NOT_FOUND);
    Check(Functions().DevicePrimaryCtxRetain(&context, handle), "cuDevicePrimaryCtxRetain");
  }
  return context;
}

}  // namespace

Current::Current(int device) { Check(Functions().CtxPushCurrent(ContextOf(device)), "cuCtxPushCurrent", LNX_E_DEVICE_LOST); }

Current::~Current() {
  Context context = nullptr;
  Functions().CtxPopCurrent(&context);
}

MemoryState MemoryOf(int device) {
  const Current current(device);
  MemoryState state;
  Check(Functions().MemGetInfo(&state.free, &state.total), "cuMemGetInfo");
  return state;
}

DeviceMemory AllocateOnDevice(int device, size_t bytes) {
  const Current current(device);
  DevicePtr pointer = 0;
  Check(Functions().MemAlloc(&pointer, bytes), "cuMemAlloc");
  return {device, pointer};
}

PinnedMemory AllocatePinned(int device, size_t bytes) {
  const Current current(device);
  void* pointer = nullptr;
  Check(Functions().MemHostAlloc(&pointer, bytes, kPortable), "cuMemHostAlloc", LNX_E_OUT_OF_MEMORY);
  std::memset(pointer, 0, bytes);
  return {device, pointer};
}

OwnStream MakeStream(int device) {
  const Current current(device);
  Stream stream = nullptr;
  Check(Functions().StreamCreate(&stream, kNonBlocking), "cuStreamCreate");
  return {device, stream};
}

OwnEvent MakeEvent(int device, EventKind kind) {
  const Current current(device);
  Event event = nullptr;
  Check(Functions().EventCreate(&event, kind == EventKind::kBlocking ? kBlockingSync | kDisableTiming : 0), "cuEventCreate");
  return {device, event};
}

void WaitFor(Event event) {
  // The first query also makes Windows send what was queued to the GPU.
  for (const int64_t until = NowMicros() + kSpinMicros; NowMicros() < until;) {
    const Result result = Functions().EventQuery(event);
    if (result == kSuccess) return;
    if (result != kNotReady) Check(result, "cuEventQuery", LNX_E_DEVICE_LOST);
  }
  Check(Functions().EventSynchronize(event), "cuEventSynchronize", LNX_E_DEVICE_LOST);
}

}  // namespace lnx::runtime::cuda
