// Versions, texts of errors, defaults of structs.
#include <algorithm>
#include <cstring>
#include <limits>

#include "api/boundary.h"
#include "image/image.h"
#include "runtime/runtime.h"

using namespace lnx;
using namespace lnx::api;

#define LNX_TEXT2(x) #x
#define LNX_TEXT(x) LNX_TEXT2(x)
#if defined(_MSC_VER)
#define LNX_COMPILER "msvc " LNX_TEXT(_MSC_FULL_VER)
#elif defined(__clang__)
#define LNX_COMPILER "clang " __clang_version__
#else
#define LNX_COMPILER "gcc " __VERSION__
#endif

namespace {

constexpr double kNotGiven = std::numeric_limits<double>::quiet_NaN();

// Writes no byte beyond the caller's struct, and zero into those that this library does not know.
template <typename Struct>
void FillStruct(Struct* out, uint32_t size, const Struct& value) {
  if (out == nullptr || size < sizeof(uint32_t)) return;
  std::memset(static_cast<void*>(out), 0, size);
  std::memcpy(static_cast<void*>(out), &value, std::min<size_t>(size, sizeof value));
  std::memcpy(static_cast<void*>(out), &size, sizeof size);  // struct_size comes first
}

}  // namespace

extern "C" {

LnxStatus LNX_CALL LnxGetVersion(LnxVersionInfo* info) {
  return Guarded("LnxGetVersion", [&] {
    RequirePointer(info, "info");
    LnxVersionInfo filled{};
    filled.abi_major = LNX_ABI_MAJOR;
    filled.abi_minor = LNX_ABI_MINOR;
    filled.sdk = LNX_VERSION;
    filled.build = LNX_COMPILER;
    const runtime::RuntimeInfo* runtime = runtime::Runtime::Loaded();
    filled.runtime_version = runtime != nullptr ? runtime->version.c_str() : "";
    filled.runtime_path = runtime != nullptr ? runtime->path.c_str() : "";
    WriteStruct(info, static_cast<uint32_t>(sizeof(LnxVersionInfo)), "info", filled);
  });
}

LnxStatus LNX_CALL LnxLastError(LnxErrorInfo* info) {
  if (info == nullptr) return LNX_E_NULL_POINTER;  // does not replace the error that is being asked for
  if (info->struct_size < sizeof(LnxErrorInfo)) return LNX_E_STRUCT_SIZE;
  FillErrorInfo(info);
  return LNX_OK;
}

const char* LNX_CALL LnxStatusText(LnxStatus status) { return status == LNX_OK ? "Success" : FindError(status).title; }
const char* LNX_CALL LnxStatusName(LnxStatus status) { return status == LNX_OK ? "LNX_OK" : FindError(status).name; }

void LNX_CALL LnxInitOptionsInitSized(LnxInitOptions* options, uint32_t struct_size) {
  LnxInitOptions filled{};
  filled.threshold = kNotGiven;
  filled.guard_band = kNotGiven;
  filled.min_area_px = kNotGiven;
  filled.tile_overlap = kNotGiven;
  FillStruct(options, struct_size, filled);
}

void LNX_CALL LnxRunOptionsInitSized(LnxRunOptions* options, uint32_t struct_size) {
  LnxRunOptions filled{};
  filled.threshold = kNotGiven;
  filled.guard_band = kNotGiven;
  filled.min_area_px = kNotGiven;
  FillStruct(options, struct_size, filled);
}

void LNX_CALL LnxDrawStyleInitSized(LnxDrawStyle* style, uint32_t struct_size) {
  LnxDrawStyle filled{};
  filled.fill_opacity = -1.0f;
  FillStruct(style, struct_size, filled);
}

void LNX_CALL LnxRecordOptionsInitSized(LnxRecordOptions* options, uint32_t struct_size) {
  FillStruct(options, struct_size, LnxRecordOptions{});
}

void LNX_CALL LnxImageInitSized(LnxImage* image, uint32_t struct_size, const void* data, int32_t width, int32_t height,
                                int64_t stride_bytes, LnxPixelFormat pixel_format) {
  LnxImage filled{};
  filled.pixel_format = pixel_format;
  filled.data = data;
  filled.width = width;
  filled.height = height;
  filled.stride_bytes = stride_bytes != 0 ? stride_bytes : image::RowBytes(pixel_format, width);
  FillStruct(image, struct_size, filled);
}

}  // extern "C"
