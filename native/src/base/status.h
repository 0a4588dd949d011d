// How an error travels inside the core: an exception that carries a status and what a person needs to know about it.
// Only api/ catches it. Nothing in the steady state of a run throws.
#pragma once

#include <cstdint>
#include <exception>
#include <string>

#include "lnx/lnx_status.h"

namespace lnx {

// One line of the generated table.
struct ErrorEntry {
  LnxStatus status;
  const char* name;
  const char* title;
  const char* fix;
};

// The table entry of a status; the entry of LNX_E_INTERNAL for numbers that are not in the table.
const ErrorEntry& FindError(LnxStatus status) noexcept;

// What was found, what was expected, where; the fix comes from the table unless a better one is known.
struct Finding {
  std::string found;
  std::string expected = {};
  std::string where = {};
  std::string fix = {};
  int64_t os_code = 0;
};

class Error : public std::exception {
 public:
  Error(LnxStatus status, Finding finding);

  const char* what() const noexcept override { return message_.c_str(); }
  LnxStatus status() const noexcept { return status_; }
  const Finding& finding() const noexcept { return finding_; }

 private:
  LnxStatus status_;
  Finding finding_;
  std::string message_;  // the whole text, as LnxLastError gives it
};

[[noreturn]] void Fail(LnxStatus status, Finding finding);

}  // namespace lnx
