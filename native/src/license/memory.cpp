#include "license/memory.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/platform.h"
#include "base/status.h"
#include "crypto/crypto.h"

namespace lnx::license {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxMemoryBytes = 4 << 20;
constexpr int64_t kTolerance = 3600;

std::string Check(const json& content) {
  const std::string text = content.dump(-1, ' ', true, json::error_handler_t::replace);
  const crypto::Digest digest = crypto::Sha256({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  static const char* digits = "0123456789abcdef";
  std::string hex;
  for (const uint8_t byte : digest) {
    hex += digits[byte >> 4];
    hex += digits[byte & 15];
  }
  return hex;
}

bool ReadCopy(const std::string& path, Seen* seen) {
  try {
    const auto file = platform::FileView::Open(path, kMaxMemoryBytes);
    json content = json::parse(file->bytes().begin(), file->bytes().end(), nullptr, false);
    if (!content.is_object() || !content.contains("check") || !content["check"].is_string()) return false;
    const auto check = content["check"].get<std::string>();
    content.erase("check");
    if (Check(content) != check) return false;
    seen->last_time = content.at("last_time").get<int64_t>();
    seen->newest_issue = content.at("newest_issue").get<int64_t>();
    for (const auto& item : content.at("epochs").items()) seen->epochs[item.key()] = item.value().get<uint64_t>();
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

void Merge(const Seen& other, Seen* seen) {
  // A newer licence has set the time anew: then that copy's time counts, even when it is earlier.
  if (other.newest_issue == seen->newest_issue) {
    seen->last_time = std::max(seen->last_time, other.last_time);
  } else if (other.newest_issue > seen->newest_issue) {
    seen->last_time = other.last_time;
    seen->newest_issue = other.newest_issue;
  }
  for (const auto& epoch : other.epochs) {
    uint64_t& known = seen->epochs[epoch.first];
    known = std::max(known, epoch.second);
  }
}

}  // namespace

std::vector<std::string> Memory::DefaultFiles() {
  const std::string chosen = platform::GetEnv("LNX_STATE_DIR");
  if (!chosen.empty()) return {platform::JoinPath(chosen, "seen-1.json"), platform::JoinPath(chosen, "seen-2.json")};
  std::vector<std::string> files;
  for (const bool per_user : {false, true}) {
    const std::string folder = platform::StateFolder(per_user);
    if (!folder.empty()) files.push_back(platform::JoinPath(folder, "seen.json"));
  }
  return files;
}

Seen Memory::Load() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  Seen seen;
  for (const std::string& path : files_) {
    Seen copy;
    if (ReadCopy(path, &copy)) Merge(copy, &seen);
  }
  return seen;
}

bool Memory::Remember(int64_t now, int64_t issued_at, const std::string& model_id, uint64_t epoch) {
  Seen seen = Load();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (issued_at > seen.newest_issue) {
    seen.newest_issue = issued_at;
    seen.last_time = std::max(now, issued_at);
  }
  seen.last_time = std::max(seen.last_time, now);
  if (!model_id.empty()) {
    uint64_t& known = seen.epochs[model_id];
    known = std::max(known, epoch);
  }
  json content = {{"v", 1}, {"last_time", seen.last_time}, {"newest_issue", seen.newest_issue}, {"epochs", seen.epochs}};
  content["check"] = Check(content);
  const std::string text = content.dump(-1, ' ', true, json::error_handler_t::replace) + "\n";
  bool kept = false;
  for (const std::string& path : files_) kept = platform::ReplaceFile(path, text) || kept;
  return kept;
}

Clock JudgeClock(int64_t now, const Seen& seen, int64_t issued_at) {
  Clock clock{now, now, false};
  const int64_t floor = issued_at > seen.newest_issue ? issued_at : std::max(seen.last_time, issued_at);
  clock.effective = std::max(now, floor);
  clock.set_back = floor - now > kTolerance;
  return clock;
}

}  // namespace lnx::license
