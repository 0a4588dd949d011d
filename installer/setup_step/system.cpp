// The machine around the installation: room, rights, PATH, Visual C++ runtime, versions.
#include <algorithm>
#include <cstdlib>

#include "step.h"

namespace setup {
namespace {

constexpr wchar_t kEnvironment[] = L"SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment";

// The nearest folder above that exists.
std::wstring Existing(std::wstring path) {
  while (path.size() > 3 && GetFileAttributesW(Long(path).c_str()) == INVALID_FILE_ATTRIBUTES) {
    const size_t slash = path.find_last_of(L'\\');
    path = slash == std::wstring::npos || slash < 3 ? path.substr(0, 3) : path.substr(0, slash);
  }
  return path;
}

bool Same(const std::wstring& a, const std::wstring& b) {
  const auto bare = [](std::wstring text) {
    while (!text.empty() && text.back() == L'\\') text.pop_back();
    return text;
  };
  return CompareStringOrdinal(bare(a).c_str(), -1, bare(b).c_str(), -1, TRUE) == CSTR_EQUAL;
}

Outcome No(const std::wstring& code, const std::wstring& text) {
  Outcome outcome;
  outcome.code = code, outcome.text = text;
  return outcome;
}

Outcome Yes(const std::wstring& code) {
  Outcome outcome;
  outcome.yes = true, outcome.code = code;
  return outcome;
}

std::vector<unsigned long> Numbers(const std::wstring& version) {
  std::vector<unsigned long> numbers;
  for (size_t at = 0; at < version.size();) {
    numbers.push_back(std::wcstoul(version.c_str() + at, nullptr, 10));
    const size_t dot = version.find(L'.', at);
    at = dot == std::wstring::npos ? version.size() : dot + 1;
  }
  numbers.resize(std::max<size_t>(numbers.size(), 4), 0);
  return numbers;
}

}  // namespace

std::wstring Utf16(const std::string& utf8) {
  if (utf8.empty()) return L"";
  const int n = MultiByteToWideChar(CP_UTF8, 0, utf8.data(), static_cast<int>(utf8.size()), nullptr, 0);
  std::wstring out(static_cast<size_t>(n), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, utf8.data(), static_cast<int>(utf8.size()), out.data(), n);
  return out;
}

std::wstring Long(const std::wstring& path) {
  if (path.compare(0, 4, L"\\\\?\\") == 0 || path.size() < 2 || path[1] != L':') return path;
  return L"\\\\?\\" + path;
}

std::wstring SystemText(DWORD error) {
  wchar_t text[512] = {};
  const DWORD flags = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS;
  FormatMessageW(flags, nullptr, error, 0, text, 500, nullptr);
  return std::wstring(text) + L" (error " + std::to_wstring(error) + L")";
}

Outcome RoomStep(const Words& words) {
  const std::wstring folder = Existing(words[0]);
  ULARGE_INTEGER room;
  if (!GetDiskFreeSpaceExW(folder.c_str(), &room, nullptr, nullptr))
    return No(L"no-disk", folder + L": " + SystemText(GetLastError()));
  const uint64_t needed = std::wcstoull(words[1].c_str(), nullptr, 10);
  const std::wstring told = std::to_wstring(room.QuadPart >> 20) + L" MB free at " + folder + L", " +
                            std::to_wstring((needed >> 20) + 1) + L" MB needed";
  return room.QuadPart < needed ? No(L"no-room", told) : Yes(L"room");
}

Outcome WritableStep(const Words& words) {
  const std::wstring &folder = words[0], probe = folder + L"\\.lnx-setup-probe";
  for (size_t at = folder.find(L'\\', 3);; at = folder.find(L'\\', at + 1)) {
    CreateDirectoryW(Long(folder.substr(0, at)).c_str(), nullptr);
    if (at == std::wstring::npos) break;
  }
  const HANDLE file =
      CreateFileW(Long(probe).c_str(), GENERIC_WRITE, 0, nullptr, CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, nullptr);
  if (file == INVALID_HANDLE_VALUE) return No(L"unwritable", folder + L": " + SystemText(GetLastError()));
  DWORD written = 0;
  const bool done = WriteFile(file, "x", 1, &written, nullptr) && FlushFileBuffers(file);
  const DWORD error = GetLastError();
  CloseHandle(file);
  return done ? Yes(L"writable") : No(L"unwritable", folder + L": " + SystemText(error));
}

// NSIS has room for 1024 characters and would cut a longer PATH; here it is read and written whole, with its type.
Outcome PathStep(const Words& words) {
  const bool add = words[0] == L"add";
  if (!add && words[0] != L"remove") return No(L"usage", words[0]);
  HKEY key = nullptr;
  LSTATUS status = RegCreateKeyExW(HKEY_LOCAL_MACHINE, kEnvironment, 0, nullptr, 0, KEY_READ | KEY_WRITE, nullptr, &key, nullptr);
  if (status != ERROR_SUCCESS) return No(L"registry", SystemText(static_cast<DWORD>(status)));
  DWORD type = REG_EXPAND_SZ, bytes = 0;
  std::wstring old;
  status = RegQueryValueExW(key, L"Path", nullptr, &type, nullptr, &bytes);
  if (status == ERROR_SUCCESS) {
    old.resize(bytes / sizeof(wchar_t) + 1);
    bytes = static_cast<DWORD>(old.size() * sizeof(wchar_t));
    status = RegQueryValueExW(key, L"Path", nullptr, &type, reinterpret_cast<BYTE*>(old.data()), &bytes);
    old.resize(std::wcslen(old.c_str()));
  }
  // What cannot be read is not replaced.
  if (status != ERROR_SUCCESS && status != ERROR_FILE_NOT_FOUND) {
    RegCloseKey(key);
    return No(L"registry", SystemText(static_cast<DWORD>(status)));
  }
  std::wstring fresh;
  for (size_t at = 0; at < old.size();) {
    const size_t end = std::min(old.find(L';', at), old.size());
    const std::wstring part = old.substr(at, end - at);
    at = end + 1;
    if (!part.empty() && !Same(part, words[1])) fresh += (fresh.empty() ? L"" : L";") + part;
  }
  if (add) fresh += (fresh.empty() ? L"" : L";") + words[1];
  if (fresh != old) {
    const auto size = static_cast<DWORD>((fresh.size() + 1) * sizeof(wchar_t));
    status = RegSetValueExW(key, L"Path", 0, type, reinterpret_cast<const BYTE*>(fresh.c_str()), size);
  } else {
    status = ERROR_SUCCESS;
  }
  RegCloseKey(key);
  if (status != ERROR_SUCCESS) return No(L"registry", SystemText(static_cast<DWORD>(status)));
  return Yes(fresh != old ? L"changed" : L"unchanged");
}

// The version of System32\msvcp140.dll: "14.44.35112.1". Before 14.40 ONNX Runtime crashes in it.
Outcome VcRuntimeStep(const Words&) {
  wchar_t system[MAX_PATH] = {};
  GetSystemDirectoryW(system, MAX_PATH);
  const std::wstring path = std::wstring(system) + L"\\msvcp140.dll";
  DWORD ignored = 0;
  const DWORD bytes = GetFileVersionInfoSizeW(path.c_str(), &ignored);
  if (bytes == 0) return No(L"missing", path + L" is not there");
  std::vector<BYTE> block(bytes);
  VS_FIXEDFILEINFO* info = nullptr;
  UINT length = 0;
  if (!GetFileVersionInfoW(path.c_str(), 0, bytes, block.data()) ||
      !VerQueryValueW(block.data(), L"\\", reinterpret_cast<void**>(&info), &length) || info == nullptr)
    return No(L"missing", path + L" tells no version");
  Outcome outcome;
  const DWORD major = info->dwFileVersionMS >> 16, minor = info->dwFileVersionMS & 0xFFFF;
  outcome.yes = major > 14 || (major == 14 && minor >= 40);
  outcome.code = outcome.yes ? L"new-enough" : L"too-old";
  outcome.more[L"version"] =
      std::to_wstring(major) + L"." + std::to_wstring(minor) + L"." + std::to_wstring(info->dwFileVersionLS >> 16);
  outcome.text = path + L" " + outcome.more[L"version"];
  return outcome;
}

// Windows writes its registry when it finds time. A power cut in between would bring back values that name what is gone.
Outcome FlushStep(const Words&) {
  for (const wchar_t* name : {L"Software\\LNX", kEnvironment, L"SYSTEM\\CurrentControlSet\\Services"}) {
    HKEY key = nullptr;
    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, name, 0, KEY_READ | KEY_WOW64_64KEY, &key) != ERROR_SUCCESS) continue;
    const LSTATUS status = RegFlushKey(key);
    RegCloseKey(key);
    if (status != ERROR_SUCCESS) return No(L"registry", std::wstring(name) + L": " + SystemText(static_cast<DWORD>(status)));
  }
  return Yes(L"flushed");
}

Outcome CompareStep(const Words& words) {
  const auto a = Numbers(words[0]), b = Numbers(words[1]);
  return Yes(a < b ? L"older" : a == b ? L"same" : L"newer");
}

}  // namespace setup
