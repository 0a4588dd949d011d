#include "runtime/installed_pack.h"

#include "base/platform.h"

#if defined(_WIN32)
#include <windows.h>
#endif

namespace lnx::runtime {

#if defined(_WIN32)
std::string InstalledPackFolder() {
  wchar_t folder[1024] = {};
  DWORD bytes = sizeof folder - sizeof(wchar_t);
  const LSTATUS status = RegGetValueW(HKEY_LOCAL_MACHINE, L"Software\\LNX", L"RuntimeDir", RRF_RT_REG_SZ | RRF_SUBKEY_WOW6464KEY,
                                      nullptr, folder, &bytes);
  return status == ERROR_SUCCESS ? platform::Narrow(folder) : "";
}
#else
std::string InstalledPackFolder() { return ""; }
#endif

}  // namespace lnx::runtime
