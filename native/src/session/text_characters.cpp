#include "session/text_characters.h"

#include <algorithm>
#include <cstring>

namespace lnx::session {
namespace {

// A box of the picture that was read -> the upright box around it in the image.
LnxRectF ToImage(double x1, double y1, double x2, double y2, const CharacterPlan& plan) {
  const double corner[4][2] = {{x1, y1}, {x2, y1}, {x2, y2}, {x1, y2}};
  LnxRectF box{};
  for (int i = 0; i < 4; ++i) {
    double x = corner[i][0], y = corner[i][1];
    if (plan.turned) {
      x = plan.picture_width - x;
      y = plan.picture_height - y;
    }
    if (plan.tall) {  // undo the turn to the left
      const double before = x;
      x = plan.picture_height - y;
      y = before;
    }
    plan.map->Apply(x, y, &x, &y);
    const auto px = static_cast<float>(std::clamp(x * plan.factor_x, 0.0, static_cast<double>(plan.part.width)) + plan.part.x);
    const auto py =
        static_cast<float>(std::clamp((y - plan.band) * plan.factor_y, 0.0, static_cast<double>(plan.part.height)) + plan.part.y);
    if (i == 0) box = {px, py, px, py};
    box = {std::min(box.x1, px), std::min(box.y1, py), std::max(box.x2, px), std::max(box.y2, py)};
  }
  return box;
}

// Half of the distance between neighbours that is in the middle of all; a single character is as wide as it is high.
double HalfWidth(const decode::Reading& reading, double column, const CharacterPlan& plan, std::vector<int32_t>* gaps) {
  gaps->clear();
  for (size_t i = 1; i < reading.columns.size(); ++i) gaps->push_back(reading.columns[i] - reading.columns[i - 1]);
  if (gaps->empty()) return 0.5 * std::min(plan.picture_width, plan.picture_height);
  const auto middle = gaps->begin() + static_cast<std::ptrdiff_t>(gaps->size() / 2);
  std::nth_element(gaps->begin(), middle, gaps->end());
  return 0.5 * *middle * column;
}

}  // namespace

LnxText MakeText(const decode::Reading& reading, const decode::Dictionary& dictionary, const CharacterPlan& plan,
                 const decode::TextLine& line, std::vector<int32_t>* gaps, result::Arena& arena) {
  LnxText text{};
  for (int i = 0; i < 4; ++i) {
    const double x = line.quad[i].x * plan.factor_x, y = (static_cast<double>(line.quad[i].y) - plan.band) * plan.factor_y;
    text.quad[i] = {static_cast<float>(std::clamp(x, 0.0, static_cast<double>(plan.part.width)) + plan.part.x),
                    static_cast<float>(std::clamp(y, 0.0, static_cast<double>(plan.part.height)) + plan.part.y)};
  }
  const size_t n = reading.characters.size();
  size_t bytes = 0;
  for (const int32_t c : reading.characters) bytes += dictionary[static_cast<size_t>(c)].size();
  char* utf8 = arena.Array<char>(bytes + 1);
  auto* offsets = arena.Array<uint32_t>(n + 1);
  auto* scores = arena.Array<float>(n + 1);
  auto* boxes = arena.Array<LnxRectF>(n + 1);
  const double column = plan.line_columns > 0 ? plan.picture_width / plan.line_columns : 0;
  const double half = HalfWidth(reading, column, plan, gaps);
  size_t at = 0;
  for (size_t i = 0; i < n; ++i) {
    const std::string_view character = dictionary[static_cast<size_t>(reading.characters[i])];
    offsets[i] = static_cast<uint32_t>(at);
    std::memcpy(utf8 + at, character.data(), character.size());
    at += character.size();
    scores[i] = reading.scores[i];
    const double centre = (reading.columns[i] + 0.5) * column;
    double from = centre - half, to = centre + half;
    if (i > 0) from = std::max(from, (centre + (reading.columns[i - 1] + 0.5) * column) / 2);
    if (i + 1 < n) to = std::min(to, (centre + (reading.columns[i + 1] + 0.5) * column) / 2);
    boxes[i] = ToImage(std::max(from, 0.0), 0, std::min(to, static_cast<double>(plan.picture_width)), plan.picture_height, plan);
  }
  utf8[at] = '\0';
  offsets[n] = static_cast<uint32_t>(at);
  text.text = utf8;
  text.score = reading.score;
  text.char_count = static_cast<uint32_t>(n);
  text.char_scores = scores;
  text.char_boxes = boxes;
  text.char_offsets = offsets;
  text.box_score = line.box_score;
  text.turned = plan.turned ? 1 : 0;
  return text;
}

bool IsBlank(const char* text) {
  const auto* p = reinterpret_cast<const uint8_t*>(text);
  while (*p != 0) {
    if ((*p >= 0x09 && *p <= 0x0D) || (*p >= 0x1C && *p <= 0x20)) {
      p += 1;
    } else if (p[0] == 0xC2 && (p[1] == 0x85 || p[1] == 0xA0)) {
      p += 2;
    } else if ((p[0] == 0xE1 && p[1] == 0x9A && p[2] == 0x80) || (p[0] == 0xE3 && p[1] == 0x80 && p[2] == 0x80) ||
               (p[0] == 0xE2 && p[1] == 0x80 &&
                ((p[2] >= 0x80 && p[2] <= 0x8A) || p[2] == 0xA8 || p[2] == 0xA9 || p[2] == 0xAF)) ||
               (p[0] == 0xE2 && p[1] == 0x81 && p[2] == 0x9F)) {
      p += 3;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace lnx::session
