#include "runtime/cuda.h"

#include <algorithm>

#include "runtime/cuda/libraries.h"
#include "runtime/cuda/packs.h"
#include "runtime/driver_version.h"
#include "runtime/ort.h"

namespace lnx::runtime {
namespace {

// The number of "cuda" or "cuda:N".
int IndexOf(const std::string& device) {
  const std::string digits = device.compare(0, 5, "cuda:") == 0 ? device.substr(5) : device == "cuda" ? "0" : "";
  if (digits.empty() || digits.size() > 3 || digits.find_first_not_of("0123456789") != std::string::npos) {
    Fail(LNX_E_DEVICE_NOT_FOUND, {"\"" + device + "\"", "\"auto\", \"cpu\" or \"cuda:N\"", "device"});
  }
  return std::stoi(digits);
}

}  // namespace

GpuChoice ChooseGpu(Runtime& runtime, const DeviceRequest& request) {
  GpuChoice choice;
  if (request.device == "cpu") return choice;
  const bool automatic = request.device == "auto" || request.device.empty();
  if (!automatic) choice.index = IndexOf(request.device);
  choice.may_fall_back = automatic || request.allow_cpu_fallback;
  if (!request.no_gpu.empty()) {
    if (!choice.may_fall_back) Fail(LNX_E_LICENSE_FEATURE, {request.no_gpu, "device \"cpu\" or \"auto\"", "device"});
    choice.reason = request.no_gpu;
    return choice;
  }
  cuda::Situation situation;
  const GpuSurvey& survey = SurveyGpus();
  situation.driver = FactsOf(survey);
  (survey.driver ? situation.no_gpus : situation.no_driver) = survey.reason;
  situation.gpus = survey.gpus;
  situation.index = choice.index;
  situation.runtime_version = runtime.info().version;
  situation.runtime_path = runtime.info().path;
  const std::vector<std::string>& providers = runtime.info().providers;
  situation.has_provider = std::find(providers.begin(), providers.end(), "CUDAExecutionProvider") != providers.end();
  situation.cuda_major = situation.has_provider ? cuda::CudaMajorOf(runtime.info().path) : 0;
  const cuda::Refusal refusal = cuda::Judge(situation);
  if (refusal.status != LNX_OK) {
    if (!choice.may_fall_back) Fail(refusal.status, refusal.finding);
    choice.reason = refusal.finding.found;
    return choice;
  }
  choice.use = true;
  for (const cuda::Gpu& gpu : situation.gpus) {
    if (gpu.index == choice.index) choice.name = "cuda:" + std::to_string(choice.index) + " " + gpu.name;
  }
  return choice;
}

}  // namespace lnx::runtime
