#include "license/tokens.h"

#include <utility>

#include "lnx/lnx_status.h"

namespace lnx::license {

Tokens::Tokens(const token::TransportFactory& transport, const token::WorkerLimits& limits)
    : worker_(transport, limits, [this] { Tell(); }) {}

uint64_t Tokens::Listen(std::function<void()> changed) {
  const std::lock_guard<std::mutex> lock(mutex_);
  listeners_[next_] = std::move(changed);
  return next_++;
}

void Tokens::Forget(uint64_t id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  listeners_.erase(id);
}

void Tokens::Tell() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& listener : listeners_) listener.second();
}

// Jobs own what they touch: when one hangs, its caller is gone before it ends.
token::Outcome Tokens::Challenge(const std::vector<crypto::Point256>& keys, size_t* which) {
  const auto found = std::make_shared<size_t>(0);
  token::Outcome outcome = worker_.Do([keys, found](token::Finder& finder) {
    const token::Presence presence = finder.Challenge(keys);
    *found = presence.index;
    return presence.outcome;
  });
  if (outcome.status == LNX_OK) *which = *found;
  return outcome;
}

token::Outcome Tokens::Agree(const crypto::Point256& own, Bytes point, crypto::Key256* x) {
  struct Work {
    std::vector<uint8_t> point;
    crypto::Key256 x{};
  };
  const auto work = std::make_shared<Work>();
  work->point.assign(point.begin(), point.end());
  token::Outcome outcome = worker_.Do(
      [own, work](token::Finder& finder) { return finder.Agree(own, {work->point.data(), work->point.size()}, &work->x); });
  if (outcome.status == LNX_OK) *x = work->x;
  return outcome;
}

token::Outcome Tokens::ReadLicenses(std::vector<std::vector<uint8_t>>* found) {
  const auto work = std::make_shared<std::vector<std::vector<uint8_t>>>();
  token::Outcome outcome = worker_.Do([work](token::Finder& finder) { return finder.ReadLicenses(work.get()); });
  if (outcome.status == LNX_OK) *found = *work;
  return outcome;
}

}  // namespace lnx::license
