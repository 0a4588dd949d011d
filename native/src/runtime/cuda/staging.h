// Brings large pictures to a GPU from memory that is not pinned: piece by piece through a ring of pinned pieces, so that copying
// one piece into the ring goes on while the ones before it travel. Used by one thread.
#pragma once

#include <vector>

#include "runtime/cuda/device.h"

namespace lnx::runtime::cuda {

class StagingRing {
 public:
  explicit StagingRing(int device) : device_(device) {}
  // Returns when `from` has been read; the last pieces are still on their way.
  void Upload(DevicePtr to, const void* from, size_t bytes, Stream stream);

 private:
  struct Piece {
    PinnedMemory memory;
    OwnEvent sent;
    bool used = false;
  };
  int device_;
  std::vector<Piece> pieces_;  // made on first use
  size_t next_ = 0;
};

}  // namespace lnx::runtime::cuda
