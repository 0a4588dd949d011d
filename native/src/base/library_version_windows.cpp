// The version of a library, without version.dll.
#include <windows.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "base/platform.h"

namespace lnx::platform {
namespace {

// Out of the version resource, which version.dll would read too, but that is one library more to depend on. A VS_FIXEDFILEINFO
// begins with its signature, aligned to 4 bytes; two numbers further are the file's version.
std::string VersionOfModule(HMODULE module) {
  const HRSRC found = FindResourceW(module, MAKEINTRESOURCEW(1), MAKEINTRESOURCEW(16));  // VS_VERSION_INFO, RT_VERSION
  const HGLOBAL loaded = found == nullptr ? nullptr : LoadResource(module, found);
  const auto* bytes = loaded == nullptr ? nullptr : static_cast<const uint8_t*>(LockResource(loaded));
  if (bytes == nullptr) return "";
  const size_t size = SizeofResource(module, found);
  for (size_t at = 0; at + 16 <= size; at += 4) {
    uint32_t words[4];
    std::memcpy(words, bytes + at, sizeof words);
    if (words[0] != 0xFEEF04BDu) continue;
    return std::to_string(words[2] >> 16) + "." + std::to_string(words[2] & 0xFFFF) + "." + std::to_string(words[3] >> 16) + "." +
           std::to_string(words[3] & 0xFFFF);
  }
  return "";
}

}  // namespace

std::string LibraryVersion(const std::string& name, const std::string& folder) {
  if (const HMODULE loaded = GetModuleHandleW(Widen(name).c_str())) return VersionOfModule(loaded);
  const std::string beside = JoinPath(folder, name);
  const std::string path = FileExists(beside) ? beside : JoinPath(GetEnv("SystemRoot"), "System32\\" + name);
  const HMODULE data =
      LoadLibraryExW(Widen(AbsolutePath(path)).c_str(), nullptr, LOAD_LIBRARY_AS_DATAFILE | LOAD_LIBRARY_AS_IMAGE_RESOURCE);
  if (data == nullptr) return "";
  const std::string version = VersionOfModule(data);
  FreeLibrary(data);
  return version;
}

}  // namespace lnx::platform
