#include "session/licensing.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "event/event_log.h"

namespace lnx::session {
namespace {

using nlohmann::ordered_json;

// Cuts between characters, never inside one.
void CopyText(const std::string& text, char* to, size_t capacity) {
  size_t n = std::min(text.size(), capacity - 1);
  while (n > 0 && n < text.size() && (text[n] & 0xC0) == 0x80) --n;
  std::copy(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(n), to);
  to[n] = '\0';
}

}  // namespace

Licensing::Licensing(std::shared_ptr<license::Guard> guard, license::Seats seats, const LnxInitOptions& options,
                     const std::string& model_json, const std::string& session_id)
    : guard_(std::move(guard)),
      seats_(std::move(seats)),
      changed_(options.license_changed),
      user_(options.license_user),
      log_(options.log),
      log_user_(options.log_user),
      model_json_(model_json),
      session_id_(session_id) {
  if (!guard_) return;
  listener_ = guard_->Listen([this](const license::State& state, bool reminder) { Tell(state, reminder); });
}

Licensing::~Licensing() {
  if (guard_) guard_->Forget(listener_);
}

void Licensing::Tell(const license::State& state, bool reminder) const {
  const std::shared_ptr<const license::License> current = guard_->Current();
  if (!session_id_.empty() && !reminder) {
    event::Log::Get().Write("lnx.license.state", "{\"model\":" + model_json_ + ",\"session\":\"" + session_id_ + "\"," +
                                                     ordered_json({{"phase", license::PhaseName(state.phase)},
                                                                   {"status", state.status},
                                                                   {"license_id", current->license_id},
                                                                   {"evaluation", current->evaluation},
                                                                   {"grace_seconds_left", state.seconds_left}})
                                                         .dump(-1, ' ', false, ordered_json::error_handler_t::replace)
                                                         .substr(1));
  }
  if (log_ != nullptr && (state.phase != LNX_LICENSE_OK || !state.warning.empty())) {
    char left[64] = "";
    if (state.phase == LNX_LICENSE_GRACE) std::snprintf(left, sizeof left, " (%.0f s of grace left)", state.seconds_left);
    const std::string& text = state.phase == LNX_LICENSE_OK ? state.warning : state.reason;
    log_(2, (std::string("licence ") + license::PhaseName(state.phase) + ": " + text + left).c_str(), log_user_);
  }
  if (changed_ == nullptr) return;
  LnxLicenseInfo info{};
  info.struct_size = sizeof info;
  FillFrom(state, &info);
  changed_(&info, user_);
}

void Licensing::Fill(LnxLicenseInfo* info) const {
  if (guard_) {
    FillFrom(guard_->Now(), info);
  } else {
    info->phase = LNX_LICENSE_NONE;
    CopyText("this model needs no licence", info->reason, sizeof info->reason);
  }
}

void Licensing::FillFrom(const license::State& state, LnxLicenseInfo* info) const {
  const std::shared_ptr<const license::License> current = guard_->Current();
  const license::License& license = *current;
  info->phase = state.phase;
  info->status = state.status;
  info->grace_seconds_left = state.seconds_left;
  info->evaluation = license.evaluation ? 1 : 0;
  info->expires_unix = license.not_after == license::kNever ? 0 : license.not_after;
  CopyText(license.license_id, info->license_id, sizeof info->license_id);
  CopyText(state.reason, info->reason, sizeof info->reason);
  CopyText(license.customer, info->customer, sizeof info->customer);
  CopyText(state.warning, info->warning, sizeof info->warning);
}

}  // namespace lnx::session
