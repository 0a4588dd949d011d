// Which keys may sign what: a root signs a key list, the list gives each key one role and its days, and a key does nothing
// outside its role. docs/reference/licence.md, "Keys and the trust folder".
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/span.h"

namespace lnx::container {

enum class Role { kContainer, kLicense };

constexpr int64_t kAlways = std::numeric_limits<int64_t>::max();

struct RoleKey {
  std::string keyid, name;
  std::array<uint8_t, 65> point{};
  Role role = Role::kContainer;
  int64_t not_before = -kAlways, not_after = kAlways;  // Unix seconds
  bool Valid(int64_t moment) const { return not_before <= moment && moment <= not_after; }
};

struct KeyList {
  std::string root;  // key id of the root that signed
  uint32_t issue = 0;
  std::vector<RoleKey> keys;
};

struct RootKey {
  std::string keyid, source;
  std::array<uint8_t, 65> point{};
};

// Checks a list against the roots. LNX_E_KEY_LIST.
KeyList OpenKeyList(Bytes text, const std::vector<RootKey>& roots, const std::string& where);
// Takes a list in, unless one of the same root with the same or a higher issue is there.
void AddKeyList(KeyList list, std::vector<KeyList>* lists);

}  // namespace lnx::container
