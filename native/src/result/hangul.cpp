#include "result/hangul.h"

#include <cstring>

namespace lnx::result {
namespace {

struct Frame {
  float x1, y1, x2, y2;
};

// Letters as polylines on a grid of 0..8: "xyxy...", polylines separated by blanks. 'O' is a ring in all of the frame, 'o' one in
// its lower five eighths.
struct Letter {
  const char* name;
  const char* lines;
};

constexpr Letter kConsonants[] = {
    {"g", "008088"},
    {"n", "000888"},
    {"d", "80000888"},
    {"r", "008084040888"},
    {"m", "0080880800"},
    {"b", "0008 8088 0484 0888"},
    {"s", "4008 4388"},
    {"O", "O"},
    {"j", "0080 4008 4388"},
    {"c", "3050 0282 4208 4588"},
    {"k", "008088 0484"},
    {"t", "80000888 0484"},
    {"p", "0080 0888 2028 6068"},
    {"h", "3050 0282 o"},
};

// In the order of Unicode.
constexpr const char* kInitials[19] = {"g",  "gg", "n", "d",  "dd", "r", "m", "b", "bb", "s",
                                       "ss", "O",  "j", "jj", "c",  "k", "t", "p", "h"};
constexpr const char* kFinals[28] = {"",   "g",  "gg", "gs", "n",  "nj", "nh", "d", "r", "rg", "rm", "rb", "rs", "rt",
                                     "rp", "rh", "m",  "b",  "bs", "s",  "ss", "O", "j", "c",  "k",  "t",  "p",  "h"};

struct Vowel {
  const char* below;   // under the initial, nullptr = nothing
  const char* beside;  // right of it
};

constexpr const char* kA = "3038 3484";
constexpr const char* kAe = "2028 7078 2474";
constexpr const char* kEo = "6068 0464";
constexpr const char* kE = "4048 8088 0444";
constexpr const char* kI = "5058";
constexpr const char* kO = "0686 4146";
constexpr const char* kU = "0282 4247";
constexpr const char* kEu = "0484";

constexpr Vowel kVowels[21] = {
    {nullptr, kA},
    {nullptr, kAe},
    {nullptr, "3038 3383 3585"},
    {nullptr, "2028 7078 2373 2575"},
    {nullptr, kEo},
    {nullptr, kE},
    {nullptr, "6068 0363 0565"},
    {nullptr, "4048 8088 0343 0545"},
    {kO, nullptr},
    {kO, kA},
    {kO, kAe},
    {kO, kI},
    {"0686 2126 6166", nullptr},
    {kU, nullptr},
    {kU, kEo},
    {kU, kE},
    {kU, kI},
    {"0282 2227 6267", nullptr},
    {kEu, nullptr},
    {kEu, kI},
    {nullptr, kI},
};

void Add(const char* lines, const Frame& f, std::vector<Stroke>* out) {
  const float w = (f.x2 - f.x1) / 8, h = (f.y2 - f.y1) / 8;
  for (const char* p = lines; *p != '\0'; ++p) {
    if (*p == ' ') continue;
    if (*p == 'O') {
      out->push_back({f.x1, f.y1, f.x2, f.y2, true});
      continue;
    }
    if (*p == 'o') {
      out->push_back({f.x1 + w, f.y1 + 3.5f * h, f.x2 - w, f.y2, true});
      continue;
    }
    float x = f.x1 + w * static_cast<float>(p[0] - '0'), y = f.y1 + h * static_cast<float>(p[1] - '0');
    for (p += 2; *p != '\0' && *p != ' '; p += 2) {
      const float nx = f.x1 + w * static_cast<float>(p[0] - '0'), ny = f.y1 + h * static_cast<float>(p[1] - '0');
      out->push_back({x, y, nx, ny, false});
      x = nx;
      y = ny;
    }
    if (*p == '\0') return;
  }
}

// One consonant, or two side by side.
void AddConsonants(const char* letters, const Frame& f, std::vector<Stroke>* out) {
  const size_t count = std::strlen(letters);
  for (size_t i = 0; i < count; ++i) {
    const float width = (f.x2 - f.x1) / static_cast<float>(count), gap = count > 1 ? 0.1f * width : 0.0f;
    const float left = f.x1 + width * static_cast<float>(i);
    for (const Letter& letter : kConsonants) {
      if (letter.name[0] == letters[i]) Add(letter.lines, {left + gap, f.y1, left + width - gap, f.y2}, out);
    }
  }
}

}  // namespace

std::vector<Stroke> StrokesOf(uint32_t syllable) {
  std::vector<Stroke> strokes;
  const uint32_t index = syllable - kFirstSyllable;
  const Vowel& vowel = kVowels[index / 28 % 21];
  const char* initial = kInitials[index / (28 * 21)];
  const char* last = kFinals[index % 28];
  const bool has_final = last[0] != '\0';
  Frame first{}, below{}, beside{};
  if (vowel.below == nullptr) {
    first = has_final ? Frame{0.06f, 0.06f, 0.50f, 0.48f} : Frame{0.06f, 0.12f, 0.50f, 0.86f};
    beside = has_final ? Frame{0.56f, 0.0f, 0.98f, 0.56f} : Frame{0.56f, 0.0f, 0.98f, 1.0f};
  } else if (vowel.beside == nullptr) {
    first = has_final ? Frame{0.20f, 0.02f, 0.80f, 0.30f} : Frame{0.18f, 0.04f, 0.82f, 0.48f};
    below = has_final ? Frame{0.02f, 0.32f, 0.98f, 0.60f} : Frame{0.02f, 0.50f, 0.98f, 0.98f};
  } else {
    first = has_final ? Frame{0.08f, 0.03f, 0.52f, 0.28f} : Frame{0.08f, 0.08f, 0.54f, 0.46f};
    below = has_final ? Frame{0.0f, 0.30f, 0.62f, 0.58f} : Frame{0.0f, 0.48f, 0.64f, 0.94f};
    beside = has_final ? Frame{0.66f, 0.0f, 1.0f, 0.60f} : Frame{0.66f, 0.0f, 1.0f, 1.0f};
  }
  AddConsonants(initial, first, &strokes);
  if (vowel.below != nullptr) Add(vowel.below, below, &strokes);
  if (vowel.beside != nullptr) Add(vowel.beside, beside, &strokes);
  if (has_final) AddConsonants(last, {0.18f, 0.68f, 0.86f, 1.0f}, &strokes);
  return strokes;
}

}  // namespace lnx::result
