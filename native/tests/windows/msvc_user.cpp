// A program as Visual Studio builds it: Microsoft's ABI, our header, our import library. It uses kernel32 alone, because neither
// the Windows SDK nor the MSVC runtime is at hand where this is built. The C ABI needs no more. Environment: LNX_TEST_MODEL,
// LNX_TEST_KEY. Prints one line of JSON, or the error.
#include "lnx/lnx.h"

extern "C" {
__declspec(dllimport) void* __stdcall GetStdHandle(unsigned long);
__declspec(dllimport) int __stdcall WriteFile(void*, const void*, unsigned long, unsigned long*, void*);
__declspec(dllimport) __declspec(noreturn) void __stdcall ExitProcess(unsigned int);
__declspec(dllimport) unsigned long __stdcall GetEnvironmentVariableW(const wchar_t*, wchar_t*, unsigned long);
__declspec(dllimport) int __stdcall WideCharToMultiByte(unsigned, unsigned long, const wchar_t*, int, char*, int, const char*,
                                                        int*);
int _fltused = 0;  // what the MSVC runtime defines for programs that use floating point

// The compiler may call these for its own purposes.
#pragma function(memset, memcpy)
void* memset(void* to, int value, size_t n) {
  for (size_t i = 0; i < n; ++i) static_cast<volatile unsigned char*>(to)[i] = static_cast<unsigned char>(value);
  return to;
}
void* memcpy(void* to, const void* from, size_t n) {
  for (size_t i = 0; i < n; ++i) static_cast<volatile unsigned char*>(to)[i] = static_cast<const unsigned char*>(from)[i];
  return to;
}
}

static wchar_t model[4096], key[4096];
static char key_utf8[8192], json[1 << 18];
static unsigned char pixels[256 * 256 * 3];

static void Put(const char* text) {
  unsigned long n = 0, written = 0;
  while (text[n]) ++n;
  WriteFile(GetStdHandle(static_cast<unsigned long>(-11)), text, n, &written, nullptr);
}

[[noreturn]] static void Leave() {
  LnxErrorInfo error = {};
  error.struct_size = sizeof error;
  LnxLastError(&error);
  Put(error.message);
  ExitProcess(1);
}

extern "C" [[noreturn]] void entry() {
  GetEnvironmentVariableW(L"LNX_TEST_MODEL", model, 4096);
  GetEnvironmentVariableW(L"LNX_TEST_KEY", key, 4096);
  WideCharToMultiByte(65001, 0, key, -1, key_utf8, sizeof key_utf8, nullptr, nullptr);
  for (unsigned i = 0; i < sizeof pixels; ++i) pixels[i] = static_cast<unsigned char>(i * 2654435761u >> 24);

  LnxInitOptions options;
  LnxInitOptionsInit(&options);
  const char* keys[1] = {key_utf8};
  options.device = "cpu";
  options.trusted_keys = keys;
  options.trusted_key_count = 1;
  LnxHandle session = nullptr;
  if (LnxInitializeW(model, &options, &session) != LNX_OK) Leave();
  LnxImage image;
  LnxImageInit(&image, pixels, 256, 256, 0, LNX_PIXEL_BGR8);
  LnxResult result = nullptr;
  if (LnxRun(session, &image, 1, nullptr, &result) != LNX_OK) Leave();
  LnxSummary summary = {};
  summary.struct_size = sizeof summary;
  if (LnxResultSummary(result, 0, &summary) != LNX_OK || summary.image_width != 256) Leave();
  if (LnxResultToJson(result, 0, json, sizeof json, nullptr) != LNX_OK) Leave();
  Put(json);
  Put("\n");
  LnxResultRelease(result);
  LnxUninitialize(&session);
  ExitProcess(LnxRun(session, &image, 1, nullptr, &result) == LNX_E_HANDLE ? 0 : 1);
}
