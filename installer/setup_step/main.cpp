#include <cstdio>
#include <exception>

#include "step.h"

namespace setup {

DWORD patience = 150000;

namespace {

struct Verb {
  const wchar_t* name;
  size_t least, most;  // words
  Outcome (*act)(const Words&);
};

constexpr Verb kVerbs[] = {
    {L"choose-pack", 1, 8, ChoosePackStep},
    {L"serves", 1, 1, ServesStep},
    {L"answers", 2, 2, AnswersStep},
    {L"commit", 2, 2, CommitStep},
    {L"verify", 1, 1, VerifyStep},
    {L"remove", 1, 1, RemoveStep},
    {L"room", 2, 2, RoomStep},
    {L"writable", 1, 1, WritableStep},
    {L"path", 2, 2, PathStep},
    {L"vcruntime", 0, 0, VcRuntimeStep},
    {L"compare", 2, 2, CompareStep},
    {L"flush", 0, 0, FlushStep},
};

std::wstring OneLine(std::wstring text) {
  for (wchar_t& c : text) {
    if (c == L'\r' || c == L'\n') c = L' ';
  }
  return text;
}

bool WriteResult(const std::wstring& path, const Outcome& outcome) {
  std::wstring text = L"\xFEFF[result]\r\ncode=" + outcome.code + L"\r\ntext=\"" + OneLine(outcome.text) + L"\"\r\n";
  for (const auto& [name, value] : outcome.more) text += name + L"=\"" + OneLine(value) + L"\"\r\n";
  const HANDLE file = CreateFileW(Long(path).c_str(), GENERIC_WRITE, 0, nullptr, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) return false;
  DWORD written = 0;
  const auto bytes = static_cast<DWORD>(text.size() * sizeof(wchar_t));
  const bool done = WriteFile(file, text.data(), bytes, &written, nullptr) && written == bytes;
  CloseHandle(file);
  return done;
}

int Run(int count, wchar_t** values) {
  if (count < 4 || std::wstring(values[1]) != L"--result") return 2;
  const std::wstring result = values[2];
  int at = 3;
  if (std::wstring(values[3]) == L"--patience" && count > 5)
    patience = static_cast<DWORD>(wcstoul(values[4], nullptr, 10)) * 1000, at = 5;
  const std::wstring name = values[at];
  const Words words(values + at + 1, values + count);
  for (const Verb& verb : kVerbs) {
    if (name != verb.name) continue;
    if (words.size() < verb.least || words.size() > verb.most) return 2;
    Outcome outcome;
    try {
      outcome = verb.act(words);
    } catch (const std::exception& error) {
      outcome.code = L"failed", outcome.text = Utf16(error.what());
    }
    if (!WriteResult(result, outcome)) return 2;
    std::printf("%ls\n", outcome.code.c_str());  // ASCII, for a console
    return outcome.yes ? 0 : 1;
  }
  return 2;
}

}  // namespace
}  // namespace setup

int wmain(int count, wchar_t** values) { return setup::Run(count, values); }
