// The licence of one session: what a run asks, and who is told when its state changes.
#pragma once

#include <memory>
#include <string>

#include "license/features.h"
#include "license/guard.h"
#include "lnx/lnx.h"

namespace lnx::session {

class Licensing {
 public:
  // guard NULL: the model needs no licence. model and session name the session in events; "" = write none. seats are held as
  // long as the session.
  Licensing(std::shared_ptr<license::Guard> guard, license::Seats seats, const LnxInitOptions& options,
            const std::string& model_json, const std::string& session_id);
  ~Licensing();  // nobody is told any more when it returns
  Licensing(const Licensing&) = delete;
  Licensing& operator=(const Licensing&) = delete;

  // LNX_E_LICENSE_BLOCKED when no new run may begin. A run that has begun is never stopped.
  void RequireRun() const {
    if (guard_ && guard_->Blocked()) guard_->FailBlocked();
  }
  bool evaluation() const { return guard_ && guard_->license().evaluation; }
  void Fill(LnxLicenseInfo* info) const;
  std::string FeaturesJson() const { return guard_ ? guard_->license().features.json : "{}"; }

 private:
  void Tell(const license::State& state, bool reminder) const;
  void FillFrom(const license::State& state, LnxLicenseInfo* info) const;

  std::shared_ptr<license::Guard> guard_;
  license::Seats seats_;
  LnxLicenseChanged changed_;
  void* user_;
  LnxLog log_;
  void* log_user_;
  std::string model_json_, session_id_;
  uint64_t listener_ = 0;
};

}  // namespace lnx::session
