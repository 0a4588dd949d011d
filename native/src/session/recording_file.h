// One recording on the disk, encrypted for whoever holds the private key. Format: docs/reference/recording.md; its reader is
// sdk/lnx/recording.py.
//
//   "LNXREC" 00 01 | u32 bytes of the head | head (JSON) | chunks: AES-256-GCM of 1 MiB each
//
// The head says which model and reason, for which key, and carries the file's own content key, sealed with HPKE for that key. The
// nonce of a chunk is 7 zero bytes, its number (big-endian) and whether it is the last; the additional data of every chunk is the
// SHA-256 of all that precedes the chunks. The plaintext is: u32 bytes of the index | index (JSON) | pixels, one picture after
// another.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "crypto/crypto.h"
#include "lnx/lnx.h"
#include "result/result.h"

namespace lnx::session {

struct RecordingFacts {  // what stays the same for a session
  std::shared_ptr<const manifest::Manifest> manifest;
  std::string model_sha256;  // hex
  std::string device, provider, runtime, processor_path;
  uint32_t cpu_threads = 0, max_batch = 1;
  int32_t tile_width = 0, tile_height = 0;  // 0 = no tiles
  double tile_overlap = 0;
};

struct RecordedRun {
  struct Picture {
    size_t begin, bytes;  // in pixels
    int32_t width, height;
    LnxPixelFormat format;
    uint32_t valid_bits;
  };
  struct Image {
    uint32_t picture;
    LnxRect roi;
    uint64_t user_tag;
  };
  int64_t unix_nanos = 0;
  std::vector<uint8_t> pixels;  // rows without padding
  std::vector<Picture> pictures;
  std::vector<Image> images;
  result::RunParams params;
  result::Storage* result = nullptr;  // held; NULL when the run failed
  LnxStatus status = LNX_OK;
  std::string error;

  RecordedRun() = default;
  RecordedRun(const RecordedRun&) = delete;
  RecordedRun& operator=(const RecordedRun&) = delete;
  ~RecordedRun() { Forget(); }
  void Forget() noexcept;  // keeps the memory
};

// Whole or not at all: under another name until it is complete. LNX_E_FILE_ACCESS.
void WriteRecording(const std::string& path, const crypto::Point256& key, const RecordingFacts& facts, const std::string& reason,
                    const std::vector<std::unique_ptr<RecordedRun>>& runs);

std::string EventJson(const RecordingFacts& facts, const std::string& reason, const std::string& path, size_t runs);

}  // namespace lnx::session
