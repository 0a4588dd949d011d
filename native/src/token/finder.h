// Finds tokens by what they can do: the right one is the one whose answer to a fresh challenge fits a public key. Serial numbers
// and certificates are only read to tell a person more. Lives on the worker's thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "token/piv.h"

namespace lnx::token {

struct Presence {
  Outcome outcome;     // LNX_OK, or of all readers the reason that says most
  size_t index = 0;    // which of the expected keys answered
  std::string reader;  // where
};

class Finder {
 public:
  explicit Finder(Transport& transport) : transport_(transport) {}

  // One ECDH with a random point per token, until one answers as one of the expected keys must.
  Presence Challenge(const std::vector<crypto::Point256>& expected);
  // x(secret * point) by the token of `own`, which has to prove itself first in the same transaction.
  Outcome Agree(const crypto::Point256& own, Bytes point, crypto::Key256* x);
  // The licence objects of all tokens, as they stand there. Not LNX_OK, with the reason, when no token could be asked.
  Outcome ReadLicenses(std::vector<std::vector<uint8_t>>* found);

  Transport& transport() { return transport_; }

 private:
  template <typename Visit>
  Outcome EachToken(Visit&& visit);
  Outcome Readers(std::vector<std::string>* readers);

  Transport& transport_;
  std::string last_reader_;  // where the token was; asked first
};

}  // namespace lnx::token
