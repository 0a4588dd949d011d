#include "base/status.h"

#include <utility>

#include "base/utf8.h"

namespace lnx {
namespace {

constexpr ErrorEntry kTable[] = {
#define X(number, name, title, fix) {number, #name, title, fix},
#include "base/error_table.inc"
#undef X
};

std::string Compose(LnxStatus status, const Finding& f) {
  const ErrorEntry& entry = FindError(status);
  std::string text = "LNX-" + std::to_string(status) + "  " + entry.title;
  if (!f.where.empty()) text += "\n  where     " + f.where;
  if (!f.found.empty()) text += "\n  found     " + f.found;
  if (!f.expected.empty()) text += "\n  expected  " + f.expected;
  const std::string fix = f.fix.empty() ? entry.fix : f.fix;
  if (!fix.empty()) text += "\n  do        " + fix;
  text += "\n  see       docs/errors/LNX-" + std::to_string(status) + ".md";
  return text;
}

// Words of files and of other libraries may be anything; what a program reads is UTF-8.
Finding Clean(Finding finding) {
  for (std::string* text : {&finding.found, &finding.expected, &finding.where, &finding.fix})
    MakeUtf8(text->data(), text->size());
  return finding;
}

}  // namespace

const ErrorEntry& FindError(LnxStatus status) noexcept {
  const ErrorEntry* internal = nullptr;
  for (const ErrorEntry& entry : kTable) {
    if (entry.status == status) return entry;
    if (entry.status == LNX_E_INTERNAL) internal = &entry;
  }
  return *internal;
}

Error::Error(LnxStatus status, Finding finding)
    : status_(status), finding_(Clean(std::move(finding))), message_(Compose(status_, finding_)) {
  if (finding_.fix.empty()) finding_.fix = FindError(status_).fix;
}

void Fail(LnxStatus status, Finding finding) { throw Error(status, std::move(finding)); }

}  // namespace lnx
