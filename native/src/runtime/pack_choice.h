// Which runtime pack suits a PC: from the NVIDIA driver and the compute capability of its GPUs. The one place that decides it;
// the doctor and the installer both ask here. The table is common/runtime_packs.toml.
#pragma once

#include <string>
#include <vector>

#include "runtime/cuda.h"

namespace lnx::runtime {

// What the driver says about itself.
struct DriverFacts {
  bool present = false;
  int cuda_version = 0;  // 12000 = CUDA 12.0
  std::string version;   // "580.88"; "" when NVML does not tell, then the CUDA version stands for it
  bool windows = false;  // whose driver numbers count
};

enum class PackFit { kServes, kNoDriver, kDriverTooOld, kNotForThisGpu };
const char* PackFitName(PackFit fit);  // "serves", "no-driver", "driver-too-old", "not-for-this-gpu"

struct PackVerdict {
  std::string pack;  // "cu13"
  PackFit fit = PackFit::kNoDriver;
  std::string found, needed;  // "driver 522.06", "driver 527.41 or later"
};

// One pack against one GPU. An unknown pack serves nothing; "cpu" serves everything.
PackVerdict PackServes(const std::string& pack, const DriverFacts& driver, const Gpu& gpu);
// One pack against a PC: served when one of its GPUs is. Otherwise what is missing for the first of them.
PackVerdict PackServesPc(const std::string& pack, const DriverFacts& driver, const std::vector<Gpu>& gpus);

struct PackChoice {
  std::string pack;                   // "cu13", "cu12" or "cpu"
  std::vector<PackVerdict> verdicts;  // of every GPU pack, best first
};

// The first pack that serves every GPU which any pack serves, or else the first that serves one; "cpu" when none does.
// offered: the packs that can be had, in any order; empty = all.
PackChoice ChoosePack(const DriverFacts& driver, const std::vector<Gpu>& gpus, const std::vector<std::string>& offered = {});

std::vector<std::string> GpuPacks();                                        // names, best first
std::string PackRuntime(const std::string& pack);                           // its ONNX Runtime version, "" when unknown
std::string PackExtra(const std::string& pack);                             // "gpu": lnx-edge[gpu]; "cpu" for the CPU
bool VersionAtLeast(const std::string& version, const std::string& floor);  // "570.124" >= "570.65", number by number

}  // namespace lnx::runtime
