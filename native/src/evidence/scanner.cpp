#include "evidence/scanner.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "evidence/crc32c.h"
#include "evidence/record.h"

namespace lnx::evidence {
namespace {

constexpr size_t kFrameHead = 24;
constexpr size_t kUidDigits = 12;

template <typename T>
T Little(const uint8_t* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);  // every machine that this runs on is little-endian
  return value;
}

// <stream>:<number, at least 12 digits>
bool IsUid(std::string_view text, std::string_view stream, uint64_t number) noexcept {
  std::array<char, 20> digits{};
  size_t count = 0;
  for (; number > 0 || count < kUidDigits; number /= 10) digits[count++] = static_cast<char>('0' + number % 10);
  if (text.size() != stream.size() + 1 + count || text.substr(0, stream.size()) != stream || text[stream.size()] != ':')
    return false;
  for (size_t i = 0; i < count; ++i) {
    if (text[text.size() - 1 - i] != digits[i]) return false;
  }
  return true;
}

}  // namespace

Scanner::Scanner(std::string stream, std::vector<std::string> declared, Frontier tree)
    : stream_(std::move(stream)), declared_(std::move(declared)) {
  seen_.tree = std::move(tree);
}

bool Scanner::Take(Bytes block) {
  if (!WholeFrames(block)) return false;
  for (const uint8_t* at = block.begin(); at != block.end();) {
    const auto length = Little<uint32_t>(at);
    Add(Little<uint64_t>(at + 4), Little<int64_t>(at + 16), {at + kFrameHead, length});
    at += kFrameHead + length;
  }
  return true;
}

bool Scanner::WholeFrames(Bytes block) const noexcept {
  for (const uint8_t* at = block.begin(); at != block.end();) {
    const auto left = static_cast<size_t>(block.end() - at);
    if (left < kFrameHead) return false;
    const auto length = Little<uint32_t>(at);
    if (length > left - kFrameHead) return false;
    if (Crc32c({at + kFrameHead, length}, Crc32c({at + 4, 8})) != Little<uint32_t>(at + 12)) return false;
    at += kFrameHead + length;
  }
  return true;
}

void Scanner::Add(uint64_t number, int64_t time, Bytes record) {
  Seen& seen = seen_;
  if (!seen.runs.empty() && seen.runs.back().second + 1 == number) {
    seen.runs.back().second = number;
  } else {
    seen.runs.emplace_back(number, number);
  }
  if (seen.count == 0) seen.from_time = seen.to_time = time;
  const uint64_t pause = time > seen.to_time ? static_cast<uint64_t>(time) - static_cast<uint64_t>(seen.to_time) : 0;
  if (pause > seen.longest_silence) seen.longest_silence = pause;
  seen.to_time = time;
  ++seen.count;
  if (!Ordinary(number, record)) seen.looks.push_back({number, std::string(Text(record))});

  crypto::Digest hash = leaf_.Of(record);
  for (uint64_t size = seen.tree.size; (size & 1) != 0; size >>= 1) {
    const crypto::Digest& left = seen.tree.hashes.back();
    hash = node_.Of({left.data(), left.size()}, {hash.data(), hash.size()});
    seen.tree.hashes.pop_back();
  }
  seen.tree.hashes.push_back(hash);
  ++seen.tree.size;
}

bool Scanner::Ordinary(uint64_t number, Bytes record) const noexcept {
  bool named = false;
  const auto attribute = [&](std::string_view key, Bytes value) {
    if (key != kUid) return true;
    Bytes text;
    if (named || !Reader(value).Last(kString, &text) || !IsUid(Text(text), stream_, number)) return false;
    named = true;
    return true;
  };
  const auto event = [&](std::string_view name) {
    return std::find(declared_.begin(), declared_.end(), name) == declared_.end();
  };
  return Walk(record, attribute, event) && named;
}

}  // namespace lnx::evidence
