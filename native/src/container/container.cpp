#include "container/container.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "base/platform.h"
#include "base/status.h"
#include "container/payload.h"
#include "container/preamble.h"
#include "container/recipients.h"
#include "container/trust.h"
#include "crypto/crypto.h"

namespace lnx::container {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxFileBytes = kMaxPlainBytes + (512ull << 20);

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

class MemoryFile final : public platform::InputFile {
 public:
  MemoryFile(Bytes content, const std::string& where) : content_(content), where_(where) {}
  uint64_t bytes() const override { return content_.size; }
  void Read(uint64_t offset, uint8_t* to, size_t n) const override {
    if (offset > content_.size || n > content_.size - offset) Fail(LNX_E_FILE_READ, {"the end", "more bytes", where_});
    if (n > 0) std::memcpy(to, content_.data + offset, n);
  }

 private:
  Bytes content_;
  const std::string& where_;
};

// What stands in a field, short; nested content is not spelled out, since it may be nested a million deep.
std::string Shown(const json& value) {
  return value.is_object()  ? "an object"
         : value.is_array() ? "a list"
                            : value.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 64);
}

std::string TextField(const json& object, const char* name, bool required, const std::string& where) {
  if (!object.contains(name)) {
    if (required) Fail(LNX_E_MANIFEST_FIELD, {"no field", "a text", where + ", public manifest: " + name});
    return "";
  }
  if (!object[name].is_string()) {
    Fail(LNX_E_MANIFEST_FIELD, {Shown(object[name]), "a text", where + ", public manifest: " + name});
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
      Fail(LNX_E_MANIFEST_FIELD, {Shown(object["epoch"]), "a whole number", where + ", public manifest: epoch"});
    }
    m.epoch = object["epoch"].get<uint32_t>();
  }
  if (VersionNumber(m.min_core) > VersionNumber(LNX_VERSION)) {
    Fail(LNX_E_CORE_TOO_OLD, {"version " LNX_VERSION, "version " + m.min_core + " or later", where});
  }
  return m;
}

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
  const auto file = platform::InputFile::Open(path, kMaxFileBytes);
  return Open(*file, path, trust, keys, progress);
}

Container Container::Open(Bytes file, const std::string& where, const TrustStore& trust, const KeyRing& keys,
                          const Progress& progress) {
  return Open(MemoryFile(file, where), where, trust, keys, progress);
}

Container Container::Open(const platform::InputFile& file, const std::string& where, const TrustStore& trust, const KeyRing& keys,
                          const Progress& progress) {
  // Everything before the payload is read once, so that the bytes that were verified are the bytes that are used.
  if (progress) progress("read", 0);
  std::vector<uint8_t> head(std::min<uint64_t>(file.bytes(), kPreambleBytes));
  file.Read(0, head.data(), head.size());
  const auto head_bytes = static_cast<size_t>(ReadPreamble({head.data(), head.size()}, file.bytes(), where).payload_offset);
  head.resize(head_bytes);
  file.Read(kPreambleBytes, head.data() + kPreambleBytes, head_bytes - kPreambleBytes);
  const Bytes all{head.data(), head.size()};
  const Preamble preamble = ReadPreamble(all, file.bytes(), where);

  std::vector<uint8_t> signed_part(all.data, all.data + kSignedPreambleBytes);
  const Bytes rest = all.subspan(kPreambleBytes, static_cast<size_t>(preamble.manifest_bytes) + preamble.hash_bytes);
  signed_part.insert(signed_part.end(), rest.begin(), rest.end());
  if (progress) progress("verify", 0);
  std::string signer = CheckSignature(all.subspan(preamble.SignatureOffset(), preamble.signature_bytes),
                                      {signed_part.data(), signed_part.size()}, trust, where);
  PublicManifest manifest = ReadPublicManifest(all.subspan(kPreambleBytes, preamble.manifest_bytes), where);
  CheckDaysOfKey(trust, signer, manifest.released, where);

  const Bytes padding = all.subspan(preamble.PaddingOffset(), preamble.payload_offset - preamble.PaddingOffset());
  for (size_t i = 0; i < padding.size; ++i) {
    if (padding[i] != 0) Fail(LNX_E_PADDING, {"a byte at " + std::to_string(preamble.PaddingOffset() + i), "zero", where});
  }
  crypto::Key256 cek =
      FindContentKey(all.subspan(preamble.RecipientOffset(), preamble.recipient_bytes), preamble, manifest, keys, where);

  auto state = std::make_unique<State>(preamble.plain_bytes);
  const Bytes hashes = all.subspan(preamble.HashOffset(), preamble.hash_bytes);
  PayloadReader reader(file, preamble, hashes, cek, state->plain.data(), where);
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
