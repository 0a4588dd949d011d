// The canonical form of a record, as agent/lnx_agent/record.py describes it: its tags, a reader of protobuf, and what a record
// tells without being parsed whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/span.h"

namespace lnx::evidence {

constexpr std::string_view kUid = "log.record.uid", kSource = "lnx.source", kUnsynchronised = "time.unsynchronised";

// Fields of a LogRecord and of what is in it, as the first byte of each says.
enum Tag : uint8_t {
  kTime = 0x09,
  kSeverity = 0x10,
  kBody = 0x2A,
  kAttribute = 0x32,
  kDropped = 0x38,
  kObserved = 0x59,
  kEvent = 0x62,
  kKey = 0x0A,
  kValue = 0x12,
  kString = 0x0A,
};

inline std::string_view Text(Bytes bytes) noexcept { return {reinterpret_cast<const char*>(bytes.data), bytes.size}; }

// Reads protobuf; after a false answer nothing more may be read.
class Reader {
 public:
  explicit Reader(Bytes bytes) : at_(bytes.begin()), end_(bytes.end()) {}

  bool done() const noexcept { return at_ == end_; }
  uint8_t Byte() noexcept { return *at_++; }
  bool Skip(size_t count) noexcept {
    if (static_cast<size_t>(end_ - at_) < count) return false;
    at_ += count;
    return true;
  }
  bool Varint(uint64_t* value) noexcept {
    *value = 0;
    for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const uint8_t byte = *at_++;
      *value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
  bool Delimited(Bytes* field) noexcept {
    uint64_t size = 0;
    if (!Varint(&size) || size > static_cast<uint64_t>(end_ - at_)) return false;
    *field = {at_, static_cast<size_t>(size)};
    at_ += size;
    return true;
  }
  // A field that must be here, alone up to the end.
  bool Last(uint8_t tag, Bytes* field) noexcept { return !done() && Byte() == tag && Delimited(field) && done(); }
  // An attribute: its key, and the bytes of its AnyValue.
  bool Pair(Bytes* key, Bytes* value) noexcept {
    Bytes field;
    if (!Delimited(&field)) return false;
    Reader pair(field);
    return !pair.done() && pair.Byte() == kKey && pair.Delimited(key) && pair.Last(kValue, value);
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

// Walks a record: attribute(key, AnyValue) and event(name) are called for each and say whether to go on. False when one of them
// said no, and for everything that is not certainly canonical: another field, a body that is not empty, a second event.
template <typename OnAttribute, typename OnEvent>
bool Walk(Bytes record, OnAttribute attribute, OnEvent event) noexcept {
  Reader reader(record);
  bool has_event = false;
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
        if (!reader.Pair(&key, &value) || !attribute(Text(key), value)) return false;
        break;
      case kEvent:
        if (has_event || !reader.Delimited(&text) || !event(Text(text))) return false;
        has_event = true;
        break;
      default:
        return false;
    }
  }
  return true;
}

// The event and the text of lnx.source (empty without one) of a record that is certainly canonical and has each at most once;
// false for every other. Both point into the record.
bool EventAndSource(Bytes record, std::string_view* event, std::string_view* source) noexcept;

}  // namespace lnx::evidence
