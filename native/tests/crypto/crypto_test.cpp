#include "crypto/crypto.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

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

}  // namespace
