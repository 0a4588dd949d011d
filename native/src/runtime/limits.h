// What bounds one inference: the cores that it may use, and its deadline. Internal to runtime/.
#pragma once

#include <string>

#include "runtime/cores.h"
#include "runtime/ort_api.h"
#include "runtime/watchdog.h"

namespace lnx::runtime {

// LNX_E_DEADLINE. deadline: NowMicros; where: what was going on.
[[noreturn]] void FailLate(int64_t deadline, const std::string& where);

// Asks a run with these options, from any thread, to end at its next node; and takes that back.
void StopRun(const OrtFunctions& ort, OrtRunOptions* options) noexcept;
void ResumeRun(const OrtFunctions& ort, OrtRunOptions* options) noexcept;

// The cores of one run on the CPU; account NULL = none. LNX_E_DEADLINE when they were not free by then (0 = wait without limit).
class CoreUse {
 public:
  CoreUse(Cores::Account* account, int64_t deadline);
  ~CoreUse();
  CoreUse(const CoreUse&) = delete;
  CoreUse& operator=(const CoreUse&) = delete;

 private:
  Cores::Account* account_;
};

// Ends the run with these options at its deadline, when there is one (0 = none).
class DeadlineWatch {
 public:
  DeadlineWatch(const OrtFunctions& ort, OrtRunOptions* options, int64_t deadline);
  ~DeadlineWatch() { Disarm(); }
  DeadlineWatch(const DeadlineWatch&) = delete;
  DeadlineWatch& operator=(const DeadlineWatch&) = delete;
  bool Disarm();  // true when the deadline came first

 private:
  const OrtFunctions& ort_;
  OrtRunOptions* options_;
  Watchdog::Entry entry_;
  bool armed_, expired_ = false;
};

}  // namespace lnx::runtime
