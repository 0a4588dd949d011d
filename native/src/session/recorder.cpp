#include "session/recorder.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "base/clock.h"
#include "base/platform.h"
#include "base/status.h"
#include "base/utf8.h"
#include "event/event_log.h"
#include "image/image.h"

namespace lnx::session {
namespace {

constexpr const char* kEnding = ".lnxrec";
constexpr size_t kMaxKeyFile = 64 << 10;

crypto::Point256 ReadKey(const std::string& path) {
  if (!platform::FileExists(path))
    Fail(LNX_E_KEY_FILE, {"no such file", "a public key, as `lnx keys new recording` makes it", path});
  const std::unique_ptr<platform::FileView> file = platform::FileView::Open(path, kMaxKeyFile);
  return crypto::ReadP256PublicPem(std::string(reinterpret_cast<const char*>(file->bytes().data), file->bytes().size), path);
}

uint64_t PixelBytes(const LnxImage& image) {
  return static_cast<uint64_t>(image::RowBytes(image.pixel_format, image.width)) *
         static_cast<uint64_t>(image::PlaneRows(image.pixel_format, image.height));
}

bool SamePicture(const LnxImage& a, const LnxImage& b) {
  return a.data == b.data && a.width == b.width && a.height == b.height && a.stride_bytes == b.stride_bytes &&
         a.pixel_format == b.pixel_format && a.valid_bits == b.valid_bits;
}

// Pictures of a run that differ: parts of one image share it.
uint64_t DistinctBytes(const LnxImage* images, uint32_t n) {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < n; ++i) bytes += i > 0 && SamePicture(images[i], images[i - 1]) ? 0 : PixelBytes(images[i]);
  return bytes;
}

// Adds the rows without their padding; `to` has room for them.
void AddPixels(const LnxImage& image, std::vector<uint8_t>* to) {
  const int64_t row = image::RowBytes(image.pixel_format, image.width);
  const int64_t rows = image::PlaneRows(image.pixel_format, image.height);
  const auto* from = static_cast<const uint8_t*>(image.data);
  if (image.stride_bytes == row) {
    to->insert(to->end(), from, from + row * rows);
    return;
  }
  for (int64_t y = 0; y < rows; ++y) to->insert(to->end(), from + y * image.stride_bytes, from + y * image.stride_bytes + row);
}

std::string Stamp() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
#if defined(_WIN32)
  gmtime_s(&utc, &now);
#else
  gmtime_r(&now, &utc);
#endif
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
  return text;
}

// A word that may stand in a file's name.
std::string Plain(const std::string& word) {
  std::string plain;
  for (const char c : word.substr(0, 32)) {
    const bool good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
    plain += good ? c : '-';
  }
  return plain.empty() ? "demand" : plain;
}

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

Recorder::Recorder(const LnxRecordOptions& options, RecordingFacts facts)
    : facts_(std::move(facts)),
      folder_(platform::AbsolutePath(options.folder)),
      key_(ReadKey(options.key_file)),
      most_runs_(options.runs),
      most_memory_(options.max_memory_bytes),
      most_folder_(options.max_folder_bytes),
      save_on_(options.save_on) {
  try {
    platform::MakeFolders(folder_);
  } catch (const Error& error) {
    Fail(LNX_E_FILE_ACCESS, {error.finding().found, "a folder that this account may make and write to", folder_});
  }
  info_.struct_size = sizeof info_;
  info_.active = 1;
  free_.reserve(2 * static_cast<size_t>(most_runs_) + 1);
  thread_ = std::thread([this] { Write(); });
}

Recorder::~Recorder() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  thread_.join();
}

void Recorder::Recycle(std::unique_ptr<RecordedRun> run) noexcept {
  run->Forget();
  free_.push_back(std::move(run));  // room was reserved
}

// A run with room for `bytes` of pixels: one that was used before, else a new one, else the oldest that is kept.
std::unique_ptr<RecordedRun> Recorder::Room(uint64_t bytes) {
  if (bytes > most_memory_) return nullptr;
  if (free_.empty() && made_ < 2 * static_cast<uint64_t>(most_runs_)) {
    free_.push_back(std::make_unique<RecordedRun>());
    ++made_;
  }
  if (free_.empty() && !ring_.empty()) {
    Recycle(std::move(ring_.front()));
    ring_.pop_front();
  }
  if (free_.empty()) return nullptr;
  std::unique_ptr<RecordedRun> run = std::move(free_.back());
  free_.pop_back();
  const auto drop = [this](RecordedRun* other) {
    memory_ -= other->pixels.capacity();
    std::vector<uint8_t>().swap(other->pixels);
  };
  if (run->pixels.capacity() < bytes) {
    drop(run.get());
    for (size_t i = 0; i < free_.size() && memory_ + bytes > most_memory_; ++i) drop(free_[i].get());
    while (memory_ + bytes > most_memory_ && !ring_.empty()) {
      drop(ring_.front().get());
      Recycle(std::move(ring_.front()));
      ring_.pop_front();
    }
    if (memory_ + bytes > most_memory_) {
      free_.push_back(std::move(run));
      return nullptr;
    }
    run->pixels.reserve(static_cast<size_t>(bytes));
    memory_ += run->pixels.capacity();
  }
  return run;
}

void Recorder::Add(const LnxImage* images, uint32_t n, const result::RunParams& params, result::Storage* result, LnxStatus status,
                   const std::string& error) noexcept {
  std::unique_ptr<RecordedRun> run;
  try {
    bool on_host = true;
    for (uint32_t i = 0; i < n; ++i) {
      LnxRect part;
      if (status != LNX_OK) image::CheckImage(images[i], &part);  // the run may have failed before it looked at all of them
      on_host = on_host && images[i].memory != LNX_MEMORY_CUDA;
    }
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      run = on_host ? Room(DistinctBytes(images, n)) : nullptr;
      if (run == nullptr) return void(++info_.runs_skipped);
    }
    // Nobody else sees this run while its pixels are copied.
    run->Forget();
    run->unix_nanos = UnixNanos();
    run->params = params;
    run->status = status;
    run->error = error;
    for (uint32_t i = 0; i < n; ++i) {
      if (i == 0 || !SamePicture(images[i], images[i - 1])) {
        const size_t begin = run->pixels.size();
        AddPixels(images[i], &run->pixels);
        run->pictures.push_back(
            {begin, run->pixels.size() - begin, images[i].width, images[i].height, images[i].pixel_format, images[i].valid_bits});
      }
      run->images.push_back({static_cast<uint32_t>(run->pictures.size()) - 1, images[i].roi, images[i].user_tag});
    }
    bool fires = status != LNX_OK && (save_on_ & LNX_RECORD_ON_ERROR) != 0;
    const char* reason = "error";
    if (result != nullptr) {
      result::Pool::Hold(result);
      run->result = result;
      for (const result::ImageResult& image : result->images) {
        const LnxVerdict verdict = image.summary.verdict;
        const bool ng = verdict == LNX_VERDICT_NG && (save_on_ & LNX_RECORD_ON_NG) != 0;
        if (!ng && !(verdict == LNX_VERDICT_REVIEW && (save_on_ & LNX_RECORD_ON_REVIEW) != 0)) continue;
        if (!fires || ng) reason = ng ? "ng" : "review";
        fires = true;
      }
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    if (ring_.size() >= most_runs_) {
      Recycle(std::move(ring_.front()));
      ring_.pop_front();
    }
    ring_.push_back(std::move(run));
    if (fires) Send(reason);
  } catch (...) {  // no memory: the run itself is not to suffer
    const std::lock_guard<std::mutex> lock(mutex_);
    ++info_.runs_skipped;
    if (run != nullptr) {
      run->Forget();
      memory_ -= run->pixels.capacity();
      --made_;
    }
  }
}

std::shared_ptr<Recorder::Job> Recorder::Send(const std::string& reason) {
  if (ring_.empty()) return nullptr;
  auto job = std::make_shared<Job>();
  job->reason = reason;
  char number[24];
  std::snprintf(number, sizeof number, "%06u", static_cast<unsigned>(++number_));
  job->path = platform::JoinPath(
      folder_, Stamp() + "-" + std::to_string(platform::ProcessId()) + "-" + number + "-" + Plain(reason) + kEnding);
  job->runs.reserve(ring_.size());
  for (std::unique_ptr<RecordedRun>& run : ring_) job->runs.push_back(std::move(run));
  ring_.clear();
  jobs_.push_back(job);
  work_.notify_one();
  return job;
}

std::string Recorder::Save(const std::string& reason) {
  std::unique_lock<std::mutex> lock(mutex_);
  const std::shared_ptr<Job> job = Send(reason);
  if (job == nullptr) return "";
  done_.wait(lock, [&] { return job->done; });
  if (job->status != LNX_OK) {
    Fail(job->status, {job->error, "a folder that this account may write to, with room", job->path});
  }
  return job->path;
}

// The oldest recordings of the folder go until there is room for `coming` bytes more; the newest stays when nothing is coming.
void Recorder::KeepWithinFolder(uint64_t coming) const {
  std::vector<std::string> files;
  uint64_t bytes = coming;
  for (const std::string& path : platform::ListFiles(folder_)) {  // sorted, and names begin with the time
    if (!EndsWith(path, kEnding)) continue;
    files.push_back(path);
    bytes += platform::FileBytes(path);
  }
  const size_t may_go = files.size() - (coming == 0 && !files.empty() ? 1 : 0);
  for (size_t i = 0; i < may_go && bytes > most_folder_; ++i) {
    const uint64_t own = platform::FileBytes(files[i]);
    if (platform::RemoveFile(files[i])) bytes -= own;
  }
}

void Recorder::WriteOne(Job* job) noexcept {
  try {
    uint64_t coming = 0;
    for (const std::unique_ptr<RecordedRun>& run : job->runs) coming += run->pixels.size();
    KeepWithinFolder(coming);
    WriteRecording(job->path, key_, facts_, job->reason, job->runs);
    KeepWithinFolder(0);  // results take room, too
    event::Log::Get().Write("lnx.recording.saved", EventJson(facts_, job->reason, job->path, job->runs.size()));
  } catch (const Error& error) {
    job->status = error.status();
    job->error = error.finding().found;
  } catch (const std::exception& error) {
    job->status = LNX_E_INTERNAL;
    job->error = error.what();
  }
}

void Recorder::Write() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    work_.wait(lock, [&] { return !jobs_.empty() || stopping_; });
    if (jobs_.empty()) break;
    const std::shared_ptr<Job> job = jobs_.front();
    jobs_.pop_front();
    lock.unlock();
    WriteOne(job.get());
    lock.lock();
    info_.files_saved += job->status == LNX_OK ? 1 : 0;
    info_.files_failed += job->status == LNX_OK ? 0 : 1;
    info_.runs_saved += job->status == LNX_OK ? job->runs.size() : 0;
    if (job->status != LNX_OK) std::snprintf(info_.last_error, sizeof info_.last_error, "%s", Shortened(job->error, 180).c_str());
    for (std::unique_ptr<RecordedRun>& run : job->runs) Recycle(std::move(run));
    job->runs.clear();
    job->done = true;
    done_.notify_all();
  }
}

void Recorder::Fill(LnxRecordInfo* info) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  *info = info_;
  info->runs_kept = ring_.size();
}

}  // namespace lnx::session
