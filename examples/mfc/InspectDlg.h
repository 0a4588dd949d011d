// The window: what is inspected, start and stop, counters, licence and GPU, and the picture with its findings.
#pragma once

#include <afxwin.h>

#include <memory>

#include "InspectionWorker.h"
#include "PictureView.h"
#include "resource.h"

class InspectDlg : public CDialog {
 public:
  InspectDlg(const CString& model, const CString& folder, const CString& key);

 protected:
  void DoDataExchange(CDataExchange* exchange) override;
  BOOL OnInitDialog() override;
  void OnOK() override {}  // Enter does not close the window
  void OnCancel() override;

  afx_msg void OnStart();
  afx_msg void OnAbout();
  afx_msg void OnSize(UINT type, int width, int height);
  afx_msg LRESULT OnInspected(WPARAM, LPARAM message);
  afx_msg LRESULT OnWorkerState(WPARAM, LPARAM);
  DECLARE_MESSAGE_MAP()

 private:
  void ShowCounts(const Counts& counts);
  void ShowState(const WorkerState& state);

  CString model_, folder_, key_, device_ = _T("auto");
  PictureView picture_;
  std::unique_ptr<InspectionWorker> worker_;  // NULL = stopped
};
