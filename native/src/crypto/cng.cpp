// crypto.h over CNG (bcrypt.dll). One-shot GCM per chunk: chained calls are where implementations differ.
#include <windows.h>
// windows.h must come first
#include <bcrypt.h>
#include <wincrypt.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "base/status.h"
#include "crypto/crypto.h"

namespace lnx::crypto {
namespace {

void Check(NTSTATUS status, const char* what) {
  if (status < 0) Fail(LNX_E_INTERNAL, {"CNG status " + std::to_string(status), "success", what, {}, status});
}

PUCHAR Mutable(Bytes bytes) { return const_cast<PUCHAR>(bytes.data); }  // CNG reads through pointers that lack the const
ULONG Size(Bytes bytes) { return static_cast<ULONG>(bytes.size); }

class Algorithm {
 public:
  Algorithm(const wchar_t* name, ULONG flags) {
    Check(BCryptOpenAlgorithmProvider(&handle_, name, nullptr, flags), "BCryptOpenAlgorithmProvider");
  }
  ~Algorithm() { BCryptCloseAlgorithmProvider(handle_, 0); }
  Algorithm(const Algorithm&) = delete;
  Algorithm& operator=(const Algorithm&) = delete;
  BCRYPT_ALG_HANDLE get() const { return handle_; }

 private:
  BCRYPT_ALG_HANDLE handle_ = nullptr;
};

class Hash {
 public:
  Hash(const Algorithm& algorithm, Bytes key, ULONG flags = 0) {
    Check(BCryptCreateHash(algorithm.get(), &handle_, nullptr, 0, Mutable(key), Size(key), flags), "BCryptCreateHash");
  }
  ~Hash() { BCryptDestroyHash(handle_); }
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;
  void Update(Bytes data) { Check(BCryptHashData(handle_, Mutable(data), Size(data), 0), "BCryptHashData"); }
  Digest Finish() {
    Digest digest;
    Check(BCryptFinishHash(handle_, digest.data(), static_cast<ULONG>(digest.size()), 0), "BCryptFinishHash");
    return digest;
  }

 private:
  BCRYPT_HASH_HANDLE handle_ = nullptr;
};

class KeyHandle {
 public:
  KeyHandle() = default;
  ~KeyHandle() {
    if (handle_ != nullptr) BCryptDestroyKey(handle_);
  }
  KeyHandle(const KeyHandle&) = delete;
  KeyHandle& operator=(const KeyHandle&) = delete;
  BCRYPT_KEY_HANDLE get() const { return handle_; }
  BCRYPT_KEY_HANDLE* out() { return &handle_; }

 private:
  BCRYPT_KEY_HANDLE handle_ = nullptr;
};

// header || X || Y [|| d], as BCRYPT_ECCKEY_BLOB asks for it. Wiped when it goes.
class EccBlob {
 public:
  EccBlob(ULONG magic, Bytes point, Bytes secret) : bytes_(sizeof(BCRYPT_ECCKEY_BLOB) + 64 + secret.size) {
    const BCRYPT_ECCKEY_BLOB header = {magic, 32};
    std::memcpy(bytes_.data(), &header, sizeof header);
    std::memcpy(bytes_.data() + sizeof header, point.data + 1, 64);
    if (secret.size > 0) std::memcpy(bytes_.data() + sizeof header + 64, secret.data, secret.size);
  }
  ~EccBlob() { SecureZeroMemory(bytes_.data(), bytes_.size()); }
  EccBlob(const EccBlob&) = delete;
  EccBlob& operator=(const EccBlob&) = delete;
  bool Import(const Algorithm& algorithm, const wchar_t* kind, KeyHandle* key) {
    return BCryptImportKeyPair(algorithm.get(), nullptr, kind, key->out(), bytes_.data(), static_cast<ULONG>(bytes_.size()), 0) >=
           0;
  }

 private:
  std::vector<uint8_t> bytes_;
};

bool ImportPoint(const Algorithm& algorithm, ULONG magic, Bytes point, KeyHandle* key) {
  if (point.size != 65 || point[0] != 4) return false;
  return EccBlob(magic, point, {}).Import(algorithm, BCRYPT_ECCPUBLIC_BLOB, key);
}

bool ImportPair(const Algorithm& algorithm, ULONG magic, const P256KeyPair& pair, KeyHandle* key) {
  if (pair.point[0] != 4) return false;
  EccBlob blob(magic, {pair.point.data(), pair.point.size()}, {pair.secret.data(), pair.secret.size()});
  return blob.Import(algorithm, BCRYPT_ECCPRIVATE_BLOB, key);
}

// The raw secret of CNG is the X coordinate in little-endian order.
bool Agree(BCRYPT_KEY_HANDLE own, BCRYPT_KEY_HANDLE peer, Key256* x) {
  BCRYPT_SECRET_HANDLE secret = nullptr;
  if (BCryptSecretAgreement(own, peer, &secret, 0) < 0) return false;
  ULONG written = 0;
  const NTSTATUS status =
      BCryptDeriveKey(secret, BCRYPT_KDF_RAW_SECRET, nullptr, x->data(), static_cast<ULONG>(x->size()), &written, 0);
  BCryptDestroySecret(secret);
  if (status < 0 || written != x->size()) return false;
  std::reverse(x->begin(), x->end());
  return true;
}

}  // namespace

Digest Sha256(Bytes data) {
  Sha256Stream stream;
  stream.Update(data);
  return stream.Finish();
}

struct Sha256Stream::State {
  Algorithm algorithm{BCRYPT_SHA256_ALGORITHM, 0};
  Hash hash{algorithm, {}};
};
Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {}
Sha256Stream::~Sha256Stream() = default;
void Sha256Stream::Update(Bytes data) { state_->hash.Update(data); }
Digest Sha256Stream::Finish() { return state_->hash.Finish(); }

struct Sha256Prefixed::State {
  uint8_t prefix;
  Algorithm algorithm{BCRYPT_SHA256_ALGORITHM, BCRYPT_HASH_REUSABLE_FLAG};
  Hash hash{algorithm, {}, BCRYPT_HASH_REUSABLE_FLAG};
};
Sha256Prefixed::Sha256Prefixed(uint8_t prefix) : state_(std::make_unique<State>()) { state_->prefix = prefix; }
Sha256Prefixed::~Sha256Prefixed() = default;
Digest Sha256Prefixed::Of(Bytes a, Bytes b) {
  state_->hash.Update({&state_->prefix, 1});
  if (a.size > 0) state_->hash.Update(a);
  if (b.size > 0) state_->hash.Update(b);
  return state_->hash.Finish();
}

Digest HmacSha256(Bytes key, Bytes data) {
  const Algorithm algorithm(BCRYPT_SHA256_ALGORITHM, BCRYPT_ALG_HANDLE_HMAC_FLAG);
  Hash hash(algorithm, key);
  hash.Update(data);
  return hash.Finish();
}

struct AesGcm::State {
  Algorithm algorithm{BCRYPT_AES_ALGORITHM, 0};
  BCRYPT_KEY_HANDLE key = nullptr;
  ~State() { BCryptDestroyKey(key); }
};

AesGcm::AesGcm(Bytes key) : state_(std::make_unique<State>()) {
  wchar_t mode[] = BCRYPT_CHAIN_MODE_GCM;
  Check(BCryptSetProperty(state_->algorithm.get(), BCRYPT_CHAINING_MODE, reinterpret_cast<PUCHAR>(mode), sizeof mode, 0), "GCM");
  Check(BCryptGenerateSymmetricKey(state_->algorithm.get(), &state_->key, nullptr, 0, Mutable(key), Size(key), 0), "AES key");
}
AesGcm::~AesGcm() = default;

void AesGcm::Encrypt(Bytes nonce, Bytes aad, Bytes plain, uint8_t* out) {
  const auto bytes = static_cast<ULONG>(plain.size);
  BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO info;
  BCRYPT_INIT_AUTH_MODE_INFO(info);
  info.pbNonce = Mutable(nonce);
  info.cbNonce = Size(nonce);
  info.pbAuthData = Mutable(aad);
  info.cbAuthData = Size(aad);
  info.pbTag = out + bytes;
  info.cbTag = 16;
  ULONG written = 0;
  Check(BCryptEncrypt(state_->key, Mutable(plain), bytes, &info, nullptr, 0, out, bytes, &written, 0), "BCryptEncrypt");
}

bool AesGcm::Decrypt(Bytes nonce, Bytes aad, Bytes ciphertext, uint8_t* plain) {
  if (ciphertext.size < 16) return false;
  const size_t bytes = ciphertext.size - 16;
  return Decrypt(nonce, aad, ciphertext.subspan(0, bytes), ciphertext.subspan(bytes, 16), plain);
}

bool AesGcm::Decrypt(Bytes nonce, Bytes aad, Bytes ciphertext, Bytes tag, uint8_t* plain) {
  if (nonce.size != 12 || tag.size != 16) return false;
  const auto bytes = Size(ciphertext);
  BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO info;
  BCRYPT_INIT_AUTH_MODE_INFO(info);
  info.pbNonce = Mutable(nonce);
  info.cbNonce = Size(nonce);
  info.pbAuthData = Mutable(aad);
  info.cbAuthData = Size(aad);
  info.pbTag = Mutable(tag);
  info.cbTag = 16;
  ULONG written = 0;
  const NTSTATUS status = BCryptDecrypt(state_->key, Mutable(ciphertext), bytes, &info, nullptr, 0, plain, bytes, &written, 0);
  if (status < 0) SecureZeroMemory(plain, bytes);
  return status >= 0;
}

bool VerifyP256(Bytes public_key, Bytes message, Bytes signature_rs) noexcept {
  if (signature_rs.size != 64) return false;
  try {
    const Algorithm algorithm(BCRYPT_ECDSA_P256_ALGORITHM, 0);
    KeyHandle key;
    if (!ImportPoint(algorithm, BCRYPT_ECDSA_PUBLIC_P256_MAGIC, public_key, &key)) return false;
    Digest digest = Sha256(message);
    return BCryptVerifySignature(key.get(), nullptr, digest.data(), static_cast<ULONG>(digest.size()), Mutable(signature_rs),
                                 Size(signature_rs), 0) >= 0;
  } catch (...) {
    return false;
  }
}

P256KeyPair GenerateP256() {
  const Algorithm algorithm(BCRYPT_ECDH_P256_ALGORITHM, 0);
  KeyHandle key;
  Check(BCryptGenerateKeyPair(algorithm.get(), key.out(), 256, 0), "BCryptGenerateKeyPair");
  Check(BCryptFinalizeKeyPair(key.get(), 0), "BCryptFinalizeKeyPair");
  uint8_t blob[sizeof(BCRYPT_ECCKEY_BLOB) + 96];
  ULONG written = 0;
  Check(BCryptExportKey(key.get(), nullptr, BCRYPT_ECCPRIVATE_BLOB, blob, sizeof blob, &written, 0), "BCryptExportKey");
  if (written != sizeof blob)
    Fail(LNX_E_INTERNAL, {std::to_string(written) + " bytes", std::to_string(sizeof blob), "P-256 key"});
  P256KeyPair pair;
  pair.point[0] = 4;
  std::memcpy(pair.point.data() + 1, blob + sizeof(BCRYPT_ECCKEY_BLOB), 64);
  std::memcpy(pair.secret.data(), blob + sizeof(BCRYPT_ECCKEY_BLOB) + 64, 32);
  SecureZeroMemory(blob, sizeof blob);
  return pair;
}

bool OnCurveP256(Bytes point) noexcept {
  try {
    const Algorithm algorithm(BCRYPT_ECDH_P256_ALGORITHM, 0);
    KeyHandle key;
    return ImportPoint(algorithm, BCRYPT_ECDH_PUBLIC_P256_MAGIC, point, &key);
  } catch (...) {
    return false;
  }
}

bool EcdhP256(const P256KeyPair& own, Bytes point, Key256* x) noexcept {
  try {
    const Algorithm algorithm(BCRYPT_ECDH_P256_ALGORITHM, 0);
    KeyHandle key, peer;
    return ImportPair(algorithm, BCRYPT_ECDH_PRIVATE_P256_MAGIC, own, &key) &&
           ImportPoint(algorithm, BCRYPT_ECDH_PUBLIC_P256_MAGIC, point, &peer) && Agree(key.get(), peer.get(), x);
  } catch (...) {
    return false;
  }
}

Signature256 SignP256(const P256KeyPair& own, Bytes message) {
  const Algorithm algorithm(BCRYPT_ECDSA_P256_ALGORITHM, 0);
  KeyHandle key;
  if (!ImportPair(algorithm, BCRYPT_ECDSA_PRIVATE_P256_MAGIC, own, &key)) {
    Fail(LNX_E_INTERNAL, {"a malformed key pair", "a P-256 key pair", "ECDSA"});
  }
  Digest digest = Sha256(message);
  Signature256 signature;
  ULONG written = 0;
  Check(BCryptSignHash(key.get(), nullptr, digest.data(), static_cast<ULONG>(digest.size()), signature.data(),
                       static_cast<ULONG>(signature.size()), &written, 0),
        "BCryptSignHash");
  return signature;
}

std::array<uint8_t, 65> ReadP256PublicPem(const std::string& pem, const std::string& path) {
  // SubjectPublicKeyInfo of P-256 has one DER form: 26 fixed bytes, then the point.
  static const uint8_t kPrefix[26] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
                                      0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
  std::array<uint8_t, 65> point{};
  std::vector<uint8_t> der(pem.size() + 1);
  auto bytes = static_cast<DWORD>(der.size());
  const bool public_key = pem.find("-----BEGIN PUBLIC KEY-----") != std::string::npos;
  const bool decoded =
      public_key && CryptStringToBinaryA(pem.c_str(), 0, CRYPT_STRING_BASE64HEADER, der.data(), &bytes, nullptr, nullptr) != 0;
  if (!decoded || bytes != sizeof kPrefix + point.size() || std::memcmp(der.data(), kPrefix, sizeof kPrefix) != 0 ||
      der[sizeof kPrefix] != 4) {
    Fail(LNX_E_KEY_FILE, {"no P-256 public key", "a PEM file with BEGIN PUBLIC KEY, curve P-256", path});
  }
  std::memcpy(point.data(), der.data() + sizeof kPrefix, point.size());
  return point;
}

void RandomBytes(uint8_t* out, size_t bytes) {
  Check(BCryptGenRandom(nullptr, out, static_cast<ULONG>(bytes), BCRYPT_USE_SYSTEM_PREFERRED_RNG), "BCryptGenRandom");
}

bool ConstantTimeEqual(Bytes a, Bytes b) noexcept {
  if (a.size != b.size) return false;
  volatile uint8_t difference = 0;
  for (size_t i = 0; i < a.size; ++i) difference = static_cast<uint8_t>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

}  // namespace lnx::crypto
