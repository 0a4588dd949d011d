// Keeps a device awake between triggers. Internal to session/.
//
// A processor or GPU that has nothing to do clocks down, and the run after a pause takes several times as long. So after each
// pause of `period` the model runs once without an image, on a run slot that is free and on cores that nobody uses, until
// `minutes` after the last real run. A real run never waits for it: it ends the idle one at its next node.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "runtime/runtime.h"

namespace lnx::session {

struct Core;

class KeepWarm {
 public:
  KeepWarm(Core& core, uint32_t period_ms, uint32_t minutes);
  ~KeepWarm();

  // A real run begins, and has ended.
  void Yield() noexcept;
  void Ran() noexcept;
  uint64_t beats() const { return beats_.load(); }

 private:
  void Work();
  void Beat();

  Core& core_;
  const int64_t period_, awake_;  // microseconds
  std::atomic<int64_t> last_real_;
  std::atomic<uint64_t> beats_{0};
  std::atomic<bool> beating_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  runtime::Slot* slot_ = nullptr;  // the one that runs idle
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace lnx::session
