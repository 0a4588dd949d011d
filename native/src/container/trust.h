// Checks the signature of a container against the keys that this process trusts.
#pragma once

#include <string>

#include "base/span.h"
#include "container/container.h"

namespace lnx::container {

// First 16 hex digits of SHA-256 over the 65-byte point.
std::string KeyId(Bytes point);

// Returns the key id that signed. LNX_E_SIGNATURE (malformed, or does not match), LNX_E_UNTRUSTED_KEY.
std::string CheckSignature(Bytes signatures_json, Bytes signed_part, const TrustStore& trust, const std::string& where);

// A key of a list counts for containers whose `released` (without one: today) lies in its days. LNX_E_UNTRUSTED_KEY.
void CheckDaysOfKey(const TrustStore& trust, const std::string& keyid, const std::string& released, const std::string& where);

}  // namespace lnx::container
