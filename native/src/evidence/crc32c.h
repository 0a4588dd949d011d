// CRC32C (Castagnoli), as the frames of journal and segments carry it.
#pragma once

#include <cstdint>

#include "base/span.h"

namespace lnx::evidence {

// The checksum of what `before` is the checksum of, followed by `data`. The processor's instruction where it has one.
uint32_t Crc32c(Bytes data, uint32_t before = 0) noexcept;
// The same by table: the twin.
uint32_t Crc32cPlain(Bytes data, uint32_t before = 0) noexcept;

}  // namespace lnx::evidence
