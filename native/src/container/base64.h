// Strict base64 (RFC 4648 with padding): one text for one value, so that a flipped unused bit is refused.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/span.h"

namespace lnx::container {

bool DecodeBase64(const std::string& text, std::vector<uint8_t>* out);

}  // namespace lnx::container
