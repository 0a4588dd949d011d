#include "license/policy.h"

#include <algorithm>
#include <utility>

#include "base/moment.h"
#include "license/memory.h"

namespace lnx::license {
namespace {

int Rank(const Standing& standing) {
  switch (standing.phase) {
    case LNX_LICENSE_BLOCKED:
      return 3;
    case LNX_LICENSE_GRACE:
      return 2;
    case LNX_LICENSE_STARTING:
      return 1;
    default:
      return 0;
  }
}

}  // namespace

PresencePolicy::PresencePolicy(const Grace& grace, const Timing& timing, uint64_t seed, int64_t now_ms)
    : timing_(timing),
      boot_ms_(static_cast<int64_t>(grace.boot_s) * 1000),
      unplug_ms_(static_cast<int64_t>(grace.unplug_s) * 1000),
      random_(seed | 1),
      began_(now_ms),
      due_(now_ms) {}

// Spreads challenges of many programs, and makes their moments hard to guess: +- 20 %.
int64_t PresencePolicy::Jittered() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  const int64_t fifth = std::max<int64_t>(1, timing_.interval_ms / 5);
  return timing_.interval_ms - fifth + static_cast<int64_t>(random_ % static_cast<uint64_t>(2 * fifth + 1));
}

void PresencePolicy::Succeeded(int64_t now_ms) {
  phase_ = LNX_LICENSE_OK;
  status_ = LNX_OK;
  found_.clear();
  failures_ = 0;
  due_ = now_ms + Jittered();
}

void PresencePolicy::Failed(int64_t now_ms, LnxStatus status, const std::string& found) {
  status_ = status;
  found_ = found;
  if (failures_++ == 0) first_failure_ = now_ms;
  if (phase_ == LNX_LICENSE_OK && failures_ >= 2) phase_ = LNX_LICENSE_GRACE;
  At(now_ms);
  due_ = now_ms + (phase_ == LNX_LICENSE_BLOCKED ? timing_.blocked_retry_ms
                   : phase_ == LNX_LICENSE_GRACE ? timing_.grace_retry_ms
                                                 : timing_.retry_ms);
}

void PresencePolicy::Changed(int64_t now_ms) { due_ = std::min(due_, now_ms); }

Standing PresencePolicy::At(int64_t now_ms) {
  Standing standing;
  if (phase_ == LNX_LICENSE_GRACE) {
    standing.left_ms = first_failure_ + unplug_ms_ - now_ms;
    if (standing.left_ms <= 0) phase_ = LNX_LICENSE_BLOCKED;
  } else if (phase_ == LNX_LICENSE_STARTING) {
    standing.left_ms = began_ + boot_ms_ - now_ms;
    if (standing.left_ms <= 0 && failures_ > 0) phase_ = LNX_LICENSE_BLOCKED;
  }
  standing.phase = phase_;
  standing.left_ms = phase_ == LNX_LICENSE_BLOCKED ? 0 : std::max<int64_t>(0, standing.left_ms);
  if (phase_ != LNX_LICENSE_OK) {
    standing.status = status_;
    standing.found = found_;
  }
  return standing;
}

Standing StandingOfDays(const License& license, const Clock& clock) {
  Standing standing;
  standing.phase = LNX_LICENSE_OK;
  const auto block = [&](LnxStatus status, std::string found) {
    standing.phase = LNX_LICENSE_BLOCKED;
    standing.status = status;
    standing.found = std::move(found);
  };
  if (clock.effective < license.not_before) {
    block(LNX_E_LICENSE_NOT_YET_VALID,
          "today is " + FormatMoment(clock.effective) + ", valid from " + FormatMoment(license.not_before));
    return standing;
  }
  if (license.not_after == kNever || clock.effective <= license.not_after) return standing;
  const int64_t end = license.not_after + static_cast<int64_t>(license.grace.expired_h) * 3600;
  const std::string ended = "today is " + FormatMoment(clock.effective) + ", valid until " + FormatMoment(license.not_after);
  if (clock.effective > end) {
    const bool by_memory = clock.set_back && clock.now <= end;
    block(by_memory ? LNX_E_CLOCK_BACK : LNX_E_LICENSE_EXPIRED,
          by_memory
              ? "the clock shows " + FormatMoment(clock.now) + ", but " + FormatMoment(clock.effective) + " was seen here before"
              : ended);
    return standing;
  }
  standing.phase = LNX_LICENSE_GRACE;
  standing.status = LNX_E_LICENSE_EXPIRED;
  standing.found = ended;
  standing.left_ms = (end - clock.effective) * 1000;
  return standing;
}

std::string Warning(const License& license, const Clock& clock) {
  std::string text;
  if (license.not_after != kNever && clock.effective <= license.not_after &&
      license.not_after - clock.effective <= static_cast<int64_t>(license.warn_days) * 86400) {
    text = "the licence ends in " + std::to_string((license.not_after - clock.effective) / 86400) + " days, on " +
           FormatMoment(license.not_after);
  }
  if (clock.set_back) {
    text += (text.empty() ? "" : "; ") + std::string("the clock shows ") + FormatMoment(clock.now) + ", but " +
            FormatMoment(clock.effective) + " was seen here before";
  }
  return text;
}

Standing Worse(const Standing& a, const Standing& b) {
  if (Rank(a) != Rank(b)) return Rank(a) > Rank(b) ? a : b;
  if (a.phase == LNX_LICENSE_GRACE) return a.left_ms <= b.left_ms ? a : b;
  return a;
}

}  // namespace lnx::license
