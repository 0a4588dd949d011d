#include "runtime/cores.h"

#include <algorithm>
#include <chrono>

#include "base/platform.h"

namespace lnx::runtime {

Cores& Cores::OfProcess() {
  static Cores* cores = new Cores(platform::PhysicalCores());  // outlives every session
  return *cores;
}

Cores::Cores(uint32_t count) : count_(std::max(1u, count)), free_(count_) {}

uint32_t Cores::Needed(const Account& account) const {
  return account.in_flight > 0 ? 0 : std::clamp(account.threads, 1u, count_);
}

void Cores::Grant(Account* account) {
  const uint32_t needed = Needed(*account);
  free_ -= needed;
  account->held += needed;
  ++account->in_flight;
  account->served = ++turn_;
}

Cores::Waiter* Cores::NextInTurn() const {
  Waiter* next = first_;
  for (Waiter* waiter = first_; waiter != nullptr; waiter = waiter->after) {
    if (waiter->account->served < next->account->served) next = waiter;
  }
  return next;
}

void Cores::Unlink(Waiter* waiter) {
  (waiter->before != nullptr ? waiter->before->after : first_) = waiter->after;
  (waiter->after != nullptr ? waiter->after->before : last_) = waiter->before;
}

// Whoever is next in turn waits until enough is free for him; nobody slips past.
void Cores::ServeWaiting() {
  for (Waiter* next = NextInTurn(); next != nullptr && Needed(*next->account) <= free_; next = NextInTurn()) {
    Unlink(next);
    Grant(next->account);
    next->granted = true;
    next->changed.notify_one();
  }
}

bool Cores::Take(Account* account, int64_t deadline) {
  std::unique_lock<std::mutex> lock(mutex_);
  StopIdle();
  if (first_ == nullptr && Needed(*account) <= free_) {
    Grant(account);
    return true;
  }
  Waiter waiter;
  waiter.account = account;
  waiter.before = last_;
  (last_ != nullptr ? last_->after : first_) = &waiter;
  last_ = &waiter;
  ServeWaiting();
  const auto granted = [&] { return waiter.granted; };
  if (deadline == 0) {
    waiter.changed.wait(lock, granted);
    return true;
  }
  const std::chrono::steady_clock::time_point until{std::chrono::microseconds(deadline)};
  if (waiter.changed.wait_until(lock, until, granted)) return true;
  Unlink(&waiter);
  ServeWaiting();  // those behind may need less
  return false;
}

bool Cores::BeginIdle(IdleRun* run) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (free_ != count_) return false;
  run->before = nullptr;
  run->after = idle_;
  if (idle_ != nullptr) idle_->before = run;
  idle_ = run;
  return true;
}

void Cores::EndIdle(IdleRun* run) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  (run->before != nullptr ? run->before->after : idle_) = run->after;
  if (run->after != nullptr) run->after->before = run->before;
}

void Cores::StopIdle() const noexcept {
  for (const IdleRun* run = idle_; run != nullptr; run = run->after) run->stop(run->what);
}

void Cores::Give(Account* account) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (--account->in_flight == 0) {
    free_ += account->held;
    account->held = 0;
  }
  ServeWaiting();
}

uint32_t Cores::in_use() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return count_ - free_;
}

uint32_t Cores::waiting() {
  const std::lock_guard<std::mutex> lock(mutex_);
  uint32_t n = 0;
  for (const Waiter* waiter = first_; waiter != nullptr; waiter = waiter->after) ++n;
  return n;
}

}  // namespace lnx::runtime
