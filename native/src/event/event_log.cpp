#include "event/event_log.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/platform.h"
#include "base/status.h"
#include "base/utf8.h"

namespace lnx::event {
namespace {

constexpr size_t kMaxQueued = 4096;
constexpr uint64_t kRotateBytes = 16ull << 20;
constexpr auto kAskEvery = std::chrono::seconds(1);

std::string EventFolder() {
  std::string chosen = platform::GetEnv("LNX_EVENT_DIR");
  if (!chosen.empty()) return chosen;
#if defined(_WIN32)
  const std::string folder = platform::JoinPath(platform::GetEnv("ProgramData"), "LNX\\events");
#else
  const std::string folder = "/var/lib/lnx/events";
#endif
  return platform::FileExists(folder) ? folder : "";
}

// A program's name as a file name: what systems forbid becomes '_'.
std::string FileName(const std::string& program) {
  std::string name;
  for (const char c : program) {
    const bool bad = static_cast<unsigned char>(c) < 32 || std::string("/\\:*?\"<>|").find(c) != std::string::npos;
    name += bad ? '_' : c;
  }
  return name.empty() ? "program" : Shortened(name, 80);
}

std::string BaseName(const std::string& path) {
  const size_t slash = path.find_last_of("/\\");
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

// One line on its way to the file. A line that tells of a loss stands for what was lost, should it be lost itself.
struct Entry {
  std::string line;
  uint64_t stands_for = 1;
};

}  // namespace

struct Log::State {
  std::mutex mutex;
  std::condition_variable work, drained;
  std::deque<Entry> queue;
  std::string folder = EventFolder(), program = BaseName(platform::ExecutablePath());
  uint64_t sequence = 0, lost = 0, written = 0, accepted = 0;
  bool running = false;
  // Touched by the writing thread alone.
  std::FILE* file = nullptr;
  uint64_t bytes = 0;
  std::string rest;  // of a line that the disk took in part: finished before anything else is written
  // Taken before `mutex`, never after it.
  std::mutex sources_mutex;
  std::vector<std::pair<const char*, Source*>> sources;

  static std::string Line(uint64_t sequence, const char* event, const std::string& attributes) {
    return "{\"seq\":" + std::to_string(sequence) + ",\"time_unix_nano\":" + std::to_string(UnixNanos()) + ",\"event\":\"" +
           event + "\",\"attributes\":" + attributes + "}\n";
  }

  void Open(const std::string& name) {
    char start[32];
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
#if defined(_WIN32)
    gmtime_s(&parts, &now);
#else
    gmtime_r(&now, &parts);
#endif
    std::strftime(start, sizeof start, "%Y%m%dT%H%M%SZ", &parts);
    const std::string path =
        platform::JoinPath(folder, FileName(name) + "-" + start + "-" + std::to_string(platform::ProcessId()));
    for (int part = 0; part < 1000; ++part) {
      const std::string candidate = path + (part > 0 ? "." + std::to_string(part) : "") + ".jsonl";
      if (platform::FileExists(candidate)) continue;
      file = platform::OpenForAppend(candidate);
      if (file != nullptr) std::setvbuf(file, nullptr, _IONBF, 0);  // what was not written must be known to the byte
      bytes = 0;
      return;
    }
  }

  bool Append(const std::string& name, const std::string& line) {
    try {
      const bool full = bytes + line.size() > kRotateBytes;
      if (file != nullptr && full && rest.empty()) {
        std::fclose(file);
        file = nullptr;
      }
      if (file == nullptr) {
        platform::MakeFolders(folder);
        Open(name);
      }
      if (file == nullptr) return false;
      rest.erase(0, Put(rest));
      if (!rest.empty()) return false;
      const size_t put = Put(line);
      if (put == 0) return false;
      rest = line.substr(put);
      return true;
    } catch (...) {
      return false;
    }
  }

  // Bytes that reached the file.
  size_t Put(const std::string& text) {
    const size_t put = text.empty() ? 0 : std::fwrite(text.data(), 1, text.size(), file);
    bytes += put;
    if (put < text.size()) std::clearerr(file);
    return put;
  }

  // Queues one event; `mutex` is held. A loss that was counted is told first.
  void Accept(const char* event, const std::string& attributes) {
    if (queue.size() + 2 > kMaxQueued) {
      ++lost;
      return;
    }
    if (lost > 0) {
      queue.push_back({Line(++sequence, "lnx.loss", "{\"count\":" + std::to_string(lost) + "}"), lost});
      lost = 0;
      ++accepted;
    }
    queue.push_back({Line(++sequence, event, attributes)});
    ++accepted;
  }

  void AskSources() noexcept {
    const std::lock_guard<std::mutex> lock(sources_mutex);
    for (const auto& [event, source] : sources) {
      try {
        std::string attributes;
        if (!source->Take(&attributes)) continue;
        const std::lock_guard<std::mutex> queue_lock(mutex);
        Accept(event, attributes);
      } catch (...) {
        continue;  // out of memory: the next one is asked all the same
      }
    }
  }

  void Work() {
    std::unique_lock<std::mutex> lock(mutex);
    auto ask_at = std::chrono::steady_clock::now() + kAskEvery;
    for (;;) {
      work.wait_until(lock, ask_at, [&] { return !queue.empty(); });
      if (std::chrono::steady_clock::now() >= ask_at) {
        lock.unlock();
        AskSources();
        ask_at = std::chrono::steady_clock::now() + kAskEvery;
        lock.lock();
      }
      if (queue.empty()) continue;
      const Entry entry = std::move(queue.front());
      queue.pop_front();
      const std::string name = program;
      lock.unlock();
      const bool good = Append(name, entry.line);
      lock.lock();
      if (!good) lost += entry.stands_for;
      ++written;
      drained.notify_all();
    }
  }
};

Log::Log() : state_(std::make_shared<State>()) {}

Log& Log::Get() noexcept {
  static Log* log = new Log;  // never destroyed: its thread may write until the process ends
  return *log;
}

void Log::SetProgram(const std::string& program) noexcept {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->program = program;
}

void Log::Write(const char* event, const std::string& attributes_json) noexcept {
  try {
    State& s = *state_;
    const std::lock_guard<std::mutex> lock(s.mutex);
    if (s.folder.empty()) return;
    if (!s.running) {
      s.running = true;
      platform::StayLoaded();
      std::thread([state = state_] { state->Work(); }).detach();
    }
    s.Accept(event, attributes_json);
    s.work.notify_one();
  } catch (...) {
    // An event is never worth a run; what could not be queued is counted above or was out of memory.
    return;
  }
}

void Log::Watch(const char* event, Source* source) {
  const std::lock_guard<std::mutex> lock(state_->sources_mutex);
  state_->sources.emplace_back(event, source);
}

void Log::Forget(Source* source) noexcept {
  const std::lock_guard<std::mutex> lock(state_->sources_mutex);
  auto& sources = state_->sources;
  sources.erase(std::remove_if(sources.begin(), sources.end(), [&](const auto& entry) { return entry.second == source; }),
                sources.end());
}

void Log::Flush(uint32_t timeout_ms) noexcept {
  State& s = *state_;
  std::unique_lock<std::mutex> lock(s.mutex);
  const uint64_t target = s.accepted;
  s.drained.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] { return s.written >= target; });
}

}  // namespace lnx::event
