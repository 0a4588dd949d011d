// Watches over one licence while sessions use it: asks the dongle, keeps the state, tells changes.
//
// A guard has a thread of its own; the runs only read an atomic. The tokens are reached through one worker per process, which
// all guards share. Sessions on the same licence share its guard. While the licence is about to end, over, or without its dongle,
// the guard looks for a renewal: a line goes on when one is installed, without a restart.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "license/license.h"
#include "license/memory.h"
#include "license/policy.h"
#include "token/worker.h"

namespace lnx::license {

// What the tests replace.
struct Environment {
  token::TransportFactory transport = token::PcscTransport();
  token::WorkerLimits limits;
  Timing timing;
  std::vector<std::string> memory_files = Memory::DefaultFiles();
  std::function<int64_t()> unix_seconds;  // empty = the system's
  int64_t reminder_ms = 10000;            // between warnings in GRACE
  int64_t renewal_ms = 10000;             // between looks for a renewal while the licence is not in order
  static Environment Default() { return {}; }
};

struct State {
  LnxLicensePhase phase = LNX_LICENSE_STARTING;
  LnxStatus status = LNX_OK;
  double seconds_left = 0;  // of the grace time
  std::string reason;       // one line for people
  std::string warning;      // ends soon, clock set back; "" = none
};

// Called once at Listen, then from the guard's thread on every change, and again every ten seconds in GRACE. reminder: nothing
// changed.
using Listener = std::function<void(const State& state, bool reminder)>;

// The licences that are installed now and may stand for the guard's own. Called from the guard's thread.
using Renewals = std::function<std::vector<std::shared_ptr<const License>>()>;

// The tokens of this process: one worker, and who wants to know of changes.
class Tokens;
std::shared_ptr<Tokens> SharedTokens(const Environment& environment);

class Guard {
 public:
  // The guard of this licence in this process, started when there is none.
  static std::shared_ptr<Guard> For(std::shared_ptr<const License> license, const Environment& environment,
                                    Renewals renewals = {});
  Guard(std::shared_ptr<const License> license, const Environment& environment, std::shared_ptr<Tokens> tokens,
        Renewals renewals = {});
  ~Guard();  // waits for its thread unless that waits for a token
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  // The licence that opened: its features and keys count until the next open.
  const License& license() const { return *license_; }
  // The licence whose days and dongles count now: the same, or one that was installed since and renews it.
  std::shared_ptr<const License> Current() const;
  State Now() const;
  bool Blocked() const noexcept { return blocked_->load(std::memory_order_acquire); }
  // Throws the error that a run or an open gets now: LNX_E_LICENSE_BLOCKED with the reason.
  [[noreturn]] void FailBlocked() const;
  // Waits until the state is other than STARTING, at most so long.
  State WaitReady(int64_t timeout_ms) const;

  // Opens a family key, or a content key that was sealed for one of the dongles, with the dongle that is there now.
  // LNX_E_TOKEN_ANSWER when its answer does not open it, and the reasons for which a dongle is not there.
  void OpenFamily(const std::string& kid, crypto::Key256* key);
  bool OpenDirect(const container::SealedKey& sealed, crypto::Key256* key);  // false: for another dongle

  uint64_t Listen(Listener listener);
  void Forget(uint64_t id);  // no call is under way when it returns
  Memory& memory();

 private:
  struct Shared;
  std::shared_ptr<const License> license_;
  std::shared_ptr<Shared> shared_;
  std::shared_ptr<std::atomic<bool>> blocked_;
};

// The name of a phase in events and JSON: "starting" ...
const char* PhaseName(LnxLicensePhase phase);

}  // namespace lnx::license
