// Counts runs; the log's thread makes one lnx.run.summary of them per minute, and the end of the session the last.
#include <algorithm>
#include <cstdio>
#include <mutex>

#include "base/clock.h"
#include "event/event_log.h"

namespace lnx::event {
namespace {

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

struct RunSummary::State final : Source {
  std::mutex mutex;
  int64_t period = 0;
  std::string model, session;
  int64_t begin = NowMicros();
  uint64_t runs = 0, late = 0, verdicts[4] = {}, scores[kScoreBins] = {}, latencies[kLatencyBins] = {};
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

  bool Take(std::string* json) override {
    const int64_t now = NowMicros();
    const std::lock_guard<std::mutex> lock(mutex);
    if (now - begin < period) return false;
    begin = now;
    return TakeAll(json);
  }

  // What was counted since the last time, `mutex` held; false when there is nothing to tell.
  bool TakeAll(std::string* json) {
    if (runs == 0 && late == 0) return false;
    std::string histogram;
    for (const uint64_t n : scores) histogram += (histogram.empty() ? "" : ",") + std::to_string(n);
    const auto n = static_cast<double>(std::max<uint64_t>(runs, 1));
    char text[640];
    std::snprintf(text, sizeof text,
                  "\"runs\":%llu,\"ok\":%llu,\"ng\":%llu,\"review\":%llu,\"undefined\":%llu,\"late\":%llu,\"latency_p50_us\":%u,"
                  "\"latency_p95_us\":%u,"
                  "\"latency_p99_us\":%u,\"latency_max_us\":%u,\"brightness\":%.2f,\"contrast\":%.2f,\"sharpness\":%.2f",
                  static_cast<unsigned long long>(runs), static_cast<unsigned long long>(verdicts[1]),
                  static_cast<unsigned long long>(verdicts[2]), static_cast<unsigned long long>(verdicts[3]),
                  static_cast<unsigned long long>(verdicts[0]), static_cast<unsigned long long>(late), Percentile(0.5),
                  Percentile(0.95), Percentile(0.99), slowest, brightness / n, contrast / n, sharpness / n);
    *json = "{\"model\":" + model + ",\"session\":\"" + session + "\"," + text + ",\"score_histogram\":[" + histogram + "]}";
    runs = late = 0;
    std::fill(std::begin(verdicts), std::end(verdicts), 0);
    std::fill(std::begin(scores), std::end(scores), 0);
    std::fill(std::begin(latencies), std::end(latencies), 0);
    slowest = 0;
    brightness = contrast = sharpness = 0;
    return true;
  }
};

RunSummary::RunSummary(std::string model_json, std::string session, int64_t period_us) : state_(std::make_unique<State>()) {
  state_->model = std::move(model_json);
  state_->session = std::move(session);
  state_->period = period_us;
  Log::Get().Watch("lnx.run.summary", state_.get());
}

RunSummary::~RunSummary() {
  Log::Get().Forget(state_.get());
  std::string json;
  if (state_->TakeAll(&json)) Log::Get().Write("lnx.run.summary", json);
}

void RunSummary::Add(int32_t verdict, float score, uint32_t total_us, float brightness, float contrast,
                     float sharpness) noexcept {
  State& s = *state_;
  const std::lock_guard<std::mutex> lock(s.mutex);
  ++s.runs;
  ++s.verdicts[std::clamp(verdict, 0, 3)];
  ++s.scores[std::clamp(static_cast<int>(score * kScoreBins), 0, kScoreBins - 1)];
  ++s.latencies[LatencyBin(total_us)];
  s.slowest = std::max(s.slowest, total_us);
  s.brightness += brightness;
  s.contrast += contrast;
  s.sharpness += sharpness;
}

void RunSummary::AddLate() noexcept {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  ++state_->late;
}

}  // namespace lnx::event
