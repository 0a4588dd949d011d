// The scan for NaN and infinity, in its plain and its fast form. Internal to decode/.
#pragma once

#include <cstddef>

namespace lnx::decode {

bool AllFinitePortable(const float* values, size_t n) noexcept;
#if defined(__x86_64__) || defined(_M_X64)
bool AllFiniteAvx2(const float* values, size_t n) noexcept;  // only on processors with AVX2
#endif

}  // namespace lnx::decode
