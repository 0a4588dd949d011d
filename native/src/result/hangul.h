// Hangul syllables for overlays, put together from the strokes of their letters, so that no font file is needed and every of the
// 11,172 syllables can be drawn at any size.
#pragma once

#include <cstdint>
#include <vector>

namespace lnx::result {

struct Stroke {  // in 0..1 of the syllable's square, y downwards
  float x1, y1, x2, y2;
  bool ring;  // an ellipse inside that rectangle instead of a line
};

constexpr uint32_t kFirstSyllable = 0xAC00, kLastSyllable = 0xD7A3;

inline bool IsSyllable(uint32_t character) { return character >= kFirstSyllable && character <= kLastSyllable; }

// The strokes of a syllable: its initial, vowel and final.
std::vector<Stroke> StrokesOf(uint32_t syllable);

}  // namespace lnx::result
