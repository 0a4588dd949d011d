#include "runtime/graph_form.h"

#include <cstring>
#include <string>

#include "base/platform.h"
#include "base/status.h"

namespace lnx::runtime {
namespace {

// Field numbers of onnx.proto.
constexpr uint64_t kModelGraph = 7, kGraphInput = 11, kGraphOutput = 12;

// One field of a protobuf message: its number, the bytes of the whole field, and of its content when it has a length.
struct Field {
  uint64_t number = 0;
  Bytes whole, content;
  bool has_length = false;
};

class Reader {
 public:
  Reader(Bytes message, const char* what) : at_(message.begin()), end_(message.end()), what_(what) {}

  bool Next(Field* field) {
    if (at_ == end_) return false;
    const uint8_t* begin = at_;
    const uint64_t tag = Varint();
    field->number = tag >> 3;
    field->has_length = (tag & 7) == 2;
    switch (tag & 7) {
      case 0:
        Varint();
        break;
      case 1:
        Skip(8);
        break;
      case 2: {
        const uint64_t length = Varint();
        field->content = {at_, static_cast<size_t>(length)};
        Skip(length);
        break;
      }
      case 5:
        Skip(4);
        break;
      default:
        Refuse("wire type " + std::to_string(tag & 7));
    }
    field->whole = {begin, static_cast<size_t>(at_ - begin)};
    return true;
  }

 private:
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) Refuse("an unfinished number");
      const uint8_t byte = *at_++;
      value |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128) return value;
    }
    Refuse("a number of more than 64 bits");
  }
  void Skip(uint64_t n) {
    if (n > static_cast<uint64_t>(end_ - at_)) Refuse("a field beyond the end");
    at_ += n;
  }
  [[noreturn]] void Refuse(const std::string& found) const { Fail(LNX_E_GRAPH_INVALID, {found, "an ONNX model", what_}); }

  const uint8_t *at_, *end_;
  const char* what_;
};

size_t PutVarint(uint64_t value, uint8_t* to) {
  size_t n = 0;
  for (; value >= 128; value >>= 7) to[n++] = static_cast<uint8_t>(value | 128);
  to[n++] = static_cast<uint8_t>(value);
  return n;
}

bool Replaced(const Field& field) { return field.number == kGraphInput || field.number == kGraphOutput; }

}  // namespace

SecretBytes::SecretBytes(size_t capacity)
    : data_(static_cast<uint8_t*>(platform::SecretAllocate(capacity == 0 ? 1 : capacity))),
      capacity_(capacity == 0 ? 1 : capacity) {}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept : data_(other.data_), capacity_(other.capacity_), size_(other.size_) {
  other.data_ = nullptr;
}

SecretBytes::~SecretBytes() {
  if (data_ != nullptr) platform::SecretFree(data_, capacity_);
}

void SecretBytes::Append(Bytes bytes) {
  if (bytes.size > capacity_ - size_) Fail(LNX_E_INTERNAL, {"more bytes than were counted", "the same", "graph form"});
  if (!bytes.empty()) std::memcpy(data_ + size_, bytes.data, bytes.size);
  size_ += bytes.size;
}

SecretBytes SpliceForm(Bytes onnx, Bytes form) {
  Field field, inner;
  Bytes graph;
  size_t graphs = 0;
  for (Reader model(onnx, "the graph"); model.Next(&field);) {
    if (field.number == kModelGraph && field.has_length) graph = field.content, ++graphs;
  }
  if (graphs != 1) Fail(LNX_E_GRAPH_INVALID, {std::to_string(graphs) + " graphs", "one", "the graph"});
  size_t kept = 0;
  for (Reader body(graph, "the graph"); body.Next(&inner);) kept += Replaced(inner) ? 0 : inner.whole.size;
  size_t ends = 0;
  for (Reader piece(form, "the form for GPUs"); piece.Next(&inner);) ends += Replaced(inner) ? 1 : 0;
  if (ends < 2) Fail(LNX_E_GRAPH_INVALID, {std::to_string(ends) + " inputs and outputs", "at least 2", "the form for GPUs"});

  SecretBytes made(onnx.size + form.size + 16);  // the length may take a few bytes more
  for (Reader model(onnx, "the graph"); model.Next(&field);) {
    if (field.number != kModelGraph) {
      made.Append(field.whole);
      continue;
    }
    uint8_t begin[16];
    size_t n = PutVarint(kModelGraph << 3 | 2, begin);
    n += PutVarint(kept + form.size, begin + n);
    made.Append({begin, n});
    for (Reader body(graph, "the graph"); body.Next(&inner);) {
      if (!Replaced(inner)) made.Append(inner.whole);
    }
    made.Append(form);
  }
  return made;
}

}  // namespace lnx::runtime
