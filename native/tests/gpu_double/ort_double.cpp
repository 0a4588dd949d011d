// ONNX Runtime with a CUDA provider, without a GPU, for tests: every call goes to the real library of the CPU
// (LNX_DOUBLE_REAL_ORT), except those that speak of CUDA. "Device" memory is what the driver's double (LNX_CUDA_DRIVER) hands
// out, so models really run and their numbers are those of the CPU.
//
// Like the real provider it wants one thread per session, captures during the first runs of a graph, and can be told to refuse.
#include <dlfcn.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "runtime/ort_api.h"

#define DOUBLE extern "C" __attribute__((visibility("default"), used))

using namespace lnx::runtime;

namespace {

constexpr size_t kSlots = 280;  // of the table that we copy; the core uses none beyond

struct Options {
  std::map<std::string, std::string> values;
  void* stream = nullptr;
};

struct Session {
  bool cuda = false, graph = false;
  std::thread::id thread;
  std::map<std::string, int> runs;  // by gpu_graph_id
};

struct State {
  std::mutex mutex;
  OrtFunctions real;
  void* table[kSlots] = {};
  const OrtApiBase* base = nullptr;
  std::map<const void*, Options> appended;  // by session options
  std::map<const void*, Session> sessions;
  std::map<const void*, std::string> graph_ids;  // by run options
  std::string last_options;
  int64_t runs = 0, captures = 0, violations = 0;
  void (*capture)(int) = nullptr;
  int64_t (*forbidden)() = nullptr;
};
State& Its() {
  static State* state = new State;
  return *state;
}

bool Asked(const char* name, const char* value) {
  const char* text = std::getenv(name);
  return text != nullptr && std::string(text) == value;
}

OrtStatus* Error(const char* text) {
  using Create = OrtStatus*(LNX_ORT_CALL*)(OrtErrorCode, const char*);
  Create create;
  std::memcpy(&create, &Its().table[0], sizeof create);
  return create(ORT_FAIL, text);
}

OrtStatus* GetAvailableProviders(char*** out, int* count) {
  static char cuda[] = "CUDAExecutionProvider", cpu[] = "CPUExecutionProvider";
  static char* names[] = {cuda, cpu};
  *out = names;
  *count = 2;
  return nullptr;
}
OrtStatus* ReleaseAvailableProviders(char**, int) { return nullptr; }

OrtStatus* CreateCudaOptions(OrtCUDAProviderOptionsV2** out) {
  *out = reinterpret_cast<OrtCUDAProviderOptionsV2*>(new Options);
  return nullptr;
}
OrtStatus* UpdateCudaOptions(OrtCUDAProviderOptionsV2* options, const char* const* keys, const char* const* values, size_t n) {
  auto* own = reinterpret_cast<Options*>(options);
  *own = {};  // as the real one: begins anew
  for (size_t i = 0; i < n; ++i) own->values[keys[i]] = values[i];
  return nullptr;
}
OrtStatus* UpdateCudaOptionsWithValue(OrtCUDAProviderOptionsV2* options, const char* key, void* value) {
  if (std::string(key) != "user_compute_stream") return Error("an option that does not exist");
  reinterpret_cast<Options*>(options)->stream = value;
  return nullptr;
}
void ReleaseCudaOptions(OrtCUDAProviderOptionsV2* options) { delete reinterpret_cast<Options*>(options); }

OrtStatus* AppendCuda(OrtSessionOptions* session, const OrtCUDAProviderOptionsV2* options) {
  if (Asked("LNX_DOUBLE_PROVIDER", "missing")) return Error("Failed to load library libonnxruntime_providers_cuda.so");
  State& s = Its();
  const std::lock_guard<std::mutex> lock(s.mutex);
  const auto& own = *reinterpret_cast<const Options*>(options);
  s.appended[session] = own;
  s.last_options.clear();
  for (const auto& [key, value] : own.values) s.last_options += key + "=" + value + ";";
  if (own.stream != nullptr) s.last_options += "user_compute_stream=set;";
  return nullptr;
}

OrtStatus* CreateMemoryInfo(const char* name, OrtAllocatorType type, int id, OrtMemType kind, OrtMemoryInfo** out) {
  if (std::string(name) == "Cuda") return Its().real.CreateCpuMemoryInfo(type, kind, out);
  return Its().real.CreateMemoryInfo(name, type, id, kind, out);
}

OrtStatus* CreateSession(const OrtEnv* env, const void* model, size_t bytes, const OrtSessionOptions* options, OrtSession** out) {
  State& s = Its();
  Session own;
  {
    const std::lock_guard<std::mutex> lock(s.mutex);
    const auto found = s.appended.find(options);
    if (found != s.appended.end()) {
      own.cuda = true;
      own.graph = found->second.values["enable_cuda_graph"] == "1";
      s.appended.erase(found);
    }
  }
  if (own.cuda && s.forbidden() != 0) return Error("CUDA error 900: operation not permitted when stream is capturing");
  if (own.graph && Asked("LNX_DOUBLE_GRAPH", "refuse"))
    return Error("This session cannot use the graph capture feature as requested by the user");
  if (own.cuda && Asked("LNX_DOUBLE_SESSION", "memory")) return Error("CUDA failure 2: out of memory");
  OrtStatus* status = s.real.CreateSessionFromArray(env, model, bytes, options, out);
  if (status == nullptr) {
    const std::lock_guard<std::mutex> lock(s.mutex);
    s.sessions[*out] = own;
  }
  return status;
}

void ReleaseSession(OrtSession* session) {
  State& s = Its();
  {
    const std::lock_guard<std::mutex> lock(s.mutex);
    const auto found = s.sessions.find(session);
    if (found != s.sessions.end() && found->second.cuda && s.forbidden() != 0) ++s.violations;
    s.sessions.erase(session);
  }
  s.real.ReleaseSession(session);
}

OrtStatus* AddRunConfigEntry(OrtRunOptions* options, const char* key, const char* value) {
  State& s = Its();
  if (std::string(key) == "gpu_graph_id") {
    const std::lock_guard<std::mutex> lock(s.mutex);
    s.graph_ids[options] = value;
  }
  return s.real.AddRunConfigEntry(options, key, value);
}

OrtStatus* Run(OrtSession* session, const OrtRunOptions* options, const OrtIoBinding* binding) {
  State& s = Its();
  bool capture = false;
  {
    const std::lock_guard<std::mutex> lock(s.mutex);
    Session& own = s.sessions[session];
    if (!own.cuda) return s.real.RunWithBinding(session, options, binding);
    ++s.runs;
    const auto id = s.graph_ids.find(options);
    if (own.graph) {
      if (own.thread == std::thread::id()) own.thread = std::this_thread::get_id();
      if (own.thread != std::this_thread::get_id()) ++s.violations;  // would warm up and capture again
      capture = id != s.graph_ids.end() && id->second != "-1" && own.runs[id->second]++ == 1;
    }
  }
  if (!capture && s.forbidden() != 0) return Error("CUDA error 900: operation not permitted when stream is capturing");
  if (capture && Asked("LNX_DOUBLE_GRAPH", "fail"))
    return Error("CUDA error 901: operation failed due to a previous error during capture");
  if (capture) {
    s.capture(1);
    {
      const std::lock_guard<std::mutex> lock(s.mutex);
      ++s.captures;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  OrtStatus* status = s.real.RunWithBinding(session, options, binding);
  if (capture) s.capture(0);
  return status;
}

template <typename Function>
void Replace(size_t slot, Function function) {
  std::memcpy(&Its().table[slot], &function, sizeof function);
}

const void* GetApi(uint32_t version) {
  State& s = Its();
  const void* real = s.base->GetApi(version);
  if (real == nullptr) return nullptr;
  s.real = ReadFunctions(real);
  std::memcpy(s.table, real, sizeof s.table);
  Replace(8, &CreateSession);
  Replace(68, &CreateMemoryInfo);
  Replace(95, &ReleaseSession);
  Replace(125, &GetAvailableProviders);
  Replace(126, &ReleaseAvailableProviders);
  Replace(133, &Run);
  Replace(165, &AddRunConfigEntry);
  Replace(204, &AppendCuda);
  Replace(205, &CreateCudaOptions);
  Replace(206, &UpdateCudaOptions);
  Replace(208, &ReleaseCudaOptions);
  Replace(263, &UpdateCudaOptionsWithValue);
  return s.table;
}

const char* GetVersionString() { return Its().base->GetVersionString(); }

}  // namespace

DOUBLE const OrtApiBase* OrtGetApiBase() {
  static const OrtApiBase own = {&GetApi, &GetVersionString};
  State& s = Its();
  if (s.base != nullptr) return &own;
  void* real = dlopen(std::getenv("LNX_DOUBLE_REAL_ORT"), RTLD_NOW | RTLD_LOCAL);
  void* driver = dlopen(std::getenv("LNX_CUDA_DRIVER"), RTLD_NOW | RTLD_LOCAL);
  if (real == nullptr || driver == nullptr) return nullptr;
  OrtGetApiBaseFunction get = nullptr;
  void* symbol = dlsym(real, "OrtGetApiBase");
  std::memcpy(&get, &symbol, sizeof symbol);
  symbol = dlsym(driver, "double_capture");
  std::memcpy(&s.capture, &symbol, sizeof symbol);
  symbol = dlsym(driver, "double_forbidden");
  std::memcpy(&s.forbidden, &symbol, sizeof symbol);
  s.base = get();
  return &own;
}

DOUBLE int64_t double_ort_number(const char* name) {
  State& s = Its();
  const std::string wanted = name;
  const std::lock_guard<std::mutex> lock(s.mutex);
  if (wanted == "runs") return s.runs;
  if (wanted == "captures") return s.captures;
  if (wanted == "violations") return s.violations;
  return wanted == "sessions" ? static_cast<int64_t>(s.sessions.size()) : -1;
}
DOUBLE const char* double_ort_options() { return Its().last_options.c_str(); }
