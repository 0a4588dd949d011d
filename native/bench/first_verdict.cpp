// From loading the library to the first verdict, and the time of the runs after it; the same program on Windows and Linux.
//   first_verdict LIBRARY MODEL.lnx PUBLIC_KEY.pem RUNS     prints one line of JSON, milliseconds
// The paths are ASCII; LNX_RUNTIME_DIR names the folder of ONNX Runtime.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "lnx/lnx.h"

#if defined(_WIN32)
#include <windows.h>
static void* Open(const char* path) { return reinterpret_cast<void*>(LoadLibraryA(path)); }
static void* Symbol(void* library, const char* name) {
  const FARPROC found = GetProcAddress(static_cast<HMODULE>(library), name);
  void* symbol = nullptr;
  std::memcpy(&symbol, &found, sizeof symbol);
  return symbol;
}
#else
#include <dlfcn.h>
static void* Open(const char* path) { return dlopen(path, RTLD_NOW | RTLD_LOCAL); }
static void* Symbol(void* library, const char* name) { return dlsym(library, name); }
#endif

namespace {

template <typename Function>
void Bind(void* library, const char* name, Function* function) {
  void* symbol = Symbol(library, name);
  if (symbol == nullptr) std::exit(3);
  std::memcpy(function, &symbol, sizeof symbol);
}

double Milliseconds(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const auto begin = std::chrono::steady_clock::now();
  void* library = Open(argv[1]);
  if (library == nullptr) return 3;
  decltype(&LnxInitOptionsInitSized) options_init = nullptr;
  decltype(&LnxImageInitSized) image_init = nullptr;
  decltype(&LnxInitialize) initialize = nullptr;
  decltype(&LnxRun) run = nullptr;
  decltype(&LnxResultRelease) release = nullptr;
  decltype(&LnxUninitialize) uninitialize = nullptr;
  Bind(library, "LnxInitOptionsInitSized", &options_init);
  Bind(library, "LnxImageInitSized", &image_init);
  Bind(library, "LnxInitialize", &initialize);
  Bind(library, "LnxRun", &run);
  Bind(library, "LnxResultRelease", &release);
  Bind(library, "LnxUninitialize", &uninitialize);
  const double load = Milliseconds(begin);

  LnxInitOptions options;
  options_init(&options, sizeof options);
  const char* keys[1] = {argv[3]};
  options.trusted_keys = keys;
  options.trusted_key_count = 1;
  options.device = "cpu";
  options.cpu_threads = 1;
  LnxHandle session = nullptr;
  if (initialize(argv[2], &options, &session) != LNX_OK) return 4;
  const double initialized = Milliseconds(begin);

  std::vector<uint8_t> pixels(256 * 256 * 3);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(static_cast<uint32_t>(i) * 2654435761u >> 24);
  LnxImage image;
  image_init(&image, sizeof image, pixels.data(), 256, 256, 0, LNX_PIXEL_BGR8);
  std::vector<double> times(static_cast<size_t>(std::max(1, std::atoi(argv[4]))));
  double first = 0;
  for (size_t i = 0; i < times.size(); ++i) {
    const auto start = std::chrono::steady_clock::now();
    LnxResult result = nullptr;
    if (run(session, &image, 1, nullptr, &result) != LNX_OK) return 5;
    release(result);
    times[i] = Milliseconds(start);
    if (i == 0) first = Milliseconds(begin);
  }
  uninitialize(&session);
  std::sort(times.begin(), times.end());
  std::printf("{\"load\": %.2f, \"initialized\": %.2f, \"first_verdict\": %.2f, \"run_median\": %.3f, \"run_p95\": %.3f}\n", load,
              initialized, first, times[times.size() / 2], times[times.size() * 95 / 100]);
  return 0;
}
