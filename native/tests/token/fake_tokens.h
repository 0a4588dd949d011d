// Readers and tokens for the tests, with every fault that real ones have. What the fake answers as a token follows NIST SP
// 800-73; the tests in tests/licensing do the same with a real reader service.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "crypto/crypto.h"
#include "token/transport.h"

namespace lnx::token::fake {

enum class Fault { kNone, kWrongKey, kReplay, kRefuse, kGarbage, kHang, kExclusive, kBusy, kNotPiv, kResetOnce };

struct Token {
  crypto::P256KeyPair key = crypto::GenerateP256();
  Fault fault = Fault::kNone;
  std::map<uint32_t, std::vector<uint8_t>> objects;
  crypto::Key256 recorded{};  // what kReplay answers: its first answer
  bool has_recorded = false;
  uint64_t agreements = 0;
};

// The world that all transports of a test see.
class World {
 public:
  bool service = true;
  std::map<std::string, std::shared_ptr<Token>> readers;  // NULL: a reader without token
  uint64_t version = 0;                                   // of the above
  bool waking = false, chatty = false;                    // chatty: reports change without end, as Wine does
  uint64_t contexts = 0, waits = 0;
  uint32_t hanging = 0, queueing = 0;  // threads inside a call to a token that hangs; that wait for another program's transaction
  std::mutex mutex;
  std::condition_variable changed;

  std::shared_ptr<Token> Insert(const std::string& reader, std::shared_ptr<Token> token = std::make_shared<Token>()) {
    Change([&] { readers[reader] = token; });
    return token;
  }
  void Pull(const std::string& reader) {
    Change([&] { readers.erase(reader); });
  }
  void Empty(const std::string& reader) {
    Change([&] { readers[reader] = nullptr; });
  }
  void SetService(bool runs) {
    Change([&] { service = runs; });
  }
  void SetFault(Token& token, Fault fault) {
    Change([&] { token.fault = fault; }, false);
  }
  template <typename Read>
  auto Ask(Read&& read) {
    const std::lock_guard<std::mutex> lock(mutex);
    return read();
  }
  template <typename Act>
  void Change(Act&& act, bool tell = true) {
    const std::lock_guard<std::mutex> lock(mutex);
    act();
    if (tell) ++version;
    changed.notify_all();
  }
};

class FakeLink final : public Link {
 public:
  FakeLink(std::shared_ptr<World> world, std::string reader, std::shared_ptr<Token> token)
      : world_(std::move(world)), reader_(std::move(reader)), token_(std::move(token)) {}

  Code Begin() override {
    std::unique_lock<std::mutex> lock(world_->mutex);
    ++world_->queueing;
    world_->changed.wait(lock, [&] { return token_->fault != Fault::kBusy; });
    --world_->queueing;
    return Alive();
  }
  void End() noexcept override {}
  Code Reconnect() override { return kSuccess; }

  Code Transmit(Bytes command, std::vector<uint8_t>* answer) override {
    std::unique_lock<std::mutex> lock(world_->mutex);
    ++world_->hanging;
    world_->changed.wait(lock, [&] { return token_->fault != Fault::kHang; });
    --world_->hanging;
    const Code code = Alive();
    if (code != kSuccess) return code;
    if (token_->fault == Fault::kResetOnce) {
      token_->fault = Fault::kNone;
      return kReset;
    }
    *answer = Answer(command);
    return kSuccess;
  }

 private:
  Code Alive() const {
    if (!world_->service) return kNoService;
    const auto reader = world_->readers.find(reader_);
    if (reader == world_->readers.end()) return kReaderUnavailable;
    return reader->second == token_ ? kSuccess : kRemoved;
  }

  std::vector<uint8_t> Answer(Bytes command) {
    switch (command[1]) {
      case 0xA4:
        return token_->fault == Fault::kNotPiv ? Word(0x6A82) : std::vector<uint8_t>{0x61, 0x00, 0x90, 0x00};
      case 0x87:
        return Agree(command);
      case 0xCB: {
        const uint32_t id = static_cast<uint32_t>(command[7]) << 16 | command[8] << 8 | command[9];
        const auto object = token_->objects.find(id);
        if (object == token_->objects.end()) return Word(0x6A82);
        const size_t n = object->second.size();
        std::vector<uint8_t> answer = {0x53, 0x82, static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)};
        answer.insert(answer.end(), object->second.begin(), object->second.end());
        answer.insert(answer.end(), {0x90, 0x00});
        return answer;
      }
      default:
        return Word(0x6D00);
    }
  }

  std::vector<uint8_t> Agree(Bytes command) {
    ++token_->agreements;
    if (token_->fault == Fault::kRefuse) return Word(0x6982);
    if (token_->fault == Fault::kGarbage) return {0x7C, 0x83, 0xFF, 0xFF, 0xFF, 0x90, 0x00};
    crypto::Key256 x{};
    const Bytes point{command.data + command.size - 1 - 65, 65};
    const crypto::P256KeyPair key = token_->fault == Fault::kWrongKey ? crypto::GenerateP256() : token_->key;
    if (!crypto::EcdhP256(key, point, &x)) return Word(0x6A80);
    if (!token_->has_recorded) token_->recorded = x;
    token_->has_recorded = true;
    if (token_->fault == Fault::kReplay) x = token_->recorded;
    std::vector<uint8_t> answer = {0x7C, 0x22, 0x82, 0x20};
    answer.insert(answer.end(), x.begin(), x.end());
    answer.insert(answer.end(), {0x90, 0x00});
    return answer;
  }

  static std::vector<uint8_t> Word(uint16_t word) { return {static_cast<uint8_t>(word >> 8), static_cast<uint8_t>(word)}; }

  std::shared_ptr<World> world_;
  std::string reader_;
  std::shared_ptr<Token> token_;
};

class FakeTransport final : public Transport {
 public:
  explicit FakeTransport(std::shared_ptr<World> world) : world_(std::move(world)) {}

  Code Open() override {
    const std::lock_guard<std::mutex> lock(world_->mutex);
    if (!world_->service) return kNoService;
    if (!open_) ++world_->contexts;
    open_ = true;
    return kSuccess;
  }
  void Close() noexcept override { open_ = false; }
  Code ListReaders(std::vector<std::string>* readers) override {
    const std::lock_guard<std::mutex> lock(world_->mutex);
    if (!world_->service) return kServiceStopped;
    readers->clear();
    for (const auto& reader : world_->readers) readers->push_back(reader.first);
    return readers->empty() ? kNoReaders : kSuccess;
  }
  Code Connect(const std::string& reader, std::unique_ptr<Link>* link) override {
    const std::lock_guard<std::mutex> lock(world_->mutex);
    if (!world_->service) return kNoService;
    const auto found = world_->readers.find(reader);
    if (found == world_->readers.end()) return kUnknownReader;
    if (found->second == nullptr) return kNoSmartcard;
    if (found->second->fault == Fault::kExclusive) return kSharingViolation;
    *link = std::make_unique<FakeLink>(world_, reader, found->second);
    return kSuccess;
  }
  Code WaitForChange(uint32_t timeout_ms) override {
    std::unique_lock<std::mutex> lock(world_->mutex);
    ++world_->waits;
    if (!world_->service) return kNoService;
    if (world_->chatty) return kSuccess;
    const bool woken = world_->changed.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                                                [&] { return world_->version != seen_ || cancelled_ || !world_->service; });
    const bool fresh = world_->version != seen_;
    if (cancelled_) {
      cancelled_ = false;
      return kCancelled;
    }
    seen_ = world_->version;
    if (!world_->service) return kServiceStopped;
    return woken && fresh ? kSuccess : kTimeout;
  }
  void Cancel() noexcept override {
    const std::lock_guard<std::mutex> lock(world_->mutex);
    cancelled_ = true;
    world_->changed.notify_all();
  }
  std::string Missing() const override { return ""; }

 private:
  std::shared_ptr<World> world_;
  bool open_ = false, cancelled_ = false;
  uint64_t seen_ = 0;
};

inline TransportFactory Factory(std::shared_ptr<World> world) {
  return [world] { return std::make_unique<FakeTransport>(world); };
}

}  // namespace lnx::token::fake
