#include "runtime/runtime.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/platform.h"
#include "crypto/crypto.h"
#include "runtime/loader.h"
#include "runtime/ort.h"

namespace lnx::runtime {
namespace {

// The log of whoever initialised last. ONNX Runtime keeps one logger for the life of the process.
struct LogTarget {
  std::mutex mutex;
  LnxLog log = nullptr;
  void* user = nullptr;
};
LogTarget& Target() {
  static LogTarget* target = new LogTarget;  // outlives everything that may still log
  return *target;
}

void LNX_ORT_CALL ForwardLog(void*, OrtLoggingLevel severity, const char*, const char*, const char*, const char* message) {
  LogTarget& target = Target();
  const std::lock_guard<std::mutex> lock(target.mutex);
  if (target.log != nullptr) target.log(std::clamp(static_cast<int>(severity), 0, 3), message, target.user);
}

std::atomic<Runtime*> loaded{nullptr};

std::mutex& LoadMutex() {
  static std::mutex* mutex = new std::mutex;
  return *mutex;
}

[[noreturn]] void FailNotFound(const std::vector<Candidate>& candidates) {
  // One candidate that exists but cannot be used says more than the folders that hold none.
  const Candidate* told = &candidates.front();
  std::string places;
  for (const Candidate& candidate : candidates) {
    places += (places.empty() ? "" : "; ") + candidate.path + " (" + candidate.source + "): " + candidate.verdict;
    if (told->status == LNX_E_RUNTIME_NOT_FOUND && candidate.status != LNX_E_RUNTIME_NOT_FOUND) told = &candidate;
  }
  Fail(told->status, {places, "ONNX Runtime 1.21 or later for this machine", told->path});
}

// The library is exactly one of those that a licence names.
void RequirePinned(const std::string& path, const std::vector<std::string>& pinned) {
  if (pinned.empty()) return;
  const auto file = platform::FileView::Open(path, 4ull << 30);
  static const char* digits = "0123456789abcdef";
  std::string hex;
  for (const uint8_t byte : crypto::Sha256(file->bytes())) {
    hex += digits[byte >> 4];
    hex += digits[byte & 15];
  }
  if (std::find(pinned.begin(), pinned.end(), hex) != pinned.end()) return;
  Fail(LNX_E_LICENSE_RUNTIME,
       {"SHA-256 " + hex, "one of those in the licence: " + pinned.front() + (pinned.size() > 1 ? ", ..." : ""), path});
}

}  // namespace

std::string TakeMessage(const OrtFunctions& ort, OrtStatus* status) {
  std::string message = ort.GetErrorMessage(status);
  ort.ReleaseStatus(status);
  return message;
}

void Say(OrtLoggingLevel severity, const std::string& text) noexcept { ForwardLog(nullptr, severity, "", "", "", text.c_str()); }

void Warn(const std::string& text) noexcept { Say(ORT_LOGGING_LEVEL_WARNING, text); }

LnxStatus StatusOfRun(const std::string& message, bool gpu, LnxStatus otherwise) {
  if (!gpu) return otherwise;
  const auto has = [&](std::initializer_list<const char*> words) {
    return std::any_of(words.begin(), words.end(), [&](const char* word) { return message.find(word) != std::string::npos; });
  };
  if (has({"out of memory", "Failed to allocate memory", "cudaErrorMemoryAllocation"})) return LNX_E_DEVICE_MEMORY;
  if (has({"no kernel image", "unsupported toolchain", "cuDNN is unavailable", "Invalid PTX"})) return LNX_E_DEVICE_UNAVAILABLE;
  if (has({"CUDA error", "CUDA failure", "CUDNN failure", "CUBLAS failure"})) return LNX_E_DEVICE_LOST;
  return otherwise;
}

void CheckOrt(const OrtFunctions& ort, OrtStatus* status, LnxStatus code, const char* where) {
  if (status != nullptr) Fail(code, {TakeMessage(ort, status), "success", where});
}

void SetLog(LnxLog log, void* user) {
  LogTarget& target = Target();
  const std::lock_guard<std::mutex> lock(target.mutex);
  target.log = log;
  target.user = user;
}

Runtime::Runtime() : state_(new State) {}

const RuntimeInfo& Runtime::info() const { return state_->info; }

const RuntimeInfo* Runtime::Loaded() noexcept {
  const Runtime* runtime = loaded.load();
  return runtime != nullptr ? &runtime->state_->info : nullptr;
}

Runtime& Runtime::Get(const std::string& runtime_dir, const std::vector<std::string>& pinned) {
  const std::lock_guard<std::mutex> lock(LoadMutex());
  std::vector<Candidate> candidates = FindCandidates(runtime_dir);
  if (Runtime* runtime = loaded.load()) {
    for (const Candidate& candidate : candidates) {
      if (candidate.status != LNX_OK) continue;
      if (platform::AbsolutePath(candidate.path) == platform::AbsolutePath(runtime->info().path)) {
        RequirePinned(runtime->info().path, pinned);
        return *runtime;
      }
      Fail(LNX_E_RUNTIME_CONFLICT, {"already loaded: " + runtime->info().path, candidate.path, candidate.source});
    }
    if (runtime_dir.empty()) {
      RequirePinned(runtime->info().path, pinned);
      return *runtime;
    }
    FailNotFound(candidates);
  }
  for (const Candidate& candidate : candidates) {
    if (candidate.status == LNX_OK) RequirePinned(candidate.path, pinned);
  }
  platform::StayLoaded();
  LoadedLibrary library;
  const auto usable =
      std::find_if(candidates.begin(), candidates.end(), [&](Candidate& c) { return LoadCandidate(&c, &library); });
  if (usable == candidates.end()) FailNotFound(candidates);

  auto* runtime = new Runtime;  // for the life of the process: releasing the environment crashes on both systems
  State& state = runtime->state();
  state.library = library.library;
  state.ort = library.functions;
  state.info.version = library.version;
  state.info.path = library.path;
  const OrtFunctions& ort = state.ort;
  CheckOrt(ort, ort.CreateEnvWithCustomLogger(ForwardLog, nullptr, ORT_LOGGING_LEVEL_WARNING, "lnx", &state.env),
           LNX_E_RUNTIME_LOAD, "CreateEnv");
  CheckOrt(ort, ort.DisableTelemetryEvents(state.env), LNX_E_RUNTIME_LOAD, "DisableTelemetryEvents");
  CheckOrt(ort, ort.CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &state.cpu), LNX_E_RUNTIME_LOAD,
           "CreateCpuMemoryInfo");
  CheckOrt(ort, ort.GetAllocatorWithDefaultOptions(&state.allocator), LNX_E_RUNTIME_LOAD, "GetAllocator");
  char** providers = nullptr;
  int count = 0;
  CheckOrt(ort, ort.GetAvailableProviders(&providers, &count), LNX_E_RUNTIME_LOAD, "GetAvailableProviders");
  for (int i = 0; i < count; ++i) state.info.providers.emplace_back(providers[i]);
  CheckOrt(ort, ort.ReleaseAvailableProviders(providers, count), LNX_E_RUNTIME_LOAD, "ReleaseAvailableProviders");
  loaded.store(runtime);
  return *runtime;
}

}  // namespace lnx::runtime
