#include "InspectionWorker.h"

#include "Text.h"

namespace {

constexpr int kMostPosted = 8;  // pictures that may lie in the window's queue

uint64_t* Counter(Counts* counts, LnxVerdict verdict) {
  switch (verdict) {
    case LNX_VERDICT_OK:
      return &counts->ok;
    case LNX_VERDICT_NG:
      return &counts->ng;
    case LNX_VERDICT_REVIEW:
      return &counts->review;
    default:
      return &counts->undefined;
  }
}

}  // namespace

InspectionWorker::InspectionWorker(HWND window, Settings settings)
    : window_(window),
      settings_(std::move(settings)),
      stop_(CreateEventW(nullptr, TRUE, FALSE, nullptr)),
      licence_changed_(CreateEventW(nullptr, FALSE, FALSE, nullptr)),
      camera_(settings_.folder, settings_.interval_ms),
      thread_([this] { Work(); }) {}

void InspectionWorker::Stop() {
  if (!thread_.joinable()) return;
  SetEvent(stop_);
  thread_.join();
  MSG message = {};
  while (PeekMessageW(&message, window_, WM_INSPECTED, WM_INSPECTED, PM_REMOVE)) Take(message.lParam);
  CloseHandle(licence_changed_);
  CloseHandle(stop_);
}

WorkerState InspectionWorker::State() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return state_;
}

std::unique_ptr<Inspection> InspectionWorker::Take(LPARAM message) {
  --posted_;
  return std::unique_ptr<Inspection>(reinterpret_cast<Inspection*>(message));
}

// Opens the model, again and again if it must: the file may be on its way, the dongle not plugged in yet, the GPU lost.
void InspectionWorker::Work() {
  do {
    try {
      Tell(Phase::kOpening);
      lnx::Session session(settings_.model, Options());
      Remember(session.License());
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        ++state_.openings;
      }
      InspectUntilStopped(&session);
    } catch (const lnx::Error& error) {
      if (error.status() != LNX_E_CANCELLED) Tell(Phase::kRetrying, error.status(), error.what());
    } catch (const std::exception& error) {  // out of memory
      Tell(Phase::kRetrying, LNX_OK, error.what());
    }
  } while (!Stopping(settings_.retry_ms));
  Tell(Phase::kStopped);
}

lnx::Options InspectionWorker::Options() {
  lnx::Options options;
  options.Device(settings_.device).Program("mfc-sample").Progress(OnProgress, this).OnLicense(OnLicense, this);
  if (!settings_.key.empty()) options.TrustKey(Utf8(settings_.key));
  return options;
}

void InspectionWorker::InspectUntilStopped(lnx::Session* session) {
  Tell(Phase::kRunning);
  while (waits_ || camera_.Next(stop_, &frame_)) {
    waits_ = true;
    if (!frame_.error.empty()) {
      Finish(lnx::Result(), frame_.error);
      continue;
    }
    try {
      Finish(session->Run(frame_.View()), std::wstring());
    } catch (const lnx::Error& error) {
      if (error.status() == LNX_E_DEVICE_LOST) throw;  // a new session; the frame waits for it
      if (error.status() != LNX_E_LICENSE_BLOCKED) {
        Finish(lnx::Result(), Wide(error.what()));
        continue;
      }
      Tell(Phase::kBlocked, error.status(), error.what());
      if (!WaitForLicence(*session)) return;
      Tell(Phase::kRunning);
    }
    if (Stopping()) return;
  }
}

// The library sees by itself that the dongle is back; nothing has to be opened again. False: stop.
bool InspectionWorker::WaitForLicence(const lnx::Session& session) {
  const HANDLE either[] = {stop_, licence_changed_};
  while (session.License().phase == LNX_LICENSE_BLOCKED) {
    if (WaitForMultipleObjects(2, either, FALSE, 1000) == WAIT_OBJECT_0) return false;
  }
  return true;
}

void InspectionWorker::Finish(lnx::Result result, std::wstring error) {
  std::unique_ptr<Inspection> inspection(new Inspection);
  if (result) {
    inspection->summary = result.Summary();
    ++*Counter(&counts_, inspection->summary.verdict);
    const bool fell_back = (inspection->summary.flags & LNX_SUMMARY_CPU_FALLBACK) != 0;
    const std::lock_guard<std::mutex> lock(mutex_);
    const bool news = state_.provider != inspection->summary.provider || state_.cpu_fallback != fell_back;
    state_.provider = inspection->summary.provider;
    state_.cpu_fallback = fell_back;
    if (news) PostMessageW(window_, WM_WORKER_STATE, 0, 0);
  } else {
    ++counts_.failed;
  }
  inspection->frame = std::move(frame_);
  inspection->result = std::move(result);
  inspection->error = std::move(error);
  waits_ = false;
  if (posted_ >= kMostPosted) {
    ++counts_.not_shown;
    return;
  }
  inspection->counts = counts_;
  ++posted_;
  if (PostMessageW(window_, WM_INSPECTED, 0, reinterpret_cast<LPARAM>(inspection.get()))) {
    inspection.release();  // the window's now
  } else {
    --posted_;
  }
}

void InspectionWorker::Tell(Phase phase, LnxStatus status, const std::string& text) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    state_.phase = phase;
    state_.status = status;
    state_.text = Wide(text);
  }
  PostMessageW(window_, WM_WORKER_STATE, 0, 0);
}

void InspectionWorker::Remember(const LnxLicenseInfo& licence) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    state_.licence = licence;
  }
  SetEvent(licence_changed_);
  PostMessageW(window_, WM_WORKER_STATE, 0, 0);
}

int32_t LNX_CALL InspectionWorker::OnProgress(const char*, double, void* worker) {
  return static_cast<InspectionWorker*>(worker)->Stopping() ? 1 : 0;  // opening a large model is given up, too
}

void LNX_CALL InspectionWorker::OnLicense(const LnxLicenseInfo* licence, void* worker) {
  static_cast<InspectionWorker*>(worker)->Remember(*licence);
}
