// Counts runs and writes one lnx.run.summary per minute, and one at the end.
#include <algorithm>
#include <cstdio>
#include <mutex>

#include "base/clock.h"
#include "event/event_log.h"

namespace lnx::event {
namespace {

constexpr int64_t kMinuteMicros = 60'000'000;
constexpr int kScoreBins = 20;    // of 0..1
constexpr int kLatencyBins = 64;  // half octaves from 64 us on

int LatencyBin(uint32_t us) {
  int bin = 0;
  for (double limit = 64; limit < us && bin < kLatencyBins - 1; limit *= 1.41421356) ++bin;
  return bin;
}

uint32_t BinLimit(int bin) {
  double limit = 64;
  for (int i = 0; i < bin; ++i) limit *= 1.41421356;
  return static_cast<uint32_t>(limit);
}

}  // namespace

struct RunSummary::State {
  std::mutex mutex;
  std::string model, session;
  int64_t begin = NowMicros();
  uint64_t runs = 0, verdicts[4] = {}, scores[kScoreBins] = {}, latencies[kLatencyBins] = {};
  uint32_t slowest = 0;
  double brightness = 0, contrast = 0, sharpness = 0;

  uint32_t Percentile(double share) const {
    const auto wanted = static_cast<uint64_t>(share * static_cast<double>(runs));
    uint64_t seen = 0;
    for (int i = 0; i < kLatencyBins; ++i) {
      seen += latencies[i];
      if (seen > wanted) return std::min(BinLimit(i), slowest);
    }
    return slowest;
  }

  // Text only, so that the caller's lock is short; false when there is nothing to tell.
  bool Take(std::string* json) {
    if (runs == 0) return false;
    std::string histogram;
    for (const uint64_t n : scores) histogram += (histogram.empty() ? "" : ",") + std::to_string(n);
    const auto n = static_cast<double>(runs);
    char text[640];
    std::snprintf(
        text, sizeof text,
        "\"runs\":%llu,\"ok\":%llu,\"ng\":%llu,\"review\":%llu,\"undefined\":%llu,\"latency_p50_us\":%u,\"latency_p95_us\":%u,"
        "\"latency_p99_us\":%u,\"latency_max_us\":%u,\"brightness\":%.2f,\"contrast\":%.2f,\"sharpness\":%.2f",
        static_cast<unsigned long long>(runs), static_cast<unsigned long long>(verdicts[1]),
        static_cast<unsigned long long>(verdicts[2]), static_cast<unsigned long long>(verdicts[3]),
        static_cast<unsigned long long>(verdicts[0]), Percentile(0.5), Percentile(0.95), Percentile(0.99), slowest,
        brightness / n, contrast / n, sharpness / n);
    *json = "{\"model\":" + model + ",\"session\":\"" + session + "\"," + text + ",\"score_histogram\":[" + histogram + "]}";
    runs = 0;
    std::fill(std::begin(verdicts), std::end(verdicts), 0);
    std::fill(std::begin(scores), std::end(scores), 0);
    std::fill(std::begin(latencies), std::end(latencies), 0);
    slowest = 0;
    brightness = contrast = sharpness = 0;
    return true;
  }
};

RunSummary::RunSummary(std::string model_json, std::string session) : state_(std::make_unique<State>()) {
  state_->model = std::move(model_json);
  state_->session = std::move(session);
}

RunSummary::~RunSummary() {
  std::string json;
  if (state_->Take(&json)) Log::Get().Write("lnx.run.summary", json);
}

void RunSummary::Add(int32_t verdict, float score, uint32_t total_us, float brightness, float contrast,
                     float sharpness) noexcept {
  State& s = *state_;
  std::string json;
  bool due = false;
  {
    const std::lock_guard<std::mutex> lock(s.mutex);
    ++s.runs;
    ++s.verdicts[std::clamp(verdict, 0, 3)];
    ++s.scores[std::clamp(static_cast<int>(score * kScoreBins), 0, kScoreBins - 1)];
    ++s.latencies[LatencyBin(total_us)];
    s.slowest = std::max(s.slowest, total_us);
    s.brightness += brightness;
    s.contrast += contrast;
    s.sharpness += sharpness;
    const int64_t now = NowMicros();
    if (now - s.begin >= kMinuteMicros) {
      s.begin = now;
      try {
        due = s.Take(&json);
      } catch (...) {
        due = false;
      }
    }
  }
  if (due) Log::Get().Write("lnx.run.summary", json);
}

}  // namespace lnx::event
