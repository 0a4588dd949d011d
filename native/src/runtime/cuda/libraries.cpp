#include "runtime/cuda/libraries.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "base/platform.h"
#include "runtime/library_file.h"

#if defined(_WIN32)
#include <windows.h>
#endif

namespace lnx::runtime::cuda {
namespace {

#if defined(_WIN32)
constexpr char kProviderFile[] = "onnxruntime_providers_cuda.dll";
#else
constexpr char kProviderFile[] = "libonnxruntime_providers_cuda.so";
#endif

// First what others import. cuDNN's parts stand in the order of ONNX Runtime's own preload_dlls.
constexpr const char* kOrder[] = {"cudart",
                                  "nvrtc-builtins",
                                  "nvrtc",
                                  "nvJitLink",
                                  "nvjitlink",
                                  "cublasLt",
                                  "cublas",
                                  "cufft",
                                  "curand",
                                  "cudnn_engines_runtime_compiled",
                                  "cudnn_engines_precompiled",
                                  "cudnn_heuristic",
                                  "cudnn_ops",
                                  "cudnn_adv",
                                  "cudnn_cnn",
                                  "cudnn_graph",
                                  "cudnn64_9",
                                  "cudnn",
                                  "cudnn_engines_tensor_ir"};

std::string FileName(const std::string& path) {
  const size_t slash = path.find_last_of("/\\");
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

bool IsNvidia(const std::string& name) {
  if (name.find("onnxruntime") != std::string::npos) return false;
  return std::any_of(std::begin(kOrder), std::end(kOrder),
                     [&](const char* part) { return name.find(part) != std::string::npos; });
}

// The place in kOrder of the longest part that the name holds: "libcudnn_ops.so.9" is cudnn_ops, not cudnn.
size_t Rank(const std::string& path) {
  const std::string name = FileName(path);
  size_t best = std::size(kOrder), longest = 0;
  for (size_t i = 0; i < std::size(kOrder); ++i) {
    const std::string part = kOrder[i];
    if (part.size() > longest && name.find(part) != std::string::npos) best = i, longest = part.size();
  }
  return best;
}

std::vector<std::string> Folders(const std::string& runtime_path) {
  const std::string own = platform::ParentPath(runtime_path);
  std::vector<std::string> folders = {own};
  const std::string site = platform::ParentPath(platform::ParentPath(own));  // site-packages of onnxruntime/capi
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

std::vector<std::string> Libraries(const std::string& runtime_path) {
  std::vector<std::string> libraries;
  for (const std::string& folder : Folders(runtime_path)) {
    for (const std::string& path : platform::ListFiles(folder)) {
      const std::string name = FileName(path);
      const bool library = name.find(".so") != std::string::npos || name.find(".dll") != std::string::npos;
      if (library && IsNvidia(name)) libraries.push_back(path);
    }
  }
  return libraries;
}

void SearchThere([[maybe_unused]] const std::vector<std::string>& paths) {
#if defined(_WIN32)
  std::set<std::string> folders;
  for (const std::string& path : paths) folders.insert(platform::ParentPath(path));
  for (const std::string& folder : folders) AddDllDirectory(platform::Widen(folder).c_str());
#endif
}

}  // namespace

std::string ProviderPath(const std::string& runtime_path) {
  return platform::JoinPath(platform::ParentPath(runtime_path), kProviderFile);
}

int CudaMajorOf(const std::string& runtime_path) {
  for (const std::string& name : InspectLibrary(ProviderPath(runtime_path)).needed) {
    const size_t at = name.find("cublasLt");
    if (at == std::string::npos) continue;
    if (name.find("12", at) != std::string::npos) return 12;
    if (name.find("13", at) != std::string::npos) return 13;
  }
  return 0;
}

std::vector<std::string> LoadOrder(std::vector<std::string> paths) {
  std::stable_sort(paths.begin(), paths.end(), [](const std::string& a, const std::string& b) { return Rank(a) < Rank(b); });
  return paths;
}

Preloaded Preload(const std::string& runtime_path) {
  static std::mutex* mutex = new std::mutex;
  static auto* done = new std::set<std::string>;
  const std::lock_guard<std::mutex> lock(*mutex);
  std::vector<std::string> waiting = LoadOrder(Libraries(runtime_path));
  SearchThere(waiting);
  Preloaded report;
  // The order is that of today's versions. Should another need another one, what fails is tried again after the rest.
  for (size_t before = waiting.size() + 1; !waiting.empty() && waiting.size() < before;) {
    before = waiting.size();
    std::vector<std::string> again;
    report.failed.clear();
    for (const std::string& path : waiting) {
      std::string error;
      int64_t os_code = 0;
      if (done->count(path) != 0 || platform::LoadLibraryAt(path, &error, &os_code).handle != nullptr) {
        done->insert(path);
        report.loaded.push_back(path);
      } else {
        again.push_back(path);
        report.failed.push_back(path);
        report.failed.back().append(": ").append(error);
      }
    }
    waiting = std::move(again);
  }
  return report;
}

std::vector<std::string> Missing(const std::string& runtime_path) {
  std::set<std::string> present;
  for (const std::string& path : Libraries(runtime_path)) present.insert(FileName(path));
  const std::vector<std::string> needed = InspectLibrary(ProviderPath(runtime_path)).needed;
  std::vector<std::string> missing;
  for (const std::string& name : needed) {
    if (IsNvidia(name) && present.count(name) == 0) missing.push_back(name);
  }
  // What is not NVIDIA's: on Windows the Visual C++ runtime of this year.
  for (const std::string& name : platform::MissingLibraries(needed, platform::ParentPath(runtime_path))) {
    if (std::find(missing.begin(), missing.end(), name) == missing.end() && !IsNvidia(name)) missing.push_back(name);
  }
  return missing;
}

}  // namespace lnx::runtime::cuda
