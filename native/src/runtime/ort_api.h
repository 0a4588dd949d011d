// The subset of ONNX Runtime's C ABI that we call, declared by us so that a build needs no ONNX Runtime package. The real
// library is loaded at run time; its function table is read slot by slot (ort_functions.inc).
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(_WIN32)
#define LNX_ORT_CALL __stdcall
#else
#define LNX_ORT_CALL
#endif

namespace lnx::runtime {

constexpr uint32_t kOrtApiVersion = 21;  // ONNX Runtime 1.21 and later answer to it

struct OrtStatus;
struct OrtEnv;
struct OrtSession;
struct OrtSessionOptions;
struct OrtRunOptions;
struct OrtMemoryInfo;
struct OrtAllocator;
struct OrtValue;
struct OrtTypeInfo;
struct OrtTensorTypeAndShapeInfo;
struct OrtIoBinding;
struct OrtCUDAProviderOptionsV2;

enum OrtErrorCode : int { ORT_OK, ORT_FAIL, ORT_INVALID_ARGUMENT, ORT_NO_SUCHFILE, ORT_NO_MODEL };
enum OrtLoggingLevel : int {
  ORT_LOGGING_LEVEL_VERBOSE,
  ORT_LOGGING_LEVEL_INFO,
  ORT_LOGGING_LEVEL_WARNING,
  ORT_LOGGING_LEVEL_ERROR
};
enum ExecutionMode : int { ORT_SEQUENTIAL = 0 };
enum GraphOptimizationLevel : int { ORT_DISABLE_ALL = 0, ORT_ENABLE_BASIC = 1, ORT_ENABLE_EXTENDED = 2, ORT_ENABLE_ALL = 99 };
enum OrtAllocatorType : int { OrtDeviceAllocator = 0, OrtArenaAllocator = 1 };
enum OrtMemType : int { OrtMemTypeDefault = 0 };
enum ONNXTensorElementDataType : int {
  ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT = 1,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 = 2,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16 = 4,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 = 6,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 = 7,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL = 9,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 = 10
};

#if defined(_WIN32)
using ORTCHAR_T = wchar_t;
#else
using ORTCHAR_T = char;
#endif

using OrtLoggingFunction = void(LNX_ORT_CALL*)(void* param, OrtLoggingLevel severity, const char* category, const char* logid,
                                               const char* code_location, const char* message);

struct OrtApiBase {
  const void*(LNX_ORT_CALL* GetApi)(uint32_t version);  // the table, NULL when the version is not offered
  const char*(LNX_ORT_CALL* GetVersionString)();
};
using OrtGetApiBaseFunction = const OrtApiBase*(LNX_ORT_CALL*)();

// The functions as members, read out of the table of a loaded library.
struct OrtFunctions {
#define F(slot, name, arguments) OrtStatus*(LNX_ORT_CALL * name) arguments = nullptr;
#define V(slot, result, name, arguments) result(LNX_ORT_CALL* name) arguments = nullptr;
#include "runtime/ort_functions.inc"
#undef F
#undef V
};

OrtFunctions ReadFunctions(const void* table) noexcept;

}  // namespace lnx::runtime
