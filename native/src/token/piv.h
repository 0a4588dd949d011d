// What we ask of a PIV token (NIST SP 800-73): SELECT, the key agreement of slot 9E, reading a data object. The token is not
// trusted: answers are parsed within bounds, and what they mean is checked by whoever asked.
#pragma once

#include <string>
#include <vector>

#include "crypto/crypto.h"
#include "token/transport.h"

namespace lnx::token {

// LNX_OK, or why not, in words and with the code of PC/SC or the token.
struct Outcome {
  int32_t status = 0;
  std::string found;
  int64_t code = 0;
};

constexpr uint32_t kLicenseObject = 0x5FC120;
constexpr uint32_t kCardAuthCertificate = 0x5FC101;

// What a PC/SC code means for the licence.
Outcome FromCode(Code code, const std::string& reader);

// A transaction with the PIV application selected. Ends when it goes.
class PivSession {
 public:
  PivSession(Link& link, std::string reader);
  ~PivSession();
  PivSession(const PivSession&) = delete;
  PivSession& operator=(const PivSession&) = delete;

  Outcome Begin();  // waits for other programs' transactions; survives one reset by another program
  Outcome Agree(Bytes point, crypto::Key256* x);
  Outcome ReadObject(uint32_t id, std::vector<uint8_t>* content);

 private:
  Outcome Exchange(std::vector<uint8_t> command, std::vector<uint8_t>* answer, uint16_t* word);

  Link& link_;
  std::string reader_;
  bool begun_ = false;
};

}  // namespace lnx::token
