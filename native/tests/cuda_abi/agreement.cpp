// Compiled against FFmpeg's dynlink_cuda.h (Debian: libffmpeg-nvenc-dev), which declares the driver API without a CUDA toolkit:
// what we call has the signature that we say. Functions that it does not declare are listed in check.py.
#include <ffnvcodec/dynlink_cuda.h>

#include <cstdio>
#include <type_traits>

namespace {

// Same size and kind of parameter, whatever the type is called: handles are pointers, enums are ints.
template <typename A, typename B>
struct Same : std::bool_constant<sizeof(A) == sizeof(B) && std::is_pointer<A>::value == std::is_pointer<B>::value &&
                                 std::is_floating_point<A>::value == std::is_floating_point<B>::value> {};

template <typename A, typename B>
struct Agree : std::false_type {};
template <typename RA, typename... A, typename RB, typename... B>
struct Agree<RA(A...), RB(B...)>
    : std::bool_constant<sizeof...(A) == sizeof...(B) && Same<RA, RB>::value && (Same<A, B>::value && ...)> {};

using Result = int;
using Device = int;
using DevicePtr = unsigned long long;
using Context = void*;
using Stream = void*;
using Event = void*;
using Module = void*;
using Function = void*;

#include "declared.inc"

}  // namespace

int main() {
  std::puts("the driver functions agree with the header");
  return 0;
}
