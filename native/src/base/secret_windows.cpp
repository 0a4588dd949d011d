// Memory for secrets on Windows: base/platform.h. What the error reporting of Windows writes leaves these blocks out, where the
// system can (Windows 10 1703); a dump that an administrator takes does not.
#include <windows.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string>

#include "base/platform.h"
#include "base/status.h"

namespace lnx::platform {
namespace {

constexpr size_t kMaxExcluded = 1u << 31;  // of one registration, which counts in 32 bits

template <typename Function>
Function OfKernel32(const char* name) {
  void* symbol = FindSymbol({reinterpret_cast<void*>(GetModuleHandleW(L"kernel32.dll"))}, name);
  Function function = nullptr;
  static_assert(sizeof symbol == sizeof function, "code and data pointers are alike on Windows");
  std::memcpy(&function, &symbol, sizeof symbol);
  return function;
}

template <typename Act>
void EachPart(void* memory, size_t bytes, Act&& act) {
  for (size_t at = 0; at < bytes; at += kMaxExcluded) {
    act(static_cast<uint8_t*>(memory) + at, static_cast<DWORD>(std::min(kMaxExcluded, bytes - at)));
  }
}

void KeepOutOfReports(void* memory, size_t bytes) noexcept {
  using Exclude = HRESULT(WINAPI*)(const void*, DWORD);
  static const auto exclude = OfKernel32<Exclude>("WerRegisterExcludedMemoryBlock");
  if (exclude != nullptr) EachPart(memory, bytes, [](const void* part, DWORD size) { exclude(part, size); });
}

void ForgetInReports(void* memory, size_t bytes) noexcept {
  using Include = HRESULT(WINAPI*)(const void*);
  static const auto include = OfKernel32<Include>("WerUnregisterExcludedMemoryBlock");
  if (include != nullptr) EachPart(memory, bytes, [](const void* part, DWORD) { include(part); });
}

// Best effort. Windows lets a process lock about as much as the smallest working set it has asked for, so more is asked for when
// that is not enough; what an ended session leaves is enough for the next one.
void LockPages(void* memory, size_t bytes) noexcept {
  constexpr size_t kMargin = 1u << 20;
  if (VirtualLock(memory, bytes)) return;
  static auto* mutex = new std::mutex;
  const std::lock_guard<std::mutex> lock(*mutex);
  SIZE_T least = 0, most = 0;
  const HANDLE process = GetCurrentProcess();
  if (!GetProcessWorkingSetSize(process, &least, &most)) return;
  if (SetProcessWorkingSetSize(process, least + bytes + kMargin, most + bytes + kMargin)) VirtualLock(memory, bytes);
}

}  // namespace

void* SecretAllocate(size_t bytes) {
  const size_t size = std::max<size_t>(bytes, 1);
  void* memory = VirtualAlloc(nullptr, size, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
  if (memory == nullptr)
    Fail(LNX_E_OUT_OF_MEMORY, {OsErrorText(GetLastError()), std::to_string(bytes) + " bytes", "memory for secrets"});
  LockPages(memory, size);
  KeepOutOfReports(memory, size);
  return memory;
}

void SecretFree(void* memory, size_t bytes) noexcept {
  if (memory == nullptr) return;
  SecureWipe(memory, bytes);
  ForgetInReports(memory, std::max<size_t>(bytes, 1));
  VirtualFree(memory, 0, MEM_RELEASE);
}

void SecureWipe(void* memory, size_t bytes) noexcept { SecureZeroMemory(memory, bytes); }

void SecretDiscard(void* pages, size_t bytes) noexcept {
  SecureWipe(pages, bytes);
  const size_t whole = bytes & ~static_cast<size_t>(4095);
  VirtualUnlock(pages, whole);
  if (whole > 0) VirtualAlloc(pages, whole, MEM_RESET, PAGE_READWRITE);
}

}  // namespace lnx::platform
