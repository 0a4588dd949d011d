#include "license/guard.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/platform.h"
#include "base/status.h"
#include "crypto/hpke.h"
#include "license/software_key.h"
#include "license/tokens.h"

namespace lnx::license {
namespace {

using std::chrono::milliseconds;

constexpr int64_t kRememberMs = 3600 * 1000;

int64_t NowMs() { return NowMicros() / 1000; }

std::string Reason(const Standing& standing) {
  if (standing.phase == LNX_LICENSE_OK) return "licensed";
  if (standing.status == LNX_OK) return "looking for the dongle";
  return std::string(FindError(standing.status).title) + ": " + standing.found;
}

std::vector<crypto::Point256> TokenKeys(const License& license) {
  std::vector<crypto::Point256> keys;
  for (const Dongle& dongle : license.dongles) {
    if (!dongle.software) keys.push_back(dongle.point);
  }
  return keys;
}

std::string Serials(const License& license) {
  std::string serials;
  for (const Dongle& dongle : license.dongles) {
    serials += (serials.empty() ? "" : ", ") + (dongle.serial.empty() ? "key " + dongle.keyid : "serial number " + dongle.serial);
  }
  return serials;
}

}  // namespace

const char* PhaseName(LnxLicensePhase phase) {
  static const char* const names[] = {"none", "starting", "ok", "grace", "blocked"};
  return phase <= LNX_LICENSE_BLOCKED ? names[phase] : "unknown";
}

std::shared_ptr<Tokens> SharedTokens(const Environment& environment) {
  static auto* mutex = new std::mutex;
  static auto* shared = new std::weak_ptr<Tokens>;
  const std::lock_guard<std::mutex> lock(*mutex);
  std::shared_ptr<Tokens> tokens = shared->lock();
  if (!tokens) *shared = tokens = std::make_shared<Tokens>(environment.transport, environment.limits);
  return tokens;
}

// Outlives the guard while its thread waits for a token.
struct Guard::Shared {
  Environment environment;
  std::shared_ptr<Tokens> tokens;
  Renewals renewals;
  std::shared_ptr<std::atomic<bool>> blocked;
  Memory memory;
  PresencePolicy policy;

  mutable std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  std::shared_ptr<const License> license;  // that counts now; only the thread changes it
  State state;
  bool stopping = false, ended = false, poked = false;
  uint64_t states = 0;
  std::mutex listening;  // held while the state changes and listeners are called; taken before the other one
  std::map<uint64_t, Listener> listeners;
  uint64_t next_listener = 1;
  // Touched by the thread alone.
  int64_t remembered_at = 0, reminded_at = 0, looked_at = NowMs();
  bool has_remembered = false;

  Shared(std::shared_ptr<const License> given, const Environment& chosen, std::shared_ptr<Tokens> shared_tokens,
         std::shared_ptr<std::atomic<bool>> flag, Renewals found)
      : environment(chosen),
        tokens(std::move(shared_tokens)),
        renewals(std::move(found)),
        blocked(std::move(flag)),
        memory(chosen.memory_files),
        policy(given->grace, chosen.timing, static_cast<uint64_t>(UnixNanos()), NowMs()),
        license(std::move(given)) {}

  std::shared_ptr<const License> Current() const {
    const std::lock_guard<std::mutex> lock(mutex);
    return license;
  }

  int64_t UnixSeconds() const { return environment.unix_seconds ? environment.unix_seconds() : UnixNanos() / 1000000000; }

  // The dongle that is there: a token that answers, else a software key.
  token::Outcome Find(const License& wanted, const Dongle** found) const {
    token::Outcome outcome{LNX_E_NO_TOKEN, "no dongle", 0};
    const std::vector<crypto::Point256> keys = TokenKeys(wanted);
    if (!keys.empty()) {
      size_t which = 0;
      outcome = tokens->Challenge(keys, &which);
      for (const Dongle& dongle : wanted.dongles) {
        if (outcome.status == LNX_OK && dongle.point == keys[which]) *found = &dongle;
      }
      if (outcome.status == LNX_OK) return outcome;
    }
    for (const Dongle& dongle : wanted.dongles) {
      if (!dongle.software) continue;
      try {
        FindSoftwareKey(dongle.point, wanted.where);
        *found = &dongle;
        return {};
      } catch (const Error& error) {
        if (keys.empty()) outcome = {error.status(), error.finding().found + " (" + error.finding().where + ")", 0};
      }
    }
    if (outcome.status == LNX_E_WRONG_DONGLE) outcome.found += "; the licence is for " + Serials(wanted);
    return outcome;
  }

  // Another licence takes the place of this one when its days and its dongle are in order, and this one's are not.
  void LookForRenewal() {
    if (!renewals || InOrder() || NowMs() - looked_at < environment.renewal_ms) return;
    for (const std::shared_ptr<const License>& found : renewals()) {
      if (found->license_id == license->license_id && found->issue == license->issue) continue;
      const Clock clock = JudgeClock(UnixSeconds(), memory.Load(), found->issued_at);
      const bool lasts = Warning(*found, clock).empty() || Now().phase > LNX_LICENSE_OK;
      const Dongle* there = nullptr;
      if (StandingOfDays(*found, clock).phase != LNX_LICENSE_OK || !lasts || Find(*found, &there).status != LNX_OK) continue;
      const std::lock_guard<std::mutex> lock(mutex);
      license = found;
      policy.Changed(NowMs());
      break;
    }
    looked_at = NowMs();
  }

  State Now() const {
    const std::lock_guard<std::mutex> lock(mutex);
    return state;
  }

  bool InOrder() const {
    const State now = Now();
    return now.phase <= LNX_LICENSE_OK && now.warning.empty();
  }

  State Judge() {
    const Clock clock = JudgeClock(UnixSeconds(), memory.Load(), license->issued_at);
    Standing presence;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      presence = policy.At(NowMs());
    }
    const Standing standing = Worse(presence, StandingOfDays(*license, clock));
    State judged;
    judged.phase = standing.phase;
    judged.status = standing.status;
    judged.seconds_left = static_cast<double>(standing.left_ms) / 1000;
    judged.reason = Reason(standing);
    judged.warning = Warning(*license, clock);
    if (standing.phase == LNX_LICENSE_OK && (!has_remembered || NowMs() - remembered_at > kRememberMs)) {
      memory.Remember(clock.now, license->issued_at, "", 0);
      remembered_at = NowMs();
      has_remembered = true;
    }
    return judged;
  }

  void Publish(const State& judged) {
    const std::lock_guard<std::mutex> telling(listening);  // whoever begins to listen hears of each state once
    bool changed_now = false;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      changed_now = judged.phase != state.phase || judged.status != state.status || states == 0 ||
                    judged.warning.empty() != state.warning.empty();
      state = judged;
      ++states;
      blocked->store(judged.phase == LNX_LICENSE_BLOCKED, std::memory_order_release);
    }
    changed.notify_all();
    const int64_t now = NowMs();
    const bool reminder = !changed_now && judged.phase == LNX_LICENSE_GRACE && now - reminded_at >= environment.reminder_ms;
    if (!changed_now && !reminder) return;
    reminded_at = now;
    for (const auto& listener : listeners) listener.second(judged, reminder);
  }

  // Sleeps until the next challenge, a change of the tokens, or a tenth of a second while a time runs out.
  bool Sleep() {
    std::unique_lock<std::mutex> lock(mutex);
    const int64_t now = NowMs();
    const bool counting = state.phase == LNX_LICENSE_GRACE || state.phase == LNX_LICENSE_STARTING;
    const bool looking = renewals && (state.phase > LNX_LICENSE_OK || !state.warning.empty());
    const int64_t longest = counting ? 100 : looking ? environment.renewal_ms : 60000;
    const int64_t wait = std::max<int64_t>(0, std::min<int64_t>(policy.due_ms() - now, longest));
    changed.wait_for(lock, milliseconds(wait), [&] { return stopping || poked; });
    if (poked) policy.Changed(NowMs());
    poked = false;
    return !stopping;
  }

  void Run() {
    do {
      LookForRenewal();
      bool due = false;
      {
        const std::lock_guard<std::mutex> lock(mutex);
        due = policy.due_ms() <= NowMs();
      }
      if (due) {
        const Dongle* found = nullptr;
        const token::Outcome outcome = Find(*license, &found);
        const std::lock_guard<std::mutex> lock(mutex);
        if (outcome.status == LNX_OK) {
          policy.Succeeded(NowMs());
        } else {
          policy.Failed(NowMs(), outcome.status, outcome.found);
        }
      }
      Publish(Judge());
    } while (Sleep());
    const std::lock_guard<std::mutex> lock(mutex);
    ended = true;
    changed.notify_all();
  }
};

std::shared_ptr<Guard> Guard::For(std::shared_ptr<const License> license, const Environment& environment, Renewals renewals) {
  static auto* mutex = new std::mutex;
  static auto* guards = new std::map<std::string, std::weak_ptr<Guard>>;
  const std::string name = license->license_id + "#" + std::to_string(license->issue) + "#" + license->where;
  const std::lock_guard<std::mutex> lock(*mutex);
  std::weak_ptr<Guard>& known = (*guards)[name];
  std::shared_ptr<Guard> guard = known.lock();
  if (!guard)
    known = guard = std::make_shared<Guard>(std::move(license), environment, SharedTokens(environment), std::move(renewals));
  return guard;
}

Guard::Guard(std::shared_ptr<const License> license, const Environment& environment, std::shared_ptr<Tokens> tokens,
             Renewals renewals)
    : license_(license), blocked_(std::make_shared<std::atomic<bool>>(false)) {
  shared_ = std::make_shared<Shared>(std::move(license), environment, std::move(tokens), blocked_, std::move(renewals));
  std::thread([shared = shared_] {
    const std::weak_ptr<Shared> weak = shared;
    const uint64_t id = shared->tokens->Listen([weak] {
      if (const auto alive = weak.lock()) {
        const std::lock_guard<std::mutex> lock(alive->mutex);
        alive->poked = true;
        alive->changed.notify_all();
      }
    });
    shared->Run();
    shared->tokens->Forget(id);
  }).detach();
}

Guard::~Guard() {
  std::unique_lock<std::mutex> lock(shared_->mutex);
  shared_->stopping = true;
  shared_->changed.notify_all();
  shared_->changed.wait_for(lock, milliseconds(1000), [&] { return shared_->ended; });
}

State Guard::Now() const { return shared_->Now(); }

std::shared_ptr<const License> Guard::Current() const { return shared_->Current(); }

void Guard::FailBlocked() const {
  const State state = Now();
  const std::shared_ptr<const License> current = Current();
  Fail(LNX_E_LICENSE_BLOCKED, {state.reason, "the dongle and licence \"" + current->license_id + "\"", current->where,
                               state.status == LNX_OK ? "" : FindError(state.status).fix});
}

State Guard::WaitReady(int64_t timeout_ms) const {
  std::unique_lock<std::mutex> lock(shared_->mutex);
  shared_->changed.wait_for(lock, milliseconds(timeout_ms), [&] { return shared_->state.phase != LNX_LICENSE_STARTING; });
  return shared_->state;
}

void Guard::OpenFamily(const std::string& kid, crypto::Key256* key) {
  const Dongle* dongle = nullptr;
  const token::Outcome there = shared_->Find(*license_, &dongle);
  if (there.status != LNX_OK) Fail(there.status, {there.found, Serials(*license_), license_->where, {}, there.code});
  for (const WrappedKey& wrapped : license_->keys) {
    if (wrapped.kid != kid || wrapped.to != dongle->keyid) continue;
    const std::vector<uint8_t> info = WrapInfo(*license_);
    const container::SealedKey sealed{wrapped.to, info, {kid.begin(), kid.end()}, wrapped.enc, wrapped.ciphertext};
    if (OpenDirect(sealed, key)) return;
  }
  Fail(LNX_E_MODEL_NOT_LICENSED, {"no key \"" + kid + "\" for this dongle", "a licence that carries it", license_->where});
}

bool Guard::OpenDirect(const container::SealedKey& sealed, crypto::Key256* key) {
  const Dongle* dongle = license_->FindDongle(sealed.to);
  if (dongle == nullptr) return false;
  const Bytes enc{sealed.enc.data(), sealed.enc.size()}, info{sealed.info.data(), sealed.info.size()};
  const Bytes aad{sealed.aad.data(), sealed.aad.size()}, ciphertext{sealed.ciphertext.data(), sealed.ciphertext.size()};
  bool opened = false;
  token::Outcome outcome;
  if (dongle->software) {
    opened = crypto::HpkeOpenWith(FindSoftwareKey(dongle->point, license_->where), enc, info, aad, ciphertext, key->data());
  } else {
    const crypto::Agreement agree = [&](Bytes point, crypto::Key256* x) {
      outcome = shared_->tokens->Agree(dongle->point, point, x);
      return outcome.status == LNX_OK;
    };
    opened = crypto::HpkeOpen(enc, {dongle->point.data(), dongle->point.size()}, agree, info, aad, ciphertext, key->data());
  }
  if (opened) return true;
  if (outcome.status != LNX_OK) Fail(outcome.status, {outcome.found, Serials(*license_), license_->where, {}, outcome.code});
  Fail(LNX_E_TOKEN_ANSWER, {"an answer that does not open the key", "that of the dongle " + sealed.to, license_->where});
}

uint64_t Guard::Listen(Listener listener) {
  const std::lock_guard<std::mutex> lock(shared_->listening);
  listener(Now(), false);
  shared_->listeners[shared_->next_listener] = std::move(listener);
  return shared_->next_listener++;
}

void Guard::Forget(uint64_t id) {
  const std::lock_guard<std::mutex> lock(shared_->listening);
  shared_->listeners.erase(id);
}

Memory& Guard::memory() { return shared_->memory; }

}  // namespace lnx::license
