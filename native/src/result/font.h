// A bitmap font for overlays: printable ASCII, 5 x 7 dots in a cell of 6 x 9.
#pragma once

#include <cstdint>

namespace lnx::result {

constexpr int32_t kGlyphColumns = 5, kGlyphRows = 7, kCellWidth = 6, kCellHeight = 9;

// Five columns, lowest bit at the top. Characters outside 32..126 give '?'.
const uint8_t* Glyph(char c);

}  // namespace lnx::result
