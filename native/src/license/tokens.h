// The tokens of this process, shared by all guards: one worker thread, and who wants to know that something came or went.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "license/license.h"
#include "token/worker.h"

namespace lnx::license {

class Tokens {
 public:
  Tokens(const token::TransportFactory& transport, const token::WorkerLimits& limits);

  uint64_t Listen(std::function<void()> changed);
  void Forget(uint64_t id);

  // Whether one of these keys answers, and which.
  token::Outcome Challenge(const std::vector<crypto::Point256>& keys, size_t* which);
  token::Outcome Agree(const crypto::Point256& own, Bytes point, crypto::Key256* x);
  // The licence objects of all tokens. Not LNX_OK, with the reason, when no token could be asked.
  token::Outcome ReadLicenses(std::vector<std::vector<uint8_t>>* found);

 private:
  void Tell();

  std::mutex mutex_;
  std::map<uint64_t, std::function<void()>> listeners_;
  uint64_t next_ = 1;
  token::Worker worker_;  // last: its thread ends before the rest goes
};

}  // namespace lnx::license
