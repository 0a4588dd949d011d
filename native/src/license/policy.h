// When to ask the dongle, and what its answers mean for the runs. Pure: time comes in as an argument, nothing is done here.
//
//   STARTING --answer--> OK --two failures--> GRACE --time is up--> BLOCKED
//       \--boot time is up--> BLOCKED            \--answer--> OK <--answer--/
//
// Invariants: one failure alone changes nothing (USB glitches); every state leads back to OK by one good answer; the grace time
// counts from the first of the failures.
#pragma once

#include <cstdint>
#include <string>

#include "license/license.h"
#include "lnx/lnx.h"

namespace lnx::license {

struct Timing {
  int64_t interval_ms = 30000;  // between challenges while all is well, give or take a fifth
  int64_t retry_ms = 1000;      // after the first failure
  int64_t grace_retry_ms = 2000;
  int64_t blocked_retry_ms = 5000;
};

struct Standing {
  LnxLicensePhase phase = LNX_LICENSE_STARTING;
  LnxStatus status = LNX_OK;  // why, when it is not OK
  std::string found;
  int64_t left_ms = 0;  // of the grace (or boot) time
};

class PresencePolicy {
 public:
  PresencePolicy(const Grace& grace, const Timing& timing, uint64_t seed, int64_t now_ms);

  void Succeeded(int64_t now_ms);
  void Failed(int64_t now_ms, LnxStatus status, const std::string& found);
  void Changed(int64_t now_ms);  // a reader or token came or went
  Standing At(int64_t now_ms);   // moves on when time is up
  int64_t due_ms() const { return due_; }

 private:
  int64_t Jittered();

  Timing timing_;
  int64_t boot_ms_, unplug_ms_;
  uint64_t random_;
  LnxLicensePhase phase_ = LNX_LICENSE_STARTING;
  LnxStatus status_ = LNX_OK;
  std::string found_;
  uint32_t failures_ = 0;
  int64_t began_, first_failure_ = 0, due_;
};

// What the days of a licence allow at a time: OK, GRACE (hours after the last day) or BLOCKED.
struct Clock;
Standing StandingOfDays(const License& license, const Clock& clock);
// "ends in 12 days", "the clock was set back ..."; "" = nothing to tell.
std::string Warning(const License& license, const Clock& clock);

// The worse of two: BLOCKED over GRACE over STARTING over OK; of two in grace the one with less time left.
Standing Worse(const Standing& a, const Standing& b);

}  // namespace lnx::license
