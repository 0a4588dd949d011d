#include "container/preamble.h"

#include <algorithm>
#include <cstring>

#include "base/status.h"
#include "container/container.h"

namespace lnx::container {
namespace {

constexpr uint8_t kMagic[8] = {0x89, 'L', 'N', 'X', 0x0D, 0x0A, 0x1A, 0x0A};
constexpr uint16_t kMajor = 1;

// Little-endian fields at fixed offsets.
template <typename T>
T Field(Bytes file, size_t offset) {
  T value = 0;
  for (size_t i = sizeof(T); i-- > 0;) value = static_cast<T>(value << 8 | file[offset + i]);
  return value;
}

template <>
uint8_t Field<uint8_t>(Bytes file, size_t offset) {
  return file[offset];
}

void CheckMagic(Bytes file, const std::string& where) {
  if (file.size >= 8 && std::memcmp(file.data, kMagic, 8) == 0) return;
  if (file.size > 0 && file.size < 8 && std::memcmp(file.data, kMagic, file.size) == 0) {
    Fail(LNX_E_TRUNCATED, {std::to_string(file.size) + " bytes", "at least 128 bytes", where});
  }
  std::string found = file.empty() ? "an empty file" : "a file that starts with";
  char hex[4];
  for (size_t i = 0; i < std::min<size_t>(file.size, 8); ++i) {
    std::snprintf(hex, sizeof hex, " %02x", file[i]);
    found += hex;
  }
  Fail(LNX_E_NOT_LNX, {found, "89 4c 4e 58 0d 0a 1a 0a (\\x89LNX)", where});
}

void RequireHeader(bool good, const char* field, uint64_t found, const char* expected, const std::string& where) {
  if (!good) Fail(LNX_E_HEADER, {std::string(field) + " = " + std::to_string(found), expected, where + ", header"});
}

void RequireLimit(uint64_t value, uint64_t limit, const char* field, const std::string& where) {
  if (value > limit)
    Fail(LNX_E_LIMIT, {std::string(field) + " = " + std::to_string(value), "at most " + std::to_string(limit), where});
}

}  // namespace

Preamble ReadPreamble(Bytes head, uint64_t file_bytes, const std::string& where) {
  CheckMagic(head, where);
  if (head.size < kPreambleBytes) {
    Fail(LNX_E_TRUNCATED, {std::to_string(file_bytes) + " bytes", "at least 128 bytes", where});
  }
  const auto major = Field<uint16_t>(head, 8);
  if (major != kMajor) Fail(LNX_E_VERSION, {"container version " + std::to_string(major), "version 1", where});
  const auto flags = Field<uint32_t>(head, 12);
  RequireHeader((flags & 0xFFFF) == 0, "required feature flags", flags & 0xFFFF, "0: none are defined in version 1", where);
  const auto log2_chunk = Field<uint8_t>(head, 16);
  RequireHeader(log2_chunk >= 12 && log2_chunk <= 24, "log2 of the chunk size", log2_chunk, "12 .. 24", where);
  for (size_t i = 17; i < 20; ++i) RequireHeader(head[i] == 1, "algorithm id", head[i], "1", where);
  RequireHeader(Field<uint32_t>(head, 20) == 0, "reserved field at 20", Field<uint32_t>(head, 20), "0", where);
  RequireHeader(Field<uint64_t>(head, 104) == 0, "reserved field at 104", Field<uint64_t>(head, 104), "0", where);

  Preamble p;
  p.chunk_bytes = 1u << log2_chunk;
  p.plain_bytes = Field<uint64_t>(head, 24);
  RequireHeader(p.plain_bytes > 0, "payload length", 0, "at least 1", where);
  RequireLimit(p.plain_bytes, kMaxPlainBytes, "payload length", where);
  p.chunks = (p.plain_bytes + p.chunk_bytes - 1) / p.chunk_bytes;
  p.salt = head.subspan(32, 32);
  p.commitment = head.subspan(64, 32);
  p.manifest_bytes = Field<uint32_t>(head, 96);
  p.hash_bytes = Field<uint32_t>(head, 100);
  p.signature_bytes = Field<uint32_t>(head, 112);
  p.recipient_bytes = Field<uint32_t>(head, 116);
  p.payload_offset = Field<uint64_t>(head, 120);
  RequireLimit(p.manifest_bytes, kMaxManifestBytes, "manifest length", where);
  RequireHeader(p.hash_bytes == 32 * p.chunks, "hash block length", p.hash_bytes, "32 bytes per chunk", where);
  RequireLimit(p.signature_bytes, kMaxSignatureBytes, "signature length", where);
  RequireLimit(p.recipient_bytes, kMaxRecipientBytes, "recipients length", where);
  const uint64_t aligned = (p.PaddingOffset() + kPage - 1) / kPage * kPage;
  RequireHeader(p.payload_offset == aligned, "payload offset", p.payload_offset, "the next multiple of 4096", where);

  const uint64_t expected = p.payload_offset + p.plain_bytes + p.chunks * kTagBytes;
  const std::string sizes = std::to_string(expected) + " bytes";
  if (file_bytes < expected) Fail(LNX_E_TRUNCATED, {std::to_string(file_bytes) + " bytes", sizes, where});
  if (file_bytes > expected) Fail(LNX_E_TRAILING_DATA, {std::to_string(file_bytes) + " bytes", sizes, where});
  return p;
}

}  // namespace lnx::container
