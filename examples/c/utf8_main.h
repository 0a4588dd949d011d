/* Windows gives a program its arguments in the code page of the system, in which not every path can be written. Programs that
 * include this define `main` as everywhere else, and get UTF-8; `utf8_open` opens a UTF-8 path. On Linux nothing changes. */
#ifndef LNX_EXAMPLES_UTF8_MAIN_H
#define LNX_EXAMPLES_UTF8_MAIN_H

#include <stdio.h>

#if defined(_WIN32)
#include <stdlib.h>
#include <windows.h>

int utf8_main(int argc, char** argv);

static inline FILE* utf8_open(const char* path, const char* mode) {
  wchar_t wide_path[32768], wide_mode[8];
  if (!MultiByteToWideChar(CP_UTF8, 0, path, -1, wide_path, 32768)) return NULL;
  if (!MultiByteToWideChar(CP_UTF8, 0, mode, -1, wide_mode, 8)) return NULL;
  return _wfopen(wide_path, wide_mode);
}

int wmain(int argc, wchar_t** wide) {
  char** argv = (char**)calloc((size_t)argc + 1, sizeof *argv);
  for (int i = 0; argv && i < argc; ++i) {
    const int bytes = WideCharToMultiByte(CP_UTF8, 0, wide[i], -1, NULL, 0, NULL, NULL);
    argv[i] = (char*)malloc((size_t)bytes);
    if (argv[i]) WideCharToMultiByte(CP_UTF8, 0, wide[i], -1, argv[i], bytes, NULL, NULL);
  }
  SetConsoleOutputCP(CP_UTF8);
  return argv ? utf8_main(argc, argv) : 2;
}

#define main utf8_main
#else
static inline FILE* utf8_open(const char* path, const char* mode) { return fopen(path, mode); }
#endif

#endif
