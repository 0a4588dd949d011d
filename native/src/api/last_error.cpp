#include "api/last_error.h"

#include <cstdio>
#include <cstring>

#include "base/utf8.h"

namespace lnx::api {
namespace {

struct Record {
  LnxStatus status;
  int64_t os_code;
  char message[4096];
  char found[1024];
  char expected[1024];
  char where[1024];
  char fix[1024];
  char page[48];
};

thread_local Record record;  // zero-initialised, trivially destructible

// Cuts between characters, and lets nothing through that is not UTF-8: programs decode these texts strictly.
void Put(char* out, size_t capacity, const char* text, size_t bytes) noexcept {
  const size_t n = CutAt(text, bytes, capacity - 1);
  std::memcpy(out, text, n);
  out[n] = 0;
  MakeUtf8(out, n);
}

template <size_t N>
void Put(char (&out)[N], const std::string& text) noexcept {
  Put(out, N, text.data(), text.size());
}

}  // namespace

LnxStatus RememberError(const Error& error) noexcept {
  const Finding& f = error.finding();
  record.status = error.status();
  record.os_code = f.os_code;
  Put(record.message, sizeof record.message, error.what(), std::strlen(error.what()));
  Put(record.found, f.found);
  Put(record.expected, f.expected);
  Put(record.where, f.where);
  Put(record.fix, f.fix);
  std::snprintf(record.page, sizeof record.page, "docs/errors/LNX-%d.md", static_cast<int>(record.status));
  return record.status;
}

LnxStatus RememberError(LnxStatus status, const char* found, const char* where) noexcept {
  const ErrorEntry& entry = FindError(status);
  record.status = status;
  record.os_code = 0;
  std::snprintf(record.message, sizeof record.message,
                "LNX-%d  %s\n  where     %s\n  found     %s\n  do        %s\n  see       docs/errors/LNX-%d.md",
                static_cast<int>(status), entry.title, where, found, entry.fix, static_cast<int>(status));
  MakeUtf8(record.message, std::strlen(record.message));
  Put(record.found, sizeof record.found, found, std::strlen(found));
  record.expected[0] = 0;
  Put(record.where, sizeof record.where, where, std::strlen(where));
  Put(record.fix, sizeof record.fix, entry.fix, std::strlen(entry.fix));
  std::snprintf(record.page, sizeof record.page, "docs/errors/LNX-%d.md", static_cast<int>(status));
  return status;
}

void FillErrorInfo(LnxErrorInfo* info) noexcept {
  info->status = record.status;
  info->name = LnxStatusName(record.status);
  info->message = record.message;
  info->found = record.found;
  info->expected = record.expected;
  info->where = record.where;
  info->fix = record.fix;
  info->page = record.page;
  info->os_code = record.os_code;
}

}  // namespace lnx::api
