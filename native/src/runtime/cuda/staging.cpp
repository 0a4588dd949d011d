#include "runtime/cuda/staging.h"

#include <algorithm>
#include <cstring>

namespace lnx::runtime::cuda {
namespace {

constexpr size_t kPieces = 4, kPieceBytes = 1 << 20;

}  // namespace

void StagingRing::Upload(DevicePtr to, const void* from, size_t bytes, Stream stream) {
  while (pieces_.size() < kPieces)
    pieces_.push_back({AllocatePinned(device_, kPieceBytes), MakeEvent(device_, EventKind::kBlocking), false});
  const auto* source = static_cast<const uint8_t*>(from);
  for (size_t done = 0; done < bytes;) {
    Piece& piece = pieces_[next_];
    next_ = (next_ + 1) % kPieces;
    if (piece.used) WaitFor(piece.sent.get());
    const size_t n = std::min(kPieceBytes, bytes - done);
    std::memcpy(piece.memory.get(), source + done, n);
    Check(Functions().MemcpyHtoDAsync(to + done, piece.memory.get(), n, stream), "cuMemcpyHtoDAsync", LNX_E_DEVICE_LOST);
    Check(Functions().EventRecord(piece.sent.get(), stream), "cuEventRecord", LNX_E_DEVICE_LOST);
    piece.used = true;
    done += n;
  }
}

}  // namespace lnx::runtime::cuda
