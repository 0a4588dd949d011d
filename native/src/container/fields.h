// Reads what key lists and licences have in common out of parsed JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "container/key_list.h"

namespace lnx::container {

// A key list that is part of another document. LNX_E_KEY_LIST.
KeyList OpenKeyList(const nlohmann::json& document, const std::vector<RootKey>& roots, const std::string& where);
// Base64 of a 65-byte point of P-256.
bool ReadPoint(const nlohmann::json& value, std::array<uint8_t, 65>* point);
// A time like 2026-11-21T07:30:00Z; null or no such member leaves *moment alone.
bool ReadMoment(const nlohmann::json& object, const char* name, int64_t* moment);

}  // namespace lnx::container
