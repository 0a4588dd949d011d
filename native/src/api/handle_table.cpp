#include "api/handle_table.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>

#include "base/status.h"

namespace lnx::api {
namespace {

constexpr uint32_t kSlots = 1024;
constexpr uint32_t kIndexBits = 10;

// One word per slot, changed by compare-and-swap: generation (high 32 bits) | open | closing | calls inside (low 30 bits).
constexpr uint64_t kOpen = 1ull << 31;
constexpr uint64_t kClosing = 1ull << 30;
constexpr uint64_t kInside = kClosing - 1;

struct Slot {
  std::atomic<uint64_t> word{0};
  session::Session* session = nullptr;
};
Slot slots[kSlots];  // constant-initialised, trivially destructible

struct Waiting {
  std::mutex mutex;
  std::condition_variable left;
};
Waiting& Closers() {
  static Waiting* waiting = new Waiting;  // never destroyed: calls may still end while the process exits
  return *waiting;
}

uint32_t Generation(uint64_t word) { return static_cast<uint32_t>(word >> 32); }

LnxHandle ToHandle(uint32_t index, uint32_t generation) {
  const uint64_t number =
      (static_cast<uint64_t>(generation) << kIndexBits | index) << 1 | 1;  // odd: never NULL, never an address
  return reinterpret_cast<LnxHandle>(static_cast<uintptr_t>(number));
}

bool FromHandle(LnxHandle handle, uint32_t* index, uint32_t* generation) {
  const uint64_t number = reinterpret_cast<uintptr_t>(handle);
  if ((number & 1) == 0) return false;
  *index = static_cast<uint32_t>(number >> 1) & (kSlots - 1);
  *generation = static_cast<uint32_t>(number >> (1 + kIndexBits));
  return true;
}

[[noreturn]] void NotOpen(LnxHandle handle) {
  Fail(LNX_E_HANDLE,
       {handle == nullptr ? "NULL" : "a handle that was closed or never opened", "a handle from LnxInitialize", "handle"});
}

}  // namespace

LnxHandle OpenHandle(std::unique_ptr<session::Session> session) {
  for (uint32_t i = 0; i < kSlots; ++i) {
    uint64_t word = slots[i].word.load();
    if (word & (kOpen | kClosing)) continue;
    const uint32_t generation = Generation(word) + 1;
    // Claimed as closing first, so that nobody sees it open before its session is in place.
    if (!slots[i].word.compare_exchange_strong(word, static_cast<uint64_t>(generation) << 32 | kClosing)) continue;
    slots[i].session = session.release();
    slots[i].word.store(static_cast<uint64_t>(generation) << 32 | kOpen);
    return ToHandle(i, generation);
  }
  Fail(LNX_E_ARGUMENT,
       {std::to_string(kSlots) + " open sessions", "fewer", "LnxInitialize", "end sessions with LnxUninitialize"});
}

std::unique_ptr<session::Session> CloseHandle(LnxHandle handle) {
  uint32_t index, generation;
  if (!FromHandle(handle, &index, &generation)) NotOpen(handle);
  Slot& slot = slots[index];
  uint64_t word = slot.word.load();
  do {
    if (Generation(word) != generation || !(word & kOpen) || (word & kClosing)) NotOpen(handle);
  } while (!slot.word.compare_exchange_weak(word, word | kClosing));
  Waiting& closers = Closers();
  std::unique_lock<std::mutex> lock(closers.mutex);
  closers.left.wait(lock, [&] { return (slot.word.load() & kInside) == 0; });
  std::unique_ptr<session::Session> session(slot.session);
  slot.session = nullptr;
  slot.word.store(static_cast<uint64_t>(generation) << 32);
  return session;
}

Use::Use(LnxHandle handle) {
  uint32_t generation;
  if (!FromHandle(handle, &index_, &generation)) NotOpen(handle);
  std::atomic<uint64_t>& state = slots[index_].word;
  uint64_t word = state.load();
  do {
    if (Generation(word) != generation || !(word & kOpen) || (word & kClosing)) NotOpen(handle);
  } while (!state.compare_exchange_weak(word, word + 1));
  session_ = slots[index_].session;
}

Use::~Use() {
  const uint64_t before = slots[index_].word.fetch_sub(1);
  if ((before & kClosing) && (before & kInside) == 1) {
    Waiting& closers = Closers();
    std::lock_guard<std::mutex> lock(closers.mutex);  // the closer is either before its check or already waiting
    closers.left.notify_all();
  }
}

}  // namespace lnx::api
