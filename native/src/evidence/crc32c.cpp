#include "evidence/crc32c.h"

#include <array>
#include <cstring>

#if defined(_M_X64) || defined(__x86_64__)
#define LNX_EVIDENCE_X64 1
#include <nmmintrin.h>
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#define LNX_EVIDENCE_SSE42
#else
#define LNX_EVIDENCE_SSE42 __attribute__((target("sse4.2")))
#endif
#endif

namespace lnx::evidence {
namespace {

constexpr uint32_t kPolynomial = 0x82F63B78;  // reflected

constexpr std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t n = 0; n < 256; ++n) {
    uint32_t crc = n;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    table[n] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kTable = MakeTable();

#ifdef LNX_EVIDENCE_X64
bool HasInstruction() noexcept {
#if defined(_MSC_VER) && !defined(__clang__)
  int registers[4] = {};
  __cpuid(registers, 1);
  return (registers[2] & (1 << 20)) != 0;
#else
  return __builtin_cpu_supports("sse4.2") != 0;
#endif
}

LNX_EVIDENCE_SSE42 uint32_t ByInstruction(Bytes data, uint32_t before) noexcept {
  uint64_t crc = ~before;
  const uint8_t* at = data.data;
  size_t left = data.size;
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t word = 0;
    std::memcpy(&word, at, 8);
    crc = _mm_crc32_u64(crc, word);
  }
  auto low = static_cast<uint32_t>(crc);
  for (; left > 0; ++at, --left) low = _mm_crc32_u8(low, *at);
  return ~low;
}
#endif

}  // namespace

uint32_t Crc32cPlain(Bytes data, uint32_t before) noexcept {
  uint32_t crc = ~before;
  for (const uint8_t byte : data) crc = (crc >> 8) ^ kTable[(crc ^ byte) & 0xFF];
  return ~crc;
}

uint32_t Crc32c(Bytes data, uint32_t before) noexcept {
#ifdef LNX_EVIDENCE_X64
  static const bool instruction = HasInstruction();
  if (instruction) return ByInstruction(data, before);
#endif
  return Crc32cPlain(data, before);
}

}  // namespace lnx::evidence
