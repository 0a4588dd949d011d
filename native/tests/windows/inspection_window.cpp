// The sample of examples/mfc without MFC: a message-only window takes what its worker posts, and tells it line by line.
//   inspection_window COUNT OVERLAY.bmp MODEL.lnx FOLDER [PUBLIC_KEY.pem]
// Lines: `inspected {JSON}`, `failed TEXT`, `state PHASE STATUS LICENCE-PHASE OPENINGS TEXT`; at the end, after COUNT
// inspections, `counts OK NG REVIEW UNDEFINED FAILED NOT-SHOWN`. The last NG is painted into OVERLAY.bmp, twice as large and in a
// wider window.
#include <cstdio>
#include <fstream>
#include <string>

#include "InspectionWorker.h"
#include "Overlay.h"
#include "StateText.h"
#include "Text.h"

namespace {

constexpr LONG kWide = 640, kHigh = 512;

const char* const kPhases[] = {"stopped", "opening", "running", "retrying", "blocked"};

void Say(const std::string& line) {
  std::fputs((line.substr(0, line.find('\n')) + "\n").c_str(), stdout);
  std::fflush(stdout);
}

// A bitmap in memory with a DC, as a window has one.
void Paint(const Inspection& inspection, const std::wstring& path) {
  BITMAPINFO info = {};
  info.bmiHeader = {sizeof(BITMAPINFOHEADER), kWide, kHigh, 1, 24, BI_RGB, 0, 0, 0, 0, 0};
  const HDC dc = CreateCompatibleDC(nullptr);
  void* pixels = nullptr;
  const HBITMAP bitmap = CreateDIBSection(dc, &info, DIB_RGB_COLORS, &pixels, nullptr, 0);
  const HGDIOBJ before = SelectObject(dc, bitmap);
  PaintInspection(dc, {0, 0, kWide, kHigh}, &inspection);
  GdiFlush();
  BITMAPFILEHEADER file = {0x4D42, 0, 0, 0, sizeof(BITMAPFILEHEADER) + sizeof(BITMAPINFOHEADER)};
  if (FILE* out = _wfopen(path.c_str(), L"wb")) {
    std::fwrite(&file, sizeof file, 1, out);
    std::fwrite(&info.bmiHeader, sizeof info.bmiHeader, 1, out);
    std::fwrite(pixels, size_t{kWide} * kHigh * 3, 1, out);
    std::fclose(out);
  }
  SelectObject(dc, before);
  DeleteObject(bitmap);
  DeleteDC(dc);
}

void SayState(const WorkerState& state) {
  Say(std::string("state ") + kPhases[static_cast<int>(state.phase)] + " " + std::to_string(state.status) + " " +
      std::to_string(state.licence.phase) + " " + std::to_string(state.openings) + " " + Utf8(PhaseText(state)) + " | " +
      Utf8(LicenceText(state)) + " | " + Utf8(DeviceText(state)));
}

}  // namespace

int wmain(int argc, wchar_t** argv) {
  if (argc < 5) return std::fputs("usage: inspection_window COUNT OVERLAY.bmp MODEL.lnx FOLDER [PUBLIC_KEY.pem]\n", stderr), 2;
  const HWND window = CreateWindowExW(0, L"STATIC", L"", 0, 0, 0, 0, 0, HWND_MESSAGE, nullptr, nullptr, nullptr);
  if (window == nullptr) return std::fputs("no window\n", stderr), 2;
  Settings settings;
  settings.model = argv[3];
  settings.folder = argv[4];
  settings.key = argc > 5 ? argv[5] : L"";
  settings.device = "cpu";
  settings.interval_ms = 20;
  settings.retry_ms = 200;
  Counts counts;
  {
    InspectionWorker worker(window, settings);
    MSG message;
    for (int left = _wtoi(argv[1]); left > 0 && GetMessageW(&message, window, 0, 0) > 0;) {
      if (message.message == WM_WORKER_STATE) SayState(worker.State());
      if (message.message != WM_INSPECTED) continue;
      const std::unique_ptr<Inspection> inspection = worker.Take(message.lParam);
      counts = inspection->counts;
      --left;
      Say(inspection->result ? "inspected " + inspection->result.Json() : "failed " + Utf8(inspection->error));
      if (inspection->summary.verdict == LNX_VERDICT_NG) Paint(*inspection, argv[2]);
    }
    worker.Stop();
    SayState(worker.State());
  }
  std::printf("counts %llu %llu %llu %llu %llu %llu\n", static_cast<unsigned long long>(counts.ok),
              static_cast<unsigned long long>(counts.ng), static_cast<unsigned long long>(counts.review),
              static_cast<unsigned long long>(counts.undefined), static_cast<unsigned long long>(counts.failed),
              static_cast<unsigned long long>(counts.not_shown));
  return 0;
}
