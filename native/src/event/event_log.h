// The event log: JSON lines in <folder>/<program>-<start>-<pid>.jsonl, rotated at 16 MiB, written by one background thread.
// Writing never blocks and never fails a run: when the queue is full or the disk refuses, events are counted as lost and the
// count is the next event that gets through. Names and attributes: docs/reference/events.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace lnx::event {

// Something that has an event to tell from time to time. The log's own thread asks, about once a second, so that whoever
// counts pays neither for the text nor for its memory.
class Source {
 public:
  virtual ~Source() = default;
  virtual bool Take(std::string* attributes_json) = 0;  // false: nothing to tell yet
};

class Log {
 public:
  // The process's log; opens its file with the first event. folder: LNX_EVENT_DIR, %ProgramData%\LNX\events, /var/lib/lnx/events
  // when that folder exists; "" = nowhere (events are dropped without a trace). Never throws.
  static Log& Get() noexcept;
  void SetProgram(const std::string& program) noexcept;
  // attributes_json: one JSON object. Takes a short lock, copies, returns.
  void Write(const char* event, const std::string& attributes_json) noexcept;
  void Watch(const char* event, Source* source);  // until Forget, which waits while the source is being asked
  void Forget(Source* source) noexcept;
  void Flush(uint32_t timeout_ms) noexcept;  // waits until what was written so far is on its way to the disk

  struct State;

 private:
  Log();
  std::shared_ptr<State> state_;
};

// Per-minute summary of one session's runs: counts by verdict, score histogram, latency percentiles, input statistics.
// Add takes an uncontended lock and allocates nothing.
class RunSummary {
 public:
  // model_json: the model's name as a JSON text, quotes included.
  RunSummary(std::string model_json, std::string session_id, int64_t period_us = 60'000'000);
  ~RunSummary();  // writes what is left
  // brightness: mean of the input in grey levels 0..255; contrast: its standard deviation; sharpness: mean absolute difference of
  // neighbouring pixels.
  void Add(int32_t verdict, float score, uint32_t total_us, float brightness, float contrast, float sharpness) noexcept;
  void AddLate() noexcept;  // a run that missed its deadline

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lnx::event
