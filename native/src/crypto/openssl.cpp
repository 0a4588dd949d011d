// crypto.h over OpenSSL 3 (libcrypto), through EVP only.
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "base/status.h"
#include "crypto/crypto.h"

namespace lnx::crypto {
namespace {

template <typename T, void (*Free)(T*)>
struct Deleter {
  void operator()(T* p) const noexcept { Free(p); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Deleter<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX, EVP_MD_CTX_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX, EVP_PKEY_CTX_free>>;
using PublicKey = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY, EVP_PKEY_free>>;
using PrivateKey = PublicKey;
using Memory = std::unique_ptr<BIO, Deleter<BIO, BIO_free_all>>;
using Number = std::unique_ptr<BIGNUM, Deleter<BIGNUM, BN_clear_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM, OSSL_PARAM_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG, ECDSA_SIG_free>>;

[[noreturn]] void FailCrypto(const char* what) {
  char text[256] = {};
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  ERR_clear_error();
  Fail(LNX_E_INTERNAL, {std::string(what) + ": " + text, "success", "libcrypto"});
}

PublicKey ImportPoint(Bytes point) noexcept {
  if (point.size != 65 || point[0] != 4) return nullptr;
  KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  if (!context || EVP_PKEY_fromdata_init(context.get()) <= 0) return nullptr;
  char group[] = "prime256v1";
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<uint8_t*>(point.data), point.size),
      OSSL_PARAM_construct_end(),
  };
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params) <= 0) return nullptr;
  PublicKey owned(key);
  KeyContext check(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  if (!check || EVP_PKEY_public_check(check.get()) <= 0) return nullptr;  // on the curve
  return owned;
}

// A key pair whose two halves belong together; NULL otherwise.
PrivateKey ImportPair(const P256KeyPair& pair) noexcept {
  const Number secret(BN_secure_new());
  ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!secret || !builder || BN_bin2bn(pair.secret.data(), 32, secret.get()) == nullptr) return nullptr;
  if (OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, pair.point.data(), pair.point.size()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret.get()) != 1) {
    return nullptr;
  }
  const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params.get()) <= 0) {
    return nullptr;
  }
  PrivateKey owned(key);
  KeyContext check(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  if (!check || EVP_PKEY_public_check(check.get()) <= 0 || EVP_PKEY_private_check(check.get()) <= 0 ||
      EVP_PKEY_pairwise_check(check.get()) <= 0) {
    return nullptr;
  }
  return owned;
}

}  // namespace

Digest Sha256(Bytes data) {
  Digest digest;
  unsigned int length = 0;
  if (EVP_Digest(data.data, data.size, digest.data(), &length, EVP_sha256(), nullptr) != 1) FailCrypto("SHA-256");
  return digest;
}

struct Sha256Stream::State {
  DigestContext context{EVP_MD_CTX_new()};
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {
  if (!state_->context || EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) != 1) FailCrypto("SHA-256");
}
Sha256Stream::~Sha256Stream() = default;
void Sha256Stream::Update(Bytes data) {
  if (EVP_DigestUpdate(state_->context.get(), data.data, data.size) != 1) FailCrypto("SHA-256");
}
Digest Sha256Stream::Finish() {
  Digest digest;
  if (EVP_DigestFinal_ex(state_->context.get(), digest.data(), nullptr) != 1) FailCrypto("SHA-256");
  return digest;
}

struct Sha256Prefixed::State {
  uint8_t prefix;
  DigestContext context{EVP_MD_CTX_new()};
};

Sha256Prefixed::Sha256Prefixed(uint8_t prefix) : state_(std::make_unique<State>()) {
  state_->prefix = prefix;
  if (!state_->context || EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) != 1) FailCrypto("SHA-256");
}
Sha256Prefixed::~Sha256Prefixed() = default;
Digest Sha256Prefixed::Of(Bytes a, Bytes b) {
  EVP_MD_CTX* context = state_->context.get();
  Digest digest;
  // Without a digest named, the context starts again with the one it has.
  if (EVP_DigestInit_ex(context, nullptr, nullptr) != 1 || EVP_DigestUpdate(context, &state_->prefix, 1) != 1 ||
      EVP_DigestUpdate(context, a.data, a.size) != 1 || (b.size > 0 && EVP_DigestUpdate(context, b.data, b.size) != 1) ||
      EVP_DigestFinal_ex(context, digest.data(), nullptr) != 1) {
    FailCrypto("SHA-256");
  }
  return digest;
}

Digest HmacSha256(Bytes key, Bytes data) {
  Digest mac;
  size_t length = 0;
  static const uint8_t empty = 0;
  char digest_name[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_ALG_PARAM_DIGEST, digest_name, 0),
                               OSSL_PARAM_construct_end()};
  if (EVP_Q_mac(nullptr, "HMAC", nullptr, nullptr, params, key.size ? key.data : &empty, key.size, data.size ? data.data : &empty,
                data.size, mac.data(), mac.size(), &length) == nullptr ||
      length != mac.size()) {
    FailCrypto("HMAC-SHA-256");
  }
  return mac;
}

struct AesGcm::State {
  CipherContext context{EVP_CIPHER_CTX_new()}, encrypt{EVP_CIPHER_CTX_new()};
};

AesGcm::AesGcm(Bytes key) : state_(std::make_unique<State>()) {
  if (key.size != 32 || !state_->context ||
      EVP_DecryptInit_ex2(state_->context.get(), EVP_aes_256_gcm(), key.data, nullptr, nullptr) != 1 || !state_->encrypt ||
      EVP_EncryptInit_ex2(state_->encrypt.get(), EVP_aes_256_gcm(), key.data, nullptr, nullptr) != 1) {
    FailCrypto("AES-256-GCM");
  }
}
AesGcm::~AesGcm() = default;

void AesGcm::Encrypt(Bytes nonce, Bytes aad, Bytes plain, uint8_t* out) {
  EVP_CIPHER_CTX* context = state_->encrypt.get();
  int written = 0;
  uint8_t last[16];
  bool good = nonce.size == 12 && plain.size <= INT_MAX - 16 && aad.size <= INT_MAX && context != nullptr &&
              EVP_EncryptInit_ex2(context, nullptr, nullptr, nonce.data, nullptr) == 1;
  if (good && aad.size > 0) good = EVP_EncryptUpdate(context, nullptr, &written, aad.data, static_cast<int>(aad.size)) == 1;
  if (good && plain.size > 0) good = EVP_EncryptUpdate(context, out, &written, plain.data, static_cast<int>(plain.size)) == 1;
  good = good && EVP_EncryptFinal_ex(context, last, &written) == 1;
  good = good && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, out + plain.size) == 1;
  if (!good) FailCrypto("AES-256-GCM");
}

bool AesGcm::Decrypt(Bytes nonce, Bytes aad, Bytes ciphertext, uint8_t* plain) {
  if (ciphertext.size < 16) return false;
  const size_t plain_bytes = ciphertext.size - 16;
  return Decrypt(nonce, aad, ciphertext.subspan(0, plain_bytes), ciphertext.subspan(plain_bytes, 16), plain);
}

bool AesGcm::Decrypt(Bytes nonce, Bytes aad, Bytes ciphertext, Bytes tag, uint8_t* plain) {
  if (nonce.size != 12 || tag.size != 16 || ciphertext.size > INT_MAX) return false;
  EVP_CIPHER_CTX* context = state_->context.get();
  const size_t plain_bytes = ciphertext.size;
  int written = 0;
  uint8_t last[16];
  bool good = EVP_DecryptInit_ex2(context, nullptr, nullptr, nonce.data, nullptr) == 1;
  if (good && aad.size > 0) good = EVP_DecryptUpdate(context, nullptr, &written, aad.data, static_cast<int>(aad.size)) == 1;
  if (good && plain_bytes > 0) {
    good = EVP_DecryptUpdate(context, plain, &written, ciphertext.data, static_cast<int>(plain_bytes)) == 1;
  }
  good = good && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, 16, const_cast<uint8_t*>(tag.data)) == 1;
  good = good && EVP_DecryptFinal_ex(context, last, &written) == 1;
  if (!good) {
    OPENSSL_cleanse(plain, plain_bytes);
    ERR_clear_error();
  }
  return good;
}

bool VerifyP256(Bytes public_key, Bytes message, Bytes signature_rs) noexcept {
  if (signature_rs.size != 64) return false;
  const PublicKey key = ImportPoint(public_key);
  bool good = false;
  Signature signature(ECDSA_SIG_new());
  if (key && signature) {
    BIGNUM* r = BN_bin2bn(signature_rs.data, 32, nullptr);
    BIGNUM* s = BN_bin2bn(signature_rs.data + 32, 32, nullptr);
    if (r != nullptr && s != nullptr && ECDSA_SIG_set0(signature.get(), r, s) == 1) {
      uint8_t der[80];
      uint8_t* end = der;
      const int der_bytes = i2d_ECDSA_SIG(signature.get(), &end);
      DigestContext context(EVP_MD_CTX_new());
      good = der_bytes > 0 && context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
             EVP_DigestVerify(context.get(), der, static_cast<size_t>(der_bytes), message.data, message.size) == 1;
    } else {
      BN_free(r);
      BN_free(s);
    }
  }
  ERR_clear_error();
  return good;
}

P256KeyPair GenerateP256() {
  const PrivateKey key(EVP_EC_gen("prime256v1"));
  P256KeyPair pair;
  BIGNUM* secret = nullptr;
  size_t length = 0;
  const bool good = key && EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_PRIV_KEY, &secret) == 1;
  const Number owned(secret);
  if (!good || BN_bn2binpad(secret, pair.secret.data(), 32) != 32 ||
      EVP_PKEY_get_octet_string_param(key.get(), OSSL_PKEY_PARAM_PUB_KEY, pair.point.data(), pair.point.size(), &length) != 1 ||
      length != pair.point.size()) {
    FailCrypto("P-256 key");
  }
  return pair;
}

bool OnCurveP256(Bytes point) noexcept {
  const bool good = ImportPoint(point) != nullptr;
  ERR_clear_error();
  return good;
}

bool EcdhP256(const P256KeyPair& own, Bytes point, Key256* x) noexcept {
  const PrivateKey key = ImportPair(own);
  const PublicKey peer = ImportPoint(point);
  bool good = false;
  if (key && peer) {
    KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
    size_t length = x->size();
    good = context && EVP_PKEY_derive_init(context.get()) == 1 && EVP_PKEY_derive_set_peer(context.get(), peer.get()) == 1 &&
           EVP_PKEY_derive(context.get(), x->data(), &length) == 1 && length == x->size();
  }
  ERR_clear_error();
  return good;
}

Signature256 SignP256(const P256KeyPair& own, Bytes message) {
  const PrivateKey key = ImportPair(own);
  DigestContext context(EVP_MD_CTX_new());
  uint8_t der[80];
  size_t der_bytes = sizeof der;
  if (!key || !context || EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, key.get(), nullptr) != 1 ||
      EVP_DigestSign(context.get(), der, &der_bytes, message.data, message.size) != 1) {
    FailCrypto("ECDSA P-256");
  }
  const uint8_t* begin = der;
  const Signature signature(d2i_ECDSA_SIG(nullptr, &begin, static_cast<long>(der_bytes)));
  Signature256 raw;
  if (!signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw.data(), 32) != 32 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw.data() + 32, 32) != 32) {
    FailCrypto("ECDSA P-256");
  }
  return raw;
}

std::array<uint8_t, 65> ReadP256PublicPem(const std::string& pem, const std::string& path) {
  Memory memory(BIO_new_mem_buf(pem.data(), static_cast<int>(std::min<size_t>(pem.size(), INT_MAX))));
  PublicKey key(memory ? PEM_read_bio_PUBKEY(memory.get(), nullptr, nullptr, nullptr) : nullptr);
  std::array<uint8_t, 65> point{};
  size_t length = 0;
  char group[64] = {};
  const bool good =
      key && EVP_PKEY_get_utf8_string_param(key.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, nullptr) == 1 &&
      std::strcmp(group, "prime256v1") == 0 &&
      EVP_PKEY_get_octet_string_param(key.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &length) == 1 &&
      length == 65 && point[0] == 4;
  ERR_clear_error();
  if (!good) Fail(LNX_E_KEY_FILE, {"no P-256 public key", "a PEM file with BEGIN PUBLIC KEY, curve P-256", path});
  return point;
}

void RandomBytes(uint8_t* out, size_t bytes) {
  if (RAND_bytes(out, static_cast<int>(bytes)) != 1) FailCrypto("random numbers");
}

bool ConstantTimeEqual(Bytes a, Bytes b) noexcept { return a.size == b.size && CRYPTO_memcmp(a.data, b.data, a.size) == 0; }

}  // namespace lnx::crypto
