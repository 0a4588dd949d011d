#include "Overlay.h"

#include <algorithm>
#include <string>
#include <vector>

#include "Text.h"

namespace {

// Objects of GDI that go with the scope, and the DC as it was before.
class Scope {
 public:
  explicit Scope(HDC dc) : dc_(dc), saved_(SaveDC(dc)) {}
  ~Scope() {
    RestoreDC(dc_, saved_);
    for (const HGDIOBJ object : objects_) DeleteObject(object);
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  void Select(HGDIOBJ object) {
    objects_.push_back(object);
    SelectObject(dc_, object);
  }

 private:
  HDC dc_;
  int saved_;
  std::vector<HGDIOBJ> objects_;
};

// Where the picture lies in the window, and how its pixels become the window's.
struct Placement {
  RECT picture;
  double scale;
  POINT At(float x, float y) const {
    return {picture.left + static_cast<LONG>(x * scale + 0.5), picture.top + static_cast<LONG>(y * scale + 0.5)};
  }
};

Placement Place(const RECT& area, const Frame& frame) {
  const LONG width = area.right - area.left, height = area.bottom - area.top;
  const double scale = std::min(static_cast<double>(width) / frame.width, static_cast<double>(height) / frame.height);
  const LONG across = std::max(1L, static_cast<LONG>(frame.width * scale)),
             down = std::max(1L, static_cast<LONG>(frame.height * scale));
  const LONG left = area.left + (width - across) / 2, top = area.top + (height - down) / 2;
  return {{left, top, left + across, top + down}, scale};
}

void Fill(HDC dc, const RECT& area, COLORREF colour) {
  const HBRUSH brush = CreateSolidBrush(colour);
  FillRect(dc, &area, brush);
  DeleteObject(brush);
}

void PaintPicture(HDC dc, const Placement& place, const Frame& frame) {
  BITMAPINFO info = {};
  info.bmiHeader.biSize = sizeof info.bmiHeader;
  info.bmiHeader.biWidth = frame.width;
  info.bmiHeader.biHeight = frame.height;  // positive: bottom-up
  info.bmiHeader.biPlanes = 1;
  info.bmiHeader.biBitCount = 24;
  info.bmiHeader.biCompression = BI_RGB;
  SetStretchBltMode(dc, place.scale < 1 ? HALFTONE : COLORONCOLOR);
  SetBrushOrgEx(dc, 0, 0, nullptr);  // as HALFTONE asks for
  const RECT& to = place.picture;
  StretchDIBits(dc, to.left, to.top, to.right - to.left, to.bottom - to.top, 0, 0, frame.width, frame.height, frame.BottomRow(),
                &info, DIB_RGB_COLORS, SRCCOPY);
}

void Write(HDC dc, POINT at, const std::wstring& text) { TextOutW(dc, at.x, at.y, text.c_str(), static_cast<int>(text.size())); }

std::wstring Label(const char* name, float score) {
  wchar_t number[16];
  swprintf(number, 16, L" %.2f", static_cast<double>(score));
  return Wide(name == nullptr ? "" : name) + number;
}

void PaintFindings(HDC dc, const Placement& place, const lnx::Result& result) {
  for (const LnxPolygon& polygon : result.Polygons()) {
    std::vector<POINT> line;
    for (uint32_t i = 0; i <= polygon.point_count && polygon.point_count > 0; ++i) {
      const LnxPointF& point = polygon.points[i % polygon.point_count];
      line.push_back(place.At(point.x, point.y));
    }
    if (!line.empty()) Polyline(dc, line.data(), static_cast<int>(line.size()));
  }
  for (const LnxRegion& region : result.Regions())
    Write(dc, place.At(region.box.x1, region.box.y2), Label(region.name, region.score_max));
  for (const LnxObject& object : result.Objects()) {
    const POINT from = place.At(object.box.x1, object.box.y1), to = place.At(object.box.x2, object.box.y2);
    Rectangle(dc, from.x, from.y, to.x, to.y);
    Write(dc, from, Label(object.name, object.score));
  }
}

}  // namespace

COLORREF VerdictColour(LnxVerdict verdict) {
  switch (verdict) {
    case LNX_VERDICT_OK:
      return RGB(0, 150, 70);
    case LNX_VERDICT_NG:
      return RGB(210, 30, 40);
    case LNX_VERDICT_REVIEW:
      return RGB(220, 150, 0);
    default:
      return RGB(110, 110, 110);
  }
}

void PaintInspection(HDC dc, const RECT& area, const Inspection* inspection) {
  Fill(dc, area, RGB(24, 24, 24));
  if (inspection == nullptr) return;
  Scope scope(dc);
  IntersectClipRect(dc, area.left, area.top, area.right, area.bottom);
  SetBkMode(dc, TRANSPARENT);
  SetTextColor(dc, RGB(255, 255, 255));
  const COLORREF colour = VerdictColour(inspection->summary.verdict);
  if (inspection->frame.error.empty()) {
    const Placement place = Place(area, inspection->frame);
    PaintPicture(dc, place, inspection->frame);
    scope.Select(CreatePen(PS_SOLID, 2, colour));
    SelectObject(dc, GetStockObject(NULL_BRUSH));
    if (inspection->result) PaintFindings(dc, place, inspection->result);
  }
  const RECT banner = {area.left, area.top, area.right, area.top + 24};
  Fill(dc, banner, colour);
  const std::wstring text = inspection->result
                                ? Wide(lnx::VerdictText(inspection->summary.verdict)) + L"  " + inspection->frame.name
                                : inspection->error;
  Write(dc, {banner.left + 8, banner.top + 4}, text);
}
