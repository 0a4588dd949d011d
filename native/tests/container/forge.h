// Makes containers from parts, so that a test or a fuzzer can spoil any part and still have the rest signed, hashed and encrypted
// as it should be: what lies behind the signature is reached with broken content, not only with broken signatures.
//
// The signing key is the private number 1, whose public point is the generator of P-256: nobody can take it for a secret.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "container/container.h"

namespace lnx::forge {

using Buffer = std::vector<uint8_t>;
using Parts = std::vector<std::pair<std::string, std::string>>;  // entry name, content

struct Plan {
  uint8_t chunk_log2 = 12;
  std::string manifest = R"({"model_id":"part","version":"1.0"})";  // public, signed
  Buffer payload;                                                   // plaintext: length, table, entries
  std::string recipients;                                           // JSON array; "" = one open recipient
  std::string signatures;                                           // JSON array; "" = signed by the forge
  bool commit_to_another_key = false;
  bool wrong_mac = false;
  // Each may spoil its part before the next step sees it.
  std::function<void(Buffer*)> edit_preamble;  // 128 bytes, before the first 112 are signed
  std::function<void(Buffer*)> edit_chunks;    // ciphertext, before it is hashed
};

// Payload plaintext: table, then entries at multiples of 4096.
Buffer Payload(const Parts& parts);
// The same with a table of one's own.
Buffer PayloadWithTable(const std::string& table, const std::string& rest);

Buffer Build(const Plan& plan);
Plan PlanFor(const Parts& parts);

container::TrustStore Trust();  // trusts the forge's key
std::string KeyId();
std::string Base64(const uint8_t* data, size_t bytes);
std::string OpenRecipient();
std::string FamilyRecipient(const Plan& plan, const std::string& kid, const std::array<uint8_t, 32>& family_key);

}  // namespace lnx::forge
