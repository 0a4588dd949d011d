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
  std::vector<float> class_thresholds;
  int64_t queued_at = 0;
  bool taken = false, done = false;
  result::Storage* storage = nullptr;
  std::exception_ptr failure;

  ~Item() {
    if (storage != nullptr) result::Pool::Give(storage);
  }
};

Queue::Queue(Core& core, uint32_t depth) : core_(core), depth_(depth) {}

Queue::~Queue() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    work_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

LnxTicket Queue::Submit(const LnxImage* images, uint32_t n, const LnxRunOptions* options) {
  auto item = std::make_unique<Item>();
  item->images.assign(images, images + n);
  item->queued_at = NowMicros();
  if (options != nullptr) {
    item->has_options = true;
    item->options = *options;
    item->class_thresholds.assign(options->class_thresholds, options->class_thresholds + options->class_threshold_count);
    item->options.class_thresholds = item->class_thresholds.data();
  }
  for (const LnxImage& image : item->images) {
    LnxRect roi;
    image::CheckImage(image, &roi);  // a wrong image is told at once, not when its result is asked for
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (items_.size() >= depth_) {
    Fail(LNX_E_QUEUE_FULL,
         {std::to_string(items_.size()) + " runs waiting or not collected", "fewer than " + std::to_string(depth_), "LnxSubmit"});
  }
  if (threads_.empty()) {
    for (size_t i = 0; i < core_.slots.size(); ++i) threads_.emplace_back([this] { Work(); });
  }
  item->ticket = next_++;
  items_.push_back(std::move(item));
  work_.notify_one();
  return items_.back()->ticket;
}

void Queue::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    Item* item = nullptr;
    work_.wait(lock, [&] {
      for (const auto& candidate : items_) {
        if (!candidate->taken) {
          item = candidate.get();
          return true;
        }
      }
      return stopping_;
    });
    if (stopping_) return;  // what has not begun is dropped
    item->taken = true;
    lock.unlock();
    try {
      const SlotUse slot(core_.slots);
      item->storage = RunImages(core_, *slot, item->images.data(), static_cast<uint32_t>(item->images.size()),
                                item->has_options ? &item->options : nullptr, item->queued_at);
    } catch (...) {
      item->failure = std::current_exception();
    }
    lock.lock();
    item->done = true;
    done_.notify_all();
  }
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
  const auto find = [&]() -> size_t {
    for (size_t i = 0; i < items_.size(); ++i) {
      if (ticket == 0 || items_[i]->ticket == ticket) return i;
    }
    return items_.size();
  };
  if (find() == items_.size()) {
    Fail(LNX_E_TICKET,
         {ticket == 0 ? "nothing waiting" : "ticket " + std::to_string(ticket), "a ticket that was not collected yet", "ticket"});
  }
  const LnxTicket wanted = items_[find()]->ticket;
  ticket = wanted;
  const auto ready = [&] {
    const size_t i = find();
    return i == items_.size() || Ready(i);
  };
  if (timeout_ms == std::numeric_limits<uint32_t>::max()) {
    done_.wait(lock, ready);
  } else if (!done_.wait_for(lock, std::chrono::milliseconds(timeout_ms), ready)) {
    Fail(LNX_E_TIMEOUT,
         {"not finished after " + std::to_string(timeout_ms) + " ms", "a finished run", "ticket " + std::to_string(wanted)});
  }
  const size_t i = find();
  if (i == items_.size())
    Fail(LNX_E_TICKET, {"collected by another thread", "one waiter per ticket", "ticket " + std::to_string(wanted)});
  std::unique_ptr<Item> item = std::move(items_[i]);
  items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(i));
  done_.notify_all();
  lock.unlock();
  if (item->failure) std::rethrow_exception(item->failure);
  result::Storage* storage = item->storage;
  item->storage = nullptr;
  return storage;
}

}  // namespace lnx::session
