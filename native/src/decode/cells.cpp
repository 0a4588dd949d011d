#include "decode/cells.h"

#include <cmath>
#include <cstring>

namespace lnx::decode {
namespace {

// e^x for x <= 0 to within 2e-7 of itself: 2^n times a polynomial on [-ln(2)/2, ln(2)/2] (the coefficients are those of Taylor's
// series, whose remainder of degree 7 is below 1e-8 there). Written so that a loop of it becomes vector code.
inline float ExpOfNegative(float x) {
  x = std::max(x, -87.0f);
  const auto n = static_cast<int32_t>(x * 1.44269504f - 0.5f);
  const auto whole = static_cast<float>(n);
  const float r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;  // ln(2) in two parts
  const float p =
      1.0f + r * (1.0f + r * (0.5f + r * (1.0f / 6 + r * (1.0f / 24 + r * (1.0f / 120 + r * (1.0f / 720 + r * (1.0f / 5040)))))));
  const int32_t bits = (n + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

// Largest channel and its score for a chunk of pixels, from values[channel][pixel].
class Contest {
 public:
  explicit Contest(const ClassRule& rule) : rule_(rule) {}

  void Decide(const float* values, int32_t pixels) {
    std::copy(values, values + pixels, best_);
    std::fill(winner_, winner_ + pixels, 0);
    for (int64_t c = 1; c < rule_.channels; ++c) {
      const float* v = values + c * kCellChunk;
      for (int32_t i = 0; i < pixels; ++i) {
        winner_[i] = v[i] > best_[i] ? static_cast<int32_t>(c) : winner_[i];
        best_[i] = std::max(best_[i], v[i]);
      }
    }
  }

  int32_t Winner(int32_t i) const { return winner_[i]; }

  // The best values as scores; after Decide with the same values.
  const float* Scores(const float* values, int32_t pixels) {
    if (rule_.activation == ClassRule::Activation::kSigmoid) {
      for (int32_t i = 0; i < pixels; ++i) best_[i] = 1.0f / (1.0f + std::exp(-best_[i]));
    }
    if (rule_.activation != ClassRule::Activation::kSoftmax) return best_;
    float sum[kCellChunk] = {};
    for (int64_t c = 0; c < rule_.channels; ++c) {
      const float* v = values + c * kCellChunk;
      for (int32_t i = 0; i < pixels; ++i) sum[i] += ExpOfNegative(v[i] - best_[i]);
    }
    for (int32_t i = 0; i < pixels; ++i) best_[i] = 1.0f / sum[i];
    return best_;
  }

 private:
  const ClassRule& rule_;
  float best_[kCellChunk] = {};
  int32_t winner_[kCellChunk] = {};
};

}  // namespace

Cells::Cells(const Map& map, int32_t width, int32_t height, Workspace& w) : map_(map), height_(height), w_(w) {
  w.columns.resize(static_cast<size_t>(width));
  w.weights.resize(static_cast<size_t>(width));
  w.segments.clear();
  for (int32_t x = 0; x < width; ++x) {
    const Position p = PositionOf(x, map.x, width);
    w.columns[static_cast<size_t>(x)] = p.first;
    w.weights[static_cast<size_t>(x)] = p.weight;
    if (w.segments.empty() || w.segments.back().column != p.first) w.segments.push_back({x, x, p.first, p.first});
    w.segments.back().end = x + 1;
    if (p.weight != 0) w.segments.back().next = p.first + 1;
  }
  w.verdicts.resize(static_cast<size_t>(map.x.last - map.x.first + 1) * static_cast<size_t>(map.y.last - map.y.first + 1));
}

const std::vector<CellRun>& Cells::Runs(int32_t y) {
  const Position p = PositionOf(y, map_.y, height_);
  const int32_t upper = p.first, lower = p.weight == 0 ? p.first : p.first + 1;
  if (upper == upper_ && lower == lower_) return w_.cell_runs;
  upper_ = upper;
  lower_ = lower;
  const int32_t columns = map_.x.last - map_.x.first + 1;
  const uint8_t* above = w_.verdicts.data() + (upper - map_.y.first) * columns - map_.x.first;
  const uint8_t* below = w_.verdicts.data() + (lower - map_.y.first) * columns - map_.x.first;
  w_.cell_runs.clear();
  for (const CellSegment& s : w_.segments) {
    const uint8_t one = above[s.column];
    const bool agree = above[s.next] == one && below[s.column] == one && below[s.next] == one;
    const int32_t verdict = agree ? one : -1;
    if (!w_.cell_runs.empty() && w_.cell_runs.back().verdict == verdict) {
      w_.cell_runs.back().end = s.end;
    } else {
      w_.cell_runs.push_back({s.begin, s.end, verdict});
    }
  }
  return w_.cell_runs;
}

void Cells::Values(const float* data, int32_t y, int32_t begin, int32_t end, float* out) const {
  const Position p = PositionOf(y, map_.y, height_);
  const float* upper = data + p.first * map_.row_step;
  const float* lower = p.weight == 0 ? upper : upper + map_.row_step;
  const int64_t step = map_.pixel_step;
  for (int32_t x = begin; x < end; ++x) {
    const int64_t s = w_.columns[static_cast<size_t>(x)] * step;
    const float f = w_.weights[static_cast<size_t>(x)];
    const int64_t t = f == 0 ? s : s + step;
    const float a = f == 0 ? upper[s] : upper[s] * (1 - f) + upper[t] * f;
    const float b = f == 0 ? lower[s] : lower[s] * (1 - f) + lower[t] * f;
    *out++ = p.weight == 0 ? a : a * (1 - p.weight) + b * p.weight;
  }
}

void LabelByClass(const Map& first, int32_t width, int32_t height, const ClassRule& rule, bool all_scores, Workspace& w) {
  const auto pixels = static_cast<size_t>(width) * static_cast<size_t>(height);
  w.labels.resize(pixels);
  w.best.resize(pixels);
  w.plane.resize(static_cast<size_t>(rule.channels) * kCellChunk);
  Cells cells(first, width, height, w);
  cells.Judge([&](int32_t y, int32_t x) -> uint8_t {
    const float* value = first.data + y * first.row_step + x * first.pixel_step;
    int64_t winner = 0;
    for (int64_t c = 1; c < rule.channels; ++c) {
      if (value[c * rule.channel_step] > value[winner * rule.channel_step]) winner = c;
    }
    return static_cast<uint8_t>(winner);
  });
  const auto label_of = [&](int32_t winner) { return winner == rule.background ? uint8_t{0} : static_cast<uint8_t>(winner + 1); };
  Contest contest(rule);
  for (int32_t y = 0; y < height; ++y) {
    const size_t base = static_cast<size_t>(y) * static_cast<size_t>(width);
    uint8_t* labels = w.labels.data() + base;
    float* scores = w.best.data() + base;
    for (const CellRun& run : cells.Runs(y)) {
      if (run.verdict >= 0) std::fill(labels + run.begin, labels + run.end, label_of(run.verdict));
      if (run.verdict >= 0 && run.verdict == rule.background && !all_scores) continue;
      for (int32_t begin = run.begin; begin < run.end; begin += kCellChunk) {
        const int32_t end = std::min(begin + kCellChunk, run.end);
        for (int64_t c = 0; c < rule.channels; ++c)
          cells.Values(first.data + c * rule.channel_step, y, begin, end, w.plane.data() + c * kCellChunk);
        contest.Decide(w.plane.data(), end - begin);
        for (int32_t x = begin; run.verdict < 0 && x < end; ++x) labels[x] = label_of(contest.Winner(x - begin));
        const float* won = contest.Scores(w.plane.data(), end - begin);
        std::copy(won, won + (end - begin), scores + begin);
      }
    }
  }
}

}  // namespace lnx::decode
