// Keeps a device awake between triggers. Internal to session/.
//
// A processor that has nothing to do clocks down and loses its caches, and the run after a pause takes several times as long. So
// after each pause of `period` the model runs once without an image, on buffers of its own and on cores that nobody uses, until
// `minutes` after the last real run; never for more than a quarter of the time. A real run, of this session or another, holds
// nothing in common with it, waits for nothing and ends it at its next node.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "runtime/runtime.h"

namespace lnx::session {

struct Core;
struct RunSlot;

class KeepWarm {
 public:
  KeepWarm(Core& core, uint32_t period_ms, uint32_t minutes);
  ~KeepWarm();

  // A real run begins, and has ended. Neither takes a lock.
  void Yield() noexcept;
  void Ran() noexcept;
  uint64_t beats() const { return beats_.load(); }

 private:
  void Work();
  void Beat();

  const int64_t period_, awake_;  // microseconds
  std::unique_ptr<RunSlot> own_;
  runtime::Slot* slot_ = nullptr;  // the one of own_ that runs idle; NULL = there is none
  std::atomic<int64_t> last_real_;
  std::atomic<uint32_t> real_{0};  // real runs in flight
  std::atomic<uint64_t> beats_{0};
  std::atomic<bool> beating_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace lnx::session
