// Reads .lnx containers, version 1. The file is hostile until its signature holds; after that its payload is secret.
//
// Order of trust: preamble fields and lengths (capped before allocation) -> signature over preamble, manifest, chunk hashes ->
// public manifest JSON -> recipients -> CEK -> key commitment -> recipients MAC -> zero padding -> per chunk: hash, then GCM ->
// entry table. Each failure has its own status. Layout and constants: docs/reference/container.md.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/platform.h"
#include "base/span.h"
#include "container/key_list.h"

namespace lnx::container {

// Limits of version 1. Anything above them is refused with LNX_E_LIMIT before memory is taken.
constexpr uint32_t kMaxManifestBytes = 1u << 20;
constexpr uint32_t kMaxSignatureBytes = 16u << 10;
constexpr uint32_t kMaxRecipientBytes = 256u << 10;
constexpr uint32_t kMaxRecipients = 128;
constexpr uint64_t kMaxPlainBytes = 8ull << 30;
constexpr uint32_t kMaxTableBytes = 1u << 20;
constexpr uint32_t kMaxEntries = 4096;

// A container key that this process trusts. key_id = first 16 hex digits of SHA-256 over the 65-byte point.
struct TrustedKey {
  std::array<uint8_t, 65> point;
  std::string source;  // file it came from, "built-in"
};

struct TrustStore {
  std::vector<TrustedKey> keys;  // container keys that are trusted by themselves
  std::vector<RootKey> roots;
  std::vector<KeyList> lists;  // at most one per root
  // Built-in roots, the trust folder (%ProgramData%\LNX\trust, /etc/lnx/trust, LNX_TRUST_DIR) and the named files:
  // *.root-pub.pem are roots, *.keylist.json key lists, other *.pem container keys. LNX_E_KEY_FILE, LNX_E_KEY_LIST.
  static TrustStore Load(const std::vector<std::string>& files);
};

// Family keys: 32 bytes each, named by kid. File format: JSON {"lnx_family_keys":[{"kid":"fam-2026A","key":base64}]}.
struct FamilyKey {
  std::string kid;
  std::array<uint8_t, 32> key;
};
struct PublicManifest;

// A recipient of type p256: the content key, sealed with HPKE for one token. info = "lnx/1 container-key" 00 salt, aad = key
// commitment.
struct SealedKey {
  std::string to;  // key id
  std::vector<uint8_t> info, aad, enc, ciphertext;
};

// Whoever can find keys that are not at hand, such as a licence and its dongle. Asked only for containers that need it, after
// their signature was checked. Both return false when they have nothing to do with the key, and throw when they refuse it.
class KeySource {
 public:
  virtual ~KeySource() = default;
  virtual bool Family(const PublicManifest& model, const std::string& kid, std::array<uint8_t, 32>* key) = 0;
  virtual bool Direct(const PublicManifest& model, const SealedKey& sealed, std::array<uint8_t, 32>* content_key) = 0;
  // Called when nothing opened the container: throws what a person should know, or returns.
  virtual void Refuse(const PublicManifest& model) = 0;
};

struct KeyRing {
  std::vector<FamilyKey> families;
  KeySource* source = nullptr;  // asked after the families; borrowed
  KeyRing() = default;
  KeyRing(KeyRing&&) = default;
  KeyRing& operator=(KeyRing&&) = default;
  static KeyRing Load(const std::string& path);  // "" = LNX_KEY_FILE, then empty. LNX_E_KEY_FILE.
  ~KeyRing();                                    // wipes
};

// What anyone may read: the signed public manifest.
struct PublicManifest {
  std::string model_id, version, title, vendor, product, created_by, released, min_core;
  uint32_t epoch = 0;
  std::string json;  // exactly as signed
};

struct Entry {
  std::string name;
  uint64_t offset = 0, size = 0;  // into the plaintext
  std::array<uint8_t, 32> sha256{};
};

using Progress = std::function<void(const char* stage, double fraction)>;

class Container {
 public:
  // Reads, verifies and decrypts. Never writes. Throws lnx::Error with a 2xx status.
  static Container Open(const std::string& path, const TrustStore& trust, const KeyRing& keys, const Progress& progress = {});
  // The same on bytes in memory (tests, fuzzing); `where` names them in errors.
  static Container Open(Bytes file, const std::string& where, const TrustStore& trust, const KeyRing& keys,
                        const Progress& progress = {});

  static Container Open(const platform::InputFile& file, const std::string& where, const TrustStore& trust, const KeyRing& keys,
                        const Progress& progress = {});

  Container(Container&&) noexcept;
  Container& operator=(Container&&) noexcept;
  ~Container();  // wipes the plaintext

  const PublicManifest& manifest() const;
  const std::string& signer() const;                    // key_id
  const std::array<uint8_t, 32>& model_sha256() const;  // SHA-256 of the signed part
  const std::vector<Entry>& entries() const;
  bool Has(const std::string& name) const;
  Bytes Read(const std::string& name) const;  // LNX_E_ENTRY_MISSING; checked against its SHA-256 on first read
  std::string ReadText(const std::string& name) const;
  // Frees and wipes the plaintext pages that only `name` occupies (a model after its session exists).
  void Drop(const std::string& name);

 private:
  struct State;
  explicit Container(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lnx::container
