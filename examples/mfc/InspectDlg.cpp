#include "InspectDlg.h"

#include "StateText.h"
#include "Text.h"

BEGIN_MESSAGE_MAP(InspectDlg, CDialog)
ON_BN_CLICKED(IDC_START, &InspectDlg::OnStart)
ON_BN_CLICKED(IDC_ABOUT, &InspectDlg::OnAbout)
ON_WM_SIZE()
ON_MESSAGE(WM_INSPECTED, &InspectDlg::OnInspected)
ON_MESSAGE(WM_WORKER_STATE, &InspectDlg::OnWorkerState)
END_MESSAGE_MAP()

InspectDlg::InspectDlg(const CString& model, const CString& folder, const CString& key)
    : CDialog(IDD_INSPECT), model_(model), folder_(folder), key_(key) {}

void InspectDlg::DoDataExchange(CDataExchange* exchange) {
  CDialog::DoDataExchange(exchange);
  DDX_Text(exchange, IDC_MODEL, model_);
  DDX_Text(exchange, IDC_FOLDER, folder_);
  DDX_Text(exchange, IDC_KEY, key_);
  DDX_CBString(exchange, IDC_DEVICE, device_);
}

BOOL InspectDlg::OnInitDialog() {
  CDialog::OnInitDialog();
  picture_.SubclassDlgItem(IDC_PICTURE, this);
  for (const LPCTSTR name : {_T("auto"), _T("cpu"), _T("cuda:0")}) {
    SendDlgItemMessage(IDC_DEVICE, CB_ADDSTRING, 0, reinterpret_cast<LPARAM>(name));
  }
  if (!model_.IsEmpty() && !folder_.IsEmpty()) OnStart();
  return TRUE;
}

void InspectDlg::OnStart() {
  if (worker_) {
    const CWaitCursor wait;  // for the run in flight
    worker_.reset();
    ShowState(WorkerState());
  } else if (UpdateData(TRUE)) {
    Settings settings;
    settings.model = model_.GetString();
    settings.folder = folder_.GetString();
    settings.key = key_.GetString();
    settings.device = Utf8(device_.GetString());
    ShowCounts(Counts());
    worker_.reset(new InspectionWorker(GetSafeHwnd(), settings));
  }
  SetDlgItemText(IDC_START, worker_ ? _T("Stop 정지") : _T("Start 시작"));
}

void InspectDlg::OnAbout() { CDialog(IDD_ABOUT, this).DoModal(); }

void InspectDlg::OnCancel() {
  worker_.reset();  // while the window still is: nothing is posted to one that is gone
  CDialog::OnCancel();
}

void InspectDlg::OnSize(UINT type, int width, int height) {
  CDialog::OnSize(type, width, height);
  if (picture_.GetSafeHwnd() == nullptr) return;  // before OnInitDialog
  CRect place;
  picture_.GetWindowRect(&place);
  ScreenToClient(&place);
  picture_.MoveWindow(place.left, place.top, width - 2 * place.left, height - place.top - 80);
  int below = height - 72;
  for (const UINT id : {IDC_LICENCE, IDC_GPU, IDC_TELLS}) {
    CRect line;
    CWnd* const text = GetDlgItem(id);
    text->GetWindowRect(&line);
    ScreenToClient(&line);
    if (id == IDC_TELLS) below += 20;
    text->MoveWindow(line.left, below, line.Width(), line.Height());
  }
}

LRESULT InspectDlg::OnInspected(WPARAM, LPARAM message) {
  if (!worker_) return 0;
  std::unique_ptr<Inspection> inspection = worker_->Take(message);
  ShowCounts(inspection->counts);
  picture_.Show(std::move(inspection));
  return 0;
}

LRESULT InspectDlg::OnWorkerState(WPARAM, LPARAM) {
  if (worker_) ShowState(worker_->State());
  return 0;
}

void InspectDlg::ShowCounts(const Counts& counts) {
  const std::pair<UINT, uint64_t> shown[] = {{IDC_OK_COUNT, counts.ok},
                                             {IDC_NG_COUNT, counts.ng},
                                             {IDC_REVIEW_COUNT, counts.review},
                                             {IDC_FAILED_COUNT, counts.failed + counts.undefined}};
  for (const auto& [id, count] : shown) SetDlgItemText(id, std::to_wstring(count).c_str());
}

void InspectDlg::ShowState(const WorkerState& state) {
  SetDlgItemText(IDC_LICENCE, LicenceText(state).c_str());
  SetDlgItemText(IDC_GPU, DeviceText(state).c_str());
  SetDlgItemText(IDC_TELLS, PhaseText(state).c_str());
}
