// Versions, texts of errors, defaults of structs.
#include <cmath>
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

void LNX_CALL LnxInitOptionsInit(LnxInitOptions* options) {
  if (options == nullptr) return;
  *options = LnxInitOptions{};
  options->struct_size = sizeof *options;
  options->threshold = std::numeric_limits<double>::quiet_NaN();
  options->guard_band = std::numeric_limits<double>::quiet_NaN();
  options->min_area_px = std::numeric_limits<double>::quiet_NaN();
}

void LNX_CALL LnxRunOptionsInit(LnxRunOptions* options) {
  if (options == nullptr) return;
  *options = LnxRunOptions{};
  options->struct_size = sizeof *options;
  options->threshold = std::numeric_limits<double>::quiet_NaN();
  options->guard_band = std::numeric_limits<double>::quiet_NaN();
  options->min_area_px = std::numeric_limits<double>::quiet_NaN();
}

void LNX_CALL LnxDrawStyleInit(LnxDrawStyle* style) {
  if (style == nullptr) return;
  *style = LnxDrawStyle{};
  style->struct_size = sizeof *style;
  style->fill_opacity = -1.0f;
}

void LNX_CALL LnxImageInit(LnxImage* image, const void* data, int32_t width, int32_t height, int64_t stride_bytes,
                           LnxPixelFormat pixel_format) {
  if (image == nullptr) return;
  *image = LnxImage{};
  image->struct_size = sizeof *image;
  image->pixel_format = pixel_format;
  image->data = data;
  image->width = width;
  image->height = height;
  image->stride_bytes = stride_bytes != 0 ? stride_bytes : static_cast<int64_t>(width) * image::BytesPerPixel(pixel_format);
}

}  // extern "C"
