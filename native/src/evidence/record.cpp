#include "evidence/record.h"

namespace lnx::evidence {

bool EventAndSource(Bytes record, std::string_view* event, std::string_view* source) noexcept {
  *event = *source = {};
  bool has_source = false;
  const auto attribute = [&](std::string_view key, Bytes value) {
    if (key != kSource) return true;
    Bytes text;
    if (has_source || !Reader(value).Last(kString, &text)) return false;
    has_source = true;
    *source = Text(text);
    return true;
  };
  return Walk(record, attribute, [&](std::string_view name) {
    *event = name;
    return true;
  });
}

}  // namespace lnx::evidence
