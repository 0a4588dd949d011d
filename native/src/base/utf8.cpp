// UTF-8 validation, shared by both systems (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
#include <cstdint>

#include "base/platform.h"

namespace lnx::platform {

bool IsUtf8(const char* text, size_t bytes) noexcept {
  const auto* p = reinterpret_cast<const unsigned char*>(text);
  const unsigned char* end = p + bytes;
  while (p < end) {
    const unsigned char lead = *p++;
    if (lead < 0x80) continue;
    int more;
    uint32_t code, smallest;
    if ((lead & 0xE0) == 0xC0) {
      more = 1, code = lead & 0x1Fu, smallest = 0x80;
    } else if ((lead & 0xF0) == 0xE0) {
      more = 2, code = lead & 0x0Fu, smallest = 0x800;
    } else if ((lead & 0xF8) == 0xF0) {
      more = 3, code = lead & 0x07u, smallest = 0x10000;
    } else {
      return false;
    }
    if (end - p < more) return false;
    for (; more > 0; --more) {
      if ((*p & 0xC0) != 0x80) return false;
      code = code << 6 | (*p++ & 0x3Fu);
    }
    if (code < smallest || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
  }
  return true;
}

}  // namespace lnx::platform
