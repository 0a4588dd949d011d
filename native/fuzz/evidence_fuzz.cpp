// libFuzzer: blocks of a segment on any bytes. The fuzzer cannot guess checksums, so each frame that it lays out gets the right
// one, unless the first byte says otherwise. The checksum by instruction must be the one by table.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "evidence/crc32c.h"
#include "evidence/scanner.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lnx;
  if (size < 1) return 0;
  std::vector<uint8_t> block(data + 1, data + size);
  const bool repair = (data[0] & 1) == 0;
  for (size_t at = 0; repair && at + 24 <= block.size();) {
    uint32_t length = 0;
    std::memcpy(&length, &block[at], 4);
    length = std::min<uint32_t>(length % 512, static_cast<uint32_t>(block.size() - at - 24));
    std::memcpy(&block[at], &length, 4);
    const uint32_t crc = evidence::Crc32c({block.data() + at + 24, length}, evidence::Crc32c({block.data() + at + 4, 8}));
    std::memcpy(&block[at + 12], &crc, 4);
    at += 24 + length;
  }
  const Bytes whole{block.data(), block.size()};
  if (evidence::Crc32c(whole) != evidence::Crc32cPlain(whole)) std::abort();
  evidence::Scanner scanner("s", {"agent.gap"}, {});
  if (!scanner.Take(whole) && scanner.seen().count != 0) std::abort();
  return 0;
}
