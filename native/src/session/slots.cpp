#include "session/core.h"

namespace lnx::session {

void SlotPool::Add(std::unique_ptr<RunSlot> slot) {
  free_.push_back(slot.get());
  slots_.push_back(std::move(slot));
  free_.reserve(slots_.size());
}

RunSlot* SlotPool::Take() {
  std::unique_lock<std::mutex> lock(mutex_);
  const uint64_t turn = next_++;
  changed_.wait(lock, [&] { return serving_ == turn && !free_.empty(); });
  ++serving_;
  RunSlot* slot = free_.back();
  free_.pop_back();
  if (!free_.empty()) changed_.notify_all();
  return slot;
}

void SlotPool::Give(RunSlot* slot) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  free_.push_back(slot);
  changed_.notify_all();
}

void SlotPool::WaitAllFree() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return free_.size() == slots_.size(); });
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
    if (slot.geometry.size() < static_cast<size_t>(batch)) slot.geometry.resize(static_cast<size_t>(batch));
  }
  return *made;
}

}  // namespace lnx::session
