#include "runtime/driver_version.h"

#include <cstring>

#include "base/platform.h"

namespace lnx::runtime {
namespace {

#if defined(_WIN32)
std::string NvmlPath() { return platform::JoinPath(platform::GetEnv("SystemRoot"), "System32\\nvml.dll"); }
#else
std::string NvmlPath() {
  for (const char* path : {"/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1", "/usr/lib64/libnvidia-ml.so.1",
                           "/usr/lib/wsl/lib/libnvidia-ml.so.1", "/usr/local/nvidia/lib64/libnvidia-ml.so.1"}) {
    if (platform::FileExists(path)) return path;
  }
  return "libnvidia-ml.so.1";
}
#endif

template <typename Function>
bool FindIn(platform::Library library, const char* name, Function* function) {
  void* symbol = platform::FindSymbol(library, name);
  std::memcpy(function, &symbol, sizeof symbol);
  return symbol != nullptr;
}

// NVML (nvml.h): every call returns 0 on success. The library stays.
std::string AskNvml() noexcept {
  try {
    std::string error;
    int64_t os_code = 0;
    const platform::Library library = platform::LoadLibraryAt(NvmlPath(), &error, &os_code);
    int (*init)() = nullptr;
    int (*shutdown)() = nullptr;
    int (*version)(char*, unsigned) = nullptr;
    if (library.handle == nullptr || !FindIn(library, "nvmlInit_v2", &init) || !FindIn(library, "nvmlShutdown", &shutdown) ||
        !FindIn(library, "nvmlSystemGetDriverVersion", &version) || init() != 0)
      return "";
    char text[96] = {};
    const bool told = version(text, sizeof text - 1) == 0;
    shutdown();
    return told ? text : "";
  } catch (...) {
    return "";  // no number is an answer: the CUDA version stands for it
  }
}

}  // namespace

const std::string& DriverVersion() noexcept {
  static const auto* version = new std::string(AskNvml());
  return *version;
}

DriverFacts FactsOf(const GpuSurvey& survey) noexcept {
  DriverFacts facts;
  facts.present = survey.driver;
  facts.cuda_version = survey.cuda_version;
  if (survey.driver) facts.version = DriverVersion();
#if defined(_WIN32)
  facts.windows = true;
#endif
  return facts;
}

}  // namespace lnx::runtime
