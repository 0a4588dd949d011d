// One GPU, and what we hold of it: memory on it, pinned memory beside it, streams and events. All of it lives in the device's
// primary context, which ONNX Runtime uses too, so that pointers and streams can be handed over. The context itself stays until
// the process ends, as ONNX Runtime's own does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "runtime/cuda/driver.h"

namespace lnx::runtime::cuda {

// Makes the context of a device current for one scope of one thread.
class Current {
 public:
  explicit Current(int device);
  ~Current();
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;
};

struct MemoryState {
  size_t free = 0, total = 0;
};
MemoryState MemoryOf(int device);  // LNX_E_DEVICE_...

// One thing that a driver function gives back. Freed in the context of its device.
template <typename Handle, Result (LNX_CUDA_CALL* Driver::*kFree)(Handle)>
class Held {
 public:
  Held() = default;
  Held(int device, Handle handle) : device_(device), handle_(handle) {}
  Held(Held&& other) noexcept : device_(other.device_), handle_(std::exchange(other.handle_, Handle{})) {}
  Held& operator=(Held&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Held() {
    if (handle_ == Handle{}) return;
    try {
      const Current current(device_);
      (Functions().*kFree)(handle_);
    } catch (...) {  // a context that is dead has freed it
    }
  }
  Handle get() const { return handle_; }

 private:
  int device_ = 0;
  Handle handle_{};
};

using DeviceMemory = Held<DevicePtr, &Driver::MemFree>;
using PinnedMemory = Held<void*, &Driver::MemFreeHost>;
using OwnStream = Held<Stream, &Driver::StreamDestroy>;
using OwnEvent = Held<Event, &Driver::EventDestroy>;
using OwnModule = Held<Module, &Driver::ModuleUnload>;

// LNX_E_DEVICE_MEMORY when there is not enough.
DeviceMemory AllocateOnDevice(int device, size_t bytes);
PinnedMemory AllocatePinned(int device, size_t bytes);  // zeroed
OwnStream MakeStream(int device);                       // does not wait for the default stream
enum class EventKind { kTiming, kBlocking };            // blocking: a waiting thread sleeps
OwnEvent MakeEvent(int device, EventKind kind);

// Until the event has happened: looks for up to 50 us, then sleeps. LNX_E_DEVICE_LOST.
void WaitFor(Event event);

}  // namespace lnx::runtime::cuda
