// Inspects what a camera gives, on a thread of its own, and posts what happened to a window.
//
// The window gets two messages. WM_INSPECTED carries one inspection: take it with Take(). WM_WORKER_STATE carries nothing: ask
// State(). Neither this class nor what it uses knows MFC, so that any Win32 program can have it.
//
// Invariants: the window's thread never waits for an inspection; every frame is counted once, also when the window is too slow to
// show it; a frame that the licence or a lost GPU kept from being inspected is inspected as soon as that is possible.
#pragma once

#include <windows.h>

#include <atomic>
#include <lnx/lnx.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "FolderCamera.h"

enum : UINT { WM_INSPECTED = WM_APP + 1, WM_WORKER_STATE = WM_APP + 2 };

struct Settings {
  std::wstring model, folder, key;  // .lnx file; folder of pictures; public key file, empty = the trust folder
  std::string device = "auto";      // "auto", "cpu", "cuda:N"
  DWORD interval_ms = 100;          // of the camera
  DWORD retry_ms = 3000;            // between attempts to open the model
};

struct Counts {
  uint64_t ok = 0, ng = 0, review = 0, undefined = 0, failed = 0;
  uint64_t not_shown = 0;  // inspected and counted, but the window was busy
};

struct Inspection {
  Frame frame;
  lnx::Result result;  // empty when the frame could not be inspected
  LnxSummary summary = {};
  std::wstring error;
  Counts counts;  // up to and with this frame
};

enum class Phase { kStopped, kOpening, kRunning, kRetrying, kBlocked };

struct WorkerState {
  Phase phase = Phase::kStopped;
  LnxStatus status = LNX_OK;                 // why it retries or is blocked
  std::wstring text;                         // the same for people
  LnxLicenseInfo licence = {};               // phase LNX_LICENSE_NONE: the model needs none
  LnxProvider provider = LNX_PROVIDER_NONE;  // where the last run really ran
  bool cpu_fallback = false;
  uint32_t openings = 0;  // sessions opened so far
};

class InspectionWorker {
 public:
  InspectionWorker(HWND window, Settings settings);
  ~InspectionWorker() { Stop(); }
  InspectionWorker(const InspectionWorker&) = delete;
  InspectionWorker& operator=(const InspectionWorker&) = delete;

  // Ends the thread and frees messages that were not taken. Waits for the run in flight; call it from the window's thread.
  void Stop();
  WorkerState State() const;
  // The inspection of a WM_INSPECTED message.
  std::unique_ptr<Inspection> Take(LPARAM message);

 private:
  void Work();
  lnx::Options Options();
  void InspectUntilStopped(lnx::Session* session);
  bool WaitForLicence(const lnx::Session& session);
  void Finish(lnx::Result result, std::wstring error);
  void Tell(Phase phase, LnxStatus status = LNX_OK, const std::string& text = std::string());
  void Remember(const LnxLicenseInfo& licence);
  bool Stopping(DWORD wait_ms = 0) const { return WaitForSingleObject(stop_, wait_ms) != WAIT_TIMEOUT; }
  static int32_t LNX_CALL OnProgress(const char* stage, double fraction, void* worker);
  static void LNX_CALL OnLicense(const LnxLicenseInfo* licence, void* worker);

  HWND window_;
  Settings settings_;
  HANDLE stop_, licence_changed_;
  FolderCamera camera_;
  Frame frame_;  // the one that is being inspected, or waits to be
  bool waits_ = false;
  Counts counts_;
  std::atomic<int> posted_{0};
  mutable std::mutex mutex_;  // state_
  WorkerState state_;
  std::thread thread_;  // the last member: everything is there when it starts
};
