#include "runtime/cuda/packs.h"

#include <algorithm>

namespace lnx::runtime::cuda {
namespace {

constexpr int kOldestMajor = 7, kOldestMinor = 5;  // Turing: cuDNN 9 has nothing for older GPUs

bool TooOld(const Gpu& gpu) {
  return gpu.capability_major < kOldestMajor || (gpu.capability_major == kOldestMajor && gpu.capability_minor < kOldestMinor);
}

// What would make the GPU usable: this pack's need, and what the other packs make of the same PC.
std::string Needed(const Situation& s, const PackVerdict& verdict, const Gpu& gpu) {
  std::string text = verdict.needed;
  for (const std::string& pack : GpuPacks()) {
    if (pack == verdict.pack) continue;
    const PackVerdict other = PackServes(pack, s.driver, gpu);
    if (other.fit == PackFit::kServes) {
      text += ", or the pack " + pack;
    } else if (other.fit != PackFit::kNotForThisGpu) {
      text += " (with the pack " + pack + ": " + other.needed + ")";
    }
  }
  return text;
}

// "" when nobody knows which pack this is.
std::string PackOf(const Situation& s) { return s.cuda_major == 0 ? "" : "cu" + std::to_string(s.cuda_major); }

// Some GPU that every pack serves: stands for one that cannot be asked.
Gpu Ordinary() {
  Gpu gpu;
  gpu.capability_major = 8, gpu.capability_minor = 6;
  return gpu;
}

}  // namespace

Refusal Judge(const Situation& s) {
  const std::string where = "cuda:" + std::to_string(s.index);
  const std::string runtime = "ONNX Runtime " + s.runtime_version + " at " + s.runtime_path;
  const std::vector<std::string> packs = GpuPacks();
  // Without a known pack the one with the lowest needs stands for it: whatever it is, it needs that much.
  const std::string known = PackOf(s), pack = known.empty() ? packs.back() : known;
  const auto gpu = std::find_if(s.gpus.begin(), s.gpus.end(), [&](const Gpu& g) { return g.index == s.index; });
  const Gpu judged = gpu == s.gpus.end() ? Ordinary() : *gpu;
  const PackVerdict verdict = PackServes(pack, s.driver, judged);
  if (verdict.fit == PackFit::kNoDriver) return {LNX_E_DRIVER, {s.no_driver, Needed(s, verdict, judged), where}};
  if (verdict.fit == PackFit::kDriverTooOld) {
    const std::string with = known.empty() ? "" : " and the pack " + pack + " (" + runtime + ")";
    return {LNX_E_DRIVER, {verdict.found + with, Needed(s, verdict, judged), where}};
  }
  if (gpu == s.gpus.end()) {
    const std::string found = s.gpus.empty() && !s.no_gpus.empty() ? s.no_gpus : std::to_string(s.gpus.size()) + " GPUs";
    return {LNX_E_DEVICE_NOT_FOUND, {found, "a number below that", where}};
  }
  if (!s.has_provider) {
    return {LNX_E_DEVICE_UNAVAILABLE, {runtime + " without CUDA", "a GPU runtime pack (pip install onnxruntime-gpu)", where}};
  }
  if (verdict.fit == PackFit::kServes) return {};
  if (TooOld(*gpu)) {
    return {
        LNX_E_DEVICE_UNAVAILABLE,
        {verdict.found, "compute capability 7.5 or more (RTX 20, GTX 16 and later): cuDNN 9 has no code for older GPUs", where}};
  }
  // What other versions hold, nobody has looked into: they are tried, and the convolution at the start tells.
  if (s.runtime_version != PackRuntime(pack)) return {};
  return {LNX_E_DEVICE_UNAVAILABLE, {verdict.found + ", for which " + runtime + " has no code", Needed(s, verdict, *gpu), where}};
}

}  // namespace lnx::runtime::cuda
