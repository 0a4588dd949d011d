// For programs that load lnx.dll themselves: UTF-8 text from Windows, and the functions of the C ABI found by name.
#pragma once

#include <windows.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "lnx/lnx.h"

inline std::string Utf8(const wchar_t* wide) {
  const int n = WideCharToMultiByte(CP_UTF8, 0, wide, -1, nullptr, 0, nullptr, nullptr);
  std::string text(static_cast<size_t>(n), '\0');
  WideCharToMultiByte(CP_UTF8, 0, wide, -1, &text[0], n, nullptr, nullptr);
  text.resize(static_cast<size_t>(n) - 1);
  return text;
}

inline std::string Variable(const wchar_t* name) {
  std::vector<wchar_t> value(32768);
  const DWORD n = GetEnvironmentVariableW(name, value.data(), static_cast<DWORD>(value.size()));
  return n == 0 ? std::string() : Utf8(value.data());
}

// A claim of the test: says which one and ends the program when it does not hold.
inline void Require(bool holds, const char* claim) {
  if (holds) return;
  std::printf("FAILED: %s\n", claim);
  std::fflush(stdout);
  std::_Exit(1);
}

template <typename Function>
Function Find(HMODULE library, const char* name, Function*) {
  const FARPROC found = GetProcAddress(library, name);
  Require(found != nullptr, name);
  Function function = nullptr;
  std::memcpy(&function, &found, sizeof function);
  return function;
}
#define LNX_FIND(library, name) Find(library, #name, static_cast<decltype(&name)*>(nullptr))

// What the tests hand over in the environment, and a picture that is the same everywhere.
struct Given {
  std::string model = Variable(L"LNX_TEST_MODEL"), key = Variable(L"LNX_TEST_KEY"), runtime = Variable(L"LNX_RUNTIME_DIR");
  const char* keys[1] = {key.c_str()};
  std::vector<uint8_t> pixels = std::vector<uint8_t>(256 * 256 * 3);

  Given() {
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(static_cast<uint32_t>(i) * 2654435761u >> 24);
  }
  Given(const Given&) = delete;
  Given& operator=(const Given&) = delete;

  void Fill(LnxInitOptions* options) const {
    options->device = "cpu";
    options->cpu_threads = 1;
    options->trusted_keys = keys;
    options->trusted_key_count = 1;
  }
};
