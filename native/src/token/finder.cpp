#include "token/finder.h"

#include <algorithm>

#include "base/platform.h"
#include "lnx/lnx_status.h"

namespace lnx::token {
namespace {

// How much a reason tells about where the dongle is; the highest of several readers is reported.
int Weight(int32_t status) {
  switch (status) {
    case LNX_E_TOKEN_ANSWER:
      return 7;
    case LNX_E_TOKEN_BUSY:
      return 6;
    case LNX_E_WRONG_DONGLE:
      return 5;
    case LNX_E_TOKEN_REFUSED:
      return 4;
    case LNX_E_NOT_PIV:
      return 3;
    case LNX_E_NO_TOKEN:
      return 2;
    default:
      return 1;
  }
}

bool ContextIsDead(Code code) {
  return code == kNoService || code == kServiceStopped || code == kInvalidHandle || code == kInvalidValue;
}

Bytes View(const crypto::Point256& point) { return {point.data(), point.size()}; }
Bytes View(const crypto::Key256& key) { return {key.data(), key.size()}; }

// The index of the key that must have answered; -1 when none fits.
int Fitting(const crypto::P256KeyPair& fresh, const crypto::Key256& answer, const std::vector<crypto::Point256>& expected) {
  int fitting = -1;
  for (size_t i = 0; i < expected.size(); ++i) {
    crypto::Key256 wanted;
    if (!crypto::EcdhP256(fresh, View(expected[i]), &wanted)) continue;
    if (crypto::ConstantTimeEqual(View(wanted), View(answer))) fitting = static_cast<int>(i);
    platform::SecureWipe(wanted.data(), wanted.size());
  }
  return fitting;
}

// A token that carries the certificate of an expected key and yet answers otherwise is more than just another token.
Outcome Mismatch(PivSession& piv, const std::string& reader, const std::vector<crypto::Point256>& expected) {
  std::vector<uint8_t> certificate;
  piv.ReadObject(kCardAuthCertificate, &certificate);
  for (const crypto::Point256& point : expected) {
    if (std::search(certificate.begin(), certificate.end(), point.begin(), point.end()) != certificate.end()) {
      return {LNX_E_TOKEN_ANSWER, "a wrong answer by the token in \"" + reader + "\"", 0};
    }
  }
  return {LNX_E_WRONG_DONGLE, "another token in \"" + reader + "\"", 0};
}

}  // namespace

Outcome Finder::Readers(std::vector<std::string>* readers) {
  Code code = kSuccess;
  for (int attempt = 0; attempt < 2; ++attempt) {
    code = transport_.Open();
    if (code == kSuccess) code = transport_.ListReaders(readers);
    if (!ContextIsDead(code)) break;
    transport_.Close();  // the service was restarted: a new context may work at once
  }
  if (code == kSuccess) {
    const auto last = std::find(readers->begin(), readers->end(), last_reader_);
    if (last != readers->end()) std::rotate(readers->begin(), last, last + 1);
    return {};
  }
  Outcome outcome = FromCode(code, "");
  if (!transport_.Missing().empty()) outcome.found = transport_.Missing();
  if (transport_.RemoteSession()) return {LNX_E_RDP_SESSION, "a remote desktop session, " + outcome.found, outcome.code};
  return outcome;
}

// visit(PivSession&, reader, done*) for each token. Returns the outcome that says most, or that of the visit that set done.
template <typename Visit>
Outcome Finder::EachToken(Visit&& visit) {
  std::vector<std::string> readers;
  Outcome best = Readers(&readers);
  if (best.status != LNX_OK) return best;
  best = {LNX_E_NO_READER, "no reader", 0};
  for (const std::string& reader : readers) {
    std::unique_ptr<Link> link;
    Outcome outcome = FromCode(transport_.Connect(reader, &link), reader);
    bool done = false;
    if (outcome.status == LNX_OK) {
      PivSession piv(*link, reader);
      outcome = piv.Begin();
      if (outcome.status == LNX_OK) outcome = visit(piv, reader, &done);
    }
    if (done) return outcome;
    if (Weight(outcome.status) > Weight(best.status)) best = outcome;
    if (ContextIsDead(static_cast<Code>(outcome.code))) {
      transport_.Close();
      return outcome;
    }
  }
  if (transport_.RemoteSession() && best.status == LNX_E_NO_READER) best.status = LNX_E_RDP_SESSION;
  return best;
}

Presence Finder::Challenge(const std::vector<crypto::Point256>& expected) {
  Presence presence;
  presence.outcome = EachToken([&](PivSession& piv, const std::string& reader, bool* done) {
    const crypto::P256KeyPair fresh = crypto::GenerateP256();
    crypto::Key256 answer{};
    Outcome outcome = piv.Agree(View(fresh.point), &answer);
    if (outcome.status != LNX_OK) return outcome;
    const int fitting = Fitting(fresh, answer, expected);
    if (fitting < 0) return Mismatch(piv, reader, expected);
    presence.index = static_cast<size_t>(fitting);
    presence.reader = reader;
    *done = true;
    return Outcome{};
  });
  if (presence.outcome.status == LNX_OK) last_reader_ = presence.reader;
  return presence;
}

Outcome Finder::Agree(const crypto::Point256& own, Bytes point, crypto::Key256* x) {
  const std::vector<crypto::Point256> expected = {own};
  return EachToken([&](PivSession& piv, const std::string& reader, bool* done) {
    const crypto::P256KeyPair fresh = crypto::GenerateP256();
    crypto::Key256 answer{};
    Outcome outcome = piv.Agree(View(fresh.point), &answer);
    if (outcome.status != LNX_OK) return outcome;
    if (Fitting(fresh, answer, expected) < 0) return Mismatch(piv, reader, expected);
    *done = true;
    return piv.Agree(point, x);
  });
}

Outcome Finder::ReadLicenses(std::vector<std::vector<uint8_t>>* found) {
  found->clear();
  bool asked = false;
  Outcome outcome = EachToken([&](PivSession& piv, const std::string&, bool*) {
    std::vector<uint8_t> content;
    Outcome read = piv.ReadObject(kLicenseObject, &content);
    asked = asked || read.status == LNX_OK;
    if (!content.empty()) found->push_back(std::move(content));
    return read;
  });
  return asked ? Outcome{} : outcome;
}

}  // namespace lnx::token
