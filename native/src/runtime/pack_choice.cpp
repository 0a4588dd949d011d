#include "runtime/pack_choice.h"

#include <algorithm>

namespace lnx::runtime {
namespace {

struct Capability {
  int major = 0, minor = 0;
};

struct Binaries {
  int count;
  Capability built[8];
};

struct PackRow {
  const char* name;
  const char* onnxruntime;
  const char* extra;
  int cuda;
  const char* windows_driver;
  const char* linux_driver;
  Binaries windows_sass, linux_sass;
  Capability ptx;  // 0.0 = none
  int jit_cuda;
  const char* windows_jit_driver;
  const char* linux_jit_driver;
};

const PackRow kPacks[] = {
#include "runtime/pack_table.inc"
};

const PackRow* Row(const std::string& name) {
  for (const PackRow& row : kPacks) {
    if (name == row.name) return &row;
  }
  return nullptr;
}

// NVML's number where there is one; else the CUDA version, which each driver raises with its number.
bool NewEnough(const DriverFacts& driver, int cuda, const std::string& floor) {
  if (driver.cuda_version < cuda) return false;
  return driver.version.empty() || VersionAtLeast(driver.version, floor);
}

std::string Told(const DriverFacts& driver) {
  const std::string cuda = std::to_string(driver.cuda_version / 1000) + "." + std::to_string(driver.cuda_version % 1000 / 10);
  return driver.version.empty() ? "a driver for CUDA " + cuda : "driver " + driver.version + " (CUDA " + cuda + ")";
}

const Binaries& SassOf(const PackRow& row, const DriverFacts& driver) {
  return driver.windows ? row.windows_sass : row.linux_sass;
}

bool HasBinary(const Binaries& sass, const Gpu& gpu) {
  return std::any_of(sass.built, sass.built + sass.count, [&](const Capability& built) {
    return built.major == gpu.capability_major && built.minor <= gpu.capability_minor;
  });
}

bool HasPortable(const PackRow& row, const Gpu& gpu) {
  if (row.ptx.major == 0) return false;
  return gpu.capability_major > row.ptx.major || (gpu.capability_major == row.ptx.major && gpu.capability_minor >= row.ptx.minor);
}

}  // namespace

const char* PackFitName(PackFit fit) {
  switch (fit) {
    case PackFit::kServes:
      return "serves";
    case PackFit::kNoDriver:
      return "no-driver";
    case PackFit::kDriverTooOld:
      return "driver-too-old";
    case PackFit::kNotForThisGpu:
      return "not-for-this-gpu";
  }
  return "";
}

bool VersionAtLeast(const std::string& version, const std::string& floor) {
  size_t a = 0, b = 0;
  const auto next = [](const std::string& text, size_t* at) {
    uint64_t number = 0;
    while (*at < text.size() && text[*at] >= '0' && text[*at] <= '9' && number < 1000000000) {
      number = number * 10 + static_cast<uint64_t>(text[(*at)++] - '0');
    }
    if (*at < text.size() && text[*at] == '.') {
      ++*at;
    } else {
      *at = text.size();
    }
    return number;
  };
  while (a < version.size() || b < floor.size()) {
    const uint64_t left = next(version, &a), right = next(floor, &b);
    if (left != right) return left > right;
  }
  return true;
}

PackVerdict PackServes(const std::string& pack, const DriverFacts& driver, const Gpu& gpu) {
  PackVerdict verdict;
  verdict.pack = pack;
  if (pack == "cpu") {
    verdict.fit = PackFit::kServes;
    return verdict;
  }
  const PackRow* row = Row(pack);
  if (row == nullptr) {
    verdict.fit = PackFit::kNotForThisGpu;
    verdict.found = "pack \"" + pack + "\"", verdict.needed = "cpu, cu12 or cu13";
    return verdict;
  }
  const std::string floor = driver.windows ? row->windows_driver : row->linux_driver;
  if (!driver.present) {
    verdict.fit = PackFit::kNoDriver;
    verdict.found = "no NVIDIA driver", verdict.needed = "NVIDIA driver " + floor + " or later";
    return verdict;
  }
  const Binaries& sass = SassOf(*row, driver);
  const bool binary = HasBinary(sass, gpu), portable = HasPortable(*row, gpu);
  if (!binary && !portable) {
    verdict.fit = PackFit::kNotForThisGpu;
    verdict.found =
        gpu.name + ", compute capability " + std::to_string(gpu.capability_major) + "." + std::to_string(gpu.capability_minor);
    for (int i = 0; i < sass.count; ++i) {
      verdict.needed += (i == 0 ? "compute capability " : ", ") + std::to_string(sass.built[i].major) + "." +
                        std::to_string(sass.built[i].minor);
    }
    return verdict;
  }
  const std::string jit = driver.windows ? row->windows_jit_driver : row->linux_jit_driver;
  const int cuda = binary ? row->cuda : row->jit_cuda;
  const std::string least = binary ? floor : jit;
  if (!NewEnough(driver, cuda, least)) {
    verdict.fit = PackFit::kDriverTooOld;
    verdict.found = Told(driver), verdict.needed = "NVIDIA driver " + least + " or later" + (binary ? "" : " for " + gpu.name);
    return verdict;
  }
  verdict.fit = PackFit::kServes;
  return verdict;
}

PackVerdict PackServesPc(const std::string& pack, const DriverFacts& driver, const std::vector<Gpu>& gpus) {
  if (gpus.empty() || pack == "cpu") {
    PackVerdict verdict = PackServes(pack, driver, Gpu());
    if (pack != "cpu" && driver.present) {
      verdict.fit = PackFit::kNotForThisGpu;
      verdict.found = "no NVIDIA GPU", verdict.needed = "an NVIDIA GPU";
    }
    return verdict;
  }
  PackVerdict first;
  for (const Gpu& gpu : gpus) {
    PackVerdict verdict = PackServes(pack, driver, gpu);
    if (verdict.fit == PackFit::kServes) return verdict;
    if (first.pack.empty()) first = verdict;
  }
  return first;
}

PackChoice ChoosePack(const DriverFacts& driver, const std::vector<Gpu>& gpus, const std::vector<std::string>& offered) {
  PackChoice choice;
  choice.pack = "cpu";
  size_t best = 0;  // GPUs served; a later pack must serve more to be taken
  for (const PackRow& row : kPacks) {
    choice.verdicts.push_back(PackServesPc(row.name, driver, gpus));
    if (!offered.empty() && std::find(offered.begin(), offered.end(), row.name) == offered.end()) continue;
    const auto served = static_cast<size_t>(std::count_if(
        gpus.begin(), gpus.end(), [&](const Gpu& gpu) { return PackServes(row.name, driver, gpu).fit == PackFit::kServes; }));
    if (served > best) best = served, choice.pack = row.name;
  }
  return choice;
}

std::vector<std::string> GpuPacks() {
  std::vector<std::string> names;
  for (const PackRow& row : kPacks) names.emplace_back(row.name);
  return names;
}

std::string PackRuntime(const std::string& pack) {
  const PackRow* row = Row(pack);
  return row == nullptr ? "" : row->onnxruntime;
}

std::string PackExtra(const std::string& pack) {
  const PackRow* row = Row(pack);
  return row == nullptr ? "cpu" : row->extra;
}

}  // namespace lnx::runtime
