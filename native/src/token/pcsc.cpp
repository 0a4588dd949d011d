// transport.h over PC/SC.
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>

#include "base/platform.h"
#include "token/pcsc_abi.h"
#include "token/transport.h"

namespace lnx::token {
namespace {

#if defined(_WIN32)
constexpr char kListReaders[] = "SCardListReadersA", kConnect[] = "SCardConnectA", kStatusChange[] = "SCardGetStatusChangeA";
#else
constexpr char kListReaders[] = "SCardListReaders", kConnect[] = "SCardConnect", kStatusChange[] = "SCardGetStatusChange";
#endif

struct Functions {
  pcsc::EstablishContext establish = nullptr;
  pcsc::ReleaseContext release = nullptr;
  pcsc::ListReaders list = nullptr;
  pcsc::Connect connect = nullptr;
  pcsc::Reconnect reconnect = nullptr;
  pcsc::Disconnect disconnect = nullptr;
  pcsc::BeginTransaction begin = nullptr;
  pcsc::EndTransaction end = nullptr;
  pcsc::Transmit transmit = nullptr;
  pcsc::GetStatusChange status_change = nullptr;
  pcsc::Cancel cancel = nullptr;
  std::string missing;  // why the library cannot be used
};

template <typename Function>
bool Find(platform::Library library, const char* name, Function* function) {
  void* symbol = platform::FindSymbol(library, name);
  if (symbol == nullptr) return false;
  *function = reinterpret_cast<Function>(symbol);
  return true;
}

void Load(Functions* functions) {
  Functions& f = *functions;
  std::string error;
  const platform::Library library = platform::LoadSmartCardLibrary(&error);
  if (library.handle == nullptr) {
    f.missing = error;
    return;
  }
  const bool complete = Find(library, "SCardEstablishContext", &f.establish) &&
                        Find(library, "SCardReleaseContext", &f.release) && Find(library, kListReaders, &f.list) &&
                        Find(library, kConnect, &f.connect) && Find(library, "SCardReconnect", &f.reconnect) &&
                        Find(library, "SCardDisconnect", &f.disconnect) && Find(library, "SCardBeginTransaction", &f.begin) &&
                        Find(library, "SCardEndTransaction", &f.end) && Find(library, "SCardTransmit", &f.transmit) &&
                        Find(library, kStatusChange, &f.status_change) && Find(library, "SCardCancel", &f.cancel);
  if (!complete) f.missing = "the smart-card library lacks a function";
}

// Loaded once, never unloaded: a thread may still be inside it.
const Functions& Pcsc() {
  static const Functions* const functions = [] {
    auto* loaded = new Functions();
    Load(loaded);
    return loaded;
  }();
  return *functions;
}

Code ToCode(pcsc::Long result) { return static_cast<Code>(static_cast<uint64_t>(result) & 0xFFFFFFFFu); }

class PcscLink final : public Link {
 public:
  PcscLink(pcsc::Handle handle, pcsc::Word protocol) : handle_(handle), protocol_(protocol) {}
  ~PcscLink() override { Pcsc().disconnect(handle_, pcsc::kLeave); }
  PcscLink(const PcscLink&) = delete;
  PcscLink& operator=(const PcscLink&) = delete;

  Code Begin() override { return ToCode(Pcsc().begin(handle_)); }
  void End() noexcept override { Pcsc().end(handle_, pcsc::kLeave); }
  Code Reconnect() override {
    return ToCode(Pcsc().reconnect(handle_, pcsc::kShareShared, pcsc::kProtocolT0 | pcsc::kProtocolT1, pcsc::kLeave, &protocol_));
  }
  Code Transmit(Bytes command, std::vector<uint8_t>* answer) override {
    const pcsc::IoRequest request = {protocol_, sizeof(pcsc::IoRequest)};
    answer->resize(4096);
    auto bytes = static_cast<pcsc::Word>(answer->size());
    const Code code = ToCode(
        Pcsc().transmit(handle_, &request, command.data, static_cast<pcsc::Word>(command.size), nullptr, answer->data(), &bytes));
    answer->resize(code == kSuccess && bytes <= answer->size() ? bytes : 0);
    return code;
  }

 private:
  pcsc::Handle handle_;
  pcsc::Word protocol_;
};

class Pcsclite final : public Transport {
 public:
  ~Pcsclite() override { Pcsclite::Close(); }

  Code Open() override {
    if (!Pcsc().missing.empty()) return kNoService;
    if (open_) return kSuccess;
    pcsc::Context context = 0;
    const Code code = ToCode(Pcsc().establish(pcsc::kScopeSystem, nullptr, nullptr, &context));
    if (code != kSuccess) return code;
    const std::lock_guard<std::mutex> lock(mutex_);
    context_ = context;
    open_ = true;
    return kSuccess;
  }

  void Close() noexcept override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (open_) Pcsc().release(context_);
    open_ = false;
    known_.clear();
  }

  Code ListReaders(std::vector<std::string>* readers) override {
    readers->clear();
    if (!open_) return kInvalidHandle;
    pcsc::Word bytes = 0;
    Code code = ToCode(Pcsc().list(context_, nullptr, nullptr, &bytes));
    if (code != kSuccess) return code;
    std::vector<char> names(bytes + 2, '\0');
    code = ToCode(Pcsc().list(context_, nullptr, names.data(), &bytes));
    if (code != kSuccess) return code;
    for (const char* name = names.data(); *name != '\0'; name += std::strlen(name) + 1) readers->emplace_back(name);
    return readers->empty() ? kNoReaders : kSuccess;
  }

  Code Connect(const std::string& reader, std::unique_ptr<Link>* link) override {
    if (!open_) return kInvalidHandle;
    pcsc::Handle handle = 0;
    pcsc::Word protocol = 0;
    const Code code = ToCode(
        Pcsc().connect(context_, reader.c_str(), pcsc::kShareShared, pcsc::kProtocolT0 | pcsc::kProtocolT1, &handle, &protocol));
    if (code == kSuccess) *link = std::make_unique<PcscLink>(handle, protocol);
    return code;
  }

  // States that were reported are remembered, so that each change is told once. That a program begins or ends to use a token is
  // no change: two of ours would otherwise wake each other without end.
  Code WaitForChange(uint32_t timeout_ms) override {
    std::vector<std::string> names;
    const Code listed = ListReaders(&names);
    if (listed != kSuccess && listed != kNoReaders) return listed;
    names.emplace_back(pcsc::kNewReader);
    bool fresh = names.size() != known_.size();
    std::vector<pcsc::ReaderState> states(names.size());
    for (size_t i = 0; i < names.size(); ++i) {
      const auto known = known_.find(names[i]);
      fresh = fresh || known == known_.end();
      states[i] = pcsc::ReaderState{};
      states[i].reader = names[i].c_str();
      states[i].current = known == known_.end() ? pcsc::kStateUnaware : known->second;
    }
    const Code code = ToCode(Pcsc().status_change(context_, timeout_ms, states.data(), static_cast<pcsc::Word>(states.size())));
    if (code != kSuccess) return code;
    bool changed = fresh;
    known_.clear();
    for (size_t i = 0; i < names.size(); ++i) {
      const pcsc::Word moved = states[i].event ^ states[i].current;
      changed = changed || (moved & ~(pcsc::kStateChanged | pcsc::kStateUse)) != 0;
      known_[names[i]] = states[i].event & ~pcsc::kStateChanged;
    }
    return changed ? kSuccess : kTimeout;
  }

  void Cancel() noexcept override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (open_) Pcsc().cancel(context_);
  }

  std::string Missing() const override { return Pcsc().missing; }
  bool RemoteSession() const noexcept override { return platform::InRemoteSession(); }

 private:
  std::mutex mutex_;  // context_ against Cancel
  std::atomic<bool> open_{false};
  pcsc::Context context_ = 0;
  std::map<std::string, pcsc::Word> known_;
};

}  // namespace

TransportFactory PcscTransport() {
  return [] { return std::make_unique<Pcsclite>(); };
}

}  // namespace lnx::token
