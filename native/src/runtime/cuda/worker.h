// The one thread on which a session's model runs. ONNX Runtime keeps a CUDA graph and its context per calling thread: a run from
// a new thread would warm up and capture again. Jobs come in the order of asking.
//
// Between jobs the thread sleeps, or every keep-warm interval does a little work on the GPU, so that its clocks stay up while the
// line pauses; after a while without a job it lets them go.
//
// Nothing is allocated per job.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace lnx::runtime::cuda {

struct KeepWarmTimes {
  std::chrono::milliseconds every{0};  // 0 = never
  std::chrono::milliseconds let_go_after{std::chrono::minutes(10)};
};

class Worker {
 public:
  // tick: does a little work on the GPU.
  Worker(const KeepWarmTimes& times, std::function<void()> tick);
  ~Worker();  // after the jobs that were asked for

  // Runs function(argument) on the thread and waits. What it throws is thrown here.
  void Run(void (*function)(void*), void* argument);

  uint64_t ticks() const { return ticks_.load(); }

 private:
  struct Job {
    void (*function)(void*);
    void* argument;
    bool done = false;
    std::exception_ptr error;
    Job* next = nullptr;
  };
  void Loop();
  void WaitForWork(std::unique_lock<std::mutex>& lock);

  const KeepWarmTimes times_;
  const std::function<void()> tick_;
  std::mutex mutex_;
  std::condition_variable work_, done_;
  Job* first_ = nullptr;
  Job* last_ = nullptr;
  bool stopping_ = false;
  std::atomic<uint64_t> ticks_{0};
  std::thread thread_;
};

}  // namespace lnx::runtime::cuda
