// Included first where clang reads mingw-w64's headers in its MSVC mode: what they leave undefined there.
#pragma once
#include <_mingw.h>
#undef __MINGW_IMPORT
#define __MINGW_IMPORT extern __declspec(dllimport)
