#include "runtime/loader.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/status.h"
#include "runtime/driver_version.h"
#include "runtime/installed_pack.h"
#include "runtime/library_file.h"
#include "runtime/pack_choice.h"

namespace lnx::runtime {
namespace {

bool IsRuntimeName(const std::string& path) {
  const size_t slash = path.find_last_of("/\\");
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
#if defined(_WIN32)
  return name == "onnxruntime.dll";
#else
  return name == "libonnxruntime.so" || name.compare(0, 19, "libonnxruntime.so.1") == 0;
#endif
}

// The runtime in one folder: the longest name first, so that a versioned file beats a dangling link.
std::string FindIn(const std::string& folder) {
  std::string best;
  for (const std::string& path : platform::ListFiles(folder)) {
    if (IsRuntimeName(path) && path.size() > best.size()) best = path;
  }
  return best;
}

// Where a runtime may lie below a folder. Of two packs side by side the one that the driver carries comes first; where there is
// no GPU, either of them runs on the CPU.
std::vector<std::string> Places(const std::string& folder) {
  std::vector<std::string> places = {folder, platform::JoinPath(platform::JoinPath(folder, "onnxruntime"), "capi"),
                                     platform::JoinPath(folder, "lib")};
  const std::string cu13 = platform::JoinPath(folder, "cu13"), cu12 = platform::JoinPath(folder, "cu12");
  if (FindIn(cu13).empty() && FindIn(cu12).empty()) return places;
  const GpuSurvey& survey = SurveyGpus();
  const bool older = ChoosePack(FactsOf(survey), survey.gpus, {"cu13", "cu12"}).pack == "cu12";
  places.push_back(older ? cu12 : cu13);
  places.push_back(older ? cu13 : cu12);
  return places;
}

void AddFolder(const std::string& folder, const std::string& source, std::vector<Candidate>* candidates) {
  const std::string absolute = platform::AbsolutePath(folder);
  for (const std::string& place : Places(absolute)) {
    const std::string found = FindIn(place);
    if (found.empty()) continue;
    candidates->push_back({found, source, LNX_OK, "", ""});
    return;
  }
  candidates->push_back({absolute, source, LNX_E_RUNTIME_NOT_FOUND, "holds no ONNX Runtime library", ""});
}

void Refuse(Candidate* candidate, LnxStatus status, const std::string& verdict) {
  candidate->status = status;
  candidate->verdict = verdict;
}

std::string Lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// ONNX Runtime crashes in a Visual C++ runtime that is older than the one it was built with; a crash is no error message. "" when
// it is new enough, or nobody can tell.
std::string TooOldVisualC(const LibraryFile& file, const std::string& path) {
  constexpr char kName[] = "msvcp140.dll", kFloor[] = "14.40";
  const bool uses =
      std::any_of(file.needed.begin(), file.needed.end(), [&](const std::string& name) { return Lower(name) == kName; });
  if (!uses) return "";
  const std::string version = platform::LibraryVersion(kName, platform::ParentPath(path));
  if (version.empty() || VersionAtLeast(version, kFloor)) return "";
  return std::string(kName) + " is of version " + version + "; needs the Visual C++ 2015-2022 runtime " + kFloor + " or later";
}

// Names what the library imports and cannot be loaded: without it the system only says that "a module" is missing.
std::string Missing(const LibraryFile& file, const std::string& path) {
  std::string text;
  for (const std::string& name : platform::MissingLibraries(file.needed, platform::ParentPath(path))) {
    const std::string lower = Lower(name);
    const bool visual_c = lower.compare(0, 8, "msvcp140") == 0 || lower.compare(0, 12, "vcruntime140") == 0;
    text += (text.empty() ? "; missing " : ", ") + name + (visual_c ? " (Visual C++ 2015-2022 runtime)" : "");
  }
  return text;
}

}  // namespace

std::vector<Candidate> FindCandidates(const std::string& runtime_dir) {
  std::vector<Candidate> candidates;
  if (!runtime_dir.empty()) {
    AddFolder(runtime_dir, "option runtime_dir", &candidates);
    return candidates;  // what was asked for, and nothing else
  }
  const std::string variable = platform::GetEnv("LNX_RUNTIME_DIR");
  if (!variable.empty()) AddFolder(variable, "LNX_RUNTIME_DIR", &candidates);
  AddFolder(platform::OwnLibraryFolder(), "folder of the LNX library", &candidates);
  const std::string installed = InstalledPackFolder();
  if (!installed.empty()) AddFolder(installed, "installed runtime pack", &candidates);
  return candidates;
}

bool LoadCandidate(Candidate* candidate, LoadedLibrary* loaded) {
  if (candidate->status != LNX_OK) return false;
  const LibraryFile file = InspectLibrary(candidate->path);
  if (!file.readable) return Refuse(candidate, LNX_E_RUNTIME_LOAD, "cannot be read"), false;
  if (!file.is_library) return Refuse(candidate, LNX_E_RUNTIME_API, "not a library"), false;
  if (!file.fits) return Refuse(candidate, LNX_E_RUNTIME_ARCH, "built for another machine: " + file.machine), false;

  const std::string old = TooOldVisualC(file, candidate->path);
  if (!old.empty()) return Refuse(candidate, LNX_E_RUNTIME_LOAD, old), false;

  // Linux builds from 1.29 on send telemetry unless told not to before they are loaded.
  platform::SetEnv("ORT_DISABLE_TELEMETRY", "1");
  std::string error;
  int64_t os_code = 0;
  loaded->library = platform::LoadLibraryAt(candidate->path, &error, &os_code);
  if (loaded->library.handle == nullptr)
    return Refuse(candidate, LNX_E_RUNTIME_LOAD, error + Missing(file, candidate->path)), false;
  OrtGetApiBaseFunction get_base = nullptr;
  void* symbol = platform::FindSymbol(loaded->library, "OrtGetApiBase");
  if (symbol == nullptr) return Refuse(candidate, LNX_E_RUNTIME_API, "does not export OrtGetApiBase"), false;
  std::memcpy(&get_base, &symbol, sizeof symbol);
  const OrtApiBase* base = get_base();
  if (base == nullptr) return Refuse(candidate, LNX_E_RUNTIME_API, "OrtGetApiBase returns NULL"), false;
  candidate->version = base->GetVersionString();
  const void* table = base->GetApi(kOrtApiVersion);
  if (table == nullptr) {
    Refuse(candidate, LNX_E_RUNTIME_TOO_OLD,
           "ONNX Runtime " + candidate->version + " does not offer API " + std::to_string(kOrtApiVersion));
    return false;
  }
  loaded->functions = ReadFunctions(table);
  loaded->version = candidate->version;
  loaded->path = platform::LibraryPathOfAddress(symbol);
  candidate->verdict = "usable";
  return true;
}

}  // namespace lnx::runtime
