// HPKE (RFC 9180), base mode, single shot, one suite: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. The recipient's
// half of the key agreement is a function, so that a token can do it without giving its key away.
#pragma once

#include <functional>
#include <vector>

#include "base/span.h"
#include "crypto/crypto.h"

namespace lnx::crypto {

struct HpkeSealed {
  Point256 enc;                     // the ephemeral point
  std::vector<uint8_t> ciphertext;  // as long as the plaintext, and 16 bytes of tag
};

// x(secret * point) with the recipient's secret, wherever that lies. False when it cannot be had.
using Agreement = std::function<bool(Bytes point, Key256* x)>;

// LNX_E_INTERNAL when the recipient's point is not on the curve.
HpkeSealed HpkeSeal(Bytes recipient, Bytes info, Bytes aad, Bytes plain);
// The same with a fixed ephemeral pair: for test vectors alone.
HpkeSealed HpkeSealWith(const P256KeyPair& ephemeral, Bytes recipient, Bytes info, Bytes aad, Bytes plain);

// plain has room for ciphertext.size - 16 bytes. False when anything does not fit; plain then holds zeros or is untouched.
bool HpkeOpen(Bytes enc, Bytes recipient, const Agreement& agree, Bytes info, Bytes aad, Bytes ciphertext, uint8_t* plain);
// Opens with a pair in memory.
bool HpkeOpenWith(const P256KeyPair& own, Bytes enc, Bytes info, Bytes aad, Bytes ciphertext, uint8_t* plain);

}  // namespace lnx::crypto
