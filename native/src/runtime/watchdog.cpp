#include "runtime/watchdog.h"

#include <chrono>
#include <thread>

#include "base/clock.h"
#include "base/platform.h"

namespace lnx::runtime {

Watchdog& Watchdog::OfProcess() {
  static Watchdog* watchdog = new Watchdog;  // its thread never ends
  return *watchdog;
}

void Watchdog::Arm(Entry* entry) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!started_) {
    platform::StayLoaded();
    std::thread([this] { Watch(); }).detach();
    started_ = true;
  }
  entry->expired = false;
  Entry *before = nullptr, *after = first_;
  while (after != nullptr && after->at <= entry->at) before = after, after = after->after;
  entry->before = before;
  entry->after = after;
  if (after != nullptr) after->before = entry;
  (before != nullptr ? before->after : first_) = entry;
  if (before == nullptr) changed_.notify_one();
}

bool Watchdog::Disarm(Entry* entry) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!entry->expired) Unlink(entry);
  return entry->expired;
}

void Watchdog::Unlink(Entry* entry) {
  (entry->before != nullptr ? entry->before->after : first_) = entry->after;
  if (entry->after != nullptr) entry->after->before = entry->before;
}

void Watchdog::Watch() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    if (first_ == nullptr) {
      changed_.wait(lock);
    } else if (NowMicros() < first_->at) {
      changed_.wait_until(lock, std::chrono::steady_clock::time_point(std::chrono::microseconds(first_->at)));
    } else {
      Entry* due = first_;
      Unlink(due);
      due->expired = true;
      due->expire(due->what);  // short; under the lock, so that Disarm waits for it
    }
  }
}

}  // namespace lnx::runtime
