// The key file of an evaluation licence, NAME.softkey.json: {"lnx_software_key":{"private":base64 32,"pub":base64 65}}.
#pragma once

#include <string>

#include "crypto/crypto.h"

namespace lnx::license {

// Looks for the file of this key: LNX_SOFTWARE_KEY, else *.softkey.json in the folder of the licence.
// LNX_E_SOFTWARE_KEY when there is none, when it is malformed, or when its halves do not belong together.
crypto::P256KeyPair FindSoftwareKey(const crypto::Point256& point, const std::string& license_file);

}  // namespace lnx::license
