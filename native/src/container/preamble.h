// The first 128 bytes of a container: fixed fields and the lengths of everything that follows.
#pragma once

#include <cstdint>
#include <string>

#include "base/span.h"

namespace lnx::container {

constexpr size_t kPreambleBytes = 128;
constexpr size_t kSignedPreambleBytes = 112;
constexpr size_t kTagBytes = 16;
constexpr size_t kPage = 4096;

struct Preamble {
  uint32_t chunk_bytes = 0;
  uint64_t plain_bytes = 0;
  uint64_t chunks = 0;
  Bytes salt, commitment;  // 32 bytes each, into the head
  uint32_t manifest_bytes = 0, hash_bytes = 0, signature_bytes = 0, recipient_bytes = 0;
  uint64_t payload_offset = 0;

  size_t HashOffset() const { return kPreambleBytes + manifest_bytes; }
  size_t SignatureOffset() const { return HashOffset() + hash_bytes; }
  size_t RecipientOffset() const { return SignatureOffset() + signature_bytes; }
  size_t PaddingOffset() const { return RecipientOffset() + recipient_bytes; }
  // Bytes of plaintext in chunk i.
  uint64_t ChunkPlainBytes(uint64_t i) const { return i + 1 < chunks ? chunk_bytes : plain_bytes - i * chunk_bytes; }
  uint64_t ChunkOffset(uint64_t i) const { return payload_offset + i * (static_cast<uint64_t>(chunk_bytes) + kTagBytes); }
};

// Checks every field and that the file has exactly the size that they describe. head: the first 128 bytes, or all of a shorter
// file; it must outlive the result. `where` names the file in errors.
Preamble ReadPreamble(Bytes head, uint64_t file_bytes, const std::string& where);

}  // namespace lnx::container
