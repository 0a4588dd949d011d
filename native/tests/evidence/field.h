// A protobuf field of bytes, shorter than 128, as these tests write records by hand.
#pragma once

#include <string>

inline std::string Field(char tag, const std::string& content) {
  return std::string(1, tag) + static_cast<char>(content.size()) + content;
}
