// The number of the NVIDIA driver as its release notes name it. The driver library itself only tells the CUDA version.
#pragma once

#include <string>

#include "runtime/pack_choice.h"

namespace lnx::runtime {

const std::string& DriverVersion() noexcept;            // "580.88" from NVML, asked once; "" when there is none
DriverFacts FactsOf(const GpuSurvey& survey) noexcept;  // with the version, when there is a driver

}  // namespace lnx::runtime
