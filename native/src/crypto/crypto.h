// The one door to cryptography. openssl.cpp on Linux, cng.cpp on Windows; both give the same bytes. Only what both can do:
// one-shot AES-256-GCM, HKDF written over HMAC, P-256: ECDSA over a raw 64-byte r||s signature, ECDH as the raw X coordinate.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "base/span.h"

namespace lnx::crypto {

using Digest = std::array<uint8_t, 32>;
using Key256 = std::array<uint8_t, 32>;

Digest Sha256(Bytes data);

class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  void Update(Bytes data);
  Digest Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Digests of many short messages without setting up for each: prefix || a || b. One object per thread.
class Sha256Prefixed {
 public:
  explicit Sha256Prefixed(uint8_t prefix);
  ~Sha256Prefixed();
  Digest Of(Bytes a, Bytes b = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest HmacSha256(Bytes key, Bytes data);
// RFC 5869 extract-and-expand. out_bytes <= 8160.
void HkdfSha256(Bytes ikm, Bytes salt, Bytes info, uint8_t* out, size_t out_bytes);

// AES-256-GCM with 12-byte nonces and 16-byte tags. One object per key, reused over chunks, one thread at a time.
class AesGcm {
 public:
  explicit AesGcm(Bytes key);
  ~AesGcm();
  // out has room for plain.size + 16 bytes; the tag comes last. A nonce must never serve twice under one key.
  void Encrypt(Bytes nonce, Bytes aad, Bytes plain, uint8_t* out);
  // ciphertext ends with the tag. plain has room for ciphertext.size - 16 bytes. False when the tag does not match; then
  // plain holds zeros.
  bool Decrypt(Bytes nonce, Bytes aad, Bytes ciphertext, uint8_t* plain);
  // The same with the tag (16 bytes) apart; plain has room for ciphertext.size bytes and may be the ciphertext itself.
  bool Decrypt(Bytes nonce, Bytes aad, Bytes ciphertext, Bytes tag, uint8_t* plain);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// public_key: 65 bytes, 04 || X || Y. False for any malformed key, point off the curve, or wrong signature.
bool VerifyP256(Bytes public_key, Bytes message, Bytes signature_rs) noexcept;

// The 65-byte point of a PEM "PUBLIC KEY" (SubjectPublicKeyInfo, P-256). LNX_E_KEY_FILE otherwise.
std::array<uint8_t, 65> ReadP256PublicPem(const std::string& pem, const std::string& path);

using Point256 = std::array<uint8_t, 65>;  // 04 || X || Y
using Signature256 = std::array<uint8_t, 64>;

// A private key in memory, with its point. Wiped when it goes.
struct P256KeyPair {
  Key256 secret{};  // the scalar, big-endian
  Point256 point{};

  P256KeyPair() = default;
  P256KeyPair(const P256KeyPair&) = default;
  P256KeyPair& operator=(const P256KeyPair&) = default;
  ~P256KeyPair();
};

P256KeyPair GenerateP256();
bool OnCurveP256(Bytes point) noexcept;
// The X coordinate of secret * point, big-endian. False for a malformed key, a point off the curve, or a pair that does not
// belong together.
bool EcdhP256(const P256KeyPair& own, Bytes point, Key256* x) noexcept;
// ECDSA over SHA-256 of the message. LNX_E_INTERNAL for a malformed key.
Signature256 SignP256(const P256KeyPair& own, Bytes message);

void RandomBytes(uint8_t* out, size_t bytes);
bool ConstantTimeEqual(Bytes a, Bytes b) noexcept;

}  // namespace lnx::crypto
