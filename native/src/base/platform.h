// Everything that differs between Windows and POSIX, in one place: platform_windows.cpp and platform_posix.cpp.
// Paths are UTF-8 on both. Functions that can fail throw lnx::Error unless they say otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/span.h"

namespace lnx::platform {

// A read-only file, mapped or read whole. Never more than max_bytes.
class FileView {
 public:
  virtual ~FileView() = default;
  virtual Bytes bytes() const = 0;
  // LNX_E_FILE_NOT_FOUND, LNX_E_FILE_READ (directory, rights, sharing violation), LNX_E_LIMIT. Mapped on Windows without
  // FILE_SHARE_DELETE surprises; on POSIX read into memory when mapping fails.
  static std::unique_ptr<FileView> Open(const std::string& path, uint64_t max_bytes);
};

// A read-only file that is read piece by piece into the caller's memory, so that what was checked is what is used, and a file
// that shrinks or a stick that is pulled gives an error instead of a fault. Read may be called by several threads at once.
class InputFile {
 public:
  virtual ~InputFile() = default;
  virtual uint64_t bytes() const = 0;                                                   // when it was opened
  virtual void Read(uint64_t offset, uint8_t* to, size_t n) const = 0;                  // all n bytes, or LNX_E_FILE_READ
  static std::unique_ptr<InputFile> Open(const std::string& path, uint64_t max_bytes);  // errors as FileView::Open
};

bool FileExists(const std::string& path) noexcept;
std::vector<std::string> ListFiles(const std::string& folder);  // full paths, sorted; empty when there is no such folder
std::string JoinPath(const std::string& folder, const std::string& name);
std::string ParentPath(const std::string& path);
std::string AbsolutePath(const std::string& path);
void MakeFolders(const std::string& path);
std::FILE* OpenForAppend(const std::string& path) noexcept;                // shared with readers; NULL when the system refuses
bool RenameFile(const std::string& from, const std::string& to) noexcept;  // replaces `to`
bool RemoveFile(const std::string& path) noexcept;
uint64_t FileBytes(const std::string& path) noexcept;  // 0 when there is none
void FlushToDisk(std::FILE* file) noexcept;            // what was written survives a power cut
std::string GetEnv(const char* name);                  // "" when unset
void SetEnv(const char* name, const char* value);
std::string ExecutablePath();
std::string OwnLibraryFolder();  // folder of the library (or program) that contains this code
uint32_t ProcessId() noexcept;
uint32_t PhysicalCores() noexcept;  // of the processors this process may use; of the fast kind where they differ. At least 1
#if !defined(_WIN32)
uint32_t PhysicalCores(const std::string& devices) noexcept;  // the same from a folder like /sys/devices
#endif

// Dynamic libraries, by absolute path only.
struct Library {
  void* handle = nullptr;
};
Library LoadLibraryAt(const std::string& absolute_path, std::string* error, int64_t* os_code) noexcept;  // handle NULL on failure
// Of the libraries that one in `folder` imports, those that cannot be loaded from there or from the system. Asked only after
// loading it has failed. Empty on POSIX, where the loader's own text names them.
std::vector<std::string> MissingLibraries(const std::vector<std::string>& needed, const std::string& folder);
// The version ("14.44.35211.0") of the copy that a library in `folder` would get under this name: the one that the process has
// loaded, else the one beside it, else the system's. "" when there is none or it tells none, and on POSIX.
std::string LibraryVersion(const std::string& name, const std::string& folder);
void* FindSymbol(Library library, const char* name) noexcept;
std::string LibraryPathOfAddress(const void* address);  // full path of the module that holds an address
// Keeps the module of this code loaded until the process ends. Called before anything gets hold of it that outlives a session: a
// thread of ours, or ONNX Runtime with our log function. FreeLibrary and dlclose succeed afterwards, and the code stays.
void StayLoaded() noexcept;

// winscard.dll from System32 alone, libpcsclite.so.1 from the system's own folders. handle NULL and *error when there is none.
Library LoadSmartCardLibrary(std::string* error);
bool InRemoteSession() noexcept;  // Windows: a remote desktop session; false elsewhere
bool ReplaceFile(const std::string& path, const std::string& content) noexcept;  // whole or not at all; makes its folder
std::string StateFolder(bool per_user);  // where the product may remember things; "" when the system names none

// A name that one holder on this machine has at a time. It is free again when the object goes, or its process ends however that
// happens. Nothing lies on a disk.
class Claim {
 public:
  virtual ~Claim() = default;
  // NULL: somebody else has it. Where the system cannot tell, it is given: nobody is stopped for that.
  static std::unique_ptr<Claim> Take(const std::string& name);  // up to 90 of 0-9 A-Z a-z . _ -
};

// Memory for secrets: locked (best effort), kept out of dumps where the system can, wiped before it is freed.
void* SecretAllocate(size_t bytes);  // page aligned; throws LNX_E_OUT_OF_MEMORY
void SecretFree(void* memory, size_t bytes) noexcept;
void SecureWipe(void* memory, size_t bytes) noexcept;
// Wipes whole pages of a secret block and gives their memory back to the system; they read as zero or not at all afterwards.
void SecretDiscard(void* pages, size_t bytes) noexcept;

// UTF-8 <-> UTF-16. LNX_E_TEXT_ENCODING on malformed input. On POSIX wchar_t is not used.
bool IsUtf8(const char* text, size_t bytes) noexcept;
#if defined(_WIN32)
std::wstring Widen(const std::string& utf8);
std::string Narrow(const wchar_t* utf16);
#endif

std::string OsErrorText(int64_t os_code);

}  // namespace lnx::platform
