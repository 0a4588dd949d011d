// The Windows side of base/platform.h. Paths are UTF-8 outside and UTF-16 towards the system.
#include <windows.h>
#undef ReplaceFile  // a macro; here it is a function of ours

#include <io.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/platform.h"
#include "base/status.h"

namespace lnx::platform {
namespace {

class Handle {
 public:
  explicit Handle(HANDLE handle) : handle_(handle) {}
  ~Handle() {
    if (handle_ != nullptr && handle_ != INVALID_HANDLE_VALUE) CloseHandle(handle_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  HANDLE get() const { return handle_; }

 private:
  HANDLE handle_;
};

// For the system's file functions: a path near or beyond MAX_PATH becomes absolute and gets the prefix that lifts the limit.
std::wstring SystemPath(const std::string& utf8) {
  constexpr size_t kPlainLimit = 240;  // MAX_PATH is 260, for folders 248; a file name of ours may still be added
  std::wstring wide = Widen(utf8);
  if (wide.size() < kPlainLimit || wide.compare(0, 4, L"\\\\?\\") == 0) return wide;
  wide = Widen(AbsolutePath(utf8));
  return wide.compare(0, 2, L"\\\\") == 0 ? L"\\\\?\\UNC" + wide.substr(1) : L"\\\\?\\" + wide;
}

class MappedFile final : public FileView {
 public:
  MappedFile(const void* memory, size_t bytes) : memory_(memory), bytes_(bytes) {}
  ~MappedFile() override {
    if (memory_ != nullptr) UnmapViewOfFile(memory_);
  }
  Bytes bytes() const override { return {static_cast<const uint8_t*>(memory_), bytes_}; }

 private:
  const void* memory_;
  size_t bytes_;
};

[[noreturn]] void FailRead(const std::string& path, DWORD code) {
  const bool missing = code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND || code == ERROR_INVALID_NAME;
  Fail(missing ? LNX_E_FILE_NOT_FOUND : LNX_E_FILE_READ,
       {OsErrorText(code), "a readable file", path, {}, static_cast<int64_t>(code)});
}

std::string ModulePath(HMODULE module) {
  std::wstring path(1024, L'\0');
  for (;;) {
    const DWORD n = GetModuleFileNameW(module, &path[0], static_cast<DWORD>(path.size()));
    if (n < path.size()) return Narrow(path.substr(0, n).c_str());
    path.resize(path.size() * 2);
  }
}

}  // namespace

std::wstring Widen(const std::string& utf8) {
  if (utf8.empty()) return {};
  const int n = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, utf8.data(), static_cast<int>(utf8.size()), nullptr, 0);
  if (n <= 0) Fail(LNX_E_TEXT_ENCODING, {"bytes that are not UTF-8", "UTF-8 text", "path"});
  std::wstring wide(static_cast<size_t>(n), L'\0');
  MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, utf8.data(), static_cast<int>(utf8.size()), &wide[0], n);
  return wide;
}

std::string Narrow(const wchar_t* utf16) {
  const int n = WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, utf16, -1, nullptr, 0, nullptr, nullptr);
  if (n <= 0) Fail(LNX_E_TEXT_ENCODING, {"text that is not UTF-16", "UTF-16 text", "path"});
  std::string utf8(static_cast<size_t>(n), '\0');
  WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, utf16, -1, &utf8[0], n, nullptr, nullptr);
  utf8.resize(static_cast<size_t>(n) - 1);
  return utf8;
}

namespace {

HANDLE OpenForRead(const std::string& path) {
  const std::wstring wide = SystemPath(path);
  const DWORD attributes = GetFileAttributesW(wide.c_str());
  if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY)) {
    Fail(LNX_E_FILE_READ, {"a folder", "a readable file", path});
  }
  const DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  const HANDLE file = CreateFileW(wide.c_str(), GENERIC_READ, share, nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) FailRead(path, GetLastError());
  return file;
}

uint64_t SizeOf(HANDLE file, const std::string& path, uint64_t max_bytes) {
  LARGE_INTEGER size = {};
  if (!GetFileSizeEx(file, &size)) FailRead(path, GetLastError());
  const auto bytes = static_cast<uint64_t>(size.QuadPart);
  if (bytes > max_bytes) {
    Fail(LNX_E_LIMIT, {std::to_string(bytes) + " bytes", "at most " + std::to_string(max_bytes) + " bytes", path});
  }
  return bytes;
}

class OpenFile final : public InputFile {
 public:
  OpenFile(const std::string& path, uint64_t max_bytes)
      : file_(OpenForRead(path)), bytes_(SizeOf(file_.get(), path, max_bytes)), path_(path) {}
  uint64_t bytes() const override { return bytes_; }
  void Read(uint64_t offset, uint8_t* to, size_t n) const override {
    while (n > 0) {
      OVERLAPPED at = {};
      at.Offset = static_cast<DWORD>(offset);
      at.OffsetHigh = static_cast<DWORD>(offset >> 32);
      DWORD got = 0;
      const auto part = static_cast<DWORD>(std::min<size_t>(n, 64u << 20));
      const bool done = ReadFile(file_.get(), to, part, &got, &at) != 0;
      if (!done && GetLastError() != ERROR_HANDLE_EOF) FailRead(path_, GetLastError());
      if (got == 0) Fail(LNX_E_FILE_READ, {"the end at byte " + std::to_string(offset), "a file that keeps its size", path_});
      offset += got;
      to += got;
      n -= got;
    }
  }

 private:
  Handle file_;
  uint64_t bytes_;
  std::string path_;
};

}  // namespace

std::unique_ptr<InputFile> InputFile::Open(const std::string& path, uint64_t max_bytes) {
  return std::make_unique<OpenFile>(path, max_bytes);
}

std::unique_ptr<FileView> FileView::Open(const std::string& path, uint64_t max_bytes) {
  const Handle file(OpenForRead(path));
  const uint64_t bytes = SizeOf(file.get(), path, max_bytes);
  if (bytes == 0) return std::make_unique<MappedFile>(nullptr, 0);
  const Handle mapping(CreateFileMappingW(file.get(), nullptr, PAGE_READONLY, 0, 0, nullptr));
  const void* memory = mapping.get() != nullptr ? MapViewOfFile(mapping.get(), FILE_MAP_READ, 0, 0, 0) : nullptr;
  if (memory == nullptr) FailRead(path, GetLastError());
  return std::make_unique<MappedFile>(memory, static_cast<size_t>(bytes));
}

bool FileExists(const std::string& path) noexcept {
  try {
    return GetFileAttributesW(SystemPath(path).c_str()) != INVALID_FILE_ATTRIBUTES;
  } catch (...) {
    return false;
  }
}

std::vector<std::string> ListFiles(const std::string& folder) {
  std::vector<std::string> files;
  WIN32_FIND_DATAW found = {};
  const HANDLE search = FindFirstFileW(SystemPath(JoinPath(folder, "*")).c_str(), &found);
  if (search == INVALID_HANDLE_VALUE) return files;
  do {
    if (!(found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)) files.push_back(JoinPath(folder, Narrow(found.cFileName)));
  } while (FindNextFileW(search, &found));
  FindClose(search);
  std::sort(files.begin(), files.end());
  return files;
}

std::string JoinPath(const std::string& folder, const std::string& name) {
  if (folder.empty()) return name;
  return folder.back() == '/' || folder.back() == '\\' ? folder + name : folder + "\\" + name;
}

std::string ParentPath(const std::string& path) {
  const size_t slash = path.find_last_of("/\\");
  return slash == std::string::npos ? "." : path.substr(0, slash == 2 ? 3 : slash);
}

std::string AbsolutePath(const std::string& path) {
  const std::wstring wide = Widen(path);
  const DWORD n = GetFullPathNameW(wide.c_str(), 0, nullptr, nullptr);
  if (n == 0) return path;
  std::wstring full(n, L'\0');
  full.resize(GetFullPathNameW(wide.c_str(), n, &full[0], nullptr));
  return Narrow(full.c_str());
}

void MakeFolders(const std::string& path) {
  for (size_t slash = path.find_first_of("/\\", 3);; slash = path.find_first_of("/\\", slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (!CreateDirectoryW(SystemPath(part).c_str(), nullptr) && GetLastError() != ERROR_ALREADY_EXISTS) {
      const DWORD code = GetLastError();
      Fail(LNX_E_FILE_READ, {OsErrorText(code), "a folder that can be made", part, {}, static_cast<int64_t>(code)});
    }
    if (slash == std::string::npos) return;
  }
}

std::FILE* OpenForAppend(const std::string& path) noexcept {
  try {
    return _wfsopen(SystemPath(path).c_str(), L"ab", 0x40);  // _SH_DENYNO: readers may follow the file
  } catch (...) {
    return nullptr;
  }
}

bool RenameFile(const std::string& from, const std::string& to) noexcept {
  try {
    return MoveFileExW(SystemPath(from).c_str(), SystemPath(to).c_str(), MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH) != 0;
  } catch (...) {
    return false;
  }
}

bool RemoveFile(const std::string& path) noexcept {
  try {
    return DeleteFileW(SystemPath(path).c_str()) != 0;
  } catch (...) {
    return false;
  }
}

uint64_t FileBytes(const std::string& path) noexcept {
  try {
    WIN32_FILE_ATTRIBUTE_DATA data = {};
    if (!GetFileAttributesExW(SystemPath(path).c_str(), GetFileExInfoStandard, &data)) return 0;
    return (static_cast<uint64_t>(data.nFileSizeHigh) << 32) | data.nFileSizeLow;
  } catch (...) {
    return 0;
  }
}

void FlushToDisk(std::FILE* file) noexcept {
  std::fflush(file);
  FlushFileBuffers(reinterpret_cast<HANDLE>(_get_osfhandle(_fileno(file))));
}

std::string GetEnv(const char* name) {
  const std::wstring wide = Widen(name);
  const DWORD n = GetEnvironmentVariableW(wide.c_str(), nullptr, 0);
  if (n == 0) return "";
  std::wstring value(n, L'\0');
  value.resize(GetEnvironmentVariableW(wide.c_str(), &value[0], n));
  return Narrow(value.c_str());
}

void SetEnv(const char* name, const char* value) { SetEnvironmentVariableW(Widen(name).c_str(), Widen(value).c_str()); }

std::string ExecutablePath() { return ModulePath(nullptr); }

std::string LibraryPathOfAddress(const void* address) {
  HMODULE module = nullptr;
  const DWORD flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
  if (!GetModuleHandleExW(flags, static_cast<LPCWSTR>(address), &module)) return "";
  return ModulePath(module);
}

std::string OwnLibraryFolder() {
  static const char marker = 0;
  return ParentPath(LibraryPathOfAddress(&marker));
}

void StayLoaded() noexcept {
  static const char marker = 0;
  HMODULE module = nullptr;
  const DWORD flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
  GetModuleHandleExW(flags, reinterpret_cast<LPCWSTR>(&marker), &module);
}

uint32_t ProcessId() noexcept { return GetCurrentProcessId(); }

uint32_t PhysicalCores() noexcept {
  DWORD bytes = 0;
  GetLogicalProcessorInformationEx(RelationProcessorCore, nullptr, &bytes);
  try {
    std::vector<uint8_t> buffer(bytes);
    auto* first = reinterpret_cast<SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX*>(buffer.data());
    if (bytes == 0 || !GetLogicalProcessorInformationEx(RelationProcessorCore, first, &bytes)) return 1;
    uint32_t cores = 0;
    BYTE best = 0;  // where cores differ, the fast ones have the highest class
    for (DWORD at = 0; at < bytes;) {
      const auto* core = reinterpret_cast<SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX*>(buffer.data() + at);
      // EfficiencyClass, the byte after Flags, which mingw-w64 10 does not name.
      const BYTE speed = buffer[at + offsetof(SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX, Processor) + 1];
      if (speed > best) best = speed, cores = 0;
      cores += speed == best ? 1 : 0;
      at += core->Size;
    }
    return std::max(1u, cores);
  } catch (...) {
    return 1;
  }
}

Library LoadLibraryAt(const std::string& absolute_path, std::string* error, int64_t* os_code) noexcept {
  *os_code = 0;
  try {
    Library library{
        reinterpret_cast<void*>(LoadLibraryExW(SystemPath(absolute_path).c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH))};
    if (library.handle == nullptr) {
      *os_code = GetLastError();
      *error = OsErrorText(*os_code) + " (" + std::to_string(*os_code) + ")";
    }
    return library;
  } catch (...) {
    return {};
  }
}

std::vector<std::string> MissingLibraries(const std::vector<std::string>& needed, const std::string& folder) {
  std::vector<std::string> missing;
  for (const std::string& name : needed) {
    const std::string beside = JoinPath(folder, name);
    const HMODULE found = FileExists(beside) ? LoadLibraryExW(SystemPath(beside).c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH)
                                             : LoadLibraryExW(Widen(name).c_str(), nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32);
    if (found == nullptr) {
      missing.push_back(name);
    } else {
      FreeLibrary(found);
    }
  }
  return missing;
}

void* FindSymbol(Library library, const char* name) noexcept {
  void* symbol = nullptr;
  const FARPROC function = GetProcAddress(static_cast<HMODULE>(library.handle), name);
  static_assert(sizeof symbol == sizeof function, "code and data pointers are alike on Windows");
  std::memcpy(&symbol, &function, sizeof symbol);
  return symbol;
}

Library LoadSmartCardLibrary(std::string* error) {
  Library library{reinterpret_cast<void*>(LoadLibraryExW(L"winscard.dll", nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32))};
  if (library.handle == nullptr) *error = "winscard.dll of System32: " + OsErrorText(GetLastError());
  return library;
}

bool InRemoteSession() noexcept {
  // user32 is not a dependency of this library; a service has none loaded and is in no remote session.
  const HMODULE user32 = GetModuleHandleW(L"user32.dll");
  if (user32 == nullptr) return false;
  void* symbol = FindSymbol({reinterpret_cast<void*>(user32)}, "GetSystemMetrics");
  int(WINAPI * metrics)(int) = nullptr;
  std::memcpy(&metrics, &symbol, sizeof symbol);
  return metrics != nullptr && metrics(0x1000 /* SM_REMOTESESSION */) != 0;
}

bool ReplaceFile(const std::string& path, const std::string& content) noexcept {
  try {
    MakeFolders(ParentPath(path));
    const std::wstring temporary = SystemPath(path + "." + std::to_string(GetCurrentProcessId()) + ".tmp");
    {
      const Handle file(CreateFileW(temporary.c_str(), GENERIC_WRITE, 0, nullptr, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr));
      if (file.get() == INVALID_HANDLE_VALUE) return false;
      DWORD written = 0;
      if (!WriteFile(file.get(), content.data(), static_cast<DWORD>(content.size()), &written, nullptr) ||
          written != content.size() || !FlushFileBuffers(file.get())) {
        return false;
      }
    }
    return MoveFileExW(temporary.c_str(), Widen(path).c_str(), MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH) != 0;
  } catch (...) {
    return false;
  }
}

std::string StateFolder(bool per_user) {
  const std::string base = GetEnv(per_user ? "LOCALAPPDATA" : "ProgramData");
  return base.empty() ? "" : JoinPath(base, "LNX\\state");
}

namespace {

// A named object of the system, of which this is the only handle: the name goes with it.
class EventClaim final : public Claim {
 public:
  explicit EventClaim(HANDLE event) : event_(event) {}

 private:
  Handle event_;
};

}  // namespace

std::unique_ptr<Claim> Claim::Take(const std::string& name) {
  const std::wstring everywhere = L"Global\\" + Widen(name);  // in all sessions of this machine
  const HANDLE event = CreateEventW(nullptr, TRUE, FALSE, everywhere.c_str());
  const DWORD code = GetLastError();  // denied: another account has it
  auto claim = std::make_unique<EventClaim>(event);
  return code == ERROR_ALREADY_EXISTS || code == ERROR_ACCESS_DENIED ? nullptr : std::move(claim);
}

std::string OsErrorText(int64_t os_code) {
  wchar_t* text = nullptr;
  const DWORD flags = FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS;
  FormatMessageW(flags, nullptr, static_cast<DWORD>(os_code), 0, reinterpret_cast<wchar_t*>(&text), 0, nullptr);
  std::string told = text != nullptr ? Narrow(text) : "error " + std::to_string(os_code);
  LocalFree(text);
  while (!told.empty() && (told.back() == '\n' || told.back() == '\r' || told.back() == ' ')) told.pop_back();
  return told;
}

}  // namespace lnx::platform
