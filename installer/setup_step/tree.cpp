// Trees of files: hashed, flushed and renamed whole; removed whole; repaired file by file.
//
// Lists: FOLDER\manifest\NAME.sha256, lines "<64 hex digits>  <path with forward slashes, UTF-8>". A component that was not
// chosen has no list.
#include <algorithm>

#include "crypto/crypto.h"
#include "step.h"

namespace setup {
namespace {

struct Listed {
  std::wstring path;  // below the folder
  std::string sha256;
};

class Handle {
 public:
  explicit Handle(HANDLE handle) : handle_(handle) {}
  ~Handle() {
    if (open()) CloseHandle(handle_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  bool open() const { return handle_ != INVALID_HANDLE_VALUE && handle_ != nullptr; }
  HANDLE get() const { return handle_; }

 private:
  HANDLE handle_;
};

struct Entry {
  std::wstring name;
  DWORD attributes;
};

std::vector<Entry> Entries(const std::wstring& folder) {
  std::vector<Entry> entries;
  WIN32_FIND_DATAW found;
  const HANDLE search = FindFirstFileW((Long(folder) + L"\\*").c_str(), &found);
  if (search == INVALID_HANDLE_VALUE) return entries;
  do {
    const std::wstring name = found.cFileName;
    if (name != L"." && name != L"..") entries.push_back({name, found.dwFileAttributes});
  } while (FindNextFileW(search, &found));
  FindClose(search);
  return entries;
}

bool Exists(const std::wstring& path) { return GetFileAttributesW(Long(path).c_str()) != INVALID_FILE_ATTRIBUTES; }

bool ReadWhole(const std::wstring& path, std::string* out) {
  const Handle file(CreateFileW(Long(path).c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, 0, nullptr));
  if (!file.open()) return false;
  char block[65536];
  DWORD n = 0;
  while (ReadFile(file.get(), block, sizeof block, &n, nullptr) && n > 0) out->append(block, n);
  return true;
}

// SHA-256 as hex; "" when the file cannot be read. With flush, its bytes are on the disk afterwards.
std::string HashOf(const std::wstring& path, bool flush) {
  HANDLE raw = INVALID_HANDLE_VALUE;
  const DWORD access = GENERIC_READ | (flush ? GENERIC_WRITE : 0);
  if (!Patiently([&] {
        raw = CreateFileW(Long(path).c_str(), access, FILE_SHARE_READ | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING,
                          FILE_FLAG_SEQUENTIAL_SCAN, nullptr);
        return raw != INVALID_HANDLE_VALUE;
      }))
    return "";
  const Handle file(raw);
  lnx::crypto::Sha256Stream hash;
  std::vector<uint8_t> block(1 << 20);
  DWORD n = 0;
  for (;;) {
    if (!ReadFile(file.get(), block.data(), static_cast<DWORD>(block.size()), &n, nullptr)) return "";
    if (n == 0) break;
    hash.Update({block.data(), n});
  }
  if (flush && !FlushFileBuffers(file.get())) return "";
  std::string hex;
  for (const uint8_t byte : hash.Finish()) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

std::vector<std::wstring> ListNames(const std::wstring& folder) {
  std::vector<std::wstring> names;
  for (const Entry& entry : Entries(folder + L"\\manifest")) {
    if (entry.name.size() > 7 && entry.name.compare(entry.name.size() - 7, 7, L".sha256") == 0) names.push_back(entry.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool ReadList(const std::wstring& folder, const std::wstring& name, std::vector<Listed>* out) {
  std::string text;
  if (!ReadWhole(folder + L"\\manifest\\" + name, &text) || text.empty()) return false;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.size() < 67 || line.compare(64, 2, "  ") != 0) return false;
    std::wstring path = Utf16(line.substr(66));
    if (path.find(L"..") != std::wstring::npos || path.find(L':') != std::wstring::npos) return false;
    std::replace(path.begin(), path.end(), L'/', L'\\');
    out->push_back({path, line.substr(0, 64)});
  }
  return true;
}

// The files of all lists; false when there is no list or one cannot be read.
bool ReadLists(const std::wstring& folder, std::vector<Listed>* out) {
  const std::vector<std::wstring> names = ListNames(folder);
  return !names.empty() &&
         std::all_of(names.begin(), names.end(), [&](const std::wstring& name) { return ReadList(folder, name, out); });
}

Outcome Damaged(const std::wstring& what) {
  Outcome outcome;
  outcome.code = L"damaged", outcome.text = what;
  return outcome;
}

Outcome Check(const std::wstring& folder, bool flush) {
  std::vector<Listed> files;
  if (!ReadLists(folder, &files)) return Damaged(folder + L": no list of files");
  for (const Listed& file : files) {
    const std::wstring path = folder + L"\\" + file.path;
    if (!Exists(path)) return Damaged(path + L" is missing");
    const std::string hash = HashOf(path, flush);
    if (hash.empty()) {
      Outcome outcome;
      outcome.code = L"held", outcome.text = path + L": " + SystemText(GetLastError());
      return outcome;
    }
    if (hash != file.sha256) return Damaged(path + L" is not as it was made");
  }
  Outcome outcome;
  outcome.yes = true, outcome.code = L"intact", outcome.more[L"files"] = std::to_wstring(files.size());
  return outcome;
}

void MakeFoldersFor(const std::wstring& path) {
  for (size_t at = path.find(L'\\', 3); at != std::wstring::npos; at = path.find(L'\\', at + 1)) {
    CreateDirectoryW(Long(path.substr(0, at)).c_str(), nullptr);
  }
}

bool Move(const std::wstring& from, const std::wstring& to, DWORD flags) {
  return Patiently([&] { return MoveFileExW(Long(from).c_str(), Long(to).c_str(), flags | MOVEFILE_WRITE_THROUGH) != 0; });
}

bool Delete(const std::wstring& path, const Entry& entry) {
  const std::wstring name = Long(path);
  const bool folder = (entry.attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
  if (entry.attributes & FILE_ATTRIBUTE_READONLY) SetFileAttributesW(name.c_str(), FILE_ATTRIBUTE_NORMAL);
  return Patiently([&] { return (folder ? RemoveDirectoryW(name.c_str()) : DeleteFileW(name.c_str())) != 0; });
}

// Removes what is in a folder and the folder; the first path that stays, "" when none does. A link is removed, not followed.
std::wstring RemoveTree(const std::wstring& folder) {
  for (const Entry& entry : Entries(folder)) {
    const std::wstring path = folder + L"\\" + entry.name;
    const bool real = (entry.attributes & FILE_ATTRIBUTE_DIRECTORY) && !(entry.attributes & FILE_ATTRIBUTE_REPARSE_POINT);
    if (real) {
      const std::wstring stays = RemoveTree(path);
      if (!stays.empty()) return stays;
    } else if (!Delete(path, entry)) {
      return path;
    }
  }
  return Delete(folder, {L"", FILE_ATTRIBUTE_DIRECTORY}) ? L"" : folder;
}

void AtNextStart(const std::wstring& folder) {
  for (const Entry& entry : Entries(folder)) {
    const std::wstring path = folder + L"\\" + entry.name;
    const bool real = (entry.attributes & FILE_ATTRIBUTE_DIRECTORY) && !(entry.attributes & FILE_ATTRIBUTE_REPARSE_POINT);
    if (real) {
      AtNextStart(path);
    } else {
      MoveFileExW(Long(path).c_str(), nullptr, MOVEFILE_DELAY_UNTIL_REBOOT);
    }
  }
  MoveFileExW(Long(folder).c_str(), nullptr, MOVEFILE_DELAY_UNTIL_REBOOT);
}

Outcome Held(const std::wstring& path) {
  Outcome outcome;
  outcome.code = L"held", outcome.text = path + L": " + SystemText(GetLastError());
  return outcome;
}

// Brings an installed folder to the state of the staged one. A component's list comes last, so that a cut in the middle leaves a
// folder that says of itself that it is damaged, and each file old or new. Components that are installed and not staged stay.
Outcome Repair(const std::wstring& staged, const std::wstring& target) {
  std::vector<Listed> files;
  if (!ReadLists(staged, &files)) return Damaged(staged + L": no list of files");
  size_t replaced = 0;
  for (const Listed& file : files) {
    const std::wstring to = target + L"\\" + file.path;
    if (Exists(to) && HashOf(to, false) == file.sha256) continue;
    MakeFoldersFor(to);
    if (!Move(staged + L"\\" + file.path, to, MOVEFILE_REPLACE_EXISTING)) return Held(to);
    ++replaced;
  }
  for (const std::wstring& name : ListNames(staged)) {
    const std::wstring to = target + L"\\manifest\\" + name;
    MakeFoldersFor(to);
    if (!Move(staged + L"\\manifest\\" + name, to, MOVEFILE_REPLACE_EXISTING)) return Held(to);
  }
  RemoveTree(staged);
  Outcome outcome;
  outcome.yes = true, outcome.code = replaced == 0 ? L"intact" : L"repaired";
  outcome.more[L"files"] = std::to_wstring(replaced);
  return outcome;
}

}  // namespace

Outcome VerifyStep(const Words& words) { return Check(words[0], false); }

Outcome CommitStep(const Words& words) {
  const std::wstring &staged = words[0], &target = words[1];
  Outcome outcome = Check(staged, true);
  if (!outcome.yes) return outcome;
  for (const std::wstring& name : ListNames(staged)) {
    if (HashOf(staged + L"\\manifest\\" + name, true).empty()) return Held(name);
  }
  if (Exists(target)) return Repair(staged, target);
  MakeFoldersFor(target);
  if (!Move(staged, target, 0)) return Held(staged);
  outcome.code = L"installed";
  return outcome;
}

Outcome RemoveStep(const Words& words) {
  Outcome outcome;
  outcome.yes = true, outcome.code = L"removed";
  if (!Exists(words[0])) return outcome;
  // First another name: a tree that is half removed is never found under the name that counts.
  std::wstring doomed = words[0] + L".removed";
  if (Exists(doomed)) RemoveTree(doomed);
  if (!MoveFileExW(Long(words[0]).c_str(), Long(doomed).c_str(), MOVEFILE_WRITE_THROUGH)) doomed = words[0];
  const std::wstring stays = RemoveTree(doomed);
  if (stays.empty()) return outcome;
  outcome = Held(stays);
  AtNextStart(doomed);
  return outcome;
}

}  // namespace setup
