#include "license/opener.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/platform.h"
#include "base/status.h"
#include "license/tokens.h"

namespace lnx::license {
namespace {

std::string LicenseFolder() {
  std::string folder = platform::GetEnv("LNX_LICENSE_DIR");
  if (!folder.empty()) return folder;
#if defined(_WIN32)
  return platform::JoinPath(platform::GetEnv("ProgramData"), "LNX\\licenses");
#else
  return "/var/lib/lnx/licenses";
#endif
}

bool IsLicense(const std::string& path) { return path.size() > 4 && path.compare(path.size() - 4, 4, ".lic") == 0; }

int64_t UnixSeconds(const Environment& environment) {
  return environment.unix_seconds ? environment.unix_seconds() : UnixNanos() / 1000000000;
}

}  // namespace

Opener::Opener(OpenOptions options, const container::TrustStore& trust, Environment environment)
    : options_(std::move(options)), trust_(trust), environment_(std::move(environment)) {}

void Opener::TakeFile(const std::string& path, Licenses* found) {
  try {
    std::unique_ptr<platform::FileView> file;
    try {
      file = platform::FileView::Open(path, kMaxLicenseBytes + 1);
    } catch (const Error& error) {
      const bool large = error.status() == LNX_E_LIMIT;
      Fail(large ? LNX_E_LICENSE_FORMAT : LNX_E_LICENSE_MISSING,
           {error.finding().found, "a licence file", path, {}, error.finding().os_code});
    }
    found->push_back(std::make_shared<const License>(Verify(file->bytes(), trust_, path)));
  } catch (const Error&) {
    bad_.push_back(std::current_exception());
  }
}

void Opener::TakeFolder(const std::string& folder, Licenses* found) {
  places_ += (places_.empty() ? "" : ", ") + folder;
  for (const std::string& path : platform::ListFiles(folder)) {
    if (IsLicense(path)) TakeFile(path, found);
  }
}

// Why no token could be asked, empty when one was.
std::string Opener::ReadTokens(Licenses* found) {
  std::vector<std::vector<uint8_t>> contents;
  const token::Outcome outcome = SharedTokens(environment_)->ReadLicenses(&contents);
  for (const std::vector<uint8_t>& content : contents) {
    try {
      found->push_back(
          std::make_shared<const License>(Verify({content.data(), content.size()}, trust_, "object 5FC120 of a token")));
    } catch (const Error&) {
      bad_.push_back(std::current_exception());
    }
  }
  return outcome.status == LNX_OK ? "" : outcome.found;
}

// A token that carries the licence may come late, as its dongle may: whoever says how long to wait means that too.
void Opener::TakeTokens(Licenses* found) {
  constexpr int64_t kPauseMs = 100;
  const int64_t end = NowMicros() / 1000 + options_.wait_ms;
  std::string reason = ReadTokens(found);
  for (; found->empty() && bad_.empty() && !options_.has_own_keys; reason = ReadTokens(found)) {
    const int64_t left = end - NowMicros() / 1000;
    if (left <= 0) break;
    if (options_.waiting) options_.waiting();
    std::this_thread::sleep_for(std::chrono::milliseconds(std::min(left, kPauseMs)));
  }
  if (options_.wait_ms > 0) options_.wait_ms = std::max<int64_t>(1, end - NowMicros() / 1000);  // the rest is for the dongle
  places_ += (places_.empty() ? "" : ", ") + std::string("the tokens") + (reason.empty() ? "" : " (" + reason + ")");
}

void Opener::Search() {
  if (searched_) return;
  searched_ = true;
  Licenses found;
  if (!options_.license_file.empty()) {
    if (IsLicense(options_.license_file)) {
      places_ = options_.license_file;
      TakeFile(options_.license_file, &found);
    } else {
      TakeFolder(options_.license_file, &found);
    }
  } else {
    TakeFolder(LicenseFolder(), &found);
    if (found.empty()) TakeTokens(&found);
  }
  licenses_ = Counting(std::move(found));
}

// What holds before any dongle is asked: the licence's days, the model, and that it is not an older one than ran here before.
void Opener::RequireAllowed(const License& license, const container::PublicManifest& model) const {
  const Seen seen = Memory(environment_.memory_files).Load();
  const Clock clock = JudgeClock(UnixSeconds(environment_), seen, license.issued_at);
  const Standing days = StandingOfDays(license, clock);
  if (days.phase == LNX_LICENSE_BLOCKED) Fail(days.status, {days.found, "a licence that is valid today", license.where});
  if (days.phase == LNX_LICENSE_GRACE) Fail(LNX_E_LICENSE_GRACE, {days.found, "a licence that is valid today", license.where});
  RequireModel(license, model, clock.effective);
  const auto known = seen.epochs.find(model.model_id);
  if (known != seen.epochs.end() && model.epoch < known->second) {
    Fail(LNX_E_MODEL_ROLLED_BACK, {"epoch " + std::to_string(model.epoch) + " of model \"" + model.model_id + "\"",
                                   std::to_string(known->second) + " or later, which ran here before", license.where});
  }
}

// Looks where this opener looked, with the keys that it trusts.
Renewals Opener::RenewalsOf(const std::shared_ptr<const License>& license) const {
  OpenOptions options;
  options.license_file = options_.license_file;
  return [options, license, trust = trust_, environment = environment_] {
    Opener other(options, trust, environment);
    other.Search();
    Licenses found;
    std::copy_if(other.licenses_.begin(), other.licenses_.end(), std::back_inserter(found),
                 [&](const auto& candidate) { return StandsFor(*candidate, *license); });
    return found;
  };
}

// Whether the dongle of this licence is plugged in, whatever the licence allows.
bool Opener::IsPluggedIn(const License& license) const {
  std::vector<crypto::Point256> keys;
  for (const Dongle& dongle : license.dongles) {
    if (!dongle.software) keys.push_back(dongle.point);
  }
  size_t which = 0;
  return !keys.empty() && SharedTokens(environment_)->Challenge(keys, &which).status == LNX_OK;
}

// Waits until the dongle of one of the licences that allow the model is there.
std::shared_ptr<Guard> Opener::Ready(const Licenses& licenses, const container::PublicManifest& model) {
  std::vector<std::shared_ptr<Guard>> guards;
  std::vector<std::pair<std::shared_ptr<const License>, std::exception_ptr>> refused;
  int64_t wait_ms = options_.wait_ms;
  for (const auto& license : licenses) {
    try {
      RequireAllowed(*license, model);
    } catch (const Error&) {
      refused.emplace_back(license, std::current_exception());
      continue;
    }
    guards.push_back(Guard::For(license, environment_, RenewalsOf(license)));
    if (options_.wait_ms == 0) wait_ms = std::max<int64_t>(wait_ms, static_cast<int64_t>(license->grace.boot_s) * 1000);
  }
  if (guards.empty()) std::rethrow_exception(refused.front().second);
  const int64_t end = NowMicros() / 1000 + wait_ms;
  for (;;) {
    bool hopeful = false, unanswered = false;
    for (const auto& guard : guards) {
      const State state = guard->WaitReady(guards.size() == 1 ? 100 : 10);
      const LnxLicensePhase phase = state.phase;
      if (phase == LNX_LICENSE_OK) return guard;
      // Whoever says how long to wait means it, also past the boot time of the licence.
      hopeful = hopeful || phase == LNX_LICENSE_STARTING || (phase == LNX_LICENSE_BLOCKED && options_.wait_ms > 0);
      unanswered = unanswered || (phase == LNX_LICENSE_STARTING && state.status == LNX_OK);
    }
    // However short the time, the first answer is waited for, at most as long as a token may take: it is the reason to tell.
    if (!hopeful || (!unanswered && NowMicros() / 1000 >= end)) break;
    if (options_.waiting) options_.waiting();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // a guard that is not starting is not waited for
  }
  for (const auto& guard : guards) {
    const State state = guard->Now();
    if (state.phase == LNX_LICENSE_GRACE) Fail(LNX_E_LICENSE_GRACE, {state.reason, "the dongle", guard->license().where});
  }
  for (const auto& other : refused) {
    if (IsPluggedIn(*other.first)) std::rethrow_exception(other.second);  // says more than that another dongle is missing
  }
  // The reason that says most is the last one of the licence that comes first.
  const State state = guards.front()->Now();
  const License& license = guards.front()->license();
  std::string serials;
  for (const Dongle& dongle : license.dongles)
    serials += (serials.empty() ? "" : ", ") + (dongle.serial.empty() ? dongle.keyid : dongle.serial);
  Fail(state.status, {state.reason, "the dongle " + serials, license.where});
}

bool Opener::Family(const container::PublicManifest& model, const std::string& kid, crypto::Key256* key) {
  Search();
  Licenses carrying;
  for (const auto& license : licenses_) {
    const auto carries = [&](const WrappedKey& wrapped) { return wrapped.kid == kid; };
    if (std::any_of(license->keys.begin(), license->keys.end(), carries)) carrying.push_back(license);
  }
  if (carrying.empty()) return false;
  const std::shared_ptr<Guard> guard = Ready(carrying, model);
  guard->OpenFamily(kid, key);
  guard_ = guard;
  return true;
}

bool Opener::Direct(const container::PublicManifest& model, const container::SealedKey& sealed, crypto::Key256* content_key) {
  Search();
  Licenses fitting;
  for (const auto& license : licenses_) {
    if (license->FindDongle(sealed.to) != nullptr) fitting.push_back(license);
  }
  if (fitting.empty()) return false;
  const std::shared_ptr<Guard> guard = Ready(fitting, model);
  if (!guard->OpenDirect(sealed, content_key)) return false;
  guard_ = guard;
  return true;
}

void Opener::Refuse(const container::PublicManifest& model) {
  if (!bad_.empty()) std::rethrow_exception(bad_.front());
  if (licenses_.empty()) {
    if (options_.license_file.empty() && options_.has_own_keys) return;  // the container says which key it needs
    Fail(LNX_E_LICENSE_MISSING, {"no licence", "a .lic file", places_});
  }
  std::string names;
  for (const auto& license : licenses_) names += (names.empty() ? "" : ", ") + license->where;
  Fail(LNX_E_MODEL_NOT_LICENSED,
       {"no key for model \"" + model.model_id + "\" in " + names, "a licence that covers it", places_});
}

void Opener::Opened(const container::PublicManifest& model) {
  if (!guard_) return;
  guard_->memory().Remember(UnixSeconds(environment_), guard_->license().issued_at, model.model_id, model.epoch);
}

}  // namespace lnx::license
