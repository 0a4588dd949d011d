// The answer file of a silent installation: UTF-8 (with or without mark) or UTF-16, checked here so that a wrong word is named
// with its line, and written in UTF-16 as NSIS reads it.
#include <algorithm>
#include <set>

#include "step.h"

namespace setup {
namespace {

struct Known {
  const wchar_t* key;
  const wchar_t* values;  // "" = free text; "a|b" = one of; "a,b" = a list of
};

constexpr Known kKnown[] = {
    {L"language", L"ko|en"},
    {L"folder", L""},
    {L"components", L"sdk,runtime,agent,collector,samples,docs"},
    {L"pack", L"auto|cpu|cu12|cu13"},
    {L"environment", L"yes|no"},
    {L"start_services", L"yes|no"},
    {L"agent_config", L""},
    {L"collector_config", L""},
    {L"account", L""},
};

std::wstring Trim(const std::wstring& text) {
  const size_t begin = text.find_first_not_of(L" \t\r"), end = text.find_last_not_of(L" \t\r");
  return begin == std::wstring::npos ? L"" : text.substr(begin, end - begin + 1);
}

std::set<std::wstring> Split(const std::wstring& text, wchar_t mark) {
  std::set<std::wstring> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(mark, at), text.size());
    const std::wstring part = Trim(text.substr(at, end - at));
    if (!part.empty()) parts.insert(part);
    at = end + 1;
  }
  return parts;
}

bool Read(const std::wstring& path, std::wstring* out) {
  const HANDLE file = CreateFileW(Long(path).c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, 0, nullptr);
  if (file == INVALID_HANDLE_VALUE) return false;
  std::string bytes(65537, '\0');
  DWORD n = 0;
  const bool done = ReadFile(file, bytes.data(), static_cast<DWORD>(bytes.size()), &n, nullptr) && n < bytes.size();
  CloseHandle(file);
  if (!done) return false;
  bytes.resize(n);
  if (bytes.compare(0, 2, "\xFF\xFE") == 0) {
    out->assign(reinterpret_cast<const wchar_t*>(bytes.data() + 2), (bytes.size() - 2) / sizeof(wchar_t));
    return true;
  }
  if (bytes.compare(0, 3, "\xEF\xBB\xBF") == 0) bytes.erase(0, 3);
  if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, bytes.data(), static_cast<int>(bytes.size()), nullptr, 0) == 0 &&
      !bytes.empty())
    return SetLastError(ERROR_NO_UNICODE_TRANSLATION), false;
  *out = Utf16(bytes);
  return true;
}

// "" when the value is one of the known ones.
std::wstring Wrong(const Known& known, const std::wstring& value) {
  const std::wstring values = known.values;
  if (values.empty()) return value.empty() ? L"a value" : L"";
  const bool list = values.find(L',') != std::wstring::npos;
  const std::set<std::wstring> allowed = Split(values, list ? L',' : L'|');
  for (const std::wstring& part : list ? Split(value, L',') : std::set<std::wstring>{value}) {
    if (!allowed.count(part)) return (list ? L"a list of " : L"one of ") + values;
  }
  return L"";
}

Outcome Refused(const std::wstring& path, size_t line, const std::wstring& found, const std::wstring& expected) {
  Outcome outcome;
  outcome.code = L"bad-answers";
  outcome.text = path + L":" + std::to_wstring(line) + L": found " + found + L", expected " + expected;
  return outcome;
}

}  // namespace

Outcome AnswersStep(const Words& words) {
  std::wstring text;
  if (!Read(words[0], &text)) return Refused(words[0], 0, SystemText(GetLastError()), L"a text file in UTF-8 of at most 64 KiB");
  std::wstring out = L"\xFEFF[setup]\r\n", section;
  std::set<std::wstring> seen;
  size_t number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(L'\n', at), text.size());
    const std::wstring line = Trim(text.substr(at, end - at));
    at = end + 1;
    ++number;
    if (line.empty() || line[0] == L';' || line[0] == L'#') continue;
    if (line[0] == L'[') {
      section = line;
      if (section != L"[setup]") return Refused(words[0], number, section, L"[setup]");
      continue;
    }
    const size_t equals = line.find(L'=');
    const std::wstring key = Trim(line.substr(0, std::min(equals, line.size())));
    const auto* known = std::find_if(std::begin(kKnown), std::end(kKnown), [&](const Known& k) { return key == k.key; });
    if (section.empty() || equals == std::wstring::npos || known == std::end(kKnown)) {
      std::wstring names;
      for (const Known& k : kKnown) names += (names.empty() ? L"" : L", ") + std::wstring(k.key);
      return Refused(words[0], number, L"\"" + line + L"\"", L"[setup] and then " + names);
    }
    const std::wstring value = Trim(line.substr(equals + 1)), wrong = Wrong(*known, value);
    if (!wrong.empty()) return Refused(words[0], number, key + L" = \"" + value + L"\"", wrong);
    if (!seen.insert(key).second) return Refused(words[0], number, key + L" twice", L"once");
    out += key + L"=" + value + L"\r\n";
  }
  const HANDLE file = CreateFileW(Long(words[1]).c_str(), GENERIC_WRITE, 0, nullptr, CREATE_ALWAYS, 0, nullptr);
  DWORD written = 0;
  const auto bytes = static_cast<DWORD>(out.size() * sizeof(wchar_t));
  const bool done = file != INVALID_HANDLE_VALUE && WriteFile(file, out.data(), bytes, &written, nullptr);
  if (file != INVALID_HANDLE_VALUE) CloseHandle(file);
  Outcome outcome;
  outcome.yes = done, outcome.code = done ? L"answers" : L"failed", outcome.text = done ? L"" : SystemText(GetLastError());
  return outcome;
}

}  // namespace setup
