#include "runtime/cuda/provider.h"

#include <cmath>
#include <map>
#include <mutex>

#include "runtime/cuda/libraries.h"

namespace lnx::runtime::cuda {
namespace {

// x float32 [1, 1, 8, 8] -> Conv with a 3 x 3 kernel of ones, no padding -> y [1, 1, 6, 6]. Made by tools/conv_model.py.
constexpr uint8_t kConvolution[] = {
#include "runtime/cuda/conv_model.inc"
};
constexpr size_t kIn = 64, kOut = 36;

std::string Words(const Preloaded& preloaded, const std::vector<std::string>& missing) {
  std::string text;
  for (const std::string& name : missing) text += "; missing " + name;
  for (const std::string& failure : preloaded.failed) text += "; not loaded: " + failure;
  return text;
}

void Convolve(Runtime& runtime, int device) {
  Runtime::State& state = runtime.state();
  const OrtFunctions& ort = state.ort;
  constexpr LnxStatus kStatus = LNX_E_DEVICE_UNAVAILABLE;
  const char* where = "a convolution on the GPU";
  OrtSessionOptions* raw = nullptr;
  CheckOrt(ort, ort.CreateSessionOptions(&raw), kStatus, where);
  const Owned<OrtSessionOptions> options(raw, ort.ReleaseSessionOptions);
  ProviderOptions own;
  own.device = device;
  Append(runtime, raw, own);
  OrtSession* session = nullptr;
  CheckOrt(ort, ort.CreateSessionFromArray(state.env, kConvolution, sizeof kConvolution, raw, &session), kStatus, where);
  const Owned<OrtSession> keep_session(session, ort.ReleaseSession);
  float in[kIn], out[kOut] = {};
  for (size_t i = 0; i < kIn; ++i) in[i] = static_cast<float>(i);
  const int64_t in_shape[] = {1, 1, 8, 8}, out_shape[] = {1, 1, 6, 6};
  OrtValue *x = nullptr, *y = nullptr;
  const auto type = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  CheckOrt(ort, ort.CreateTensorWithDataAsOrtValue(state.cpu, in, sizeof in, in_shape, 4, type, &x), kStatus, where);
  const Owned<OrtValue> keep_x(x, ort.ReleaseValue);
  CheckOrt(ort, ort.CreateTensorWithDataAsOrtValue(state.cpu, out, sizeof out, out_shape, 4, type, &y), kStatus, where);
  const Owned<OrtValue> keep_y(y, ort.ReleaseValue);
  OrtIoBinding* binding = nullptr;
  CheckOrt(ort, ort.CreateIoBinding(session, &binding), kStatus, where);
  const Owned<OrtIoBinding> keep_binding(binding, ort.ReleaseIoBinding);
  CheckOrt(ort, ort.BindInput(binding, "x", x), kStatus, where);
  CheckOrt(ort, ort.BindOutput(binding, "y", y), kStatus, where);
  CheckOrt(ort, ort.RunWithBinding(session, nullptr, binding), kStatus, where);
  for (size_t i = 0; i < kOut; ++i) {
    const size_t row = i / 6, column = i % 6;
    const auto middle = static_cast<float>(9 * ((row + 1) * 8 + column + 1));  // nine times the value under the kernel's middle
    if (!(std::fabs(out[i] - middle) < 0.5f))
      Fail(kStatus, {"value " + std::to_string(i) + " is " + std::to_string(out[i]), std::to_string(middle), where});
  }
}

}  // namespace

std::vector<std::pair<std::string, std::string>> KeysAndValues(const ProviderOptions& o) {
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"device_id", std::to_string(o.device)},
      // Exhaustive search costs up to a second per shape and gains nothing afterwards; the default search can be 50 times slower.
      {"cudnn_conv_algo_search", "HEURISTIC"},
      {"cudnn_conv_use_max_workspace", "1"},
      {"arena_extend_strategy", "kSameAsRequested"},  // the other one doubles
      {"do_copy_in_default_stream", "1"},             // separate copies race
      {"use_tf32", o.tf32 ? "1" : "0"},
      {"enable_cuda_graph", o.graph ? "1" : "0"},
  };
  if (o.memory_limit != 0) pairs.emplace_back("gpu_mem_limit", std::to_string(o.memory_limit));
  return pairs;
}

void Append(Runtime& runtime, OrtSessionOptions* session, const ProviderOptions& options) {
  const OrtFunctions& ort = runtime.state().ort;
  const Preloaded preloaded = Preload(runtime.info().path);
  OrtCUDAProviderOptionsV2* raw = nullptr;
  CheckOrt(ort, ort.CreateCUDAProviderOptions(&raw), LNX_E_DEVICE_UNAVAILABLE, "CUDA options");
  const Owned<OrtCUDAProviderOptionsV2> cuda(raw, ort.ReleaseCUDAProviderOptions);
  const auto pairs = KeysAndValues(options);
  std::vector<const char*> keys, values;
  for (const auto& [key, value] : pairs) keys.push_back(key.c_str()), values.push_back(value.c_str());
  CheckOrt(ort, ort.UpdateCUDAProviderOptions(raw, keys.data(), values.data(), keys.size()), LNX_E_DEVICE_UNAVAILABLE,
           "CUDA options");
  // After the others, which begin with fresh options.
  if (options.stream != nullptr) {
    CheckOrt(ort, ort.UpdateCUDAProviderOptionsWithValue(raw, "user_compute_stream", options.stream), LNX_E_DEVICE_UNAVAILABLE,
             "CUDA stream");
  }
  OrtStatus* status = ort.SessionOptionsAppendExecutionProvider_CUDA_V2(session, raw);
  if (status == nullptr) return;
  const std::string message = TakeMessage(ort, status) + Words(preloaded, Missing(runtime.info().path));
  Fail(LNX_E_DEVICE_UNAVAILABLE, {message, "a complete GPU runtime pack", "cuda:" + std::to_string(options.device)});
}

void ProveConvolution(Runtime& runtime, int device) {
  static std::mutex* mutex = new std::mutex;
  static auto* proven = new std::map<int, bool>;
  const std::lock_guard<std::mutex> lock(*mutex);
  if ((*proven)[device]) return;
  try {
    Convolve(runtime, device);
  } catch (const Error& error) {
    Finding finding = error.finding();
    finding.found += Words(Preload(runtime.info().path), Missing(runtime.info().path));
    finding.where = "a convolution on cuda:" + std::to_string(device);
    throw Error(error.status(), finding);
  }
  (*proven)[device] = true;
}

}  // namespace lnx::runtime::cuda
