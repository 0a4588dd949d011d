// What was seen before, kept in two places so that losing one loses nothing: the latest time, and per model the highest epoch.
//
//   {"v":1,"last_time":seconds,"newest_issue":seconds,"epochs":{model_id:n},"check":SHA-256 of the rest}
//
// A copy that cannot be read counts as empty; the two are merged by the higher value. Nothing here ever locks: it makes setting
// the clock back or an old model back worth nothing, and what it says can be overcome by a fresh licence.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace lnx::license {

struct Seen {
  int64_t last_time = 0;     // latest time, Unix seconds
  int64_t newest_issue = 0;  // issued_at of the newest licence that was used
  std::map<std::string, uint64_t> epochs;
};

class Memory {
 public:
  explicit Memory(std::vector<std::string> files) : files_(std::move(files)) {}
  // LNX_STATE_DIR/seen-{1,2}.json, else the product's state folder and the user's.
  static std::vector<std::string> DefaultFiles();

  Seen Load() const;
  // Takes the time, the licence and the model in. A licence that is newer than all before sets the latest time anew: that is
  // how a clock that once ran ahead is put right. False when neither place could be written.
  bool Remember(int64_t now, int64_t issued_at, const std::string& model_id, uint64_t epoch);

 private:
  std::vector<std::string> files_;
  mutable std::mutex mutex_;
};

// The time to judge by: never before anything that was seen or signed.
struct Clock {
  int64_t now = 0;        // of the system
  int64_t effective = 0;  // judged by
  bool set_back = false;  // the system's clock is more than an hour behind
};
Clock JudgeClock(int64_t now, const Seen& seen, int64_t issued_at);

}  // namespace lnx::license
