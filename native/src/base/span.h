// A borrowed run of bytes (C++17 has no std::span).
#pragma once

#include <cstddef>
#include <cstdint>

namespace lnx {

template <typename T>
struct Span {
  T* data = nullptr;
  size_t size = 0;

  T* begin() const { return data; }
  T* end() const { return data + size; }
  bool empty() const { return size == 0; }
  T& operator[](size_t i) const { return data[i]; }
  Span subspan(size_t offset, size_t count) const { return {data + offset, count}; }
};

using Bytes = Span<const uint8_t>;

}  // namespace lnx
