#include "runtime/cuda/driver.h"

#include <cstring>

#include "base/platform.h"
#include "base/status.h"

namespace lnx::runtime::cuda {
namespace {

constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_...

struct Loaded {
  Driver functions;
  Survey survey;
};

#if defined(_WIN32)
std::vector<std::string> Places() { return {platform::JoinPath(platform::GetEnv("SystemRoot"), "System32\\nvcuda.dll")}; }
#else
std::vector<std::string> Places() {
  // Distributions differ, containers mount it where the loader looks; LNX_CUDA_DRIVER says so where none of it holds.
  const std::string told = platform::GetEnv("LNX_CUDA_DRIVER");
  if (!told.empty()) return {told};
  std::vector<std::string> places;
  for (const char* path : {"/usr/lib/x86_64-linux-gnu/libcuda.so.1", "/usr/lib64/libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1",
                           "/usr/local/nvidia/lib64/libcuda.so.1"}) {
    if (platform::FileExists(path)) places.emplace_back(path);
  }
  places.emplace_back("libcuda.so.1");
  return places;
}
#endif

bool ReadFunctions(platform::Library library, Driver* driver, std::string* missing) {
  bool all = true;
  const auto find = [&](const char* name, auto* function) {
    void* symbol = platform::FindSymbol(library, name);
    std::memcpy(function, &symbol, sizeof symbol);
    if (symbol == nullptr && all) *missing = name;
    all = all && symbol != nullptr;
  };
#define F(name, symbol, arguments) find(symbol, &driver->name);
#include "runtime/cuda/driver_functions.inc"
#undef F
  return all;
}

void AskGpus(const Driver& driver, Survey* survey) {
  int count = 0;
  driver.DeviceGetCount(&count);
  for (int i = 0; i < count; ++i) {
    Gpu gpu;
    gpu.index = i;
    Device device = 0;
    char name[256] = {};
    size_t bytes = 0;
    if (driver.DeviceGet(&device, i) != kSuccess) continue;
    driver.DeviceGetName(name, sizeof name - 1, device);
    driver.DeviceGetAttribute(&gpu.capability_major, kCapabilityMajor, device);
    driver.DeviceGetAttribute(&gpu.capability_minor, kCapabilityMinor, device);
    driver.DeviceTotalMem(&bytes, device);
    gpu.name = name;
    gpu.memory_bytes = bytes;
    survey->gpus.push_back(gpu);
  }
  if (survey->gpus.empty()) survey->reason = "the driver knows no GPU";
}

void Load(Loaded* loaded) {
  Survey& survey = loaded->survey;
  // By itself only from CUDA 12.3 on Windows; saves seconds and hundreds of megabytes.
  if (platform::GetEnv("CUDA_MODULE_LOADING").empty()) platform::SetEnv("CUDA_MODULE_LOADING", "LAZY");
  platform::Library library;
  for (const std::string& place : Places()) {
    std::string error;
    int64_t os_code = 0;
    library = platform::LoadLibraryAt(place, &error, &os_code);
    if (library.handle == nullptr) continue;
    survey.path = place;
    break;
  }
  if (library.handle == nullptr) {
    survey.reason = "no NVIDIA driver on this machine";
    return;
  }
  std::string missing;
  const bool complete = ReadFunctions(library, &loaded->functions, &missing);
  // A driver too old to have every function still tells its version.
  if (loaded->functions.Init == nullptr || loaded->functions.DriverGetVersion == nullptr) {
    survey.reason = "an incomplete NVIDIA driver at " + survey.path;
    return;
  }
  const Result code = loaded->functions.Init(0);
  if (code != kSuccess) {
    survey.reason =
        code == 100 ? "the driver knows no GPU" : "the NVIDIA driver does not start (CUDA error " + std::to_string(code) + ")";
    return;
  }
  loaded->functions.DriverGetVersion(&survey.cuda_version);
  survey.driver = true;
  if (!complete) {
    survey.reason = "a driver without " + missing;
    return;
  }
  AskGpus(loaded->functions, &survey);
}

const Loaded& Once() noexcept {
  static const Loaded* loaded = [] {
    auto* made = new Loaded;
    try {
      Load(made);
    } catch (...) {
      made->survey.driver = false;
      made->survey.reason = "the NVIDIA driver could not be looked at";
    }
    return made;
  }();
  return *loaded;
}

// A sticky error: every further call in this process gives it.
bool Dead(Result result) {
  switch (result) {
    case 46:   // CUDA_ERROR_DEVICE_UNAVAILABLE
    case 214:  // CUDA_ERROR_ECC_UNCORRECTABLE
    case 700:  // CUDA_ERROR_ILLEGAL_ADDRESS
    case 702:  // CUDA_ERROR_LAUNCH_TIMEOUT
    case 709:  // CUDA_ERROR_CONTEXT_IS_DESTROYED
    case 714:  // CUDA_ERROR_HARDWARE_STACK_ERROR
    case 715:  // CUDA_ERROR_ILLEGAL_INSTRUCTION
    case 716:  // CUDA_ERROR_MISALIGNED_ADDRESS
    case 717:  // CUDA_ERROR_INVALID_ADDRESS_SPACE
    case 718:  // CUDA_ERROR_INVALID_PC
    case 719:  // CUDA_ERROR_LAUNCH_FAILED
      return true;
    default:
      return false;
  }
}

}  // namespace

const Survey& Look() noexcept { return Once().survey; }
const Driver& Functions() { return Once().functions; }

void Check(Result result, const char* where, LnxStatus otherwise) {
  if (result == kSuccess) return;
  const char* text = nullptr;
  const Driver& driver = Functions();
  if (driver.GetErrorString == nullptr || driver.GetErrorString(result, &text) != kSuccess || text == nullptr) text = "unknown";
  const LnxStatus status = result == kOutOfMemory ? LNX_E_DEVICE_MEMORY : Dead(result) ? LNX_E_DEVICE_LOST : otherwise;
  Fail(status, {"CUDA error " + std::to_string(result) + ": " + text, "success", where});
}

}  // namespace lnx::runtime::cuda
