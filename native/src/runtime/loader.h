// Where ONNX Runtime may lie, and what was found there. Internal to runtime/.
#pragma once

#include <string>
#include <vector>

#include "base/platform.h"
#include "lnx/lnx_status.h"
#include "runtime/ort_api.h"

namespace lnx::runtime {

struct Candidate {
  std::string path;      // a library file, or a folder that holds none
  std::string source;    // "option runtime_dir", "LNX_RUNTIME_DIR", "folder of the LNX library"
  LnxStatus status = 0;  // 0 = usable
  std::string verdict;   // "usable", or why not
  std::string version;   // when it was loaded
};

// Every candidate in the order of search.
std::vector<Candidate> FindCandidates(const std::string& runtime_dir);

struct LoadedLibrary {
  platform::Library library;
  OrtFunctions functions;
  std::string version, path;
};

// Loads one candidate; fills its status, verdict and version. Returns false when it cannot be used.
bool LoadCandidate(Candidate* candidate, LoadedLibrary* loaded);

}  // namespace lnx::runtime
