// UTF-8 validation, shared by both systems (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
#include "base/utf8.h"

#include <cstdint>

#include "base/platform.h"

namespace lnx {
namespace {

// Bytes of the well-formed character at p; 0 when there is none.
int CharacterAt(const unsigned char* p, const unsigned char* end) noexcept {
  const unsigned char lead = *p;
  if (lead < 0x80) return 1;
  int more;
  uint32_t code, smallest;
  if ((lead & 0xE0) == 0xC0) {
    more = 1, code = lead & 0x1Fu, smallest = 0x80;
  } else if ((lead & 0xF0) == 0xE0) {
    more = 2, code = lead & 0x0Fu, smallest = 0x800;
  } else if ((lead & 0xF8) == 0xF0) {
    more = 3, code = lead & 0x07u, smallest = 0x10000;
  } else {
    return 0;
  }
  if (end - p <= more) return 0;
  for (int i = 1; i <= more; ++i) {
    if ((p[i] & 0xC0) != 0x80) return 0;
    code = code << 6 | (p[i] & 0x3Fu);
  }
  return code < smallest || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF) ? 0 : more + 1;
}

}  // namespace

namespace platform {

bool IsUtf8(const char* text, size_t bytes) noexcept {
  const auto* p = reinterpret_cast<const unsigned char*>(text);
  const unsigned char* end = p + bytes;
  while (p < end) {
    const int length = CharacterAt(p, end);
    if (length == 0) return false;
    p += length;
  }
  return true;
}

}  // namespace platform

size_t CutAt(const char* text, size_t bytes, size_t limit) noexcept {
  if (bytes <= limit) return bytes;
  size_t n = limit;
  while (n > 0 && (static_cast<unsigned char>(text[n]) & 0xC0) == 0x80) --n;
  return n;
}

void MakeUtf8(char* text, size_t bytes) noexcept {
  auto* p = reinterpret_cast<unsigned char*>(text);
  unsigned char* end = p + bytes;
  while (p < end) {
    const int length = CharacterAt(p, end);
    if (length == 0) *p = '?';
    p += length == 0 ? 1 : length;
  }
}

}  // namespace lnx
