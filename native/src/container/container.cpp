#include "container/container.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/platform.h"
#include "base/status.h"
#include "container/preamble.h"
#include "container/recipients.h"
#include "container/trust.h"
#include "crypto/crypto.h"

namespace lnx::container {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxFileBytes = kMaxPlainBytes + (512ull << 20);
constexpr uint64_t kParallelBytes = 16ull << 20;  // below it a second thread costs more than it brings

// Plaintext in locked memory that is wiped when it goes.
class Secret {
 public:
  explicit Secret(size_t bytes) : data_(static_cast<uint8_t*>(platform::SecretAllocate(bytes))), bytes_(bytes) {}
  ~Secret() { platform::SecretFree(data_, bytes_); }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  uint8_t* data() const { return data_; }
  size_t size() const { return bytes_; }

 private:
  uint8_t* data_;
  size_t bytes_;
};

std::string TextField(const json& object, const char* name, bool required, const std::string& where) {
  if (!object.contains(name)) {
    if (required) Fail(LNX_E_MANIFEST_FIELD, {"no field", "a text", where + ", public manifest: " + name});
    return "";
  }
  if (!object[name].is_string()) {
    Fail(LNX_E_MANIFEST_FIELD, {object[name].dump().substr(0, 64), "a text", where + ", public manifest: " + name});
  }
  return object[name].get<std::string>();
}

// "1.2.3" as a comparable number; malformed parts count as 0.
uint64_t VersionNumber(const std::string& text) {
  unsigned major = 0, minor = 0, patch = 0;
  std::sscanf(text.c_str(), "%5u.%5u.%5u", &major, &minor, &patch);
  return (static_cast<uint64_t>(major) << 40) + (static_cast<uint64_t>(minor) << 20) + patch;
}

PublicManifest ReadPublicManifest(Bytes text, const std::string& where) {
  PublicManifest m;
  m.json.assign(reinterpret_cast<const char*>(text.data), text.size);
  const json object = json::parse(m.json, nullptr, false);
  if (!object.is_object())
    Fail(LNX_E_MANIFEST_JSON, {"text that is not a JSON object", "a JSON object", where + ", public manifest"});
  m.model_id = TextField(object, "model_id", true, where);
  m.version = TextField(object, "version", true, where);
  m.title = TextField(object, "title", false, where);
  m.vendor = TextField(object, "vendor", false, where);
  m.product = TextField(object, "product", false, where);
  m.created_by = TextField(object, "created_by", false, where);
  m.released = TextField(object, "released", false, where);
  m.min_core = TextField(object, "min_core", false, where);
  if (object.contains("epoch")) {
    if (!object["epoch"].is_number_unsigned() || object["epoch"].get<uint64_t>() > UINT32_MAX) {
      Fail(LNX_E_MANIFEST_FIELD, {object["epoch"].dump().substr(0, 64), "a whole number", where + ", public manifest: epoch"});
    }
    m.epoch = object["epoch"].get<uint32_t>();
  }
  if (VersionNumber(m.min_core) > VersionNumber(LNX_VERSION)) {
    Fail(LNX_E_CORE_TOO_OLD, {"version " LNX_VERSION, "version " + m.min_core + " or later", where});
  }
  return m;
}

// Hash first, then decrypt, while the chunk is in the cache.
class PayloadReader {
 public:
  PayloadReader(Bytes file, const Preamble& preamble, const crypto::Key256& cek, uint8_t* plain, const std::string& where)
      : file_(file), preamble_(preamble), plain_(plain), where_(where) {
    static const char key_info[] = "lnx/1 payload", nonce_info[] = "lnx/1 nonce";
    const auto info = [](const char* text, size_t n) { return Bytes{reinterpret_cast<const uint8_t*>(text), n - 1}; };
    crypto::HkdfSha256({cek.data(), cek.size()}, preamble.salt, info(key_info, sizeof key_info), key_.data(), key_.size());
    crypto::HkdfSha256({cek.data(), cek.size()}, preamble.salt, info(nonce_info, sizeof nonce_info), prefix_, sizeof prefix_);
  }
  ~PayloadReader() { platform::SecureWipe(key_.data(), key_.size()); }

  void Run(const Progress& progress) {
    const bool parallel = preamble_.plain_bytes >= kParallelBytes;
    const uint32_t threads = parallel ? std::min(4u, platform::PhysicalCores()) : 1;
    std::vector<std::thread> others;
    for (uint32_t i = 1; i < threads; ++i) others.emplace_back([this] { Work({}); });
    Work(progress);
    for (std::thread& thread : others) thread.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void Work(const Progress& progress) noexcept {
    try {
      crypto::AesGcm gcm({key_.data(), key_.size()});
      for (;;) {
        const uint64_t i = next_.fetch_add(1);
        if (i >= preamble_.chunks) return;
        ReadChunk(gcm, i);
        if (progress) progress("decrypt", static_cast<double>(i + 1) / static_cast<double>(preamble_.chunks));
      }
    } catch (...) {
      next_.store(preamble_.chunks);
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }

  void ReadChunk(crypto::AesGcm& gcm, uint64_t i) {
    const Bytes chunk = file_.subspan(preamble_.ChunkOffset(i), preamble_.ChunkPlainBytes(i) + kTagBytes);
    const crypto::Digest digest = crypto::Sha256(chunk);
    const Bytes expected = file_.subspan(preamble_.HashOffset() + 32 * i, 32);
    const std::string name = "chunk " + std::to_string(i + 1) + " of " + std::to_string(preamble_.chunks) + " of " + where_;
    if (std::memcmp(digest.data(), expected.data, 32) != 0) {
      Fail(LNX_E_CHUNK_HASH, {"sha256 " + Hex(digest.data()), Hex(expected.data), name});
    }
    uint8_t nonce[12];
    std::memcpy(nonce, prefix_, 7);
    for (int k = 0; k < 4; ++k) nonce[7 + k] = static_cast<uint8_t>(i >> (24 - 8 * k));
    nonce[11] = i + 1 == preamble_.chunks ? 1 : 0;
    if (!gcm.Decrypt({nonce, sizeof nonce}, {}, chunk, plain_ + i * preamble_.chunk_bytes)) {
      Fail(LNX_E_DECRYPT, {"a wrong authentication tag", "the tag of this file's key", name});
    }
  }

  static std::string Hex(const uint8_t* digest) {
    char text[9];
    std::snprintf(text, sizeof text, "%02x%02x%02x%02x", digest[0], digest[1], digest[2], digest[3]);
    return std::string(text) + "...";
  }

  Bytes file_;
  const Preamble& preamble_;
  uint8_t* plain_;
  const std::string& where_;
  crypto::Key256 key_;
  uint8_t prefix_[7];
  std::atomic<uint64_t> next_{0};
  std::mutex mutex_;
  std::exception_ptr failure_;
};

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

Entry ReadEntry(const json& item, uint64_t table_end, uint64_t plain_bytes, const std::string& where) {
  const auto refuse = [&](const std::string& found) { Fail(LNX_E_PAYLOAD_TABLE, {found, "name, offset, size, sha256", where}); };
  if (!item.is_object() || !item.contains("name") || !item["name"].is_string() || !item.contains("offset") ||
      !item["offset"].is_number_unsigned() || !item.contains("size") || !item["size"].is_number_unsigned() ||
      !item.contains("sha256") || !item["sha256"].is_string()) {
    refuse("a malformed entry");
  }
  Entry entry;
  entry.name = item["name"].get<std::string>();
  entry.offset = item["offset"].get<uint64_t>();
  entry.size = item["size"].get<uint64_t>();
  const auto hex = item["sha256"].get<std::string>();
  if (entry.name.empty() || entry.name.size() > 255) refuse("a name of " + std::to_string(entry.name.size()) + " bytes");
  if (entry.offset % kPage != 0 || entry.offset < table_end || entry.offset > plain_bytes ||
      entry.size > plain_bytes - entry.offset) {
    refuse("\"" + entry.name + "\" outside the payload");
  }
  if (hex.size() != 64) refuse("a hash of " + std::to_string(hex.size()) + " digits");
  for (size_t i = 0; i < 32; ++i) {
    const int high = HexDigit(hex[2 * i]), low = HexDigit(hex[2 * i + 1]);
    if (high < 0 || low < 0) refuse("a hash that is not hexadecimal");
    entry.sha256[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return entry;
}

std::vector<Entry> ReadTable(Bytes plain, const std::string& where) {
  const auto refuse = [&](const std::string& found) { Fail(LNX_E_PAYLOAD_TABLE, {found, "length and JSON table", where}); };
  if (plain.size < 4) refuse("a payload of " + std::to_string(plain.size) + " bytes");
  const uint32_t bytes = plain[0] | plain[1] << 8 | plain[2] << 16 | static_cast<uint32_t>(plain[3]) << 24;
  if (bytes > kMaxTableBytes)
    Fail(LNX_E_LIMIT, {"a table of " + std::to_string(bytes) + " bytes", std::to_string(kMaxTableBytes), where});
  if (bytes > plain.size - 4) refuse("a table that ends behind the payload");
  const Bytes text = plain.subspan(4, bytes);
  const json table = json::parse(text.begin(), text.end(), nullptr, false);
  if (!table.is_object() || !table.contains("entries") || !table["entries"].is_array()) refuse("no list of entries");
  if (table["entries"].size() > kMaxEntries) refuse(std::to_string(table["entries"].size()) + " entries");
  std::vector<Entry> entries;
  std::set<std::string> names;
  uint64_t end = 4 + static_cast<uint64_t>(bytes);
  for (const json& item : table["entries"]) {
    entries.push_back(ReadEntry(item, end, plain.size, where));  // in ascending order, without overlap
    end = entries.back().offset + entries.back().size;
    if (!names.insert(entries.back().name).second) refuse("two entries named \"" + entries.back().name + "\"");
  }
  return entries;
}

}  // namespace

struct Container::State {
  explicit State(size_t plain_bytes) : plain(plain_bytes) {}
  PublicManifest manifest;
  std::string where, signer;
  std::array<uint8_t, 32> model_sha256{};
  Secret plain;
  std::vector<Entry> entries;
  std::mutex mutex;
  std::set<std::string> checked, dropped;
};

Container::Container(std::unique_ptr<State> state) : state_(std::move(state)) {}
Container::Container(Container&&) noexcept = default;
Container& Container::operator=(Container&&) noexcept = default;
Container::~Container() = default;

Container Container::Open(const std::string& path, const TrustStore& trust, const KeyRing& keys, const Progress& progress) {
  if (progress) progress("read", 0);
  const auto file = platform::FileView::Open(path, kMaxFileBytes);
  return Open(file->bytes(), path, trust, keys, progress);
}

Container Container::Open(Bytes file, const std::string& where, const TrustStore& trust, const KeyRing& keys,
                          const Progress& progress) {
  const Preamble preamble = ReadPreamble(file, where);

  std::vector<uint8_t> signed_part(file.data, file.data + kSignedPreambleBytes);
  const Bytes rest = file.subspan(kPreambleBytes, static_cast<size_t>(preamble.manifest_bytes) + preamble.hash_bytes);
  signed_part.insert(signed_part.end(), rest.begin(), rest.end());
  if (progress) progress("verify", 0);
  std::string signer = CheckSignature(file.subspan(preamble.SignatureOffset(), preamble.signature_bytes),
                                      {signed_part.data(), signed_part.size()}, trust, where);
  PublicManifest manifest = ReadPublicManifest(file.subspan(kPreambleBytes, preamble.manifest_bytes), where);

  const Bytes padding = file.subspan(preamble.PaddingOffset(), preamble.payload_offset - preamble.PaddingOffset());
  for (size_t i = 0; i < padding.size; ++i) {
    if (padding[i] != 0) Fail(LNX_E_PADDING, {"a byte at " + std::to_string(preamble.PaddingOffset() + i), "zero", where});
  }
  crypto::Key256 cek = FindContentKey(file.subspan(preamble.RecipientOffset(), preamble.recipient_bytes), preamble, keys, where);

  auto state = std::make_unique<State>(preamble.plain_bytes);
  PayloadReader reader(file, preamble, cek, state->plain.data(), where);
  platform::SecureWipe(cek.data(), cek.size());
  reader.Run(progress);
  state->entries = ReadTable({state->plain.data(), state->plain.size()}, where);
  state->manifest = std::move(manifest);
  state->where = where;
  state->signer = std::move(signer);
  state->model_sha256 = crypto::Sha256({signed_part.data(), signed_part.size()});
  return Container(std::move(state));
}

const PublicManifest& Container::manifest() const { return state_->manifest; }
const std::string& Container::signer() const { return state_->signer; }
const std::array<uint8_t, 32>& Container::model_sha256() const { return state_->model_sha256; }
const std::vector<Entry>& Container::entries() const { return state_->entries; }

bool Container::Has(const std::string& name) const {
  return std::any_of(state_->entries.begin(), state_->entries.end(), [&](const Entry& entry) { return entry.name == name; });
}

Bytes Container::Read(const std::string& name) const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  for (const Entry& entry : state_->entries) {
    if (entry.name != name) continue;
    if (state_->dropped.count(name)) Fail(LNX_E_INTERNAL, {"an entry that was dropped", "an entry in memory", name});
    const Bytes bytes{state_->plain.data() + entry.offset, static_cast<size_t>(entry.size)};
    if (!state_->checked.count(name)) {
      if (crypto::Sha256(bytes) != entry.sha256) {
        Fail(LNX_E_ENTRY_HASH, {"another SHA-256", "the one in the table", "entry \"" + name + "\" of " + state_->where});
      }
      state_->checked.insert(name);
    }
    return bytes;
  }
  Fail(LNX_E_ENTRY_MISSING, {"no entry \"" + name + "\"", "an entry that the manifest names", state_->where});
}

std::string Container::ReadText(const std::string& name) const {
  const Bytes bytes = Read(name);
  return std::string(reinterpret_cast<const char*>(bytes.data), bytes.size);
}

void Container::Drop(const std::string& name) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  for (const Entry& entry : state_->entries) {
    if (entry.name != name || !state_->dropped.insert(name).second) continue;
    platform::SecretDiscard(state_->plain.data() + entry.offset, static_cast<size_t>(entry.size));
  }
}

}  // namespace lnx::container
