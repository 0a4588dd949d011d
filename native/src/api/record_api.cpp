// LnxRecordStart ... LnxRecordStop.
#include <string>

#include "api/boundary.h"
#include "api/handle_table.h"

using namespace lnx;
using namespace lnx::api;

namespace {

constexpr uint32_t kDefaultRuns = 16, kMostRuns = 1024;
constexpr size_t kMostFolderBytes = LNX_RECORD_PATH_BYTES - 128;  // with a file's name it still fits
constexpr uint64_t kDefaultMemory = 512ull << 20, kDefaultFolder = 4ull << 30;

LnxRecordOptions Complete(const LnxRecordOptions* given) {
  LnxRecordOptions options;
  LnxRecordOptionsInit(&options);
  RequirePointer(given, "options");
  ReadStruct(given, static_cast<uint32_t>(sizeof(LnxRecordOptions)), "options", &options);
  RequireText(options.folder, "options.folder");
  RequireText(options.key_file, "options.key_file");
  const size_t folder_bytes = platform::AbsolutePath(options.folder).size();
  if (folder_bytes > kMostFolderBytes) {
    Fail(LNX_E_ARGUMENT,
         {std::to_string(folder_bytes) + " bytes", "at most " + std::to_string(kMostFolderBytes), "options.folder"});
  }
  if (options.runs == 0) options.runs = kDefaultRuns;
  if (options.max_memory_bytes == 0) options.max_memory_bytes = kDefaultMemory;
  if (options.max_folder_bytes == 0) options.max_folder_bytes = kDefaultFolder;
  if (options.runs > kMostRuns) {
    Fail(LNX_E_ARGUMENT, {std::to_string(options.runs), "1 .. " + std::to_string(kMostRuns), "options.runs"});
  }
  if ((options.save_on & ~static_cast<uint32_t>(LNX_RECORD_ON_NG | LNX_RECORD_ON_REVIEW | LNX_RECORD_ON_ERROR)) != 0) {
    Fail(LNX_E_ARGUMENT, {std::to_string(options.save_on), "a sum of LNX_RECORD_ON_...", "options.save_on"});
  }
  return options;
}

}  // namespace

extern "C" {

LnxStatus LNX_CALL LnxRecordStart(LnxHandle handle, const LnxRecordOptions* options) {
  return Guarded("LnxRecordStart", [&] {
    const LnxRecordOptions complete = Complete(options);
    Use session(handle);
    session->RecordStart(complete);
  });
}

LnxStatus LNX_CALL LnxRecordSave(LnxHandle handle, const char* reason, char* path, uint32_t capacity) {
  return Guarded("LnxRecordSave", [&] {
    const std::string word = reason != nullptr ? RequireText(reason, "reason") : "demand";
    if (path != nullptr && capacity < LNX_RECORD_PATH_BYTES) {
      Fail(LNX_E_BUFFER_TOO_SMALL, {std::to_string(capacity) + " bytes", std::to_string(LNX_RECORD_PATH_BYTES), "capacity"});
    }
    Use session(handle);
    const std::string saved = session->RecordSave(word);
    if (path != nullptr) WriteText(saved, path, capacity, nullptr);
  });
}

LnxStatus LNX_CALL LnxRecordState(LnxHandle handle, LnxRecordInfo* info) {
  return Guarded("LnxRecordState", [&] {
    RequirePointer(info, "info");
    Use session(handle);
    LnxRecordInfo filled{};
    session->RecordState(&filled);
    WriteStruct(info, static_cast<uint32_t>(sizeof(LnxRecordInfo)), "info", filled);
  });
}

LnxStatus LNX_CALL LnxRecordStop(LnxHandle handle) {
  return Guarded("LnxRecordStop", [&] {
    Use session(handle);
    session->RecordStop();
  });
}

}  // extern "C"
