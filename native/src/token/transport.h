// How tokens are reached. pcsc.cpp is the way of the product; the tests have another one with faults.
//
// A transport belongs to one thread and holds one context; only Cancel may come from another. Its calls may block: the worker
// (worker.h) watches over them. Codes are those of PC/SC, the same numbers on Windows and Linux.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/span.h"

namespace lnx::token {

using Code = uint32_t;
constexpr Code kSuccess = 0;
constexpr Code kCancelled = 0x80100002;
constexpr Code kInvalidHandle = 0x80100003;
constexpr Code kUnknownReader = 0x80100009;
constexpr Code kTimeout = 0x8010000A;
constexpr Code kSharingViolation = 0x8010000B;
constexpr Code kNoSmartcard = 0x8010000C;
constexpr Code kInvalidValue = 0x80100011;
constexpr Code kCommunicationError = 0x80100013;
constexpr Code kNotTransacted = 0x80100016;
constexpr Code kReaderUnavailable = 0x80100017;
constexpr Code kNoService = 0x8010001D;
constexpr Code kServiceStopped = 0x8010001E;
constexpr Code kNoReaders = 0x8010002E;
constexpr Code kUnresponsive = 0x80100066;
constexpr Code kReset = 0x80100068;
constexpr Code kRemoved = 0x80100069;

// An open connection to one token. Closing it leaves the token as it is, for whoever else uses it.
class Link {
 public:
  virtual ~Link() = default;
  virtual Code Begin() = 0;  // transaction: nobody else talks to the token until End. Blocks while another program holds one
  virtual void End() noexcept = 0;
  virtual Code Reconnect() = 0;  // after kReset
  virtual Code Transmit(Bytes command, std::vector<uint8_t>* answer) = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;
  virtual Code Open() = 0;  // makes the context; again after the service has died
  virtual void Close() noexcept = 0;
  virtual Code ListReaders(std::vector<std::string>* readers) = 0;
  virtual Code Connect(const std::string& reader, std::unique_ptr<Link>* link) = 0;
  // Waits until a token or reader comes or goes. kSuccess: something changed; kTimeout: nothing did. May return early.
  virtual Code WaitForChange(uint32_t timeout_ms) = 0;
  virtual void Cancel() noexcept = 0;            // ends WaitForChange; any thread
  virtual std::string Missing() const = 0;       // why Open cannot work at all (no library), "" otherwise
  virtual bool RemoteSession() const noexcept {  // readers of this PC are hidden (remote desktop)
    return false;
  }
};

using TransportFactory = std::function<std::unique_ptr<Transport>()>;

// winscard.dll of System32, libpcsclite.so.1.
TransportFactory PcscTransport();

}  // namespace lnx::token
