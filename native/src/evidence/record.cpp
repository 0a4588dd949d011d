#include "evidence/record.h"

namespace lnx::evidence {

bool EventAndSource(Bytes record, std::string_view* event, std::string_view* source) noexcept {
  *event = *source = {};
  Reader reader(record);
  bool has_event = false, has_source = false;
  Bytes key, value, text;
  uint64_t ignored = 0;
  while (!reader.done()) {
    switch (reader.Byte()) {
      case kTime:
      case kObserved:
        if (!reader.Skip(8)) return false;
        break;
      case kSeverity:
      case kDropped:
        if (!reader.Varint(&ignored)) return false;
        break;
      case kBody:
        if (!reader.Delimited(&text) || !text.empty()) return false;
        break;
      case kAttribute:
        if (!reader.Pair(&key, &value)) return false;
        if (Text(key) != kSource) break;
        if (has_source || !Reader(value).Last(kString, &text)) return false;
        has_source = true;
        *source = Text(text);
        break;
      case kEvent:
        if (has_event || !reader.Delimited(&text)) return false;
        has_event = true;
        *event = Text(text);
        break;
      default:
        return false;
    }
  }
  return true;
}

}  // namespace lnx::evidence
