// The payload: chunks that are read, hashed and decrypted, by several threads when it is large.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>

#include "base/platform.h"
#include "container/container.h"
#include "container/preamble.h"
#include "crypto/crypto.h"

namespace lnx::container {

class PayloadReader {
 public:
  // hashes: 32 bytes per chunk, signed. plain: preamble.plain_bytes. All but cek are borrowed until Run has returned.
  PayloadReader(const platform::InputFile& file, const Preamble& preamble, Bytes hashes, const crypto::Key256& cek,
                uint8_t* plain, const std::string& where);
  ~PayloadReader();  // wipes the key
  PayloadReader(const PayloadReader&) = delete;
  PayloadReader& operator=(const PayloadReader&) = delete;

  void Run(const Progress& progress);  // the first failure of any thread: LNX_E_CHUNK_HASH, LNX_E_DECRYPT, LNX_E_FILE_READ

 private:
  void Work(const Progress& progress) noexcept;
  void ReadChunk(crypto::AesGcm& gcm, uint64_t i);

  const platform::InputFile& file_;
  const Preamble& preamble_;
  Bytes hashes_;
  uint8_t* plain_;
  const std::string& where_;
  crypto::Key256 key_;
  uint8_t prefix_[7];
  std::atomic<uint64_t> next_{0};
  std::mutex mutex_;
  std::exception_ptr failure_;
};

}  // namespace lnx::container
