// Signed JSON documents: DSSE envelopes with ECDSA P-256, read strictly: these members and no others, none twice, base64 in its
// one canonical form, so that each single bit matters. docs/reference/licence.md, "Common rules".
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/span.h"
#include "lnx/lnx_status.h"

namespace lnx::container {

// How a reader of a document refuses it: its status and the name of what is read.
struct Refusal {
  LnxStatus status;
  std::string where;
  [[noreturn]] void operator()(const std::string& found, const std::string& expected) const;
};

struct EnvelopeSignature {
  std::string keyid;
  std::vector<uint8_t> raw;  // r || s
};

// Nothing in it is trusted before SignedBy has said so.
struct Envelope {
  std::vector<uint8_t> message;  // the pre-authentication encoding: what is signed
  std::vector<uint8_t> payload;
  std::vector<EnvelopeSignature> signatures;  // 1 to 8
};

// A public key by its id (first 16 hex digits of SHA-256 over the point).
struct NamedKey {
  std::string keyid;
  Bytes point;
};

std::vector<uint8_t> PreAuthentication(const std::string& type, Bytes body);
// UTF-8, no member twice, no NaN, at most 64 levels.
nlohmann::json ParseStrict(Bytes text, const Refusal& refuse);
Envelope ParseEnvelope(const nlohmann::json& document, const std::string& type, const Refusal& refuse);
// The id of the first key that signed; "" when none did. *known: a signer is among the keys at all.
std::string SignedBy(const Envelope& envelope, const std::vector<NamedKey>& keys, bool* known);
// The ids of all signers, for people.
std::string Signers(const Envelope& envelope);

}  // namespace lnx::container
