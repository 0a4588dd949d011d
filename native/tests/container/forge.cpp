#include "container/forge.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "container/preamble.h"
#include "container/trust.h"
#include "crypto/crypto.h"

namespace lnx::forge {
namespace {

constexpr uint8_t kContentKey[32] = {1, 2, 3};
constexpr uint8_t kSalt[32] = {9, 8, 7};

void Must(bool good) {
  if (!good) std::abort();
}

Bytes View(const Buffer& buffer) { return {buffer.data(), buffer.size()}; }
Bytes View(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

Buffer Derive(const char* info, size_t bytes, Bytes key = {kContentKey, 32}) {
  Buffer out(bytes);
  crypto::HkdfSha256(key, {kSalt, 32}, View(std::string(info)), out.data(), out.size());
  return out;
}

void Put(Buffer* out, size_t offset, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) (*out)[offset + i] = static_cast<uint8_t>(value >> (8 * i));
}

Buffer Seal(Bytes key, Bytes nonce, Bytes aad, Bytes plain) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  Buffer out(plain.size + container::kTagBytes);
  int written = 0;
  Must(EVP_EncryptInit_ex2(context.get(), EVP_aes_256_gcm(), key.data, nonce.data, nullptr) == 1);
  if (aad.size > 0) Must(EVP_EncryptUpdate(context.get(), nullptr, &written, aad.data, static_cast<int>(aad.size)) == 1);
  if (plain.size > 0) Must(EVP_EncryptUpdate(context.get(), out.data(), &written, plain.data, static_cast<int>(plain.size)) == 1);
  Must(EVP_EncryptFinal_ex(context.get(), out.data() + plain.size, &written) == 1);
  Must(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, 16, out.data() + plain.size) == 1);
  return out;
}

std::array<uint8_t, 65> PublicPoint() {
  const std::unique_ptr<EC_GROUP, decltype(&EC_GROUP_free)> group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1),
                                                                  EC_GROUP_free);
  std::array<uint8_t, 65> point{};
  Must(EC_POINT_point2oct(group.get(), EC_GROUP_get0_generator(group.get()), POINT_CONVERSION_UNCOMPRESSED, point.data(),
                          point.size(), nullptr) == point.size());
  return point;
}

EVP_PKEY* SigningKey() {
  static EVP_PKEY* key = [] {
    const std::unique_ptr<OSSL_PARAM_BLD, decltype(&OSSL_PARAM_BLD_free)> build(OSSL_PARAM_BLD_new(), OSSL_PARAM_BLD_free);
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> one(BN_new(), BN_free);
    const std::array<uint8_t, 65> point = PublicPoint();
    Must(BN_one(one.get()) == 1);
    Must(OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1);
    Must(OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) == 1);
    Must(OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_PRIV_KEY, one.get()) == 1);
    const std::unique_ptr<OSSL_PARAM, decltype(&OSSL_PARAM_free)> params(OSSL_PARAM_BLD_to_param(build.get()), OSSL_PARAM_free);
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr),
                                                                              EVP_PKEY_CTX_free);
    EVP_PKEY* made = nullptr;
    Must(EVP_PKEY_fromdata_init(context.get()) == 1);
    Must(EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, params.get()) == 1);
    return made;
  }();
  return key;
}

std::string Sign(const Buffer& signed_part) {
  const std::string type = "application/vnd.lnx.container;v=1";
  std::string message = "DSSEv1 " + std::to_string(type.size()) + " " + type + " " + std::to_string(signed_part.size()) + " ";
  message.append(reinterpret_cast<const char*>(signed_part.data()), signed_part.size());
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  uint8_t der[80];
  size_t bytes = sizeof der;
  Must(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, SigningKey()) == 1);
  Must(EVP_DigestSign(context.get(), der, &bytes, View(message).data, message.size()) == 1);
  const uint8_t* at = der;
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(bytes)),
                                                                   ECDSA_SIG_free);
  uint8_t raw[64];
  Must(BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), raw, 32) == 32);
  Must(BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), raw + 32, 32) == 32);
  return R"([{"keyid":")" + KeyId() + R"(","sig":")" + Base64(raw, sizeof raw) + "\"}]";
}

// All chunks, one after the other.
Buffer Encrypt(const Plan& plan, size_t chunk_bytes, size_t chunks) {
  const Buffer key = Derive("lnx/1 payload", 32), prefix = Derive("lnx/1 nonce", 7);
  Buffer out;
  for (size_t i = 0; i < chunks; ++i) {
    uint8_t nonce[12] = {};
    std::memcpy(nonce, prefix.data(), 7);
    for (size_t k = 0; k < 4; ++k) nonce[7 + k] = static_cast<uint8_t>(i >> (24 - 8 * k));
    nonce[11] = i + 1 == chunks ? 1 : 0;
    const size_t begin = i * chunk_bytes, bytes = std::min(chunk_bytes, plan.payload.size() - begin);
    const Buffer sealed = Seal(View(key), {nonce, sizeof nonce}, {}, {plan.payload.data() + begin, bytes});
    out.insert(out.end(), sealed.begin(), sealed.end());
  }
  return out;
}

std::string Recipients(const Plan& plan) {
  const std::string array = plan.recipients.empty() ? "[" + OpenRecipient() + "]" : plan.recipients;
  crypto::Digest mac = crypto::HmacSha256(View(Derive("lnx/1 recipients", 32)), View(array));
  if (plan.wrong_mac) mac[0] = static_cast<uint8_t>(mac[0] ^ 1);
  return R"({"r":)" + array + R"(,"mac":")" + Base64(mac.data(), mac.size()) + "\"}";
}

void Append(Buffer* out, const std::string& text) { out->insert(out->end(), text.begin(), text.end()); }

}  // namespace

std::string Base64(const uint8_t* data, size_t bytes) {
  std::string text((bytes + 2) / 3 * 4 + 1, '\0');
  text.resize(static_cast<size_t>(EVP_EncodeBlock(reinterpret_cast<uint8_t*>(text.data()), data, static_cast<int>(bytes))));
  return text;
}

std::string KeyId() {
  static const std::array<uint8_t, 65> point = PublicPoint();
  return container::KeyId({point.data(), point.size()});
}

container::TrustStore Trust() {
  container::TrustStore trust;
  trust.keys.push_back({PublicPoint(), "forge"});
  return trust;
}

std::string OpenRecipient() { return R"({"type":"open","key":")" + Base64(kContentKey, 32) + "\"}"; }

std::string FamilyRecipient(const Plan& plan, const std::string& kid, const std::array<uint8_t, 32>& family_key) {
  const Buffer wrapping = Derive("lnx/1 family wrap", 32, {family_key.data(), family_key.size()});
  const Buffer commitment = Derive(plan.commit_to_another_key ? "lnx/1 other" : "lnx/1 commit", 32);
  const uint8_t nonce[12] = {5};
  const Buffer sealed = Seal(View(wrapping), {nonce, sizeof nonce}, View(commitment), {kContentKey, 32});
  return R"({"type":"family","kid":")" + kid + R"(","nonce":")" + Base64(nonce, sizeof nonce) + R"(","ct":")" +
         Base64(sealed.data(), sealed.size()) + "\"}";
}

Buffer PayloadWithTable(const std::string& table, const std::string& rest) {
  Buffer out(4);
  Put(&out, 0, table.size(), 4);
  Append(&out, table);
  Append(&out, rest);
  return out;
}

Buffer Payload(const Parts& parts) {
  // The table's own length moves the entries, so their offsets begin at a page that is surely behind it.
  size_t offset = (4 + 4096 + parts.size() * 256) / container::kPage * container::kPage + container::kPage;
  const size_t first = offset;
  std::string table = R"({"entries":[)", rest;
  for (const auto& [name, content] : parts) {
    const crypto::Digest digest = crypto::Sha256(View(content));
    std::string hex;
    for (const uint8_t byte : digest) {
      static const char* digits = "0123456789abcdef";
      hex += digits[byte >> 4];
      hex += digits[byte & 15];
    }
    table += (table.back() == '[' ? "" : ",") + std::string(R"({"name":")") + name + R"(","offset":)" + std::to_string(offset) +
             R"(,"size":)" + std::to_string(content.size()) + R"(,"sha256":")" + hex + "\"}";
    rest += content;
    const size_t next = (offset + content.size() + container::kPage - 1) / container::kPage * container::kPage;
    if (&parts.back().first != &name) rest.append(next - offset - content.size(), '\0');
    offset = next;
  }
  table += "]}";
  Buffer out = PayloadWithTable(table, "");
  out.resize(first);
  Append(&out, rest);
  return out;
}

Plan PlanFor(const Parts& parts) {
  Plan plan;
  plan.payload = Payload(parts);
  return plan;
}

Buffer Build(const Plan& plan) {
  const size_t chunk_bytes = size_t{1} << std::clamp<int>(plan.chunk_log2, 12, 24);
  const size_t chunks = (plan.payload.size() + chunk_bytes - 1) / chunk_bytes;
  Buffer cipher = Encrypt(plan, chunk_bytes, chunks);
  if (plan.edit_chunks) plan.edit_chunks(&cipher);
  Buffer hashes;
  for (size_t i = 0; i < chunks; ++i) {
    const size_t begin = std::min(cipher.size(), i * (chunk_bytes + 16)),
                 bytes = std::min(chunk_bytes + 16, cipher.size() - begin);
    const crypto::Digest digest = crypto::Sha256({cipher.data() + begin, bytes});
    hashes.insert(hashes.end(), digest.begin(), digest.end());
  }
  const std::string recipients = Recipients(plan);

  Buffer preamble(container::kPreambleBytes);
  const uint8_t magic[8] = {0x89, 'L', 'N', 'X', 0x0D, 0x0A, 0x1A, 0x0A};
  std::memcpy(preamble.data(), magic, sizeof magic);
  Put(&preamble, 8, 1, 2);
  preamble[16] = plan.chunk_log2;
  preamble[17] = preamble[18] = preamble[19] = 1;
  Put(&preamble, 24, plan.payload.size(), 8);
  std::memcpy(preamble.data() + 32, kSalt, 32);
  const Buffer commitment = Derive(plan.commit_to_another_key ? "lnx/1 other" : "lnx/1 commit", 32);
  std::memcpy(preamble.data() + 64, commitment.data(), 32);
  Put(&preamble, 96, plan.manifest.size(), 4);
  Put(&preamble, 100, hashes.size(), 4);
  // A signature of the forge always has the same length, so the lengths can be written before it is made.
  static const size_t signature_bytes = Sign({}).size();
  const size_t signatures_length = plan.signatures.empty() ? signature_bytes : plan.signatures.size();
  const size_t end = preamble.size() + plan.manifest.size() + hashes.size() + signatures_length + recipients.size();
  Put(&preamble, 112, signatures_length, 4);
  Put(&preamble, 116, recipients.size(), 4);
  Put(&preamble, 120, (end + container::kPage - 1) / container::kPage * container::kPage, 8);
  if (plan.edit_preamble) plan.edit_preamble(&preamble);

  Buffer signed_part(preamble.begin(), preamble.begin() + container::kSignedPreambleBytes);
  Append(&signed_part, plan.manifest);
  signed_part.insert(signed_part.end(), hashes.begin(), hashes.end());
  const std::string signatures = plan.signatures.empty() ? Sign(signed_part) : plan.signatures;

  Buffer file = preamble;
  Append(&file, plan.manifest);
  file.insert(file.end(), hashes.begin(), hashes.end());
  Append(&file, signatures);
  Append(&file, recipients);
  file.resize((file.size() + container::kPage - 1) / container::kPage * container::kPage);
  file.insert(file.end(), cipher.begin(), cipher.end());
  return file;
}

}  // namespace lnx::forge
