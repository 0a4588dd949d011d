// Holds what is known of the loaded ONNX Runtime, and turns its errors into ours. Internal to runtime/.
#pragma once

#include <memory>
#include <string>

#include "base/platform.h"
#include "base/status.h"
#include "runtime/cores.h"
#include "runtime/ort_api.h"
#include "runtime/runtime.h"

namespace lnx::runtime::cuda {
class GpuSession;
}

namespace lnx::runtime {

struct Runtime::State {
  RuntimeInfo info;
  platform::Library library;
  OrtFunctions ort;
  OrtEnv* env = nullptr;              // never released
  OrtMemoryInfo* cpu = nullptr;       // never released
  OrtAllocator* allocator = nullptr;  // ONNX Runtime's default allocator, not ours to free
  int gpu_models = 0;                 // made so far; read and written alone
};

// Text of a failed status; releases it.
std::string TakeMessage(const OrtFunctions& ort, OrtStatus* status);

// Throws `code` with ONNX Runtime's words unless status is NULL.
void CheckOrt(const OrtFunctions& ort, OrtStatus* status, LnxStatus code, const char* where);

// One line for the program's log, as if ONNX Runtime had said it.
void Say(OrtLoggingLevel severity, const std::string& text) noexcept;

// What a failed run (or creation, `otherwise`) on a GPU means, by ONNX Runtime's words.
LnxStatus StatusOfRun(const std::string& message, bool gpu, LnxStatus otherwise = LNX_E_INFERENCE);

// Owns one object of ONNX Runtime.
template <typename T>
class Owned {
 public:
  using Release = void(LNX_ORT_CALL*)(T*);
  Owned() = default;
  Owned(T* object, Release release) : object_(object), release_(release) {}
  Owned(Owned&& other) noexcept : object_(other.object_), release_(other.release_) { other.object_ = nullptr; }
  Owned& operator=(Owned&& other) noexcept {
    std::swap(object_, other.object_);
    std::swap(release_, other.release_);
    return *this;
  }
  ~Owned() {
    if (object_ != nullptr) release_(object_);
  }
  T* get() const { return object_; }

 private:
  T* object_ = nullptr;
  Release release_ = nullptr;
};

struct Model::State {
  Runtime::State* runtime = nullptr;
  std::unique_ptr<cuda::GpuSession> gpu;  // outlives the session, which uses its stream
  Owned<OrtSession> session;
  std::vector<IoInfo> inputs, outputs;
  LnxProvider provider = LNX_PROVIDER_CPU;
  std::string device_name, fallback_reason;
  Cores::Account cores;  // of a model on the CPU
  State();
  ~State();
};

bool ToDType(ONNXTensorElementDataType type, manifest::DType* dtype);
ONNXTensorElementDataType FromDType(manifest::DType dtype);

}  // namespace lnx::runtime
