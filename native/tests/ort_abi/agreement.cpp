// Compiled against the official onnxruntime_c_api.h: every slot that we use is where we say, with the signature that we say.
#include <onnxruntime_c_api.h>

#include <cstddef>
#include <cstdio>
#include <type_traits>

namespace {

template <typename Pointer>
struct Plain;  // without noexcept, which is not part of the ABI
template <typename Result, typename... Arguments>
struct Plain<Result(ORT_API_CALL*)(Arguments...)> {
  using Type = Result(ORT_API_CALL*)(Arguments...);
};
template <typename Result, typename... Arguments>
struct Plain<Result(ORT_API_CALL*)(Arguments...) noexcept> {
  using Type = Result(ORT_API_CALL*)(Arguments...);
};

constexpr int kSlots = 0
#define F(slot, name, arguments) +1
#define V(slot, result, name, arguments) +1
#include "runtime/ort_functions.inc"
#undef F
#undef V
    ;

#define V(slot, result, name, arguments)                                                                   \
  static_assert(offsetof(OrtApi, name) == (slot) * sizeof(void*), #name " is in another slot");            \
  static_assert(std::is_same<Plain<decltype(OrtApi::name)>::Type, result(ORT_API_CALL*) arguments>::value, \
                #name " has another signature");
#define F(slot, name, arguments) V(slot, OrtStatus*, name, arguments)
#include "runtime/ort_functions.inc"
#undef F
#undef V

static_assert(offsetof(OrtApiBase, GetApi) == 0 && offsetof(OrtApiBase, GetVersionString) == sizeof(void*), "OrtApiBase");
static_assert(ORT_API_VERSION >= 21, "the header is older than the version that we ask for");
static_assert(ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT == 1 && ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 == 2 &&
                  ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16 == 4 && ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 == 6 &&
                  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 == 7 && ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL == 9 &&
                  ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 == 10,
              "element types");
static_assert(ORT_LOGGING_LEVEL_WARNING == 2 && ORT_LOGGING_LEVEL_ERROR == 3 && ORT_SEQUENTIAL == 0 && ORT_ENABLE_ALL == 99 &&
                  OrtDeviceAllocator == 0 && OrtArenaAllocator == 1 && OrtMemTypeDefault == 0 && ORT_INVALID_ARGUMENT == 2,
              "enum values");

}  // namespace

int main() {
  std::printf("%d slots agree with the header of API %d\n", kSlots, ORT_API_VERSION);
  return 0;
}
