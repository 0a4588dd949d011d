#include "runtime/cuda/worker.h"

namespace lnx::runtime::cuda {

Worker::Worker(const KeepWarmTimes& times, std::function<void()> tick)
    : times_(times), tick_(std::move(tick)), thread_([this] { Loop(); }) {}

Worker::~Worker() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  thread_.join();
}

void Worker::Run(void (*function)(void*), void* argument) {
  Job job{function, argument, false, nullptr, nullptr};
  std::unique_lock<std::mutex> lock(mutex_);
  (last_ != nullptr ? last_->next : first_) = &job;
  last_ = &job;
  work_.notify_one();
  done_.wait(lock, [&] { return job.done; });
  lock.unlock();
  if (job.error) std::rethrow_exception(job.error);
}

void Worker::WaitForWork(std::unique_lock<std::mutex>& lock) {
  const auto ready = [this] { return first_ != nullptr || stopping_; };
  if (times_.every.count() == 0 || !tick_) return work_.wait(lock, ready);
  const auto let_go = std::chrono::steady_clock::now() + times_.let_go_after;
  while (!ready()) {
    if (std::chrono::steady_clock::now() > let_go) return work_.wait(lock, ready);
    if (work_.wait_for(lock, times_.every, ready)) return;
    lock.unlock();
    try {
      tick_();
      ticks_.fetch_add(1);
    } catch (...) {  // the next run tells what is wrong with the device
    }
    lock.lock();
  }
}

void Worker::Loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    WaitForWork(lock);
    if (first_ == nullptr) return;  // stopping, and nothing is left
    Job* job = first_;
    first_ = job->next;
    if (first_ == nullptr) last_ = nullptr;
    lock.unlock();
    std::exception_ptr error;
    try {
      job->function(job->argument);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    job->error = error;
    job->done = true;
    done_.notify_all();
  }
}

}  // namespace lnx::runtime::cuda
