#include <algorithm>

#include "image/plan.h"

namespace lnx::image {
namespace {

// A weight of 0..2048 as 16 * coarse + fine with coarse <= 127, so that both are factors of a byte-wise multiply-add. The sum of
// products shifted by 4 is then coarse sum + (fine sum >> 4), exactly.
void Split(int32_t weight, uint8_t* coarse, uint8_t* fine) {
  const int32_t high = std::min(weight >> 4, 127);
  *coarse = static_cast<uint8_t>(high);
  *fine = static_cast<uint8_t>(weight - 16 * high);
}

// In blocks of 16 columns, groups 0, 2, 1, 3: the order in which the two halves of a 256-bit register take them. Even groups fill
// the low half of their lane, odd ones the high half.
void Pick(const std::vector<int32_t>& offsets, size_t group, uint8_t* picks) {
  const size_t first = 4 * group, place = (group & ~size_t{3}) | (group & 1) << 1 | (group >> 1 & 1);
  uint8_t* to = picks + 16 * place;
  std::fill(to, to + 16, static_cast<uint8_t>(0x80));
  to += 8 * (group & 1);
  for (size_t i = 0; i < 4; ++i) {
    const auto at = static_cast<uint8_t>(offsets[first + i] - offsets[first]);
    to[2 * i] = at;
    to[2 * i + 1] = static_cast<uint8_t>(at + 1);
  }
}

void Group(size_t columns, Taps* taps) {
  constexpr int32_t kReach = 16 - 2;
  taps->grouped = true;
  const size_t groups = columns / 4;
  for (size_t g = 0; g < groups; ++g) {
    if (taps->offsets[4 * g + 3] - taps->offsets[4 * g] > kReach) taps->grouped = false;
  }
  if (!taps->grouped) return;
  taps->picks.resize(std::max(taps->picks.size(), 16 * (groups + 4)));
  for (size_t g = 0; g < groups; ++g) Pick(taps->offsets, g, taps->picks.data());
}

}  // namespace

void PrepareTaps(int32_t width, int32_t height, int32_t out_width, int32_t out_height, int32_t step, Taps* taps) {
  const int32_t wanted[5] = {width, height, out_width, out_height, step};
  if (std::equal(wanted, wanted + 5, taps->made_for)) return;
  taps->made_for[0] = 0;  // until everything below succeeded
  const auto columns = static_cast<size_t>(out_width), lines = static_cast<size_t>(out_height);
  const auto grow = [](auto& buffer, size_t size) { buffer.resize(std::max(buffer.size(), size)); };
  const size_t lanes = step == 1 ? 1 : 4;
  grow(taps->offsets, columns);
  grow(taps->weights, 2 * columns);
  grow(taps->coarse, 2 * lanes * columns);
  grow(taps->fine, 2 * lanes * columns);
  grow(taps->lines, lines);
  grow(taps->line_weights, 2 * lines);
  LinearTable(width, out_width, true, taps->offsets.data(), taps->weights.data());
  LinearTable(height, out_height, false, taps->lines.data(), taps->line_weights.data());
  for (size_t x = 0; x < columns; ++x) {
    const int32_t w0 = taps->weights[2 * x], w1 = taps->weights[2 * x + 1];
    for (size_t lane = 0; lane < lanes; ++lane) {
      const size_t at = 2 * (lanes * x + lane);
      Split(w0, &taps->coarse[at], &taps->fine[at]);
      Split(w1, &taps->coarse[at + 1], &taps->fine[at + 1]);
    }
    taps->offsets[x] *= step;
    taps->weights[x] = w0 | w1 << 16;
  }
  if (step == 1) Group(columns, taps);
  std::copy(wanted, wanted + 5, taps->made_for);
}

}  // namespace lnx::image
