#include "runtime/ort_api.h"

#include <cstring>

namespace lnx::runtime {

OrtFunctions ReadFunctions(const void* table) noexcept {
  OrtFunctions functions;
  const auto* slots = static_cast<void* const*>(table);
#define F(slot, name, arguments) std::memcpy(&functions.name, &slots[slot], sizeof(void*));
#define V(slot, result, name, arguments) std::memcpy(&functions.name, &slots[slot], sizeof(void*));
#include "runtime/ort_functions.inc"
#undef F
#undef V
  return functions;
}

}  // namespace lnx::runtime
