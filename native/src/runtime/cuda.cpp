#include "runtime/cuda.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <set>

#include "base/platform.h"
#include "runtime/library_file.h"
#include "runtime/ort.h"

namespace lnx::runtime {
namespace {

constexpr int kCuda12 = 12000;

#if defined(_WIN32)
constexpr char kProviderFile[] = "onnxruntime_providers_cuda.dll";
std::string DriverPath() { return platform::JoinPath(platform::GetEnv("SystemRoot"), "System32\\nvcuda.dll"); }
#else
constexpr char kProviderFile[] = "libonnxruntime_providers_cuda.so";
std::string DriverPath() {
  // The driver's own place differs between distributions; containers mount it where the loader looks.
  for (const char* path : {"/usr/lib/x86_64-linux-gnu/libcuda.so.1", "/usr/lib64/libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1",
                           "/usr/local/nvidia/lib64/libcuda.so.1"}) {
    if (platform::FileExists(path)) return path;
  }
  return "libcuda.so.1";
}
#endif

// The CUDA driver API (cuda.h): every call returns 0 on success.
struct Driver {
  int (*init)(unsigned) = nullptr;
  int (*version)(int*) = nullptr;
  int (*count)(int*) = nullptr;
  int (*get)(int*, int) = nullptr;
  int (*name)(char*, int, int) = nullptr;
  int (*attribute)(int*, int, int) = nullptr;
  int (*memory)(size_t*, int) = nullptr;
};

template <typename Function>
bool Find(platform::Library library, const char* name, Function* function) {
  void* symbol = platform::FindSymbol(library, name);
  std::memcpy(function, &symbol, sizeof symbol);
  return symbol != nullptr;
}

std::string Folder(const std::string& path) { return platform::ParentPath(path); }

// Folders that may hold the CUDA libraries of a runtime: beside it, and the nvidia-* packages of the same Python environment.
std::vector<std::string> LibraryFolders(const std::string& runtime_path) {
  const std::string own = Folder(runtime_path);
  std::vector<std::string> folders = {own};
  const std::string site = Folder(Folder(own));  // .../site-packages/onnxruntime/capi -> .../site-packages
  for (const char* part : {"cu13", "cublas", "cuda_runtime", "cufft", "curand", "cuda_nvrtc", "cudnn", "nvjitlink"}) {
    const std::string base = platform::JoinPath(platform::JoinPath(site, "nvidia"), part);
#if defined(_WIN32)
    folders.push_back(platform::JoinPath(base, "bin"));
    folders.push_back(platform::JoinPath(base, "bin\\x86_64"));
#else
    folders.push_back(platform::JoinPath(base, "lib"));
#endif
  }
  return folders;
}

bool IsNvidiaLibrary(const std::string& name) {
  for (const char* part : {"cudart", "cublas", "cudnn", "cufft", "curand", "nvrtc", "nvJitLink", "nvjitlink"}) {
    if (name.find(part) != std::string::npos && name.find("onnxruntime") == std::string::npos) return true;
  }
  return false;
}

std::string FileName(const std::string& path) {
  const size_t slash = path.find_last_of("/\\");
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::vector<std::string> NvidiaLibraries(const std::string& runtime_path) {
  std::vector<std::string> libraries;
  for (const std::string& folder : LibraryFolders(runtime_path)) {
    for (const std::string& path : platform::ListFiles(folder)) {
      const std::string name = FileName(path);
      const bool library = name.find(".so") != std::string::npos || name.find(".dll") != std::string::npos;
      if (library && IsNvidiaLibrary(name)) libraries.push_back(path);
    }
  }
  return libraries;
}

// cuDNN is looked for by bare name and not beside the provider, so everything is brought in by full path first. Libraries depend
// on each other in an order that changes between versions: what fails is tried again after the others.
void Preload(const std::string& runtime_path) {
  static std::mutex* mutex = new std::mutex;
  static std::set<std::string>* done = new std::set<std::string>;
  const std::lock_guard<std::mutex> lock(*mutex);
  std::vector<std::string> waiting = NvidiaLibraries(runtime_path);
  for (size_t before = waiting.size() + 1; !waiting.empty() && waiting.size() < before;) {
    before = waiting.size();
    std::vector<std::string> failed;
    for (const std::string& path : waiting) {
      if (done->count(path)) continue;
      std::string error;
      int64_t os_code = 0;
      if (platform::LoadLibraryAt(path, &error, &os_code).handle != nullptr) {
        done->insert(path);
      } else {
        failed.push_back(path);
      }
    }
    waiting = std::move(failed);
  }
}

bool HasCuda(const Runtime& runtime) {
  const std::vector<std::string>& providers = runtime.info().providers;
  return std::find(providers.begin(), providers.end(), "CUDAExecutionProvider") != providers.end();
}

struct Refusal {
  LnxStatus status = LNX_OK;
  Finding finding;
};

Refusal WhyNot(const Runtime& runtime, const GpuSurvey& survey, int index) {
  if (!survey.driver)
    return {LNX_E_DRIVER, {survey.reason, "NVIDIA driver 527.41 or later (RTX 50: 570.65)", "cuda:" + std::to_string(index)}};
  if (survey.cuda_version < kCuda12) {
    return {LNX_E_DRIVER,
            {"a driver for CUDA " + std::to_string(survey.cuda_version / 1000) + "." +
                 std::to_string(survey.cuda_version % 1000 / 10),
             "NVIDIA driver 527.41 or later (RTX 50: 570.65)", "cuda:" + std::to_string(index)}};
  }
  if (index >= static_cast<int>(survey.gpus.size())) {
    return {LNX_E_DEVICE_NOT_FOUND,
            {std::to_string(survey.gpus.size()) + " GPUs", "a number below that", "cuda:" + std::to_string(index)}};
  }
  if (!HasCuda(runtime)) {
    return {LNX_E_DEVICE_UNAVAILABLE,
            {"ONNX Runtime " + runtime.info().version + " without CUDA at " + runtime.info().path,
             "a GPU runtime pack (pip install onnxruntime-gpu)", "cuda:" + std::to_string(index)}};
  }
  return {};
}

}  // namespace

GpuSurvey SurveyGpus() noexcept {
  GpuSurvey survey;
  try {
    std::string error;
    int64_t os_code = 0;
    const platform::Library library = platform::LoadLibraryAt(DriverPath(), &error, &os_code);
    if (library.handle == nullptr) {
      survey.reason = "no NVIDIA driver on this machine";
      return survey;
    }
    Driver driver;
    const bool complete = Find(library, "cuInit", &driver.init) && Find(library, "cuDriverGetVersion", &driver.version) &&
                          Find(library, "cuDeviceGetCount", &driver.count) && Find(library, "cuDeviceGet", &driver.get) &&
                          Find(library, "cuDeviceGetName", &driver.name) &&
                          Find(library, "cuDeviceGetAttribute", &driver.attribute) &&
                          Find(library, "cuDeviceTotalMem_v2", &driver.memory);
    const int code = complete ? driver.init(0) : -1;
    if (code != 0) {
      survey.reason =
          complete ? "the NVIDIA driver does not start (CUDA error " + std::to_string(code) + ")" : "an incomplete NVIDIA driver";
      return survey;
    }
    survey.driver = true;
    driver.version(&survey.cuda_version);
    int count = 0;
    driver.count(&count);
    for (int i = 0; i < count; ++i) {
      Gpu gpu;
      gpu.index = i;
      int device = 0;
      char name[256] = {};
      size_t bytes = 0;
      if (driver.get(&device, i) != 0) continue;
      driver.name(name, sizeof name - 1, device);
      driver.attribute(&gpu.capability_major, 75, device);  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
      driver.attribute(&gpu.capability_minor, 76, device);
      driver.memory(&bytes, device);
      gpu.name = name;
      gpu.memory_bytes = bytes;
      survey.gpus.push_back(gpu);
    }
    if (survey.gpus.empty()) survey.reason = "the driver knows no GPU";
  } catch (...) {
    survey.driver = false;
  }
  return survey;
}

GpuChoice ChooseGpu(Runtime& runtime, const DeviceRequest& request) {
  GpuChoice choice;
  if (request.device == "cpu") return choice;
  const bool automatic = request.device == "auto" || request.device.empty();
  if (!automatic) {
    const std::string digits = request.device.compare(0, 5, "cuda:") == 0 ? request.device.substr(5)
                               : request.device == "cuda"                 ? "0"
                                                                          : "";
    if (digits.empty() || digits.size() > 3 || digits.find_first_not_of("0123456789") != std::string::npos) {
      Fail(LNX_E_DEVICE_NOT_FOUND, {"\"" + request.device + "\"", "\"auto\", \"cpu\" or \"cuda:N\"", "device"});
    }
    choice.index = std::stoi(digits);
  }
  choice.may_fall_back = automatic || request.allow_cpu_fallback;
  if (!request.no_gpu.empty()) {
    if (!choice.may_fall_back) Fail(LNX_E_LICENSE_FEATURE, {request.no_gpu, "device \"cpu\" or \"auto\"", "device"});
    choice.reason = request.no_gpu;
    return choice;
  }
  const GpuSurvey survey = SurveyGpus();
  const Refusal refusal = WhyNot(runtime, survey, choice.index);
  if (refusal.status != LNX_OK) {
    if (!choice.may_fall_back) Fail(refusal.status, refusal.finding);
    choice.reason = refusal.finding.found;
    return choice;
  }
  choice.use = true;
  choice.name = "cuda:" + std::to_string(choice.index) + " " + survey.gpus[static_cast<size_t>(choice.index)].name;
  return choice;
}

void AppendCuda(Runtime& runtime, OrtSessionOptions* options, int index) {
  const OrtFunctions& ort = runtime.state().ort;
  Preload(runtime.info().path);
  OrtCUDAProviderOptionsV2* raw = nullptr;
  CheckOrt(ort, ort.CreateCUDAProviderOptions(&raw), LNX_E_DEVICE_UNAVAILABLE, "CUDA options");
  const Owned<OrtCUDAProviderOptionsV2> cuda(raw, ort.ReleaseCUDAProviderOptions);
  const std::string device = std::to_string(index);
  // HEURISTIC: exhaustive search costs up to a second per shape and changes nothing afterwards.
  const char* keys[] = {"device_id", "cudnn_conv_algo_search", "arena_extend_strategy", "do_copy_in_default_stream"};
  const char* values[] = {device.c_str(), "HEURISTIC", "kSameAsRequested", "1"};
  CheckOrt(ort, ort.UpdateCUDAProviderOptions(raw, keys, values, 4), LNX_E_DEVICE_UNAVAILABLE, "CUDA options");
  OrtStatus* status = ort.SessionOptionsAppendExecutionProvider_CUDA_V2(options, raw);
  if (status == nullptr) return;
  std::string message = TakeMessage(ort, status);
  for (const std::string& missing : MissingCudaLibraries(runtime.info().path)) message += "; missing " + missing;
  Fail(LNX_E_DEVICE_UNAVAILABLE, {message, "a complete GPU runtime pack", "cuda:" + device});
}

std::vector<std::string> MissingCudaLibraries(const std::string& runtime_path) {
  std::set<std::string> present;
  for (const std::string& path : NvidiaLibraries(runtime_path)) present.insert(FileName(path));
  std::vector<std::string> missing;
  for (const std::string& name : InspectLibrary(platform::JoinPath(Folder(runtime_path), kProviderFile)).needed) {
    if (IsNvidiaLibrary(name) && !present.count(name)) missing.push_back(name);
  }
  return missing;
}

}  // namespace lnx::runtime
