#include "session/queue.h"

#include <chrono>
#include <cmath>
#include <limits>

#include "base/clock.h"
#include "base/status.h"
#include "session/core.h"

namespace lnx::session {
namespace {

// Options that change nothing but where the run stands in line: such runs may share a batch.
bool ChangesNothing(const LnxRunOptions& o) {
  return o.want == 0 && std::isnan(o.threshold) && std::isnan(o.guard_band) && std::isnan(o.min_area_px) && o.max_objects == 0 &&
         o.top_k == 0 && o.class_threshold_count == 0 && o.class_min_area_count == 0 && o.deadline_ms == 0;
}

}  // namespace

struct Queue::Item {
  LnxTicket ticket = 0;
  uint32_t source = 0;
  std::vector<LnxImage> images;
  LnxRunOptions options{};
  bool has_options = false;
  std::vector<float> class_thresholds, class_min_areas_px;
  int64_t queued_at = 0;
  bool taken = false, done = false;
  result::Storage* storage = nullptr;
  std::exception_ptr failure;
  std::condition_variable ready;

  ~Item() {
    if (storage != nullptr) result::Pool::Give(storage);
  }

  void Fill(const LnxImage* given, uint32_t n, const LnxRunOptions* given_options) {
    images.assign(given, given + n);
    queued_at = NowMicros();
    taken = done = false;
    has_options = given_options != nullptr && !ChangesNothing(*given_options);
    if (!has_options) return;
    options = *given_options;
    class_thresholds.assign(options.class_thresholds, options.class_thresholds + options.class_threshold_count);
    options.class_thresholds = class_thresholds.data();
    class_min_areas_px.assign(options.class_min_areas_px, options.class_min_areas_px + options.class_min_area_count);
    options.class_min_areas_px = class_min_areas_px.data();
  }
  bool MayShare() const { return !has_options && images.size() == 1; }
};

Queue::Queue(Core& core, uint32_t depth, uint32_t most_together) : core_(core), depth_(depth), most_together_(most_together) {
  OpenSource(0);
}

Queue::~Queue() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    work_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

Queue::Source& Queue::OpenSource(uint32_t number) {
  Source& source = sources_[number];
  if (!source.made.empty()) return source;
  std::vector<std::unique_ptr<Item>> made;
  made.reserve(depth_);
  for (uint32_t i = 0; i < depth_; ++i) made.push_back(std::make_unique<Item>());
  source.free.reserve(depth_);
  items_.reserve(made_ + depth_);
  made_ += depth_;
  for (const auto& item : made) source.free.push_back(item.get());
  source.made = std::move(made);
  return source;
}

LnxTicket Queue::Submit(const LnxImage* images, uint32_t n, const LnxRunOptions* options) {
  const uint32_t number = options != nullptr ? options->source : 0;
  if (number >= kMostSources) {
    Fail(LNX_E_ARGUMENT, {std::to_string(number), "0 .. " + std::to_string(kMostSources - 1), "options.source"});
  }
  for (uint32_t i = 0; i < n; ++i) {
    LnxRect roi;
    image::CheckImage(images[i], &roi);  // a wrong image is told at once, not when its result is asked for
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  Source& source = OpenSource(number);
  if (source.free.empty()) {
    const std::string of = number != 0 ? " of source " + std::to_string(number) : "";
    Fail(LNX_E_QUEUE_FULL, {std::to_string(depth_) + " runs" + of + " waiting or not collected",
                            "fewer than " + std::to_string(depth_), "LnxSubmit"});
  }
  if (threads_.empty()) {
    for (size_t i = 0; i < core_.slots.size(); ++i) threads_.emplace_back([this] { Work(); });
  }
  Item* item = source.free.back();
  item->Fill(images, n, options);
  item->source = number;
  item->ticket = next_++;
  source.free.pop_back();
  items_.push_back(item);
  work_.notify_one();
  return item->ticket;
}

// The oldest waiting run of the source that was served longest ago.
Queue::Item* Queue::NextToRun() const {
  Item* next = nullptr;
  for (Item* item : items_) {
    if (item->taken) continue;
    if (next == nullptr || sources_[item->source].served < sources_[next->source].served) next = item;
  }
  return next;
}

Queue::Item* Queue::Take(Item* item) {
  item->taken = true;
  sources_[item->source].served = ++turn_;
  return item;
}

// What one thread of the queue runs at a time; several items are one batch.
struct Queue::Together {
  std::vector<Item*> items;
  std::vector<LnxImage> images;
  std::vector<int64_t> queued_at;
  std::vector<result::Storage*> storages;

  explicit Together(size_t most) {
    items.reserve(most);
    images.reserve(most);
    queued_at.reserve(most);
    storages.reserve(most);
  }
};

void Queue::TakeMore(Together* together) {
  while (together->items.front()->MayShare() && together->items.size() < most_together_) {
    Item* item = NextToRun();
    if (item == nullptr || !item->MayShare()) return;
    together->items.push_back(Take(item));
  }
}

void Queue::RunOne(Item* item) {
  try {
    const int64_t deadline =
        item->has_options && item->options.deadline_ms > 0 ? item->queued_at + int64_t{1000} * item->options.deadline_ms : 0;
    const SlotUse slot(core_, deadline);
    item->storage = RunAndRecord(core_, *slot, item->images.data(), static_cast<uint32_t>(item->images.size()),
                                 item->has_options ? &item->options : nullptr, item->queued_at);
  } catch (const Error& error) {
    NoteFailure(core_, error);
    item->failure = std::current_exception();
  } catch (...) {
    item->failure = std::current_exception();
  }
}

// False when it failed: one by one each then gets its own answer.
bool Queue::RunTogether(Together* together) {
  Together& t = *together;
  const auto n = static_cast<uint32_t>(t.items.size());
  t.images.clear();
  t.queued_at.clear();
  t.storages.assign(n, nullptr);
  for (const Item* item : t.items) {
    t.images.push_back(item->images[0]);
    t.queued_at.push_back(item->queued_at);
  }
  try {
    const SlotUse slot(core_, 0);
    RunApart(core_, *slot, t.images.data(), n, t.queued_at.data(), t.storages.data());
  } catch (...) {
    return false;
  }
  for (uint32_t i = 0; i < n; ++i) t.items[i]->storage = t.storages[i];
  return true;
}

void Queue::Work() {
  Together together(most_together_);
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    Item* item = nullptr;
    work_.wait(lock, [&] {
      item = NextToRun();
      return item != nullptr || stopping_;
    });
    if (stopping_) return;  // what has not begun is dropped
    together.items.assign(1, Take(item));
    TakeMore(&together);
    lock.unlock();
    if (together.items.size() == 1 || core_.recording.Get() != nullptr || !RunTogether(&together)) {
      for (Item* each : together.items) RunOne(each);
    }
    lock.lock();
    Finish(together);
  }
}

// Wakes whoever waits for a run that can be collected now.
void Queue::Finish(const Together& together) {
  for (Item* item : together.items) item->done = true;
  for (const Item* item : together.items) {
    for (Item* other : items_) {
      if (other->source != item->source) continue;
      if (!other->done) break;
      other->ready.notify_all();
    }
  }
}

size_t Queue::Find(LnxTicket ticket) const {
  for (size_t i = 0; i < items_.size(); ++i) {
    if (ticket == 0 || items_[i]->ticket == ticket) return i;
  }
  return items_.size();
}

// A ticket is ready when it and all older ones of its source are done: results come in the order of submission.
bool Queue::Ready(size_t index) const {
  for (size_t i = 0; i <= index; ++i) {
    if (items_[i]->source == items_[index]->source && !items_[i]->done) return false;
  }
  return true;
}

result::Storage* Queue::Wait(LnxTicket ticket, uint32_t timeout_ms) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (Find(ticket) == items_.size()) {
    Fail(LNX_E_TICKET,
         {ticket == 0 ? "nothing waiting" : "ticket " + std::to_string(ticket), "a ticket that was not collected yet", "ticket"});
  }
  Item* item = items_[Find(ticket)];
  ticket = item->ticket;
  const auto ready = [&] {
    if (item->ticket != ticket) return true;  // collected by another thread, and used again
    const size_t i = Find(ticket);
    return i == items_.size() || Ready(i);
  };
  if (timeout_ms == std::numeric_limits<uint32_t>::max()) {
    item->ready.wait(lock, ready);
  } else if (!item->ready.wait_for(lock, std::chrono::milliseconds(timeout_ms), ready)) {
    Fail(LNX_E_TIMEOUT,
         {"not finished after " + std::to_string(timeout_ms) + " ms", "a finished run", "ticket " + std::to_string(ticket)});
  }
  const size_t i = Find(ticket);
  if (i == items_.size())
    Fail(LNX_E_TICKET, {"collected by another thread", "one waiter per ticket", "ticket " + std::to_string(ticket)});
  items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(i));
  sources_[item->source].free.push_back(item);
  result::Storage* storage = item->storage;
  const std::exception_ptr failure = std::move(item->failure);
  item->storage = nullptr;
  item->failure = nullptr;
  item->ready.notify_all();  // others that wait for the same ticket
  lock.unlock();
  if (failure) std::rethrow_exception(failure);
  return storage;
}

}  // namespace lnx::session
