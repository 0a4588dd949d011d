// A status of the C ABI as an exception of Python.
#pragma once

#include "lnx/lnx.h"

// Raises lnx.errors.LnxError with what LnxLastError tells, or what a callback of the caller raised.
[[noreturn]] void Raise();

inline void Check(LnxStatus status) {
  if (status != LNX_OK) Raise();
}
