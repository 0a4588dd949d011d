#include <algorithm>
#include <cstdint>

#include "result/result.h"

namespace lnx::result {

Arena::Arena(size_t first_block) { blocks_.push_back({std::make_unique<uint8_t[]>(first_block), first_block}); }

void* Arena::Allocate(size_t bytes, size_t alignment) {
  for (;;) {
    Block& block = blocks_[block_];
    const auto base = reinterpret_cast<uintptr_t>(block.data.get());
    const size_t at = static_cast<size_t>((base + used_ + alignment - 1) / alignment * alignment - base);
    if (at <= block.size && bytes <= block.size - at) {
      used_ = at + bytes;
      return block.data.get() + at;
    }
    if (block_ + 1 == blocks_.size()) {
      const size_t size = std::max(2 * block.size, bytes + alignment);
      blocks_.push_back({std::make_unique<uint8_t[]>(size), size});
    }
    ++block_;
    used_ = 0;
  }
}

const char* Arena::Text(const char* text, size_t bytes) {
  auto* copy = static_cast<char*>(Allocate(bytes + 1, 1));
  std::memcpy(copy, text, bytes);
  copy[bytes] = 0;
  return copy;
}

void Arena::Reset() noexcept { block_ = used_ = 0; }

}  // namespace lnx::result
