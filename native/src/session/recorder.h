// The last runs of a session, kept so that they can be run again bit for bit: pixels, parameters in force, results, times.
//
// Add copies the pixels and holds the result (which is immutable), nothing else. When a trigger fires, the runs that are kept
// leave the ring together and a thread writes them to one file (recording_file.h); so a run is saved at most once, and no run
// waits for the disk. Memory is taken once and used again. When it is used up, the oldest runs go; when all of it is on its way
// to the disk, new runs are not kept, and counted.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "lnx/lnx.h"
#include "result/result.h"
#include "session/recording_file.h"

namespace lnx::session {

class Recorder {
 public:
  // LNX_E_KEY_FILE, LNX_E_FILE_ACCESS. facts: what the head of each file says about model and machine.
  Recorder(const LnxRecordOptions& options, RecordingFacts facts);
  ~Recorder();  // finishes what is on its way

  // A run that has just ended. result: held until the run is saved or forgotten; NULL when it failed with `status`. Never throws:
  // a run that cannot be kept is counted.
  void Add(const LnxImage* images, uint32_t n, const result::RunParams& params, result::Storage* result, LnxStatus status,
           const std::string& error) noexcept;
  std::string Save(const std::string& reason);  // the file's path, "" when nothing was kept
  void Fill(LnxRecordInfo* info) const;

 private:
  struct Job {
    std::string reason, path;
    std::vector<std::unique_ptr<RecordedRun>> runs;
    bool done = false;
    LnxStatus status = LNX_OK;
    std::string error;
  };
  std::unique_ptr<RecordedRun> Room(uint64_t bytes);  // NULL: none is to be had. Under the lock
  void Recycle(std::unique_ptr<RecordedRun> run) noexcept;
  std::shared_ptr<Job> Send(const std::string& reason);  // under the lock; NULL when nothing is kept
  void Write();
  void WriteOne(Job* job) noexcept;
  void KeepWithinFolder(uint64_t coming) const;

  const RecordingFacts facts_;
  const std::string folder_;
  const crypto::Point256 key_;
  const uint32_t most_runs_;
  const uint64_t most_memory_, most_folder_;
  const LnxRecordTrigger save_on_;
  mutable std::mutex mutex_;
  std::condition_variable work_, done_;
  std::vector<std::unique_ptr<RecordedRun>> free_;
  std::deque<std::unique_ptr<RecordedRun>> ring_;  // oldest first
  std::deque<std::shared_ptr<Job>> jobs_;
  uint64_t memory_ = 0, made_ = 0, number_ = 0;
  LnxRecordInfo info_{};
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace lnx::session
