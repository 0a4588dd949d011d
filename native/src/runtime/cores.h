// Shares the processor between the models of one process, so that several sessions do not run more threads than there are cores.
//
// A run of a model takes as many cores as its thread pool has threads, and waits in line until they are free. Models are served
// in turn: the one that was served longest ago comes first, so a session with many run slots cannot starve another. Runs of one
// model share its pool, so a second one joins the first without more cores, as long as nobody else waits.
//
// An idle run, which only keeps a model warm, begins while nobody uses a core and holds none: whoever takes cores tells it to
// stop and does not wait for its end.
//
// Invariants: cores in use <= cores there are; a waiting run is passed over only by models that were served before its own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace lnx::runtime {

class Cores {
 public:
  // What a model holds. Lives as long as the model; touched under the lock of the cores only.
  struct Account {
    uint32_t threads = 1;
    uint32_t in_flight = 0, held = 0;
    uint64_t served = 0;
  };

  // A run that anybody may end. `stop` may come from any thread and more than once; it is called under the lock of the cores.
  struct IdleRun {
    void (*stop)(void* what) noexcept = nullptr;
    void* what = nullptr;
    IdleRun *before = nullptr, *after = nullptr;
  };

  static Cores& OfProcess();
  explicit Cores(uint32_t count);

  // Waits for the cores of one run; false when they were not free by `deadline` (NowMicros, 0 = wait without limit).
  bool Take(Account* account, int64_t deadline);
  void Give(Account* account) noexcept;
  // False when a core is in use.
  bool BeginIdle(IdleRun* run);
  void EndIdle(IdleRun* run) noexcept;

  uint32_t in_use();
  uint32_t waiting();  // runs in line

 private:
  struct Waiter {
    Account* account = nullptr;
    bool granted = false;
    std::condition_variable changed;
    Waiter *before = nullptr, *after = nullptr;
  };
  uint32_t Needed(const Account& account) const;
  void Grant(Account* account);
  Waiter* NextInTurn() const;
  void Unlink(Waiter* waiter);
  void ServeWaiting();
  void StopIdle() const noexcept;

  const uint32_t count_;
  std::mutex mutex_;
  uint32_t free_;
  uint64_t turn_ = 0;
  Waiter *first_ = nullptr, *last_ = nullptr;  // in the order of asking
  IdleRun* idle_ = nullptr;
};

}  // namespace lnx::runtime
