#include "PictureView.h"

#include "Overlay.h"

BEGIN_MESSAGE_MAP(PictureView, CStatic)
ON_WM_PAINT()
ON_WM_ERASEBKGND()
END_MESSAGE_MAP()

void PictureView::Show(std::unique_ptr<Inspection> inspection) {
  inspection_ = std::move(inspection);
  Invalidate(FALSE);
}

// Painted in memory first, so that nothing flickers at ten pictures per second.
void PictureView::OnPaint() {
  CPaintDC dc(this);
  CRect area;
  GetClientRect(&area);
  CDC memory;
  CBitmap bitmap;
  if (area.IsRectEmpty() || !memory.CreateCompatibleDC(&dc) || !bitmap.CreateCompatibleBitmap(&dc, area.Width(), area.Height()))
    return;
  CBitmap* const before = memory.SelectObject(&bitmap);
  PaintInspection(memory.GetSafeHdc(), area, inspection_.get());
  dc.BitBlt(0, 0, area.Width(), area.Height(), &memory, 0, 0, SRCCOPY);
  memory.SelectObject(before);
}

BOOL PictureView::OnEraseBkgnd(CDC*) { return TRUE; }  // OnPaint covers everything
