#include "crypto/crypto.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/status.h"
#include "crypto/hpke.h"

namespace {

using lnx::Bytes;
namespace crypto = lnx::crypto;

std::vector<uint8_t> Hex(const std::string& text) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return bytes;
}
Bytes View(const std::vector<uint8_t>& v) { return {v.data(), v.size()}; }
Bytes View(const std::string& v) { return {reinterpret_cast<const uint8_t*>(v.data()), v.size()}; }
template <size_t N>
std::vector<uint8_t> Vector(const std::array<uint8_t, N>& a) {
  return {a.begin(), a.end()};
}

TEST(Sha256, Fips180Example) {
  const std::string abc = "abc";
  EXPECT_EQ(Vector(crypto::Sha256(View(abc))), Hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
  crypto::Sha256Stream stream;
  for (const char c : abc) stream.Update({reinterpret_cast<const uint8_t*>(&c), 1});
  EXPECT_EQ(stream.Finish(), crypto::Sha256(View(abc)));
}

TEST(Hmac, Rfc4231Case2) {
  EXPECT_EQ(Vector(crypto::HmacSha256(View(std::string("Jefe")), View(std::string("what do ya want for nothing?")))),
            Hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
}

TEST(Hkdf, Rfc5869Case1) {
  std::vector<uint8_t> out(42);
  crypto::HkdfSha256(View(Hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b")), View(Hex("000102030405060708090a0b0c")),
                     View(Hex("f0f1f2f3f4f5f6f7f8f9")), out.data(), out.size());
  EXPECT_EQ(out, Hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"));
}

TEST(AesGcm, OpensTheSpecificationsExampleAndNothingElse) {
  // McGrew and Viega, test case 14: key and nonce of zeros, one block of zeros.
  const std::vector<uint8_t> key(32, 0), nonce(12, 0);
  std::vector<uint8_t> sealed = Hex("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
  crypto::AesGcm gcm(View(key));
  std::vector<uint8_t> plain(16, 1);
  ASSERT_TRUE(gcm.Decrypt(View(nonce), {}, View(sealed), plain.data()));
  EXPECT_EQ(plain, std::vector<uint8_t>(16, 0));
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    sealed[bit / 8] = static_cast<uint8_t>(sealed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(gcm.Decrypt(View(nonce), {}, View(sealed), plain.data())) << bit;
    sealed[bit / 8] = static_cast<uint8_t>(sealed[bit / 8] ^ (1 << (bit % 8)));
  }
  ASSERT_TRUE(gcm.Decrypt(View(nonce), {}, View(sealed), plain.data())) << "reusable after failures";
}

TEST(Ecdsa, Rfc6979SampleVerifiesAndAlteredOnesDoNot) {
  // RFC 6979 A.2.5, SHA-256, message "sample".
  std::vector<uint8_t> key =
      Hex("0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3"
          "c294d4462299");
  std::vector<uint8_t> signature =
      Hex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab"
          "2f843acda8");
  const std::string message = "sample";
  EXPECT_TRUE(crypto::VerifyP256(View(key), View(message), View(signature)));
  EXPECT_FALSE(crypto::VerifyP256(View(key), View(std::string("Sample")), View(signature)));
  signature[40] ^= 1;
  EXPECT_FALSE(crypto::VerifyP256(View(key), View(message), View(signature)));
  key[64] ^= 1;  // off the curve
  EXPECT_FALSE(crypto::VerifyP256(View(key), View(message), View(signature)));
}

crypto::P256KeyPair Pair(const std::string& secret, const std::string& point) {
  crypto::P256KeyPair pair;
  const std::vector<uint8_t> s = Hex(secret), p = Hex(point);
  std::copy(s.begin(), s.end(), pair.secret.begin());
  std::copy(p.begin(), p.end(), pair.point.begin());
  return pair;
}

TEST(AesGcm, SealsTheSpecificationsExample) {
  const std::vector<uint8_t> key(32, 0), nonce(12, 0), plain(16, 0);
  crypto::AesGcm gcm(View(key));
  std::vector<uint8_t> sealed(32);
  gcm.Encrypt(View(nonce), {}, View(plain), sealed.data());
  EXPECT_EQ(sealed, Hex("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"));
}

TEST(Ecdh, Rfc5903Section81BothWays) {
  const auto i =
      Pair("c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
           "04dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c37725811805271a0461cdb8252d61f1c456fa3e59ab1f45b33acc"
           "f5f58389e0577b8990bb3");
  const auto r =
      Pair("c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
           "04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc23e8157854c13c58d6aac23f046ada"
           "30f8353e74f33039872ab");
  crypto::Key256 a, b;
  ASSERT_TRUE(crypto::EcdhP256(i, {r.point.data(), 65}, &a));
  ASSERT_TRUE(crypto::EcdhP256(r, {i.point.data(), 65}, &b));
  EXPECT_EQ(Vector(a), Hex("d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"));
  EXPECT_EQ(a, b);
}

TEST(Ecdh, RefusesWhatIsNotOnTheCurve) {
  const crypto::P256KeyPair own = crypto::GenerateP256();
  crypto::Point256 point = crypto::GenerateP256().point;
  crypto::Key256 x;
  EXPECT_TRUE(crypto::OnCurveP256({point.data(), 65}));
  EXPECT_FALSE(crypto::EcdhP256(own, {point.data(), 64}, &x));
  point[64] ^= 1;
  EXPECT_FALSE(crypto::OnCurveP256({point.data(), 65}));
  EXPECT_FALSE(crypto::EcdhP256(own, {point.data(), 65}, &x));
  EXPECT_FALSE(crypto::OnCurveP256({}));
}

TEST(Ecdsa, SignsWhatItVerifies) {
  const crypto::P256KeyPair own = crypto::GenerateP256();
  const std::string message = "a licence";
  crypto::Signature256 signature = crypto::SignP256(own, View(message));
  EXPECT_TRUE(crypto::VerifyP256({own.point.data(), 65}, View(message), {signature.data(), 64}));
  signature[0] ^= 1;
  EXPECT_FALSE(crypto::VerifyP256({own.point.data(), 65}, View(message), {signature.data(), 64}));
}

// The official vector of mode 0, KEM 0x0010, KDF 0x0001, AEAD 0x0002 (the vectors that accompany RFC 9180).
TEST(Hpke, OfficialVectorSealsAndOpens) {
  const auto recipient =
      Pair("317f915db7bc629c48fe765587897e01e282d3e8445f79f27f65d031a88082b2",
           "04abc7e49a4c6b3566d77d0304addc6ed0e98512ffccf505e6a8e3eb25c685136f853148544876de76c0f2ef99cdc3a05cc"
           "f5ded7860c7c021238f9e2073d2356c");
  const auto ephemeral =
      Pair("90345e3a1d116c1dd39ae76d95ab858c142223a63e44f8f85318cfa91a84858e",
           "04c06b4f6bebc7bb495cb797ab753f911aff80aefb86fd8b6fcc35525f3ab5f03e0b21bd31a86c6048af3cb2d98e0d3bf01d"
           "a5cc4c39ff5370d331a4f1f7d5a4e0");
  const std::vector<uint8_t> info = Hex("4f6465206f6e2061204772656369616e2055726e"), aad = Hex("436f756e742d30");
  const std::vector<uint8_t> plain = Hex("4265617574792069732074727574682c20747275746820626561757479");
  const crypto::HpkeSealed sealed =
      crypto::HpkeSealWith(ephemeral, {recipient.point.data(), 65}, View(info), View(aad), View(plain));
  EXPECT_EQ(sealed.ciphertext, Hex("58c61a45059d0c5704560e9d88b564a8b63f1364b8d1fcb3c4c6ddc1d291742465e902cd216f8908da49f8f96f"));
  std::vector<uint8_t> opened(plain.size());
  ASSERT_TRUE(
      crypto::HpkeOpenWith(recipient, {sealed.enc.data(), 65}, View(info), View(aad), View(sealed.ciphertext), opened.data()));
  EXPECT_EQ(opened, plain);
}

TEST(Hpke, AnythingElseDoesNotOpen) {
  const crypto::P256KeyPair own = crypto::GenerateP256(), other = crypto::GenerateP256();
  const std::string info = "info", aad = "aad", plain(32, 'k');
  crypto::HpkeSealed sealed = crypto::HpkeSeal({own.point.data(), 65}, View(info), View(aad), View(plain));
  std::vector<uint8_t> out(32);
  const auto opens = [&](const crypto::P256KeyPair& key, const std::string& i, const std::string& a) {
    return crypto::HpkeOpenWith(key, {sealed.enc.data(), 65}, View(i), View(a), View(sealed.ciphertext), out.data());
  };
  EXPECT_TRUE(opens(own, info, aad));
  EXPECT_FALSE(opens(other, info, aad));
  EXPECT_FALSE(opens(own, "other", aad));
  EXPECT_FALSE(opens(own, info, ""));
  for (size_t bit = 0; bit < sealed.ciphertext.size() * 8; ++bit) {
    sealed.ciphertext[bit / 8] = static_cast<uint8_t>(sealed.ciphertext[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(opens(own, info, aad)) << bit;
    sealed.ciphertext[bit / 8] = static_cast<uint8_t>(sealed.ciphertext[bit / 8] ^ (1 << (bit % 8)));
  }
  sealed.enc[1] ^= 1;
  EXPECT_FALSE(opens(own, info, aad));
  EXPECT_THROW(crypto::HpkeSeal({sealed.enc.data(), 65}, View(info), View(aad), View(plain)), lnx::Error);
}

}  // namespace
