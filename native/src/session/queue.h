// Submitted runs: bounded, fair between sources, results in order per source. Internal to session/.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "lnx/lnx.h"
#include "result/result.h"

namespace lnx::session {

struct Core;

constexpr uint32_t kMostSources = 64;

// Runs submitted work on as many threads as there are slots. A source is a camera: each has a queue of `depth` runs of its own,
// and the one that was served longest ago comes next, so that none can starve another. Items are made once per source and used
// again, so that submitting and collecting take no memory in the steady state; a finished run wakes only whoever waits for it.
class Queue {
 public:
  // most_together: waiting single images that may run as one batch.
  Queue(Core& core, uint32_t depth, uint32_t most_together);
  ~Queue();

  LnxTicket Submit(const LnxImage* images, uint32_t n, const LnxRunOptions* options);
  result::Storage* Wait(LnxTicket ticket, uint32_t timeout_ms);

 private:
  struct Item;
  struct Source {
    std::vector<std::unique_ptr<Item>> made;
    std::vector<Item*> free;
    uint64_t served = 0;
  };
  void Work();
  Source& OpenSource(uint32_t number);
  Item* NextToRun() const;
  Item* Take(Item* item);
  struct Together;
  void TakeMore(Together* together);
  void RunOne(Item* item);
  bool RunTogether(Together* together);
  void Finish(const Together& together);
  size_t Find(LnxTicket ticket) const;  // items_.size() when it is not there
  bool Ready(size_t index) const;

  Core& core_;
  const uint32_t depth_, most_together_;
  std::mutex mutex_;
  std::condition_variable work_;
  Source sources_[kMostSources];
  std::vector<Item*> items_;  // not collected yet, oldest first
  std::vector<std::thread> threads_;
  LnxTicket next_ = 1;
  uint64_t turn_ = 0;
  size_t made_ = 0;
  bool stopping_ = false;
};

}  // namespace lnx::session
