#include "runtime/cuda/packs.h"

#include <algorithm>
#include <cstdio>

namespace lnx::runtime::cuda {
namespace {

constexpr int kCuda12 = 12000, kCuda128 = 12080, kCuda13 = 13000;
constexpr int kOldest = 75;  // Turing: cuDNN 9 has nothing for older GPUs
constexpr char kNeed12[] = "NVIDIA driver 527.41 or later (RTX 50: 570.65)";
constexpr char kNeed13[] = "NVIDIA driver 580 or later, or the pack cu12";

// What onnxruntime_providers_cuda holds, read out of the files of the published packages.
struct Code {
  int first_minor, last_minor;  // of 1.x
  bool windows;
  std::vector<int> machine;
  int ptx;  // 0 = none
};
const std::vector<Code>& KnownCode() {
  static const auto* code = new std::vector<Code>{
      {23, 26, true, {52, 61, 75, 86, 89}, 90},
      {23, 26, false, {60, 70, 75, 80, 86, 90}, 90},
      {27, 27, true, {75, 80, 86, 89, 90, 100, 120}, 120},
      {31, 31, true, {75, 80, 86, 89, 120}, 120},
      {31, 31, false, {75, 80, 86, 89, 90, 120}, 0},
  };
  return *code;
}

int Capability(const Gpu& gpu) { return 10 * gpu.capability_major + gpu.capability_minor; }

std::string CapabilityText(const Gpu& gpu) {
  return gpu.name + " (compute capability " + std::to_string(gpu.capability_major) + "." + std::to_string(gpu.capability_minor) +
         ")";
}

}  // namespace

std::string CudaText(int version) { return "CUDA " + std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }

bool HasCodeFor(const std::string& runtime_version, int capability, bool windows) {
  int major = 0, minor = 0;
  if (std::sscanf(runtime_version.c_str(), "%3d.%3d", &major, &minor) != 2 || major != 1) return true;
  for (const Code& code : KnownCode()) {
    if (code.windows != windows || minor < code.first_minor || minor > code.last_minor) continue;
    const bool machine = std::any_of(code.machine.begin(), code.machine.end(),
                                     [&](int one) { return one / 10 == capability / 10 && one <= capability; });
    return machine || (code.ptx != 0 && code.ptx <= capability);
  }
  return true;
}

Refusal Judge(const Situation& s) {
  const std::string where = "cuda:" + std::to_string(s.index);
  const Survey& survey = s.survey;
  const std::string runtime = "ONNX Runtime " + s.runtime_version + " at " + s.runtime_path;
  const bool needs13 = s.cuda_major >= 13;
  if (!survey.driver) return {LNX_E_DRIVER, {survey.reason, needs13 ? kNeed13 : kNeed12, where}};
  if (survey.cuda_version < kCuda12) return {LNX_E_DRIVER, {"a driver for " + CudaText(survey.cuda_version), kNeed12, where}};
  const auto gpu = std::find_if(survey.gpus.begin(), survey.gpus.end(), [&](const Gpu& g) { return g.index == s.index; });
  if (gpu == survey.gpus.end()) {
    const std::string found =
        survey.gpus.empty() && !survey.reason.empty() ? survey.reason : std::to_string(survey.gpus.size()) + " GPUs";
    return {LNX_E_DEVICE_NOT_FOUND, {found, "a number below that", where}};
  }
  if (!s.has_provider) {
    return {LNX_E_DEVICE_UNAVAILABLE, {runtime + " without CUDA", "a GPU runtime pack (pip install onnxruntime-gpu)", where}};
  }
  if (needs13 && survey.cuda_version < kCuda13) {
    return {LNX_E_DRIVER,
            {"a driver for " + CudaText(survey.cuda_version) + " and the pack cu13 (" + runtime + ")", kNeed13, where}};
  }
  const int capability = Capability(*gpu);
  if (capability < kOldest) {
    return {LNX_E_DEVICE_UNAVAILABLE,
            {CapabilityText(*gpu),
             "compute capability 7.5 or more (RTX 20, GTX 16 and later): cuDNN 9 has no code for older GPUs", where}};
  }
  if (s.cuda_major == 12 && capability >= 100 && survey.cuda_version < kCuda128) {
    return {LNX_E_DRIVER,
            {CapabilityText(*gpu) + " with a driver for " + CudaText(survey.cuda_version),
             "NVIDIA driver 570.65 or later for this GPU", where}};
  }
  if (!HasCodeFor(s.runtime_version, capability, s.windows)) {
    const std::string other = needs13 ? "cu12" : "cu13";
    return {LNX_E_DEVICE_UNAVAILABLE,
            {CapabilityText(*gpu) + ", for which " + runtime + " has no code", "the pack " + other + ", or another GPU", where}};
  }
  return {};
}

}  // namespace lnx::runtime::cuda
