#include "crypto/hpke.h"

#include <cstring>
#include <string>

#include "base/platform.h"
#include "base/status.h"

namespace lnx::crypto {
namespace {

constexpr uint8_t kKemSuite[] = {'K', 'E', 'M', 0x00, 0x10};
constexpr uint8_t kSuite[] = {'H', 'P', 'K', 'E', 0x00, 0x10, 0x00, 0x01, 0x00, 0x02};
constexpr char kVersion[] = "HPKE-v1";

void Append(std::vector<uint8_t>* out, Bytes bytes) { out->insert(out->end(), bytes.begin(), bytes.end()); }
void Append(std::vector<uint8_t>* out, const char* text) {
  Append(out, {reinterpret_cast<const uint8_t*>(text), std::strlen(text)});
}
Bytes View(const Key256& key) { return {key.data(), key.size()}; }
Bytes View(const std::vector<uint8_t>& bytes) { return {bytes.data(), bytes.size()}; }

// LabeledExtract of RFC 9180 §4. HMAC with an empty key equals HMAC with 32 zeros, which is HKDF's empty salt.
Key256 LabeledExtract(Bytes suite, Bytes salt, const char* label, Bytes ikm) {
  std::vector<uint8_t> labeled;
  Append(&labeled, kVersion);
  Append(&labeled, suite);
  Append(&labeled, label);
  Append(&labeled, ikm);
  const Key256 prk = HmacSha256(salt, View(labeled));
  platform::SecureWipe(labeled.data(), labeled.size());
  return prk;
}

// LabeledExpand for at most one block of SHA-256, which is all this suite asks for.
void LabeledExpand(Bytes suite, const Key256& prk, const char* label, Bytes info, uint8_t* out, uint16_t bytes) {
  std::vector<uint8_t> labeled = {static_cast<uint8_t>(bytes >> 8), static_cast<uint8_t>(bytes)};
  Append(&labeled, kVersion);
  Append(&labeled, suite);
  Append(&labeled, label);
  Append(&labeled, info);
  labeled.push_back(1);
  Digest block = HmacSha256(View(prk), View(labeled));
  std::memcpy(out, block.data(), bytes);
  platform::SecureWipe(block.data(), block.size());
}

// Key and nonce of the first (and only) message.
struct Context {
  Key256 key;
  uint8_t nonce[12];
  ~Context() { platform::SecureWipe(key.data(), key.size()); }
};

Context KeySchedule(const Key256& dh, Bytes enc, Bytes recipient, Bytes info) {
  const Bytes kem{kKemSuite, sizeof kKemSuite}, suite{kSuite, sizeof kSuite};
  std::vector<uint8_t> kem_context;
  Append(&kem_context, enc);
  Append(&kem_context, recipient);
  Key256 eae_prk = LabeledExtract(kem, {}, "eae_prk", View(dh));
  Key256 shared;
  LabeledExpand(kem, eae_prk, "shared_secret", View(kem_context), shared.data(), 32);

  std::vector<uint8_t> context = {0};  // base mode
  const Key256 psk_id_hash = LabeledExtract(suite, {}, "psk_id_hash", {}),
               info_hash = LabeledExtract(suite, {}, "info_hash", info);
  Append(&context, View(psk_id_hash));
  Append(&context, View(info_hash));
  Key256 secret = LabeledExtract(suite, View(shared), "secret", {});
  Context schedule;
  LabeledExpand(suite, secret, "key", View(context), schedule.key.data(), 32);
  LabeledExpand(suite, secret, "base_nonce", View(context), schedule.nonce, sizeof schedule.nonce);
  for (Key256* key : {&eae_prk, &shared, &secret}) platform::SecureWipe(key->data(), key->size());
  return schedule;
}

}  // namespace

HpkeSealed HpkeSealWith(const P256KeyPair& ephemeral, Bytes recipient, Bytes info, Bytes aad, Bytes plain) {
  Key256 dh;
  if (!EcdhP256(ephemeral, recipient, &dh)) {
    Fail(LNX_E_INTERNAL, {"a point that is not on P-256", "65 bytes, 04 || X || Y", "HPKE recipient"});
  }
  HpkeSealed sealed{ephemeral.point, std::vector<uint8_t>(plain.size + 16)};
  const Context context = KeySchedule(dh, {sealed.enc.data(), sealed.enc.size()}, recipient, info);
  platform::SecureWipe(dh.data(), dh.size());
  AesGcm gcm(View(context.key));
  gcm.Encrypt({context.nonce, sizeof context.nonce}, aad, plain, sealed.ciphertext.data());
  return sealed;
}

HpkeSealed HpkeSeal(Bytes recipient, Bytes info, Bytes aad, Bytes plain) {
  return HpkeSealWith(GenerateP256(), recipient, info, aad, plain);
}

bool HpkeOpen(Bytes enc, Bytes recipient, const Agreement& agree, Bytes info, Bytes aad, Bytes ciphertext, uint8_t* plain) {
  if (recipient.size != 65 || ciphertext.size < 16 || !OnCurveP256(enc)) return false;
  Key256 dh{};
  if (!agree(enc, &dh)) return false;
  const Context context = KeySchedule(dh, enc, recipient, info);
  platform::SecureWipe(dh.data(), dh.size());
  AesGcm gcm(View(context.key));
  return gcm.Decrypt({context.nonce, sizeof context.nonce}, aad, ciphertext, plain);
}

bool HpkeOpenWith(const P256KeyPair& own, Bytes enc, Bytes info, Bytes aad, Bytes ciphertext, uint8_t* plain) {
  const Agreement agree = [&](Bytes point, Key256* x) { return EcdhP256(own, point, x); };
  return HpkeOpen(enc, {own.point.data(), own.point.size()}, agree, info, aad, ciphertext, plain);
}

}  // namespace lnx::crypto
