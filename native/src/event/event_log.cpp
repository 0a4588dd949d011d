#include "event/event_log.h"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <deque>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/platform.h"
#include "base/status.h"

namespace lnx::event {
namespace {

constexpr size_t kMaxQueued = 4096;
constexpr uint64_t kRotateBytes = 16ull << 20;

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
  return name.empty() ? "program" : name.substr(0, 80);
}

std::string BaseName(const std::string& path) {
  const size_t slash = path.find_last_of("/\\");
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace

struct Log::State {
  std::mutex mutex;
  std::condition_variable work, drained;
  std::deque<std::string> queue;
  std::string folder = EventFolder(), program = BaseName(platform::ExecutablePath());
  uint64_t sequence = 0, lost = 0, written = 0, accepted = 0;
  bool running = false;
  // Touched by the writing thread alone.
  std::FILE* file = nullptr;
  uint64_t bytes = 0;

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
      bytes = 0;
      return;
    }
  }

  bool Append(const std::string& name, const std::string& line) {
    try {
      if (file != nullptr && bytes + line.size() > kRotateBytes) {
        std::fclose(file);
        file = nullptr;
      }
      if (file == nullptr) {
        platform::MakeFolders(folder);
        Open(name);
      }
    } catch (...) {
      return false;
    }
    if (file == nullptr) return false;
    const bool good = std::fwrite(line.data(), 1, line.size(), file) == line.size() && std::fflush(file) == 0;
    bytes += line.size();
    return good;
  }

  void Work() {
    std::unique_lock<std::mutex> lock(mutex);
    for (;;) {
      work.wait(lock, [&] { return !queue.empty(); });
      const std::string line = std::move(queue.front());
      queue.pop_front();
      const std::string name = program;
      lock.unlock();
      const bool good = Append(name, line);
      lock.lock();
      if (!good) ++lost;
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
      std::thread([state = state_] { state->Work(); }).detach();
    }
    if (s.queue.size() + 2 > kMaxQueued) {
      ++s.lost;
      return;
    }
    if (s.lost > 0) {
      s.queue.push_back(State::Line(++s.sequence, "lnx.loss", "{\"count\":" + std::to_string(s.lost) + "}"));
      s.lost = 0;
      ++s.accepted;
    }
    s.queue.push_back(State::Line(++s.sequence, event, attributes_json));
    ++s.accepted;
    s.work.notify_one();
  } catch (...) {
    // An event is never worth a run; what could not be queued is counted above or was out of memory.
    return;
  }
}

void Log::Flush(uint32_t timeout_ms) noexcept {
  State& s = *state_;
  std::unique_lock<std::mutex> lock(s.mutex);
  const uint64_t target = s.accepted;
  s.drained.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] { return s.written >= target; });
}

}  // namespace lnx::event
