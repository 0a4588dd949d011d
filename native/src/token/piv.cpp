#include "token/piv.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/platform.h"
#include "lnx/lnx_status.h"

namespace lnx::token {
namespace {

constexpr size_t kMaxObject = 64 * 1024;
constexpr uint8_t kApplication[] = {0xA0, 0x00, 0x00, 0x03, 0x08};

std::string Hex(uint32_t value, int digits) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%0*X", digits, value);
  return text;
}

// Reads one BER-TLV object; false when it does not fit. At most 3 bytes of length.
bool ReadTlv(Bytes from, size_t* at, uint32_t* tag, Bytes* value) {
  if (*at >= from.size) return false;
  *tag = from[(*at)++];
  if (*at >= from.size) return false;
  size_t length = from[(*at)++];
  if (length >= 0x80) {
    const size_t count = length & 0x7F;
    if (count == 0 || count > 3 || from.size - *at < count) return false;
    length = 0;
    for (size_t i = 0; i < count; ++i) length = length << 8 | from[(*at)++];
  }
  if (from.size - *at < length) return false;
  *value = from.subspan(*at, length);
  *at += length;
  return true;
}

// The value of `tag` at the top level.
bool FindTlv(Bytes from, uint32_t wanted, Bytes* value) {
  uint32_t tag = 0;
  for (size_t at = 0; ReadTlv(from, &at, &tag, value);) {
    if (tag == wanted) return true;
  }
  return false;
}

}  // namespace

Outcome FromCode(Code code, const std::string& reader) {
  const std::string where = reader.empty() ? "" : " in \"" + reader + "\"";
  switch (code) {
    case kSuccess:
      return {};
    case kNoService:
    case kServiceStopped:
      return {LNX_E_NO_PCSC_SERVICE, "no smart-card service (" + Hex(code, 8) + ")", code};
    case kNoReaders:
    case kUnknownReader:
    case kReaderUnavailable:
      return {LNX_E_NO_READER, "no reader (" + Hex(code, 8) + ")", code};
    case kNoSmartcard:
    case kRemoved:
      return {LNX_E_NO_TOKEN, "no token" + where, code};
    case kSharingViolation:
      return {LNX_E_TOKEN_BUSY, "a token that another program holds" + where, code};
    default:
      return {LNX_E_NO_TOKEN, "a token that could not be reached" + where + " (" + Hex(code, 8) + ")", code};
  }
}

PivSession::PivSession(Link& link, std::string reader) : link_(link), reader_(std::move(reader)) {}

PivSession::~PivSession() {
  if (begun_) link_.End();
}

Outcome PivSession::Begin() {
  for (int attempt = 0;; ++attempt) {
    Code code = link_.Begin();
    begun_ = code == kSuccess;
    if (code == kReset && attempt == 0) {
      code = link_.Reconnect();
      if (code == kSuccess) continue;
    }
    if (code != kSuccess) return FromCode(code, reader_);
    std::vector<uint8_t> command = {0x00, 0xA4, 0x04, 0x00, sizeof kApplication}, answer;
    command.insert(command.end(), kApplication, kApplication + sizeof kApplication);
    command.push_back(0);
    uint16_t word = 0;
    Outcome outcome = Exchange(std::move(command), &answer, &word);
    if (outcome.code == kReset && attempt == 0) {
      link_.End();
      begun_ = false;
      code = link_.Reconnect();
      if (code == kSuccess) continue;
      return FromCode(code, reader_);
    }
    if (outcome.status != LNX_OK) return outcome;
    if (word != 0x9000 && word != 0x6A82) {
      return {LNX_E_TOKEN_REFUSED, "status word " + Hex(word, 4) + " to SELECT in \"" + reader_ + "\"", word};
    }
    if (word != 0x9000)
      return {LNX_E_NOT_PIV, "a token that does not know PIV in \"" + reader_ + "\" (" + Hex(word, 4) + ")", word};
    return {};
  }
}

Outcome PivSession::Exchange(std::vector<uint8_t> command, std::vector<uint8_t>* answer, uint16_t* word) {
  answer->clear();
  std::vector<uint8_t> part;
  for (;;) {
    const Code code = link_.Transmit({command.data(), command.size()}, &part);
    if (code != kSuccess) return FromCode(code, reader_);
    if (part.size() < 2) return {LNX_E_TOKEN_ANSWER, "an answer of " + std::to_string(part.size()) + " bytes", 0};
    *word = static_cast<uint16_t>(part[part.size() - 2] << 8 | part[part.size() - 1]);
    answer->insert(answer->end(), part.begin(), part.end() - 2);
    if (answer->size() > kMaxObject) return {LNX_E_TOKEN_ANSWER, "an answer that does not end", 0};
    if (*word >> 8 != 0x61) return {};
    if (part.size() == 2 && !answer->empty()) return {LNX_E_TOKEN_ANSWER, "an answer that does not end", 0};
    command = {0x00, 0xC0, 0x00, 0x00, static_cast<uint8_t>(*word)};
  }
}

Outcome PivSession::Agree(Bytes point, crypto::Key256* x) {
  // 7C { 82 (empty: give the result), 85 (the other's point) }, slot 9E, algorithm P-256.
  std::vector<uint8_t> command = {0x00,
                                  0x87,
                                  0x11,
                                  0x9E,
                                  static_cast<uint8_t>(point.size + 6),
                                  0x7C,
                                  static_cast<uint8_t>(point.size + 4),
                                  0x82,
                                  0x00,
                                  0x85,
                                  static_cast<uint8_t>(point.size)};
  command.insert(command.end(), point.begin(), point.end());
  command.push_back(0);
  std::vector<uint8_t> answer;
  uint16_t word = 0;
  Outcome outcome = Exchange(std::move(command), &answer, &word);
  if (outcome.status != LNX_OK) return outcome;
  if (word != 0x9000) {
    return {LNX_E_TOKEN_REFUSED, "status word " + Hex(word, 4) + " to the key agreement in \"" + reader_ + "\"", word};
  }
  Bytes dynamic, result;
  const bool good =
      FindTlv({answer.data(), answer.size()}, 0x7C, &dynamic) && FindTlv(dynamic, 0x82, &result) && result.size == x->size();
  if (good) std::copy(result.begin(), result.end(), x->begin());
  platform::SecureWipe(answer.data(), answer.size());
  if (!good) return {LNX_E_TOKEN_ANSWER, "a malformed answer to the key agreement in \"" + reader_ + "\"", 0};
  return {};
}

Outcome PivSession::ReadObject(uint32_t id, std::vector<uint8_t>* content) {
  const std::vector<uint8_t> command = {0x00,
                                        0xCB,
                                        0x3F,
                                        0xFF,
                                        0x05,
                                        0x5C,
                                        0x03,
                                        static_cast<uint8_t>(id >> 16),
                                        static_cast<uint8_t>(id >> 8),
                                        static_cast<uint8_t>(id),
                                        0x00};
  std::vector<uint8_t> answer;
  uint16_t word = 0;
  content->clear();
  Outcome outcome = Exchange(command, &answer, &word);
  if (outcome.status != LNX_OK) return outcome;
  Bytes value;
  if (word == 0x9000 && FindTlv({answer.data(), answer.size()}, 0x53, &value)) content->assign(value.begin(), value.end());
  return {};
}

}  // namespace lnx::token
