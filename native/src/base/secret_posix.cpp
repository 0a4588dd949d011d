// Memory for secrets on POSIX: base/platform.h.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "base/platform.h"
#include "base/status.h"

namespace lnx::platform {
namespace {

// A mapping that begins on a huge page when it is large: a model of 200 MB then costs a hundred page faults instead of 50,000.
void* MapPages(size_t size) {
  constexpr size_t kHuge = 2u << 20;
  const size_t extra = size >= 4 * kHuge ? kHuge : 0;
  void* whole = mmap(nullptr, size + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (whole == MAP_FAILED || extra == 0) return whole;
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), kept = (size + page - 1) / page * page;
  auto* begin = static_cast<uint8_t*>(whole);
  const size_t front = (kHuge - reinterpret_cast<uintptr_t>(begin) % kHuge) % kHuge;
  if (front > 0) munmap(begin, front);
  if (extra > front) munmap(begin + front + kept, size + extra - front - kept);
#if defined(MADV_HUGEPAGE)
  madvise(begin + front, kept, MADV_HUGEPAGE);
#endif
  return begin + front;
}

}  // namespace

void* SecretAllocate(size_t bytes) {
  const size_t size = std::max<size_t>(bytes, 1);
  void* memory = MapPages(size);
  if (memory == MAP_FAILED)
    Fail(LNX_E_OUT_OF_MEMORY, {OsErrorText(errno), std::to_string(bytes) + " bytes", "memory for secrets", {}, errno});
  // Best effort: the limit for unprivileged users is small. Pages are locked as they are touched, so that each is cleared just
  // before it is filled, by the thread that fills it.
#if defined(MLOCK_ONFAULT)
  mlock2(memory, size, MLOCK_ONFAULT);
#else
  mlock(memory, size);
#endif
#if defined(MADV_DONTDUMP)
  madvise(memory, size, MADV_DONTDUMP);
#endif
  return memory;
}

void SecretFree(void* memory, size_t bytes) noexcept {
  if (memory == nullptr) return;
  const size_t size = std::max<size_t>(bytes, 1);
  SecureWipe(memory, size);
  munmap(memory, size);
}

void SecureWipe(void* memory, size_t bytes) noexcept { explicit_bzero(memory, bytes); }

void SecretDiscard(void* pages, size_t bytes) noexcept {
  SecureWipe(pages, bytes);
  const size_t whole = bytes & ~(static_cast<size_t>(sysconf(_SC_PAGESIZE)) - 1);
  munlock(pages, whole);
  madvise(pages, whole, MADV_DONTNEED);
}

}  // namespace lnx::platform
