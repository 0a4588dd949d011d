#include "container/payload.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "base/status.h"

namespace lnx::container {
namespace {

constexpr size_t kPieceBytes = 64 << 10;  // still in a core's cache when it is hashed
constexpr uint32_t kMostThreads = 4;
constexpr uint64_t kParallelBytes = 16ull << 20;  // below it a second thread costs more than it brings

std::string Hex(const uint8_t* digest) {
  char text[9];
  std::snprintf(text, sizeof text, "%02x%02x%02x%02x", digest[0], digest[1], digest[2], digest[3]);
  return std::string(text) + "...";
}

}  // namespace

PayloadReader::PayloadReader(const platform::InputFile& file, const Preamble& preamble, Bytes hashes, const crypto::Key256& cek,
                             uint8_t* plain, const std::string& where)
    : file_(file), preamble_(preamble), hashes_(hashes), plain_(plain), where_(where) {
  static const char key_info[] = "lnx/1 payload", nonce_info[] = "lnx/1 nonce";
  const auto info = [](const char* text, size_t n) { return Bytes{reinterpret_cast<const uint8_t*>(text), n - 1}; };
  crypto::HkdfSha256({cek.data(), cek.size()}, preamble.salt, info(key_info, sizeof key_info), key_.data(), key_.size());
  crypto::HkdfSha256({cek.data(), cek.size()}, preamble.salt, info(nonce_info, sizeof nonce_info), prefix_, sizeof prefix_);
}

PayloadReader::~PayloadReader() { platform::SecureWipe(key_.data(), key_.size()); }

void PayloadReader::Run(const Progress& progress) {
  const bool parallel = preamble_.plain_bytes >= kParallelBytes;
  // Both threads of a core: hashing waits for its own last result, so that a core has room for a second chunk.
  const uint32_t threads = parallel ? std::clamp(std::thread::hardware_concurrency(), 1u, kMostThreads) : 1;
  std::vector<std::thread> others;
  for (uint32_t i = 1; i < threads; ++i) others.emplace_back([this] { Work({}); });
  Work(progress);
  for (std::thread& thread : others) thread.join();
  if (failure_) std::rethrow_exception(failure_);
}

void PayloadReader::Work(const Progress& progress) noexcept {
  try {
    crypto::AesGcm gcm({key_.data(), key_.size()});
    for (;;) {
      const uint64_t i = next_.fetch_add(1);
      if (i >= preamble_.chunks) return;
      ReadChunk(gcm, i);
      if (progress) progress("decrypt", static_cast<double>(i + 1) / static_cast<double>(preamble_.chunks));
    }
  } catch (...) {
    next_.store(preamble_.chunks);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
  }
}

// Hash first, piece by piece as it comes from the file, then decrypt in place.
void PayloadReader::ReadChunk(crypto::AesGcm& gcm, uint64_t i) {
  uint8_t* place = plain_ + i * preamble_.chunk_bytes;
  uint8_t tag_bytes[kTagBytes];
  const Bytes chunk{place, static_cast<size_t>(preamble_.ChunkPlainBytes(i))}, tag{tag_bytes, kTagBytes};
  crypto::Sha256Stream hash;
  for (size_t at = 0; at < chunk.size; at += kPieceBytes) {
    const Bytes piece = chunk.subspan(at, std::min(kPieceBytes, chunk.size - at));
    file_.Read(preamble_.ChunkOffset(i) + at, place + at, piece.size);
    hash.Update(piece);
  }
  file_.Read(preamble_.ChunkOffset(i) + chunk.size, tag_bytes, kTagBytes);
  hash.Update(tag);
  const crypto::Digest digest = hash.Finish();
  const Bytes expected = hashes_.subspan(32 * i, 32);
  const auto name = [&] {
    return "chunk " + std::to_string(i + 1) + " of " + std::to_string(preamble_.chunks) + " of " + where_;
  };
  if (std::memcmp(digest.data(), expected.data, 32) != 0) {
    Fail(LNX_E_CHUNK_HASH, {"sha256 " + Hex(digest.data()), Hex(expected.data), name()});
  }
  uint8_t nonce[12];
  std::memcpy(nonce, prefix_, 7);
  for (int k = 0; k < 4; ++k) nonce[7 + k] = static_cast<uint8_t>(i >> (24 - 8 * k));
  nonce[11] = i + 1 == preamble_.chunks ? 1 : 0;
  if (!gcm.Decrypt({nonce, sizeof nonce}, {}, chunk, tag, place)) {
    Fail(LNX_E_DECRYPT, {"a wrong authentication tag", "the tag of this file's key", name()});
  }
}

}  // namespace lnx::container
