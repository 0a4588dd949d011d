// UTF-8 that stays UTF-8: texts are shortened between characters, and bytes that belong to no character are made visible.
#pragma once

#include <cstddef>
#include <string>

namespace lnx {

// The largest n <= limit (and <= bytes) such that the first n bytes end with a whole character.
size_t CutAt(const char* text, size_t bytes, size_t limit) noexcept;

// At most `limit` bytes of a text.
inline std::string Shortened(const std::string& text, size_t limit) {
  return text.substr(0, CutAt(text.data(), text.size(), limit));
}

// Puts '?' in the place of every byte that is part of no well-formed character. Texts from outside (other libraries, file
// names) reach programs only through here.
void MakeUtf8(char* text, size_t bytes) noexcept;

}  // namespace lnx
