// Checks the records of a segment block by block: what `lnx agent verify` does to every record of three years, several times
// faster than its plain twin in agent/lnx_agent/evidence/scan.py, which says the same about every block.
//
// A block is a row of frames: u32 length, u64 number, u32 CRC32C of number and record, i64 time, record (little-endian, packed).
// A record is *ordinary* when it is certainly in the canonical form of agent/lnx_agent/record.py, names its own number as
// log.record.uid, and its event is none of those to be declared. Every other record is handed out to be looked at by its reader.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/span.h"
#include "crypto/crypto.h"

namespace lnx::evidence {

// The hash tree of RFC 9162 as its perfect subtrees from left to right; as many as `size` has bits set.
struct Frontier {
  uint64_t size = 0;
  std::vector<crypto::Digest> hashes;
};

struct Look {
  uint64_t number = 0;
  std::string record;
};

// What was seen so far.
struct Seen {
  uint64_t count = 0;
  std::vector<std::pair<uint64_t, uint64_t>> runs;  // [first, last] in the order of the frames, unbroken within
  std::vector<Look> looks;
  int64_t from_time = 0, to_time = 0;  // ns; of the frames
  uint64_t longest_silence = 0;        // ns
  Frontier tree;
};

class Scanner {
 public:
  // stream: at most 64 bytes. declared: names of events. tree: where the records go on.
  Scanner(std::string stream, std::vector<std::string> declared, Frontier tree);

  // Takes a whole block, or nothing of it and says false when a frame does not prove itself.
  bool Take(Bytes block);
  const Seen& seen() const { return seen_; }

 private:
  bool WholeFrames(Bytes block) const noexcept;
  void Add(uint64_t number, int64_t time, Bytes record);
  bool Ordinary(uint64_t number, Bytes record) const noexcept;

  std::string stream_;
  std::vector<std::string> declared_;
  Seen seen_;
  crypto::Sha256Prefixed leaf_{0}, node_{1};
};

}  // namespace lnx::evidence
