// The overlay: regions filled and outlined, boxes with label and score, a banner with the verdict.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "result/font.h"
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

class Painter {
 public:
  Painter(const Canvas& canvas, const LnxDrawStyle& style) : canvas_(canvas) {
    const int32_t side = std::max(canvas.width, canvas.height);
    line_ = style.line_width > 0 ? static_cast<int32_t>(style.line_width) : std::max(1, side / 500);
    font_ = style.font_scale > 0 ? static_cast<int32_t>(style.font_scale) : std::max(1, side / 700);
    opacity_ = style.fill_opacity < 0 ? 0.35f : std::min(style.fill_opacity, 1.0f);
  }

  int32_t line() const { return line_; }
  int32_t TextWidth(const std::string& text) const { return static_cast<int32_t>(text.size()) * kCellWidth * font_; }
  int32_t TextHeight() const { return kCellHeight * font_; }

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
    for (const char c : text) {
      const uint8_t* columns = Glyph(c);
      for (int32_t i = 0; i < kGlyphColumns; ++i) {
        for (int32_t k = 0; k < kGlyphRows; ++k) {
          if (columns[i] >> k & 1) Fill(x + i * font_, y + (k + 1) * font_, x + (i + 1) * font_, y + (k + 2) * font_, color);
        }
      }
      x += kCellWidth * font_;
    }
  }

  // A label that stays inside the picture.
  void Tag(int32_t x, int32_t y, const std::string& text, Color color) const {
    const int32_t width = TextWidth(text) + 2 * font_, height = TextHeight();
    x = std::clamp(x, 0, std::max(0, canvas_.width - width));
    y = std::clamp(y - height, 0, std::max(0, canvas_.height - height));
    Fill(x, y, x + width, y + height, color);
    const bool light = color.r * 299 + color.g * 587 + color.b * 114 > 140000;
    Text(x + font_, y, text, light ? Color{0, 0, 0} : Color{255, 255, 255});
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

std::string Caption(const manifest::Manifest& manifest, int32_t class_id, float score) {
  const manifest::Label* label = manifest.FindLabel(class_id);
  std::string name = label != nullptr ? label->name : "class " + std::to_string(class_id);
  const bool printable = std::all_of(name.begin(), name.end(), [](char c) { return c >= 32 && c <= 126; });
  if (!printable) name = "class " + std::to_string(class_id);
  char text[16];
  std::snprintf(text, sizeof text, " %.2f", score);
  return name.substr(0, 40) + text;
}

Color LabelColor(const manifest::Manifest& manifest, int32_t class_id) {
  const manifest::Label* label = manifest.FindLabel(class_id);
  return FromCode(label != nullptr ? label->color : 0xFF3030);
}

void Banner(const Painter& painter, const manifest::Manifest& manifest, const ImageResult& image, const Canvas& canvas) {
  char text[64];
  std::snprintf(text, sizeof text, "%s  %.3f", manifest::VerdictName(image.summary.verdict), image.summary.score_raw);
  std::string line = text;
  if (image.classes.size() > 0) line += "  " + Caption(manifest, image.classes[0].class_id, image.classes[0].score);
  painter.Fill(0, 0, canvas.width, painter.TextHeight() + 2, VerdictColor(image.summary.verdict), 0.85f);
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
  // Tags last, so that no box crosses a text.
  for (const LnxRegion& region : image.regions) {
    painter.Tag(static_cast<int32_t>(region.box.x1), static_cast<int32_t>(region.box.y1),
                Caption(manifest, region.class_id, region.score_max), LabelColor(manifest, region.class_id));
  }
  for (const LnxObject& object : image.objects) {
    painter.Tag(static_cast<int32_t>(object.box.x1), static_cast<int32_t>(object.box.y1),
                Caption(manifest, object.class_id, object.score), LabelColor(manifest, object.class_id));
  }
  if (style.hide_banner == 0) Banner(painter, manifest, image, canvas);
  // An evaluation shows itself also where the banner is hidden or too narrow.
  if ((image.summary.flags & LNX_SUMMARY_EVALUATION) != 0) painter.Tag(0, canvas.height, "EVALUATION", {40, 40, 200});
}

}  // namespace lnx::result
