// An inspection program with MFC.   Inspect.exe [MODEL.lnx FOLDER [PUBLIC_KEY.pem]]
#include <afxwin.h>

#include "InspectDlg.h"

class InspectApp : public CWinApp {
 public:
  BOOL InitInstance() override {
    CWinApp::InitInstance();
    const auto argument = [](int i) { return CString(i < __argc ? __wargv[i] : L""); };
    InspectDlg dialog(argument(1), argument(2), argument(3));
    m_pMainWnd = &dialog;
    dialog.DoModal();
    return FALSE;  // no message loop of its own: the dialog had one
  }
};

InspectApp the_app;
