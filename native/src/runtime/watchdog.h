// Ends inferences that are still running at their deadline. One thread for the process, started with the first deadline; it
// sleeps when there is none. Arming and disarming take no memory.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace lnx::runtime {

class Watchdog {
 public:
  // One guarded stretch of work. `expire` is called once, on the watchdog's thread, when `at` (NowMicros) has come while it is
  // armed.
  struct Entry {
    int64_t at = 0;
    void (*expire)(void* what) = nullptr;
    void* what = nullptr;
    bool expired = false;
    Entry *before = nullptr, *after = nullptr;
  };

  static Watchdog& OfProcess();

  void Arm(Entry* entry);
  // After it returns, `expire` is neither running nor to come. True when it had been called.
  bool Disarm(Entry* entry);

 private:
  void Watch();
  void Unlink(Entry* entry);

  std::mutex mutex_;
  std::condition_variable changed_;
  Entry* first_ = nullptr;  // the earliest first
  bool started_ = false;
};

}  // namespace lnx::runtime
