// What LnxLastError tells: one fixed-size record per thread. Plain data on purpose: a thread_local with a destructor hangs or
// crashes when the library is unloaded while threads live.
#pragma once

#include "base/status.h"
#include "lnx/lnx.h"

namespace lnx::api {

LnxStatus RememberError(const Error& error) noexcept;                                      // returns its status
LnxStatus RememberError(LnxStatus status, const char* found, const char* where) noexcept;  // without allocating
void FillErrorInfo(LnxErrorInfo* info) noexcept;

}  // namespace lnx::api
