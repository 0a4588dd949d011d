#include "runtime/limits.h"

#include "base/clock.h"
#include "base/status.h"

namespace lnx::runtime {

void FailLate(int64_t deadline, const std::string& where) {
  Fail(LNX_E_DEADLINE, {std::to_string(NowMicros() - deadline) + " us after the deadline", "a run that is done by then", where});
}

void StopRun(const OrtFunctions& ort, OrtRunOptions* options) noexcept {
  if (OrtStatus* status = ort.RunOptionsSetTerminate(options)) ort.ReleaseStatus(status);
}

void ResumeRun(const OrtFunctions& ort, OrtRunOptions* options) noexcept {
  if (OrtStatus* status = ort.RunOptionsUnsetTerminate(options)) ort.ReleaseStatus(status);
}

CoreUse::CoreUse(Cores::Account* account, int64_t deadline) : account_(account) {
  if (account_ != nullptr && !Cores::OfProcess().Take(account_, deadline)) FailLate(deadline, "waiting for cores");
}

CoreUse::~CoreUse() {
  if (account_ != nullptr) Cores::OfProcess().Give(account_);
}

DeadlineWatch::DeadlineWatch(const OrtFunctions& ort, OrtRunOptions* options, int64_t deadline)
    : ort_(ort), options_(options), armed_(deadline != 0) {
  if (!armed_) return;
  entry_.at = deadline;
  entry_.what = this;
  entry_.expire = [](void* what) {
    const auto* own = static_cast<const DeadlineWatch*>(what);
    StopRun(own->ort_, own->options_);
  };
  Watchdog::OfProcess().Arm(&entry_);
}

bool DeadlineWatch::Disarm() {
  if (!armed_) return expired_;
  armed_ = false;
  expired_ = Watchdog::OfProcess().Disarm(&entry_);
  if (expired_) ResumeRun(ort_, options_);
  return expired_;
}

}  // namespace lnx::runtime
