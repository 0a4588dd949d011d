// The overlay: regions filled and outlined, boxes and lines of text with label and score, a banner with the verdict.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "result/font.h"
#include "result/hangul.h"
#include "result/result.h"

namespace lnx::result {
namespace {

struct Color {
  uint8_t b, g, r;
};

Color FromCode(uint32_t rgb) {
  return {static_cast<uint8_t>(rgb), static_cast<uint8_t>(rgb >> 8), static_cast<uint8_t>(rgb >> 16)};
}

Color VerdictColor(LnxVerdict verdict) {
  switch (verdict) {
    case LNX_VERDICT_OK:
      return {60, 150, 30};
    case LNX_VERDICT_NG:
      return {40, 40, 200};
    case LNX_VERDICT_REVIEW:
      return {20, 140, 220};
    default:
      return {110, 110, 110};
  }
}

constexpr int32_t kLeastHangul = 15;  // pixels of a syllable's side that can still be read

// The character at `at` of a well-formed UTF-8 text, which is moved behind it.
uint32_t NextCharacter(const std::string& text, size_t* at) {
  const auto first = static_cast<uint8_t>(text[*at]);
  const size_t more = first < 0x80 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
  uint32_t character = more == 0 ? first : first & (0x3Fu >> more);
  ++*at;
  for (size_t i = 0; i < more && *at < text.size(); ++i, ++*at)
    character = character << 6 | (static_cast<uint8_t>(text[*at]) & 0x3Fu);
  return character;
}

bool Drawable(uint32_t character) { return (character >= 32 && character <= 126) || IsSyllable(character); }

class Painter {
 public:
  Painter(const Canvas& canvas, const LnxDrawStyle& style) : canvas_(canvas) {
    const int32_t side = std::max(canvas.width, canvas.height);
    line_ = style.line_width > 0 ? static_cast<int32_t>(style.line_width) : std::max(1, side / 500);
    font_ = style.font_scale > 0 ? static_cast<int32_t>(style.font_scale) : std::max(1, side / 700);
    opacity_ = style.fill_opacity < 0 ? 0.35f : std::min(style.fill_opacity, 1.0f);
  }

  int32_t line() const { return line_; }
  int32_t TextWidth(const std::string& text) const {
    int32_t width = 0;
    for (size_t at = 0; at < text.size();) width += Advance(NextCharacter(text, &at));
    return width;
  }
  int32_t TextHeight(const std::string& text) const {
    for (size_t at = 0; at < text.size();) {
      if (IsSyllable(NextCharacter(text, &at))) return std::max(kCellHeight * font_, HangulSide() + 2);
    }
    return kCellHeight * font_;
  }

  void Fill(int32_t x1, int32_t y1, int32_t x2, int32_t y2, Color color, float opacity = 1.0f) const {
    x1 = std::max(x1, 0), y1 = std::max(y1, 0);
    x2 = std::min(x2, canvas_.width), y2 = std::min(y2, canvas_.height);
    for (int32_t y = y1; y < y2; ++y) {
      uint8_t* p = canvas_.data + y * canvas_.stride + static_cast<int64_t>(x1) * 3;
      for (int32_t x = x1; x < x2; ++x, p += 3) {
        p[0] = Mix(p[0], color.b, opacity), p[1] = Mix(p[1], color.g, opacity), p[2] = Mix(p[2], color.r, opacity);
      }
    }
  }

  void Text(int32_t x, int32_t y, const std::string& text, Color color) const {
    const int32_t height = TextHeight(text), latin = y + (height - kCellHeight * font_) / 2;
    for (size_t at = 0; at < text.size();) {
      const uint32_t character = NextCharacter(text, &at);
      if (IsSyllable(character)) {
        Syllable(x, y + (height - HangulSide()) / 2, character, color);
      } else {
        const uint8_t* columns = Glyph(Drawable(character) ? static_cast<char>(character) : '?');
        for (int32_t i = 0; i < kGlyphColumns; ++i) {
          for (int32_t k = 0; k < kGlyphRows; ++k) {
            if (columns[i] >> k & 1)
              Fill(x + i * font_, latin + (k + 1) * font_, x + (i + 1) * font_, latin + (k + 2) * font_, color);
          }
        }
      }
      x += Advance(character);
    }
  }

  // A label that stays inside the picture.
  void Tag(int32_t x, int32_t y, const std::string& text, Color color) const {
    const int32_t width = TextWidth(text) + 2 * font_, height = TextHeight(text);
    x = std::clamp(x, 0, std::max(0, canvas_.width - width));
    y = std::clamp(y - height, 0, std::max(0, canvas_.height - height));
    Fill(x, y, x + width, y + height, color);
    const bool light = color.r * 299 + color.g * 587 + color.b * 114 > 140000;
    Text(x + font_, y, text, light ? Color{0, 0, 0} : Color{255, 255, 255});
  }

  void Quad(const LnxPointF (&corners)[4], Color color) const {
    for (int k = 0; k < 4; ++k) Line(corners[k], corners[(k + 1) % 4], line_, color);
  }

  void Box(const LnxRectF& box, Color color) const {
    const auto x1 = static_cast<int32_t>(std::floor(box.x1)), y1 = static_cast<int32_t>(std::floor(box.y1));
    const auto x2 = static_cast<int32_t>(std::ceil(box.x2)), y2 = static_cast<int32_t>(std::ceil(box.y2));
    Fill(x1, y1, x2, y1 + line_, color);
    Fill(x1, y2 - line_, x2, y2, color);
    Fill(x1, y1, x1 + line_, y2, color);
    Fill(x2 - line_, y1, x2, y2, color);
  }

  // Polygons run along pixel edges, so filling is a matter of vertical edges per row (even-odd rule, holes included).
  void Region(const ImageResult& image, const LnxRegion& region, Color color) const {
    const auto top = static_cast<int32_t>(region.box.y1), bottom = static_cast<int32_t>(region.box.y2);
    std::vector<std::vector<int32_t>> crossings(static_cast<size_t>(std::max(0, bottom - top)));
    for (uint32_t i = 0; i < region.polygon_count; ++i) {
      const LnxPolygon& polygon = image.polygons[static_cast<uint32_t>(region.polygon_index) + i];
      for (uint32_t k = 0; k < polygon.point_count; ++k) {
        const LnxPointF a = polygon.points[k], b = polygon.points[(k + 1) % polygon.point_count];
        if (a.x != b.x) continue;
        for (auto y = static_cast<int32_t>(std::min(a.y, b.y)); y < static_cast<int32_t>(std::max(a.y, b.y)); ++y) {
          crossings[static_cast<size_t>(y - top)].push_back(static_cast<int32_t>(a.x));
        }
      }
    }
    for (size_t row = 0; row < crossings.size(); ++row) {
      std::sort(crossings[row].begin(), crossings[row].end());
      const int32_t y = top + static_cast<int32_t>(row);
      for (size_t i = 0; i + 1 < crossings[row].size(); i += 2)
        Fill(crossings[row][i], y, crossings[row][i + 1], y + 1, color, opacity_);
    }
    for (uint32_t i = 0; i < region.polygon_count; ++i)
      Outline(image.polygons[static_cast<uint32_t>(region.polygon_index) + i], color);
  }

 private:
  int32_t HangulSide() const { return std::max(kLeastHangul, (kCellHeight - 1) * font_); }
  int32_t Advance(uint32_t character) const {
    return IsSyllable(character) ? HangulSide() + std::max(1, HangulSide() / 12) : kCellWidth * font_;
  }

  // Squares along the line, half a pixel apart.
  void Line(const LnxPointF& a, const LnxPointF& b, int32_t thickness, Color color) const {
    const float reach = std::max(std::abs(b.x - a.x), std::abs(b.y - a.y));
    const auto steps = static_cast<int32_t>(std::min(reach, 60000.0f) * 2) + 1;
    for (int32_t i = 0; i <= steps; ++i) {
      const float t = static_cast<float>(i) / static_cast<float>(steps);
      const auto x = static_cast<int32_t>(std::lround(a.x + (b.x - a.x) * t));
      const auto y = static_cast<int32_t>(std::lround(a.y + (b.y - a.y) * t));
      Fill(x, y, x + thickness, y + thickness, color);
    }
  }

  void Syllable(int32_t left, int32_t top, uint32_t character, Color color) const {
    const int32_t thickness = std::max(1, HangulSide() / 12);
    const auto side = static_cast<float>(HangulSide() - thickness);
    const auto point = [&](float x, float y) {
      return LnxPointF{static_cast<float>(left) + x * side, static_cast<float>(top) + y * side};
    };
    for (const Stroke& s : StrokesOf(character)) {
      if (!s.ring) {
        Line(point(s.x1, s.y1), point(s.x2, s.y2), thickness, color);
        continue;
      }
      constexpr int kCorners = 24;
      const float cx = (s.x1 + s.x2) / 2, cy = (s.y1 + s.y2) / 2, rx = (s.x2 - s.x1) / 2, ry = (s.y2 - s.y1) / 2;
      for (int k = 0; k < kCorners; ++k) {
        const auto at = [&](int corner) {
          const float angle = 6.2831853f * static_cast<float>(corner) / kCorners;
          return point(cx + rx * std::cos(angle), cy + ry * std::sin(angle));
        };
        Line(at(k), at(k + 1), thickness, color);
      }
    }
  }

  void Outline(const LnxPolygon& polygon, Color color) const {
    const int32_t before = line_ / 2, after = line_ - before;
    for (uint32_t k = 0; k < polygon.point_count; ++k) {
      const LnxPointF a = polygon.points[k], b = polygon.points[(k + 1) % polygon.point_count];
      Fill(static_cast<int32_t>(std::min(a.x, b.x)) - before, static_cast<int32_t>(std::min(a.y, b.y)) - before,
           static_cast<int32_t>(std::max(a.x, b.x)) + after, static_cast<int32_t>(std::max(a.y, b.y)) + after, color);
    }
  }
  static uint8_t Mix(uint8_t under, uint8_t over, float opacity) {
    return static_cast<uint8_t>(std::lround(static_cast<float>(under) * (1 - opacity) + static_cast<float>(over) * opacity));
  }

  Canvas canvas_;
  int32_t line_, font_;
  float opacity_;
};

// What can be drawn of a text, at most `limit` characters; characters without a glyph become '?'.
std::string Drawn(const std::string& text, size_t limit, bool* whole) {
  std::string drawn;
  *whole = true;
  for (size_t at = 0; at < text.size() && limit > 0; --limit) {
    const size_t begin = at;
    const bool good = Drawable(NextCharacter(text, &at));
    *whole = *whole && good;
    drawn += good ? text.substr(begin, at - begin) : "?";
  }
  return drawn;
}

std::string Caption(const manifest::Manifest& manifest, int32_t class_id, float score, LnxLanguage language) {
  const manifest::Label* label = manifest.FindLabel(class_id);
  const std::string number = "class " + std::to_string(class_id);
  std::string name = number;
  if (label != nullptr) name = language == LNX_LANGUAGE_KOREAN && !label->name_ko.empty() ? label->name_ko : label->name;
  bool whole = true;
  name = Drawn(name, 40, &whole);
  char text[16];
  std::snprintf(text, sizeof text, " %.2f", score);
  return (whole ? name : number) + text;
}

const char* VerdictWord(LnxVerdict verdict, LnxLanguage language) {
  if (language != LNX_LANGUAGE_KOREAN) return manifest::VerdictName(verdict);
  switch (verdict) {
    case LNX_VERDICT_OK:
      return "양품";
    case LNX_VERDICT_NG:
      return "불량";
    case LNX_VERDICT_REVIEW:
      return "재검";
    default:
      return "판정불가";
  }
}

Color LabelColor(const manifest::Manifest& manifest, int32_t class_id) {
  const manifest::Label* label = manifest.FindLabel(class_id);
  return FromCode(label != nullptr ? label->color : 0xFF3030);
}

void Banner(const Painter& painter, const manifest::Manifest& manifest, const ImageResult& image, const Canvas& canvas,
            LnxLanguage language) {
  char text[64];
  std::snprintf(text, sizeof text, "%s  %.3f", VerdictWord(image.summary.verdict, language), image.summary.score_raw);
  std::string line = text;
  if (image.classes.size() > 0) line += "  " + Caption(manifest, image.classes[0].class_id, image.classes[0].score, language);
  painter.Fill(0, 0, canvas.width, painter.TextHeight(line) + 2, VerdictColor(image.summary.verdict), 0.85f);
  painter.Text(4, 1, line, {255, 255, 255});
}

}  // namespace

void Draw(const Storage& storage, uint32_t i, const LnxDrawStyle& style, const Canvas& canvas) {
  const ImageResult& image = storage.images[i];
  const manifest::Manifest& manifest = *storage.manifest;
  const Painter painter(canvas, style);
  for (const LnxRegion& region : image.regions) {
    const Color color = LabelColor(manifest, region.class_id);
    if (region.polygon_index >= 0) {
      painter.Region(image, region, color);
    } else {
      painter.Box(region.box, color);
    }
  }
  for (const LnxObject& object : image.objects) painter.Box(object.box, LabelColor(manifest, object.class_id));
  for (const LnxText& text : image.texts) painter.Quad(text.quad, LabelColor(manifest, 0));
  // Tags last, so that no box crosses a text.
  for (const LnxRegion& region : image.regions) {
    painter.Tag(static_cast<int32_t>(region.box.x1), static_cast<int32_t>(region.box.y1),
                Caption(manifest, region.class_id, region.score_max, style.language), LabelColor(manifest, region.class_id));
  }
  for (const LnxObject& object : image.objects) {
    painter.Tag(static_cast<int32_t>(object.box.x1), static_cast<int32_t>(object.box.y1),
                Caption(manifest, object.class_id, object.score, style.language), LabelColor(manifest, object.class_id));
  }
  for (const LnxText& text : image.texts) {
    bool whole = true;
    painter.Tag(static_cast<int32_t>(text.quad[0].x), static_cast<int32_t>(std::min(text.quad[0].y, text.quad[1].y)),
                Drawn(text.text, 60, &whole), LabelColor(manifest, 0));
  }
  if (style.hide_banner == 0) Banner(painter, manifest, image, canvas, style.language);
  // An evaluation shows itself also where the banner is hidden or too narrow.
  if ((image.summary.flags & LNX_SUMMARY_EVALUATION) != 0) painter.Tag(0, canvas.height, "EVALUATION", {40, 40, 200});
}

}  // namespace lnx::result
