// The one thread that talks to tokens, and the watch over it.
//
// Smart-card calls can block for as long as another program or a faulty token likes. A job that does not finish in time is given
// up together with its thread, which ends by itself when the call returns; the next job gets a new thread and a new context,
// until too many are stuck. Between jobs the thread waits for readers and tokens that come and go, at most a few times per
// second.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "token/finder.h"

namespace lnx::token {

struct WorkerLimits {
  uint32_t hang_ms = 10000;  // a job that takes longer hangs
  uint32_t watch_ms = 1000;  // one wait for changes
  uint32_t rest_ms = 200;    // at least between two reports of change
  uint32_t max_stuck = 3;    // threads that may hang at the same time
};

class Worker {
 public:
  // changed is called from the worker's thread when a reader or token came or went. It must not call back.
  Worker(TransportFactory factory, WorkerLimits limits, std::function<void()> changed);
  ~Worker();  // does not wait for a call that hangs
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Runs a job on the worker's thread. LNX_E_TOKEN_HANGS when it is not done in time; the job may then still be running, so it
  // must own what it touches.
  Outcome Do(std::function<Outcome(Finder&)> job);

 private:
  struct Shared;
  struct Thread;
  std::shared_ptr<Thread> Start();

  std::shared_ptr<Shared> shared_;
  std::shared_ptr<Thread> thread_;
};

}  // namespace lnx::token
