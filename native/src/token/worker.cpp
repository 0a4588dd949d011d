#include "token/worker.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "base/platform.h"
#include "lnx/lnx_status.h"

namespace lnx::token {

using std::chrono::milliseconds;

// Outlives the worker while a thread is stuck.
struct Worker::Shared {
  TransportFactory factory;
  WorkerLimits limits;
  std::mutex changed_mutex;
  std::function<void()> changed;  // empty once the worker is gone
  std::mutex asking;              // one job at a time
  std::atomic<uint32_t> stuck{0};

  void TellChange() {
    const std::lock_guard<std::mutex> lock(changed_mutex);
    if (changed) changed();
  }
};

// One thread with its transport.
struct Worker::Thread {
  std::mutex mutex;
  std::condition_variable wake, done;
  std::function<Outcome(Finder&)> job;
  Outcome outcome;
  Transport* transport = nullptr;  // for Cancel; owned by the thread
  bool reachable = true;           // whether the service answered last
  bool working = false, abandoned = false, stopping = false, ended = false;

  void Run(const std::shared_ptr<Shared>& shared) {
    std::unique_ptr<Transport> own = shared->factory();
    Finder finder(*own);
    std::unique_lock<std::mutex> lock(mutex);
    transport = own.get();
    while (!stopping && !abandoned) {
      if (job) {
        Work(lock, finder);
      } else {
        Watch(lock, *own, *shared);
      }
    }
    transport = nullptr;
    lock.unlock();
    own.reset();
    lock.lock();
    if (abandoned) shared->stuck.fetch_sub(1);
    ended = true;
    done.notify_all();
  }

  void Work(std::unique_lock<std::mutex>& lock, Finder& finder) {
    const auto task = std::move(job);
    job = nullptr;
    done.notify_all();
    lock.unlock();
    Outcome result;
    try {
      result = task(finder);
    } catch (const std::exception& error) {
      result = {LNX_E_INTERNAL, error.what(), 0};
    }
    lock.lock();
    outcome = std::move(result);
    working = false;
    done.notify_all();
  }

  void Watch(std::unique_lock<std::mutex>& lock, Transport& own, Shared& shared) {
    lock.unlock();
    Code code = own.Open();
    if (code == kSuccess) code = own.WaitForChange(shared.limits.watch_ms);
    const bool quiet = code == kTimeout || code == kCancelled, reached = quiet || code == kSuccess;
    if (!reached) own.Close();  // a new context next time
    if (code == kSuccess || reached != reachable) shared.TellChange();
    reachable = reached;
    lock.lock();
    // Without a service, and after a change, the thread rests: some systems report the same change without end.
    const uint32_t rest = quiet ? 0 : code == kSuccess ? shared.limits.rest_ms : shared.limits.watch_ms;
    if (rest > 0) wake.wait_for(lock, milliseconds(rest), [&] { return job || stopping || abandoned; });
  }
};

Worker::Worker(TransportFactory factory, WorkerLimits limits, std::function<void()> changed)
    : shared_(std::make_shared<Shared>()) {
  shared_->factory = std::move(factory);
  shared_->limits = limits;
  shared_->changed = std::move(changed);
  platform::StayLoaded();  // a thread that hangs in the system outlives everything
  thread_ = Start();
}

Worker::~Worker() {
  {
    const std::lock_guard<std::mutex> lock(shared_->changed_mutex);
    shared_->changed = nullptr;
  }
  std::unique_lock<std::mutex> lock(thread_->mutex);
  thread_->stopping = true;
  thread_->wake.notify_all();
  if (thread_->abandoned) return;
  const auto give_up = std::chrono::steady_clock::now() + milliseconds(shared_->limits.watch_ms + 500);
  while (!thread_->ended && std::chrono::steady_clock::now() < give_up) {
    if (thread_->transport != nullptr) thread_->transport->Cancel();
    thread_->done.wait_for(lock, milliseconds(10), [&] { return thread_->ended; });
  }
}

std::shared_ptr<Worker::Thread> Worker::Start() {
  auto thread = std::make_shared<Thread>();
  std::thread([thread, shared = shared_] { thread->Run(shared); }).detach();
  return thread;
}

Outcome Worker::Do(std::function<Outcome(Finder&)> job) {
  const std::lock_guard<std::mutex> asking(shared_->asking);
  const uint32_t hang = shared_->limits.hang_ms;
  Outcome hangs = {LNX_E_TOKEN_HANGS, "no answer within " + std::to_string(hang / 1000.0).substr(0, 4) + " s", 0};
  if (shared_->stuck.load() >= shared_->limits.max_stuck) return hangs;
  std::unique_lock<std::mutex> lock(thread_->mutex);
  if (thread_->abandoned) {
    lock.unlock();
    thread_ = Start();
    lock = std::unique_lock<std::mutex>(thread_->mutex);
  }
  Thread& thread = *thread_;
  thread.job = std::move(job);
  thread.working = true;
  thread.wake.notify_all();
  // A cancel that comes before the wait has begun is lost: it is repeated until the job is taken.
  const auto give_up = std::chrono::steady_clock::now() + milliseconds(hang);
  while (thread.job && std::chrono::steady_clock::now() < give_up) {
    if (thread.transport != nullptr) thread.transport->Cancel();
    thread.done.wait_for(lock, milliseconds(10), [&] { return !thread.job; });
  }
  if (thread.done.wait_for(lock, milliseconds(hang), [&] { return !thread.working; })) return thread.outcome;
  thread.abandoned = true;
  thread.job = nullptr;
  shared_->stuck.fetch_add(1);
  return hangs;
}

}  // namespace lnx::token
