#include <chrono>
#include <exception>
#include <limits>

#include "base/clock.h"
#include "base/status.h"
#include "session/core.h"

namespace lnx::session {

struct Queue::Item {
  LnxTicket ticket = 0;
  std::vector<LnxImage> images;
  LnxRunOptions options{};
  bool has_options = false;
  std::vector<float> class_thresholds, class_min_areas_px;
  int64_t queued_at = 0;
  bool taken = false, done = false;
  result::Storage* storage = nullptr;
  std::exception_ptr failure;

  ~Item() {
    if (storage != nullptr) result::Pool::Give(storage);
  }

  void Fill(const LnxImage* given, uint32_t n, const LnxRunOptions* given_options) {
    images.assign(given, given + n);
    queued_at = NowMicros();
    taken = done = false;
    has_options = given_options != nullptr;
    if (!has_options) return;
    options = *given_options;
    class_thresholds.assign(options.class_thresholds, options.class_thresholds + options.class_threshold_count);
    options.class_thresholds = class_thresholds.data();
    class_min_areas_px.assign(options.class_min_areas_px, options.class_min_areas_px + options.class_min_area_count);
    options.class_min_areas_px = class_min_areas_px.data();
  }
};

Queue::Queue(Core& core, uint32_t depth) : core_(core), depth_(depth) {
  for (uint32_t i = 0; i < depth; ++i) {
    made_.push_back(std::make_unique<Item>());
    free_.push_back(made_.back().get());
  }
  items_.reserve(depth);
}

Queue::~Queue() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    work_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

LnxTicket Queue::Submit(const LnxImage* images, uint32_t n, const LnxRunOptions* options) {
  for (uint32_t i = 0; i < n; ++i) {
    LnxRect roi;
    image::CheckImage(images[i], &roi);  // a wrong image is told at once, not when its result is asked for
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (free_.empty()) {
    Fail(LNX_E_QUEUE_FULL,
         {std::to_string(items_.size()) + " runs waiting or not collected", "fewer than " + std::to_string(depth_), "LnxSubmit"});
  }
  if (threads_.empty()) {
    for (size_t i = 0; i < core_.slots.size(); ++i) threads_.emplace_back([this] { Work(); });
  }
  Item* item = free_.back();
  item->Fill(images, n, options);
  item->ticket = next_++;
  free_.pop_back();
  items_.push_back(item);
  work_.notify_one();
  return item->ticket;
}

Queue::Item* Queue::NextToRun() const {
  for (Item* item : items_) {
    if (!item->taken) return item;
  }
  return nullptr;
}

void Queue::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    Item* item = nullptr;
    work_.wait(lock, [&] {
      item = NextToRun();
      return item != nullptr || stopping_;
    });
    if (stopping_) return;  // what has not begun is dropped
    item->taken = true;
    lock.unlock();
    try {
      const SlotUse slot(core_.slots);
      item->storage = RunAndRecord(core_, *slot, item->images.data(), static_cast<uint32_t>(item->images.size()),
                                   item->has_options ? &item->options : nullptr, item->queued_at);
    } catch (...) {
      item->failure = std::current_exception();
    }
    lock.lock();
    item->done = true;
    done_.notify_all();
  }
}

size_t Queue::Find(LnxTicket ticket) const {
  for (size_t i = 0; i < items_.size(); ++i) {
    if (ticket == 0 || items_[i]->ticket == ticket) return i;
  }
  return items_.size();
}

// A ticket is ready when it and all older ones are done: results come in the order of submission.
bool Queue::Ready(size_t index) const {
  for (size_t i = 0; i <= index; ++i) {
    if (!items_[i]->done) return false;
  }
  return true;
}

result::Storage* Queue::Wait(LnxTicket ticket, uint32_t timeout_ms) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (Find(ticket) == items_.size()) {
    Fail(LNX_E_TICKET,
         {ticket == 0 ? "nothing waiting" : "ticket " + std::to_string(ticket), "a ticket that was not collected yet", "ticket"});
  }
  ticket = items_[Find(ticket)]->ticket;
  const auto ready = [&] {
    const size_t i = Find(ticket);
    return i == items_.size() || Ready(i);
  };
  if (timeout_ms == std::numeric_limits<uint32_t>::max()) {
    done_.wait(lock, ready);
  } else if (!done_.wait_for(lock, std::chrono::milliseconds(timeout_ms), ready)) {
    Fail(LNX_E_TIMEOUT,
         {"not finished after " + std::to_string(timeout_ms) + " ms", "a finished run", "ticket " + std::to_string(ticket)});
  }
  const size_t i = Find(ticket);
  if (i == items_.size())
    Fail(LNX_E_TICKET, {"collected by another thread", "one waiter per ticket", "ticket " + std::to_string(ticket)});
  Item* item = items_[i];
  items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(i));
  free_.push_back(item);
  result::Storage* storage = item->storage;
  const std::exception_ptr failure = std::move(item->failure);
  item->storage = nullptr;
  item->failure = nullptr;
  done_.notify_all();
  lock.unlock();
  if (failure) std::rethrow_exception(failure);
  return storage;
}

}  // namespace lnx::session
