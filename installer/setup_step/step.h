// setup_step.exe: what the Windows setup does that NSIS cannot do safely. One verb per run, called by installer/nsis/setup.nsi.
//
//   choose-pack PACK...        which of the packs at hand suits this PC (native/src/runtime/pack_choice.h decides)
//   serves PACK                does this one
//   answers FILE OUT           checks an answer file (UTF-8 or UTF-16) and writes it as NSIS reads it
//   commit STAGED FINAL        hashes and flushes every file, then one rename; over an intact FINAL nothing, over a damaged one a
//   repair verify FOLDER              every file of the folder's lists is there and has its hash remove FOLDER              a
//   whole tree; what is held is tried again, then left for the next start of Windows room FOLDER BYTES          free space on the
//   disk of FOLDER, which need not exist yet writable FOLDER            can this account make files there path add|remove FOLDER
//   the machine's PATH, of any length vcruntime                  version of the Visual C++ runtime of Windows compare A B
//   versions: older, same, newer
//
// Every verb takes --result FILE first, then perhaps --patience SECONDS. The result is an INI file in UTF-16 with [result] code=
// text= and more. Exit status 0 = as wished, 1 = no (the result says why), 2 = wrong call.
//
// Invariants: no folder is visible under its final name before all of its files are on the disk; a file that another program
// holds (a virus scanner) is tried again for --patience seconds (150); links are removed, never followed.
#pragma once

#include <windows.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace setup {

extern DWORD patience;  // milliseconds that a held file is waited for

struct Outcome {
  bool yes = false;
  std::wstring code;                          // "damaged", "held", "driver-too-old"
  std::wstring text;                          // for a person
  std::map<std::wstring, std::wstring> more;  // further values of the result file
};

using Words = std::vector<std::wstring>;

Outcome ChoosePackStep(const Words& words);
Outcome ServesStep(const Words& words);
Outcome AnswersStep(const Words& words);
Outcome CommitStep(const Words& words);
Outcome VerifyStep(const Words& words);
Outcome RemoveStep(const Words& words);
Outcome RoomStep(const Words& words);
Outcome WritableStep(const Words& words);
Outcome PathStep(const Words& words);
Outcome VcRuntimeStep(const Words& words);
Outcome CompareStep(const Words& words);
Outcome FlushStep(const Words& words);

// \\?\C:\..., so that paths may be longer than 260 characters.
std::wstring Long(const std::wstring& path);
std::wstring SystemText(DWORD error);
std::wstring Utf16(const std::string& utf8);
// Repeats what another program may be holding up: true when done, false when it failed otherwise or patience ended
// (GetLastError()).
template <typename Action>
bool Patiently(Action action) {
  const ULONGLONG begin = GetTickCount64();
  for (DWORD pause = 50;; pause = pause < 1000 ? pause * 2 : 1000) {
    if (action()) return true;
    const DWORD error = GetLastError();
    const bool held = error == ERROR_SHARING_VIOLATION || error == ERROR_ACCESS_DENIED || error == ERROR_LOCK_VIOLATION ||
                      error == ERROR_USER_MAPPED_FILE || error == ERROR_DIR_NOT_EMPTY;
    if (!held || GetTickCount64() - begin > patience) {
      SetLastError(error);
      return false;
    }
    Sleep(pause);
  }
}

}  // namespace setup
