// A CUDA driver without a GPU, for tests: the functions of libcuda.so.1 that the core calls, on the memory of the PC. Work is
// done at once, in the order of the calls; our own kernel runs as the C++ that it also is. It keeps account of everything that
// was handed out, and refuses with error 900 what the real one refuses while a CUDA graph is being captured.
//
// Not a simulator: nothing about time, streams or caches can be learnt from it.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "runtime/cuda/kernels/preprocess_body.h"

#define DOUBLE extern "C" __attribute__((visibility("default"), used))

namespace {

using DevicePtr = unsigned long long;  // NOLINT(google-runtime-int)

constexpr int kSuccess = 0, kInvalid = 1, kOutOfMemory = 2, kCaptureForbids = 900;

struct Account {
  std::mutex mutex;
  std::map<void*, size_t> device, host;
  std::map<std::string, int64_t> calls;
  int64_t handles = 0;  // streams, events
  int64_t device_bytes = 0, host_bytes = 0, peak_device_bytes = 0;
  std::atomic<int64_t> violations{0};
  std::atomic<int> capturing{0};
  std::thread::id capturer;
};
Account& Books() {
  static Account* account = new Account;
  return *account;
}

int64_t Number(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoll(text) : otherwise;
}

// What a capture forbids everybody else.
int Forbidden() {
  Account& a = Books();
  if (a.capturing.load() == 0 || a.capturer == std::this_thread::get_id()) return kSuccess;
  ++a.violations;
  return kCaptureForbids;
}

void Count(const char* name) {
  const std::lock_guard<std::mutex> lock(Books().mutex);
  ++Books().calls[name];
}

thread_local int contexts = 0;  // pushed by this thread

int NeedContext() {
  if (contexts > 0) return kSuccess;
  ++Books().violations;
  return 201;  // CUDA_ERROR_INVALID_CONTEXT
}

int Take(std::map<void*, size_t>* ledger, int64_t* total, size_t bytes, void** out) {
  Account& a = Books();
  if (const int refused = Forbidden()) return refused;
  if (const int refused = NeedContext()) return refused;
  *out = std::aligned_alloc(512, (bytes + 511) / 512 * 512);
  const std::lock_guard<std::mutex> lock(a.mutex);
  (*ledger)[*out] = bytes;
  *total += static_cast<int64_t>(bytes);
  a.peak_device_bytes = std::max(a.peak_device_bytes, a.device_bytes);
  return kSuccess;
}

int Return(std::map<void*, size_t>* ledger, int64_t* total, void* pointer) {
  Account& a = Books();
  if (const int refused = Forbidden()) return refused;
  if (const int refused = NeedContext()) return refused;
  const std::lock_guard<std::mutex> lock(a.mutex);
  const auto found = ledger->find(pointer);
  if (found == ledger->end()) {
    ++a.violations;
    return kInvalid;
  }
  *total -= static_cast<int64_t>(found->second);
  ledger->erase(found);
  std::free(pointer);
  return kSuccess;
}

// Device memory is touched only inside what was handed out.
bool Inside(DevicePtr at, size_t bytes) {
  Account& a = Books();
  const std::lock_guard<std::mutex> lock(a.mutex);
  auto* pointer = reinterpret_cast<uint8_t*>(at);
  auto next = a.device.upper_bound(pointer);
  if (next != a.device.begin()) {
    --next;
    if (pointer + bytes <= static_cast<uint8_t*>(next->first) + next->second) return true;
  }
  ++a.violations;
  return false;
}

int Handle(void** out) {
  if (const int refused = NeedContext()) return refused;
  const std::lock_guard<std::mutex> lock(Books().mutex);
  ++Books().handles;
  *out = std::malloc(1);
  return kSuccess;
}

int Drop(void* handle) {
  const std::lock_guard<std::mutex> lock(Books().mutex);
  --Books().handles;
  std::free(handle);
  return kSuccess;
}

char preprocess_kernel, keep_warm_kernel, module_handle, context_handle;

}  // namespace

// ---- the driver

DOUBLE int cuInit(unsigned) { return static_cast<int>(Number("LNX_DOUBLE_INIT", 0)); }
DOUBLE int cuDriverGetVersion(int* version) { return *version = static_cast<int>(Number("LNX_DOUBLE_CUDA_VERSION", 13000)), 0; }
DOUBLE int cuGetErrorString(int, const char** text) { return *text = "an error of the test's driver", 0; }
DOUBLE int cuDeviceGetCount(int* count) { return *count = static_cast<int>(Number("LNX_DOUBLE_GPUS", 1)), 0; }
DOUBLE int cuDeviceGet(int* device, int index) { return *device = index, 0; }
DOUBLE int cuDeviceGetName(char* name, int length, int) { return std::strncpy(name, "Test GPU", static_cast<size_t>(length)), 0; }
DOUBLE int cuDeviceGetAttribute(int* value, int attribute, int) {
  const int64_t capability = Number("LNX_DOUBLE_CAPABILITY", 90);
  *value = static_cast<int>(attribute == 75 ? capability / 10 : attribute == 76 ? capability % 10 : 0);
  return kSuccess;
}
DOUBLE int cuDeviceTotalMem_v2(size_t* bytes, int) { return *bytes = size_t{8} << 30, 0; }
DOUBLE int cuDevicePrimaryCtxRetain(void** context, int) { return *context = &context_handle, 0; }
DOUBLE int cuCtxPushCurrent_v2(void*) { return ++contexts, 0; }
DOUBLE int cuCtxPopCurrent_v2(void** context) { return *context = &context_handle, --contexts, 0; }
DOUBLE int cuMemGetInfo_v2(size_t* free, size_t* total) {
  Account& a = Books();
  const std::lock_guard<std::mutex> lock(a.mutex);
  *total = size_t{8} << 30;
  *free = static_cast<size_t>((Number("LNX_DOUBLE_FREE_MB", 8192) << 20) - a.device_bytes);
  return kSuccess;
}
DOUBLE int cuMemAlloc_v2(DevicePtr* pointer, size_t bytes) {
  Account& a = Books();
  if (a.device_bytes + static_cast<int64_t>(bytes) > Number("LNX_DOUBLE_FREE_MB", 8192) << 20) return kOutOfMemory;
  void* memory = nullptr;
  const int result = Take(&a.device, &a.device_bytes, bytes, &memory);
  *pointer = reinterpret_cast<DevicePtr>(memory);
  return result;
}
DOUBLE int cuMemFree_v2(DevicePtr pointer) {
  return Return(&Books().device, &Books().device_bytes, reinterpret_cast<void*>(pointer));
}
DOUBLE int cuMemHostAlloc(void** pointer, size_t bytes, unsigned) {
  return Take(&Books().host, &Books().host_bytes, bytes, pointer);
}
DOUBLE int cuMemFreeHost(void* pointer) { return Return(&Books().host, &Books().host_bytes, pointer); }
DOUBLE int cuMemcpyHtoDAsync_v2(DevicePtr to, const void* from, size_t bytes, void*) {
  Count("host_to_device");
  if (const int refused = NeedContext()) return refused;
  if (!Inside(to, bytes)) return kInvalid;
  return std::memcpy(reinterpret_cast<void*>(to), from, bytes), kSuccess;
}
DOUBLE int cuMemcpyDtoHAsync_v2(void* to, DevicePtr from, size_t bytes, void*) {
  {
    const std::lock_guard<std::mutex> lock(Books().mutex);
    ++Books().calls["device_to_host"];
    Books().calls["device_to_host_bytes"] += static_cast<int64_t>(bytes);
  }
  if (!Inside(from, bytes)) return kInvalid;
  return std::memcpy(to, reinterpret_cast<const void*>(from), bytes), kSuccess;
}
DOUBLE int cuMemsetD8Async(DevicePtr to, unsigned char value, size_t bytes, void*) {
  Count("memset");
  if (const int refused = Forbidden()) return refused;
  return std::memset(reinterpret_cast<void*>(to), value, bytes), kSuccess;
}
DOUBLE int cuStreamCreate(void** stream, unsigned) { return Handle(stream); }
DOUBLE int cuStreamDestroy_v2(void* stream) { return Drop(stream); }
DOUBLE int cuStreamSynchronize(void*) { return Forbidden(); }
DOUBLE int cuEventCreate(void** event, unsigned) { return Handle(event); }
DOUBLE int cuEventDestroy_v2(void* event) { return Drop(event); }
DOUBLE int cuEventRecord(void*, void*) { return kSuccess; }
DOUBLE int cuEventQuery(void*) { return Number("LNX_DOUBLE_SLOW_EVENTS", 0) != 0 ? 600 : kSuccess; }
DOUBLE int cuEventSynchronize(void*) { return Count("event_synchronize"), static_cast<int>(Number("LNX_DOUBLE_EVENT_ERROR", 0)); }
DOUBLE int cuEventElapsedTime(float* milliseconds, void*, void*) { return *milliseconds = 0.5f, kSuccess; }
DOUBLE int cuModuleLoadData(void** module, const void* image) {
  const std::string ptx = static_cast<const char*>(image);
  if (Number("LNX_DOUBLE_REFUSE_PTX", 0) != 0 || ptx.find(".version 7.8") == std::string::npos) return 222;  // unsupported PTX
  return *module = &module_handle, kSuccess;
}
DOUBLE int cuModuleUnload(void*) { return kSuccess; }
DOUBLE int cuModuleGetFunction(void** function, void*, const char* name) {
  const std::string wanted = name;
  if (wanted != "lnx_preprocess" && wanted != "lnx_keep_warm") return 500;  // not found
  *function = wanted == "lnx_preprocess" ? &preprocess_kernel : &keep_warm_kernel;
  return kSuccess;
}
DOUBLE int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned, unsigned bx, unsigned by, unsigned, unsigned, void*,
                          void** arguments, void**) {
  if (const int refused = Forbidden()) return refused;
  if (function == &keep_warm_kernel) return Count("keep_warm"), kSuccess;
  Count("preprocess");
  const auto& p = *static_cast<const lnx::kernels::Preprocess*>(arguments[0]);
  const bool wrong = Number("LNX_DOUBLE_WRONG_KERNEL", 0) != 0;
  for (unsigned y = 0; y < gy * by; ++y) {
    for (unsigned x = 0; x < gx * bx; ++x) {
      const int px = static_cast<int>(x), py = static_cast<int>(y);
      if (px < p.out_width && py < p.out_height) lnx::kernels::MakePixel(p, px, py);
    }
  }
  if (wrong) *reinterpret_cast<uint8_t*>(p.output) ^= 1;
  return kSuccess;
}

// ---- for the tests and the other double

DOUBLE void double_capture(int on) {
  Account& a = Books();
  if (on != 0) {
    if (a.capturing.fetch_add(1) != 0) ++a.violations;
    a.capturer = std::this_thread::get_id();
  } else {
    a.capturing.fetch_sub(1);
  }
}
DOUBLE int64_t double_forbidden() { return Forbidden(); }
DOUBLE int64_t double_number(const char* name) {
  Account& a = Books();
  const std::string wanted = name;
  const std::lock_guard<std::mutex> lock(a.mutex);
  if (wanted == "device_bytes") return a.device_bytes;
  if (wanted == "host_bytes") return a.host_bytes;
  if (wanted == "handles") return a.handles;
  if (wanted == "violations") return a.violations.load();
  const auto found = a.calls.find(wanted);
  return found == a.calls.end() ? 0 : found->second;
}
