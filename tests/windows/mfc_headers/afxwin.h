// The part of MFC's declarations that examples/mfc uses, written from Microsoft's documentation of the classes, so that a
// compiler can check the sample where MFC is not. Signatures, const and virtual as documented; there are no bodies, nothing of
// this is ever linked. What it cannot show: that MFC itself agrees. tests/windows-acceptance asks for that on a PC with Visual
// Studio.
#pragma once

#include <tchar.h>
#include <windows.h>

#define afx_msg
#define AFXAPI __stdcall
#define AFX_MSG_CALL

class CObject {
 public:
  virtual ~CObject();
};

class CString {  // CStringT<TCHAR, ...>
 public:
  CString();
  CString(const CString& text);
  CString(LPCTSTR text);
  CString& operator=(const CString& text);
  CString& operator=(LPCTSTR text);
  ~CString();
  LPCTSTR GetString() const throw();
  operator LPCTSTR() const throw();
  bool IsEmpty() const throw();
  int GetLength() const throw();
};

class CRect : public tagRECT {
 public:
  CRect() throw();
  CRect(int l, int t, int r, int b) throw();
  int Width() const throw();
  int Height() const throw();
  BOOL IsRectEmpty() const throw();
  operator LPRECT() throw();
  operator LPCRECT() const throw();
};

class CGdiObject : public CObject {
 public:
  virtual ~CGdiObject();
  BOOL DeleteObject();
};

class CDC;
class CBitmap : public CGdiObject {
 public:
  CBitmap();
  BOOL CreateCompatibleBitmap(CDC* pDC, int nWidth, int nHeight);
};

class CDC : public CObject {
 public:
  CDC();
  virtual ~CDC();
  HDC GetSafeHdc() const;
  virtual BOOL CreateCompatibleDC(CDC* pDC);
  CBitmap* SelectObject(CBitmap* pBitmap);
  BOOL BitBlt(int x, int y, int nWidth, int nHeight, CDC* pSrcDC, int xSrc, int ySrc, DWORD dwRop);

 private:
  CDC(const CDC&);
};

class CDataExchange;
struct AFX_MSGMAP_ENTRY;
struct AFX_MSGMAP {
  const AFX_MSGMAP*(AFXAPI* pfnGetBaseMap)();
  const AFX_MSGMAP_ENTRY* lpEntries;
};

class CCmdTarget : public CObject {
 protected:
  virtual const AFX_MSGMAP* GetMessageMap() const;
  static const AFX_MSGMAP* AFXAPI GetThisMessageMap();
};
typedef void (AFX_MSG_CALL CCmdTarget::*AFX_PMSG)(void);
struct AFX_MSGMAP_ENTRY {
  UINT nMessage, nCode, nID, nLastID;
  UINT_PTR nSig;
  AFX_PMSG pfn;
};

class CWnd : public CCmdTarget {
 public:
  CWnd();
  virtual ~CWnd();
  HWND GetSafeHwnd() const throw();
  BOOL SubclassDlgItem(UINT nID, CWnd* pParent);
  CWnd* GetDlgItem(int nID) const;
  void SetDlgItemText(int nID, LPCTSTR lpszString) throw();
  LRESULT SendDlgItemMessage(int nID, UINT message, WPARAM wParam = 0, LPARAM lParam = 0);
  void GetClientRect(LPRECT lpRect) const;
  void GetWindowRect(LPRECT lpRect) const;
  void ScreenToClient(LPRECT lpRect) const;
  void MoveWindow(int x, int y, int nWidth, int nHeight, BOOL bRepaint = TRUE);
  void Invalidate(BOOL bErase = TRUE);
  BOOL UpdateData(BOOL bSaveAndValidate = TRUE);

 protected:
  virtual void DoDataExchange(CDataExchange* pDX);
  afx_msg void OnSize(UINT nType, int cx, int cy);
  afx_msg void OnPaint();
  afx_msg BOOL OnEraseBkgnd(CDC* pDC);

 private:
  CWnd(const CWnd&);
};
typedef void (AFX_MSG_CALL CWnd::*AFX_PMSGW)(void);

class CPaintDC : public CDC {
 public:
  explicit CPaintDC(CWnd* pWnd);
  virtual ~CPaintDC();
};

class CStatic : public CWnd {
 public:
  CStatic();
  virtual ~CStatic();
};

class CDialog : public CWnd {
 public:
  explicit CDialog(UINT nIDTemplate, CWnd* pParentWnd = NULL);
  virtual INT_PTR DoModal();
  virtual BOOL OnInitDialog();

 protected:
  virtual void OnOK();
  virtual void OnCancel();
};

class CWaitCursor {
 public:
  CWaitCursor();
  ~CWaitCursor();
};

class CWinThread : public CCmdTarget {
 public:
  CWnd* m_pMainWnd;
  virtual BOOL InitInstance();
};

class CWinApp : public CWinThread {
 public:
  explicit CWinApp(LPCTSTR lpszAppName = NULL);
  virtual ~CWinApp();
  virtual BOOL InitInstance();
};

void AFXAPI DDX_Text(CDataExchange* pDX, int nIDC, CString& value);
void AFXAPI DDX_CBString(CDataExchange* pDX, int nIDC, CString& value);

// Message maps: the casts are MFC's, so that a handler with a wrong signature does not compile.
#define DECLARE_MESSAGE_MAP()                          \
 protected:                                            \
  static const AFX_MSGMAP* AFXAPI GetThisMessageMap(); \
  virtual const AFX_MSGMAP* GetMessageMap() const;
#define BEGIN_MESSAGE_MAP(theClass, baseClass)                                      \
  const AFX_MSGMAP* theClass::GetMessageMap() const { return GetThisMessageMap(); } \
  const AFX_MSGMAP* AFXAPI theClass::GetThisMessageMap() {                          \
    typedef theClass ThisClass;                                                     \
    typedef baseClass TheBaseClass;                                                 \
    static const AFX_MSGMAP_ENTRY _messageEntries[] = {
#define END_MESSAGE_MAP()                                                                       \
  {0, 0, 0, 0, 0, (AFX_PMSG)0}                                                                    \
  }                                                                                             \
  ;                                                                                             \
  static const AFX_MSGMAP messageMap = {&TheBaseClass::GetThisMessageMap, &_messageEntries[0]}; \
  return &messageMap;                                                                           \
  }
#define ON_MESSAGE(message, memberFxn) \
  {message, 0, 0, 0, 1, (AFX_PMSG)(AFX_PMSGW)(static_cast<LRESULT (AFX_MSG_CALL CWnd::*)(WPARAM, LPARAM)>(memberFxn))},
#define ON_BN_CLICKED(id, memberFxn) {WM_COMMAND, BN_CLICKED, id, id, 2, (static_cast<AFX_PMSG>(memberFxn))},
#define ON_WM_PAINT() \
  {WM_PAINT, 0, 0, 0, 3, (AFX_PMSG)(AFX_PMSGW)(static_cast<void (AFX_MSG_CALL CWnd::*)(void)>(&ThisClass::OnPaint))},
#define ON_WM_ERASEBKGND() \
  {WM_ERASEBKGND, 0, 0, 0, 4, (AFX_PMSG)(AFX_PMSGW)(static_cast<BOOL (AFX_MSG_CALL CWnd::*)(CDC*)>(&ThisClass::OnEraseBkgnd))},
#define ON_WM_SIZE() \
  {WM_SIZE, 0, 0, 0, 5, (AFX_PMSG)(AFX_PMSGW)(static_cast<void (AFX_MSG_CALL CWnd::*)(UINT, int, int)>(&ThisClass::OnSize))},
