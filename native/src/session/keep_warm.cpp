#include "session/keep_warm.h"

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "session/core.h"

namespace lnx::session {
namespace {

constexpr int64_t kAsleep = 250'000;  // how often a session that has gone to sleep looks for a real run
constexpr int64_t kRest = 3;          // a pause is at least this many times as long as the idle run before it

// Buffers of the shape that real runs have.
runtime::Slot* SlotOf(Core& core, RunSlot* own) {
  if (core.text == nullptr) return &core.SlotFor(*own, core.fixed_batch > 0 ? core.fixed_batch : 1);
  own->text = core.text->MakeSlot();
  core.text->WarmUp(own->text.get());
  return core.text->Warmest(own->text.get());
}

}  // namespace

KeepWarm::KeepWarm(Core& core, uint32_t period_ms, uint32_t minutes)
    : period_(int64_t{1000} * period_ms),
      awake_(int64_t{60'000'000} * minutes),
      own_(std::make_unique<RunSlot>()),
      slot_(SlotOf(core, own_.get())),
      last_real_(NowMicros()),
      thread_([this] { Work(); }) {}

KeepWarm::~KeepWarm() {
  real_.fetch_add(1);  // no idle run begins any more
  if (beating_.load()) slot_->Stop();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

// Either this sees that an idle run has begun and ends it, or Beat sees the real run and does not begin.
void KeepWarm::Yield() noexcept {
  real_.fetch_add(1);
  if (beating_.load()) slot_->Stop();
}

void KeepWarm::Ran() noexcept {
  last_real_.store(NowMicros());
  real_.fetch_sub(1);
}

void KeepWarm::Work() {
  int64_t last_beat = 0, rest = period_;
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    const int64_t now = NowMicros(), real = last_real_.load();
    const int64_t due = std::max(real + period_, last_beat + rest);
    const bool asleep = now - real > awake_;
    if (asleep || now < due) {
      changed_.wait_for(lock, std::chrono::microseconds(asleep ? std::max(kAsleep, period_) : due - now));
      continue;
    }
    lock.unlock();
    Beat();
    last_beat = NowMicros();
    rest = std::max(period_, kRest * (last_beat - now));
    lock.lock();
  }
}

void KeepWarm::Beat() {
  if (slot_ == nullptr) return;
  beating_.store(true);
  if (real_.load() == 0) {
    slot_->RunIdle();
    ++beats_;
  }
  beating_.store(false);
  slot_->Resume();
}

}  // namespace lnx::session
