// The part of the window that shows the last inspection. Takes the place of a static control (SubclassDlgItem).
#pragma once

#include <afxwin.h>

#include <memory>

#include "InspectionWorker.h"

class PictureView : public CStatic {
 public:
  // Shows it from now on; the one before is freed.
  void Show(std::unique_ptr<Inspection> inspection);

 protected:
  afx_msg void OnPaint();
  afx_msg BOOL OnEraseBkgnd(CDC* dc);
  DECLARE_MESSAGE_MAP()

 private:
  std::unique_ptr<Inspection> inspection_;
};
