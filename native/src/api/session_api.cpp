// LnxInitialize ... LnxUninitialize: the life of a session.
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <mutex>
#include <string>

#include "api/boundary.h"
#include "api/handle_table.h"
#include "result/result.h"
#include "runtime/runtime.h"

using namespace lnx;
using namespace lnx::api;

namespace {

constexpr uint32_t kInitOptionsV1 = offsetof(LnxInitOptions, uint8_heads);
constexpr uint32_t kRunOptionsV1 = sizeof(LnxRunOptions);

// Initialize and Uninitialize are serialised: creating two device sessions at once crashes the runtime.
std::mutex& LifecycleMutex() {
  static std::mutex* mutex = new std::mutex;
  return *mutex;
}

void RequireRange(uint64_t value, uint64_t low, uint64_t high, const char* name) {
  if (value < low || value > high) {
    Fail(LNX_E_ARGUMENT, {std::to_string(value), std::to_string(low) + " .. " + std::to_string(high), name});
  }
}

void RequireFraction(double value, double high, const char* name) {
  if (!std::isnan(value) && !(value >= 0 && value <= high)) {
    Fail(LNX_E_ARGUMENT, {std::to_string(value), "0 .. " + std::to_string(high) + ", or NaN for the manifest's", name});
  }
}

LnxInitOptions CompleteOptions(const LnxInitOptions* given) {
  LnxInitOptions options;
  LnxInitOptionsInit(&options);
  ReadStruct(given, kInitOptionsV1, "options", &options);
  if (options.device == nullptr) options.device = "auto";
  for (const char* text : {options.device, options.runtime_dir, options.key_file, options.program, options.license_file}) {
    if (text != nullptr) RequireText(text, "options");
  }
  if (options.trusted_key_count > 0) RequirePointer(options.trusted_keys, "options.trusted_keys");
  RequireRange(options.trusted_key_count, 0, 1024, "options.trusted_key_count");
  for (uint32_t i = 0; i < options.trusted_key_count; ++i) RequireText(options.trusted_keys[i], "options.trusted_keys[]");
  if (options.run_slots == 0) options.run_slots = 1;
  if (options.queue_depth == 0) options.queue_depth = 8;
  if (options.warm_up_runs == 0) options.warm_up_runs = 2;
  RequireRange(options.run_slots, 1, 16, "options.run_slots");
  RequireRange(options.queue_depth, 1, 1024, "options.queue_depth");
  RequireRange(options.max_batch, 0, 64, "options.max_batch");
  RequireRange(options.cpu_threads, 0, 1024, "options.cpu_threads");
  RequireRange(options.submit_batch, 0, 64, "options.submit_batch");
  RequireRange(options.gpu_keep_warm_ms, 0, 3'600'000, "options.gpu_keep_warm_ms");
  RequireRange(options.keep_warm_minutes, 0, 1440, "options.keep_warm_minutes");
  RequireRange(options.warm_up_runs, 1, 1000, "options.warm_up_runs");
  RequireFraction(options.guard_band, 1e6, "options.guard_band");
  RequireFraction(options.min_area_px, 1e12, "options.min_area_px");
  RequireFraction(options.tile_overlap, manifest::kMaxTileOverlap, "options.tile_overlap");
  if (options.tile_width != std::numeric_limits<uint32_t>::max() && (options.tile_width != 0 || options.tile_height != 0)) {
    RequireRange(options.tile_width, 16, manifest::kMaxImageSide, "options.tile_width");
    RequireRange(options.tile_height, 16, manifest::kMaxImageSide, "options.tile_height");
  }
  RequireRange(options.uint8_heads, 0, 2, "options.uint8_heads");
  RequireRange(options.gpu_graph, 0, 1, "options.gpu_graph");
  RequireRange(options.gpu_preprocess, 0, 2, "options.gpu_preprocess");
  RequireRange(options.gpu_memory_mb, 0, 1u << 20, "options.gpu_memory_mb");
  RequireRange(options.gpu_tf32, 0, 1, "options.gpu_tf32");
  if (options.warm_up_width != 0 || options.warm_up_height != 0) {
    RequireRange(options.warm_up_width, 1, manifest::kMaxImageSide, "options.warm_up_width");
    RequireRange(options.warm_up_height, 1, manifest::kMaxImageSide, "options.warm_up_height");
  }
  if (options.class_threshold_count > 0) RequirePointer(options.class_thresholds, "options.class_thresholds");
  if (options.class_min_area_count > 0) RequirePointer(options.class_min_areas_px, "options.class_min_areas_px");
  return options;
}

LnxStatus Initialize(const std::string& path, const LnxInitOptions* options, LnxHandle* handle) {
  const LnxInitOptions complete = CompleteOptions(options);
  std::lock_guard<std::mutex> lock(LifecycleMutex());
  *handle = OpenHandle(session::Session::Initialize(path, complete));
  return LNX_OK;
}

void CheckImages(const LnxImage* images, uint32_t n) {
  RequirePointer(images, "images");
  RequireRange(n, 1, 64, "n");
  for (uint32_t i = 0; i < n; ++i) {
    if (images[i].struct_size != sizeof(LnxImage)) {
      Fail(LNX_E_STRUCT_SIZE, {"struct_size = " + std::to_string(images[i].struct_size),
                               std::to_string(sizeof(LnxImage)) + " (use LnxImageInit)", "images[" + std::to_string(i) + "]"});
    }
  }
}

// NULL stays NULL: the session's own parameters, without a copy.
const LnxRunOptions* CompleteRunOptions(const LnxRunOptions* given, LnxRunOptions* complete) {
  if (given == nullptr) return nullptr;
  LnxRunOptionsInit(complete);
  ReadStruct(given, kRunOptionsV1, "options", complete);
  if (complete->class_threshold_count > 0) RequirePointer(complete->class_thresholds, "options.class_thresholds");
  if (complete->class_min_area_count > 0) RequirePointer(complete->class_min_areas_px, "options.class_min_areas_px");
  RequireFraction(complete->min_area_px, 1e12, "options.min_area_px");
  return complete;
}

LnxResult ToResult(result::Storage* storage) { return reinterpret_cast<LnxResult>(storage); }

}  // namespace

extern "C" {

LnxStatus LNX_CALL LnxInitialize(const char* model_path, const LnxInitOptions* options, LnxHandle* handle) {
  return Guarded("LnxInitialize", [&] {
    RequirePointer(handle, "handle");
    Initialize(RequireText(model_path, "model_path"), options, handle);
  });
}

#if defined(_WIN32)
LnxStatus LNX_CALL LnxInitializeW(const wchar_t* model_path, const LnxInitOptions* options, LnxHandle* handle) {
  return Guarded("LnxInitializeW", [&] {
    RequirePointer(model_path, "model_path");
    RequirePointer(handle, "handle");
    Initialize(platform::Narrow(model_path), options, handle);
  });
}
#endif

LnxStatus LNX_CALL LnxRun(LnxHandle handle, const LnxImage* images, uint32_t n, const LnxRunOptions* options, LnxResult* result) {
  return Guarded("LnxRun", [&] {
    RequirePointer(result, "result");
    CheckImages(images, n);
    LnxRunOptions complete;
    const LnxRunOptions* run_options = CompleteRunOptions(options, &complete);
    Use session(handle);
    *result = ToResult(session->Run(images, n, run_options));
  });
}

LnxStatus LNX_CALL LnxRunRois(LnxHandle handle, const LnxImage* image, const LnxRect* rois, uint32_t n,
                              const LnxRunOptions* options, LnxResult* result) {
  return Guarded("LnxRunRois", [&] {
    RequirePointer(result, "result");
    CheckImages(image, 1);
    RequireRange(n, 1, 1024, "n");
    RequirePointer(rois, "rois");
    LnxRunOptions complete;
    const LnxRunOptions* run_options = CompleteRunOptions(options, &complete);
    Use session(handle);
    *result = ToResult(session->RunRois(*image, rois, n, run_options));
  });
}

LnxStatus LNX_CALL LnxSubmit(LnxHandle handle, const LnxImage* images, uint32_t n, const LnxRunOptions* options,
                             LnxTicket* ticket) {
  return Guarded("LnxSubmit", [&] {
    RequirePointer(ticket, "ticket");
    CheckImages(images, n);
    LnxRunOptions complete;
    const LnxRunOptions* run_options = CompleteRunOptions(options, &complete);
    Use session(handle);
    *ticket = session->Submit(images, n, run_options);
  });
}

LnxStatus LNX_CALL LnxWait(LnxHandle handle, LnxTicket ticket, uint32_t timeout_ms, LnxResult* result) {
  return Guarded("LnxWait", [&] {
    RequirePointer(result, "result");
    Use session(handle);
    *result = ToResult(session->Wait(ticket, timeout_ms));
  });
}

LnxStatus LNX_CALL LnxSetParam(LnxHandle handle, const char* key, const LnxValue* value) {
  return Guarded("LnxSetParam", [&] {
    const std::string name = RequireText(key, "key");
    RequirePointer(value, "value");
    LnxValue copy{};
    ReadStruct(value, static_cast<uint32_t>(sizeof(LnxValue)), "value", &copy);
    Use session(handle);
    session->SetParam(name, copy);
  });
}

LnxStatus LNX_CALL LnxGetParam(LnxHandle handle, const char* key, LnxValue* value) {
  return Guarded("LnxGetParam", [&] {
    const std::string name = RequireText(key, "key");
    RequirePointer(value, "value");
    Use session(handle);
    LnxValue current{};
    session->GetParam(name, &current);
    WriteStruct(value, static_cast<uint32_t>(sizeof(LnxValue)), "value", current);
  });
}

LnxStatus LNX_CALL LnxDescribeModel(LnxHandle handle, char* buffer, uint32_t capacity, uint32_t* needed) {
  return Guarded("LnxDescribeModel", [&] {
    Use session(handle);
    WriteText(session->DescribeJson(), buffer, capacity, needed);
  });
}

LnxStatus LNX_CALL LnxSelfTest(LnxHandle handle, LnxSelfTestReport* report) {
  return Guarded("LnxSelfTest", [&] {
    RequirePointer(report, "report");
    Use session(handle);
    LnxSelfTestReport filled{};
    const bool passed = session->SelfTest(&filled);
    WriteStruct(report, static_cast<uint32_t>(sizeof(LnxSelfTestReport)), "report", filled);
    if (!passed) {
      Fail(LNX_E_SELFTEST_FAILED, {"largest errors: pre " + std::to_string(filled.pre_max_error) + ", model " +
                                       std::to_string(filled.model_max_error) + ", post " + std::to_string(filled.post_max_error),
                                   "at most " + std::to_string(filled.pre_tolerance) + ", " +
                                       std::to_string(filled.model_tolerance) + ", " + std::to_string(filled.post_tolerance),
                                   "golden images"});
    }
  });
}

LnxStatus LNX_CALL LnxLicenseState(LnxHandle handle, LnxLicenseInfo* info) {
  return Guarded("LnxLicenseState", [&] {
    RequirePointer(info, "info");
    Use session(handle);
    LnxLicenseInfo filled{};
    session->License(&filled);
    WriteStruct(info, static_cast<uint32_t>(sizeof(LnxLicenseInfo)), "info", filled);
  });
}

LnxStatus LNX_CALL LnxLicenseFeatures(LnxHandle handle, char* buffer, uint32_t capacity, uint32_t* needed) {
  return Guarded("LnxLicenseFeatures", [&] {
    Use session(handle);
    WriteText(session->FeaturesJson(), buffer, capacity, needed);
  });
}

LnxStatus LNX_CALL LnxUninitialize(LnxHandle* handle) {
  return Guarded("LnxUninitialize", [&] {
    RequirePointer(handle, "handle");
    if (*handle == nullptr) return;
    std::unique_ptr<session::Session> session = CloseHandle(*handle);
    std::lock_guard<std::mutex> lock(LifecycleMutex());
    session.reset();
    *handle = nullptr;
  });
}

LnxStatus LNX_CALL LnxDescribeEnvironment(const char* runtime_dir, char* buffer, uint32_t capacity, uint32_t* needed) {
  return Guarded("LnxDescribeEnvironment", [&] {
    const std::string folder = runtime_dir == nullptr ? std::string() : RequireText(runtime_dir, "runtime_dir");
    WriteText(runtime::DescribeEnvironmentJson(folder), buffer, capacity, needed);
  });
}

}  // extern "C"
