#include "session/keep_warm.h"

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "session/core.h"

namespace lnx::session {
namespace {

constexpr int64_t kAsleep = 250'000;  // how often a session that has gone to sleep looks for a real run

}  // namespace

KeepWarm::KeepWarm(Core& core, uint32_t period_ms, uint32_t minutes)
    : core_(core),
      period_(int64_t{1000} * period_ms),
      awake_(int64_t{60'000'000} * minutes),
      last_real_(NowMicros()),
      thread_([this] { Work(); }) {}

KeepWarm::~KeepWarm() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    if (slot_ != nullptr) slot_->Stop();
    changed_.notify_all();
  }
  thread_.join();
}

void KeepWarm::Yield() noexcept {
  last_real_.store(NowMicros());
  if (!beating_.load()) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (slot_ != nullptr) slot_->Stop();
}

void KeepWarm::Ran() noexcept { last_real_.store(NowMicros()); }

void KeepWarm::Work() {
  int64_t last_beat = 0;
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    const int64_t now = NowMicros(), real = last_real_.load();
    const int64_t due = std::max(real, last_beat) + period_;
    const bool asleep = now - real > awake_;
    if (asleep || now < due) {
      changed_.wait_for(lock, std::chrono::microseconds(asleep ? std::max(kAsleep, period_) : due - now));
      continue;
    }
    lock.unlock();
    Beat();
    last_beat = NowMicros();
    lock.lock();
  }
}

void KeepWarm::Beat() {
  RunSlot* own = core_.slots.TryTake();
  if (own == nullptr) return;
  runtime::Slot* bound = core_.text != nullptr   ? core_.text->Warmest(own->text.get())
                         : own->by_batch.empty() ? nullptr
                                                 : own->by_batch.begin()->second.get();
  if (bound != nullptr) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!stopping_) slot_ = bound;
      beating_.store(slot_ != nullptr);
    }
    // A run that came before `beating_` was seen has moved last_real_: it is not kept waiting.
    const bool quiet = NowMicros() - last_real_.load() >= period_;
    if (slot_ != nullptr && quiet) {
      bound->RunIdle();
      ++beats_;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    slot_ = nullptr;
    beating_.store(false);
    bound->Resume();
  }
  core_.slots.Give(own);
}

}  // namespace lnx::session
