// Who can open a container: finds the content key (CEK) among the recipients and proves that it belongs to this file.
#pragma once

#include <string>

#include "base/span.h"
#include "container/container.h"
#include "container/preamble.h"
#include "crypto/crypto.h"

namespace lnx::container {

// LNX_E_RECIPIENTS (malformed, or MAC wrong), LNX_E_NO_RECIPIENT, LNX_E_KEY_COMMITMENT, and what the key source refuses with. The
// caller wipes the key.
crypto::Key256 FindContentKey(Bytes recipients_json, const Preamble& preamble, const PublicManifest& manifest,
                              const KeyRing& keys, const std::string& where);

}  // namespace lnx::container
