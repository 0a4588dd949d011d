#include "decode/cells.h"

#include <cmath>

namespace lnx::decode {
namespace {

constexpr uint8_t kMixed = 255;  // no verdict: there are at most 254 channels

// Whether four neighbours say the same. A loop of its own over bytes, so that it vectorises.
void AgreeWithNeighbours(const uint8_t* __restrict above, const uint8_t* __restrict below, int32_t n,
                         uint8_t* __restrict agreed) {
  for (int32_t i = 0; i < n; ++i) {
    const int differ = (above[i] ^ above[i + 1]) | (above[i] ^ below[i]) | (above[i] ^ below[i + 1]);
    agreed[i] = differ != 0 ? kMixed : above[i];
  }
}

// The largest channel and its score for a chunk of pixels, from values[channel][pixel].
class Contest {
 public:
  Contest(const ClassRule& rule, int64_t channels) : rule_(rule), channels_(static_cast<int32_t>(channels)) {}

  void Decide(const float* values, int32_t pixels, float* best) {
    FastLanes().largest(values, kCellChunk, channels_, pixels, best, winner_);
  }
  int32_t Winner(int32_t i) const { return winner_[i]; }

  // The best values become scores. known: the channel that they all come from, or -1.
  void Score(const float* values, int32_t pixels, int32_t known, float* best) const {
    if (rule_.activation == ClassRule::Activation::kSigmoid) {
      for (int32_t i = 0; i < pixels; ++i) best[i] = 1.0f / (1.0f + std::exp(-best[i]));
    }
    if (rule_.activation == ClassRule::Activation::kSoftmax)
      FastLanes().softmax(values, kCellChunk, channels_, known, pixels, best);
  }

 private:
  const ClassRule& rule_;
  int32_t channels_;
  int32_t winner_[kCellChunk] = {};
};

}  // namespace

Window WholeWindow(int32_t width, int32_t height, Workspace& w) {
  const auto pixels = static_cast<size_t>(width) * static_cast<size_t>(height);
  w.labels.resize(pixels);
  w.best.resize(pixels);
  return {{0, 0, width, height}, w.labels.data(), w.best.data(), width};
}

Cells::Cells(const Map& map, int32_t width, int32_t height, int32_t begin, int32_t end, Workspace& w)
    : map_(map), height_(height), begin_(begin), plain_(OneToOne(map.x, width)), w_(w) {
  w.segments.clear();
  w.cell_runs.clear();
  if (begin >= end) return;
  if (plain_) {
    first_ = map.x.first + begin;
    count_ = end - begin;
  } else {
    w.columns.resize(static_cast<size_t>(width));
    w.weights.resize(static_cast<size_t>(width));
    for (int32_t x = begin; x < end; ++x) {
      const Position p = PositionOf(x, map.x, width);
      w.columns[static_cast<size_t>(x)] = p.first;
      w.weights[static_cast<size_t>(x)] = p.weight;
      if (w.segments.empty() || w.segments.back().column != p.first) w.segments.push_back({x, x, p.first, p.first});
      w.segments.back().end = x + 1;
      if (p.weight != 0) w.segments.back().next = p.first + 1;
    }
    first_ = w.segments.front().column;
    count_ = w.segments.back().next - first_ + 1;
  }
  every_column_ = !plain_ && w.segments.back().column - first_ + 1 == static_cast<int32_t>(w.segments.size());
  w.verdicts.resize(3 * static_cast<size_t>(count_));
}

void Cells::FindRuns() {
  const uint8_t *above = Verdicts(upper_), *below = Verdicts(lower_);
  uint8_t* agreed = w_.verdicts.data() + 2 * static_cast<std::ptrdiff_t>(count_);
  const auto& segments = w_.segments;
  const int32_t places = plain_ ? count_ : static_cast<int32_t>(segments.size());
  if (plain_) {
    for (int32_t i = 0; i < count_; ++i) agreed[i] = above[i] == below[i] ? above[i] : kMixed;
  } else if (every_column_) {
    AgreeWithNeighbours(above, below, count_ - 1, agreed);
    if (places == count_) agreed[count_ - 1] = above[count_ - 1] == below[count_ - 1] ? above[count_ - 1] : kMixed;
  } else {
    for (int32_t i = 0; i < places; ++i) {
      const int32_t column = segments[static_cast<size_t>(i)].column - first_,
                    next = segments[static_cast<size_t>(i)].next - first_;
      const uint8_t one = above[column];
      agreed[i] = above[next] == one && below[column] == one && below[next] == one ? one : kMixed;
    }
  }
  w_.cell_runs.clear();
  for (int32_t i = 0; i < places;) {
    const int32_t end = EndOfRun(agreed, i + 1, places, agreed[i]);
    const int32_t verdict = agreed[i] == kMixed ? -1 : agreed[i];
    if (plain_) {
      w_.cell_runs.push_back({begin_ + i, begin_ + end, verdict});
    } else {
      w_.cell_runs.push_back({segments[static_cast<size_t>(i)].begin, segments[static_cast<size_t>(end) - 1].end, verdict});
    }
    i = end;
  }
}

void Cells::Values(const float* data, int32_t y, int32_t begin, int32_t end, float* out) const {
  const Position p = PositionOf(y, map_.y, height_);
  const float* upper = data + p.first * map_.row_step;
  const float* lower = p.weight == 0 ? upper : upper + map_.row_step;
  const int64_t step = map_.pixel_step;
  if (plain_) {
    const int64_t first = (map_.x.first + begin) * step;
    for (int64_t i = 0; i < end - begin; ++i) {
      const float a = upper[first + i * step];
      out[i] = p.weight == 0 ? a : a * (1 - p.weight) + lower[first + i * step] * p.weight;
    }
    return;
  }
  for (int32_t x = begin; x < end; ++x) {
    const int64_t s = w_.columns[static_cast<size_t>(x)] * step;
    const float f = w_.weights[static_cast<size_t>(x)];
    const int64_t t = f == 0 ? s : s + step;
    const float a = f == 0 ? upper[s] : upper[s] * (1 - f) + upper[t] * f;
    const float b = f == 0 ? lower[s] : lower[s] * (1 - f) + lower[t] * f;
    *out++ = p.weight == 0 ? a : a * (1 - p.weight) + b * p.weight;
  }
}

void LabelByClass(const Channels& channels, int32_t width, int32_t height, const Window& window, const ClassRule& rule,
                  bool all_scores, Workspace& w) {
  const Patch& part = window.part;
  const Map& first = channels.first;
  const auto count = static_cast<int32_t>(channels.count);
  w.plane.resize(static_cast<size_t>(count) * kCellChunk);
  Cells cells(first, width, height, part.left, part.right, w);
  const auto judge = [&](int32_t row, int32_t column, int32_t n, uint8_t* to) {
    const float* value = first.data + row * first.row_step + column * first.pixel_step;
    if (first.pixel_step == 1) return FastLanes().winner(value, channels.step, count, n, to);
    for (int32_t x = 0; x < n; ++x, value += first.pixel_step) {
      int32_t winner = 0;
      for (int32_t c = 1; c < count; ++c) {
        if (value[c * channels.step] > value[winner * channels.step]) winner = c;
      }
      to[x] = static_cast<uint8_t>(winner);
    }
  };
  const auto label_of = [&](int32_t winner) { return winner == rule.background ? uint8_t{0} : static_cast<uint8_t>(winner + 1); };
  const auto skipped = [&](const CellRun& run) { return run.verdict >= 0 && run.verdict == rule.background && !all_scores; };
  Contest contest(rule, count);
  std::optional<Stretch> rows;
  for (int32_t y = part.top; y < part.bottom; ++y) {
    uint8_t* labels = window.labels + y * window.stride;
    float* scores = window.scores + y * window.stride;
    const std::vector<CellRun>& runs = cells.Runs(y, judge);
    int32_t pixels = 0;
    for (const CellRun& run : runs) pixels += skipped(run) ? 0 : run.end - run.begin;
    const bool dense = pixels > width / kDenseShare;
    if (dense && !rows) rows.emplace(channels, width, height, w);
    for (const CellRun& run : runs) {
      if (run.verdict >= 0) std::fill(labels + run.begin, labels + run.end, label_of(run.verdict));
      if (skipped(run)) continue;
      for (int32_t begin = run.begin; begin < run.end; begin += kCellChunk) {
        const int32_t end = std::min(begin + kCellChunk, run.end);
        for (int32_t c = 0; c < count; ++c) {
          float* to = w.plane.data() + static_cast<std::ptrdiff_t>(c) * kCellChunk;
          if (dense && rows) {
            rows->Copy(y, c, begin, end, to);
          } else {
            cells.Values(first.data + c * channels.step, y, begin, end, to);
          }
        }
        const float* values = w.plane.data();
        if (run.verdict < 0) {
          contest.Decide(values, end - begin, scores + begin);
          for (int32_t x = begin; x < end; ++x) labels[x] = label_of(contest.Winner(x - begin));
        } else {
          const float* won = values + static_cast<std::ptrdiff_t>(run.verdict) * kCellChunk;
          std::copy(won, won + (end - begin), scores + begin);
        }
        contest.Score(values, end - begin, run.verdict, scores + begin);
      }
    }
  }
}

}  // namespace lnx::decode
