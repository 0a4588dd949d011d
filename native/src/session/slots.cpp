#include <chrono>

#include "base/clock.h"
#include "session/core.h"

namespace lnx::session {

void SlotPool::Add(std::unique_ptr<RunSlot> slot) {
  free_.push_back(slot.get());
  slots_.push_back(std::move(slot));
  free_.reserve(slots_.size());
}

RunSlot* SlotPool::TakeFree() {
  RunSlot* slot = free_.back();
  free_.pop_back();
  return slot;
}

RunSlot* SlotPool::Take(int64_t deadline) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (!free_.empty()) return TakeFree();  // nobody waits while a slot is free
  Waiter waiter;
  waiter.before = last_;
  (last_ != nullptr ? last_->after : first_) = &waiter;
  last_ = &waiter;
  const auto given = [&] { return waiter.slot != nullptr; };
  if (deadline == 0) {
    waiter.changed.wait(lock, given);
  } else if (!waiter.changed.wait_until(lock, std::chrono::steady_clock::time_point(std::chrono::microseconds(deadline)),
                                        given)) {
    Unlink(&waiter);
  }
  return waiter.slot;
}

void SlotPool::Unlink(Waiter* waiter) {
  (waiter->before != nullptr ? waiter->before->after : first_) = waiter->after;
  (waiter->after != nullptr ? waiter->after->before : last_) = waiter->before;
}

// Hands the slot to whoever waits longest; only he is woken.
void SlotPool::Give(RunSlot* slot) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (Waiter* next = first_) {
    Unlink(next);
    next->slot = slot;
    next->changed.notify_one();
    return;
  }
  free_.push_back(slot);
  if (free_.size() == slots_.size()) all_free_.notify_all();
}

void SlotPool::WaitAllFree() {
  std::unique_lock<std::mutex> lock(mutex_);
  all_free_.wait(lock, [&] { return free_.size() == slots_.size(); });
}

SlotUse::SlotUse(Core& core, int64_t deadline) : core_(core) {
  if (core_.keep_warm) core_.keep_warm->Yield();
  slot_ = core_.slots.Take(deadline);
  if (slot_ != nullptr) return;
  if (core_.keep_warm) core_.keep_warm->Ran();
  Fail(LNX_E_DEADLINE, {"every run slot busy until " + std::to_string(NowMicros() - deadline) + " us after the deadline",
                        "a free slot", "run_slots"});
}

SlotUse::~SlotUse() {
  if (core_.keep_warm) core_.keep_warm->Ran();
  core_.slots.Give(slot_);  // last: the session may end with it
}

runtime::Slot& Core::SlotFor(RunSlot& slot, int64_t batch) const {
  std::unique_ptr<runtime::Slot>& made = slot.by_batch[batch];
  if (!made) {
    std::vector<std::vector<int64_t>> shapes;
    shapes.reserve(model->inputs().size());
    for (size_t i = 0; i < model->inputs().size(); ++i)
      shapes.push_back(i == image_input ? input_shape : ExtraInputShape(*this, i, batch));
    shapes[image_input][0] = batch;
    made = std::make_unique<runtime::Slot>(*model, shapes);
    if (slot.scratch.size() < static_cast<size_t>(batch)) slot.scratch.resize(static_cast<size_t>(batch));
    if (slot.developed.size() < static_cast<size_t>(batch)) slot.developed.resize(static_cast<size_t>(batch));
    if (slot.gpu_tables.size() < static_cast<size_t>(batch)) slot.gpu_tables.resize(static_cast<size_t>(batch));
    if (slot.geometry.size() < static_cast<size_t>(batch)) slot.geometry.resize(static_cast<size_t>(batch));
  }
  return *made;
}

}  // namespace lnx::session
