// Tiles of one picture: what belongs to one tile alone passes as it is, and the rest is blended (into what, tests/tiling compares
// with the plain twin).
#include "decode/mosaic.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "decode/cells.h"
#include "decode/stretch.h"
#include "decode/workspace.h"

namespace lnx::decode {
namespace {

// Tiles as session::PlaceTiles spreads them.
std::vector<int32_t> Begins(int32_t length, int32_t side, double overlap) {
  if (length <= side) return {0};
  const int32_t step = std::max(1, side - static_cast<int32_t>(std::ceil(side * overlap)));
  const int32_t count = (length - side + step - 1) / step + 1;
  std::vector<int32_t> begins;
  for (int32_t i = 0; i < count; ++i) begins.push_back(static_cast<int32_t>(int64_t{i} * (length - side) / (count - 1)));
  return begins;
}

class Tiles : public testing::TestWithParam<double> {};

TEST_P(Tiles, AloneAndSharedCoverThePictureOnce) {
  std::mt19937 random(11);
  std::uniform_real_distribution<float> some(-1, 1);
  for (int32_t round = 0; round < 40; ++round) {
    const auto pick = [&](int32_t low, int32_t high) { return std::uniform_int_distribution<int32_t>(low, high)(random); };
    const LnxRect part{3, 5, pick(1, 150), pick(1, 90)};
    const int32_t scale = pick(1, 2), width = std::min(part.width, pick(8, 40)), height = std::min(part.height, pick(8, 40));
    std::vector<LnxRect> tiles;
    for (const int32_t y : Begins(part.height, height, GetParam())) {
      for (const int32_t x : Begins(part.width, width, GetParam())) tiles.push_back({part.x + x, part.y + y, width, height});
    }
    Workspace whole, apart;
    for (Workspace* w : {&whole, &apart}) {
      w->mosaic.Begin(part, tiles);
      EXPECT_TRUE(w->mosaic.Need(2, scale));
      EXPECT_FALSE(w->mosaic.Need(2, scale));
    }
    const int32_t out_width = whole.mosaic.width(), out_height = whole.mosaic.height();
    const auto pixels = static_cast<size_t>(out_width) * static_cast<size_t>(out_height);
    std::vector<float> alone(2 * pixels);
    std::vector<int32_t> owners(pixels);
    for (size_t t = 0; t < tiles.size(); ++t) {
      const Patch own = whole.mosaic.TileOf(t), single = whole.mosaic.Alone(t);
      const int32_t w = own.right - own.left, h = own.bottom - own.top;
      std::vector<float> values(2 * static_cast<size_t>(w) * static_cast<size_t>(h));
      for (float& v : values) v = some(random);
      const Channels channels{WholeMap(values.data(), w, h), 2, static_cast<int64_t>(w) * h};
      whole.mosaic.Add(t, channels, whole);
      apart.mosaic.AddShared(t, channels, apart);
      for (int32_t y = single.top; y < single.bottom; ++y) {
        for (int32_t x = single.left; x < single.right; ++x) {
          const auto at = static_cast<size_t>(y) * static_cast<size_t>(out_width) + static_cast<size_t>(x);
          ++owners[at];
          for (size_t c = 0; c < 2; ++c) {
            alone[c * pixels + at] =
                values[(c * static_cast<size_t>(h) + static_cast<size_t>(y - own.top)) * static_cast<size_t>(w) +
                       static_cast<size_t>(x - own.left)];
          }
        }
      }
    }
    for (const Patch& patch : whole.mosaic.Shared()) {
      EXPECT_FALSE(patch.Empty());
      for (int32_t y = patch.top; y < patch.bottom; ++y) {
        for (int32_t x = patch.left; x < patch.right; ++x) {
          const auto at = static_cast<size_t>(y) * static_cast<size_t>(out_width) + static_cast<size_t>(x);
          ++owners[at];
          for (size_t c = 0; c < 2; ++c) {
            EXPECT_EQ(whole.mosaic.data()[c * pixels + at], apart.mosaic.data()[c * pixels + at]);
            EXPECT_LE(std::fabs(whole.mosaic.data()[c * pixels + at]), 1.0001f);  // a mean of what the tiles gave
          }
        }
      }
    }
    for (size_t at = 0; at < pixels; ++at) ASSERT_EQ(owners[at], 1);
    for (size_t at = 0; at < pixels; ++at) {
      for (size_t c = 0; c < 2; ++c) {
        if (alone[c * pixels + at] == 0) continue;
        EXPECT_EQ(whole.mosaic.data()[c * pixels + at], alone[c * pixels + at]);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Overlaps, Tiles, testing::Values(0.0, 0.1, 0.2, 0.5, 0.75));

TEST(Limit, IsTheFirstNumberWhoseScorePasses) {
  const auto sigmoid = [](float value) { return 1.0f / (1.0f + std::exp(-value)); };
  const float limit = LimitOf(sigmoid, 0.7f);
  EXPECT_GE(sigmoid(limit), 0.7f);
  EXPECT_LT(sigmoid(std::nextafter(limit, -1.0f)), 0.7f);
  const auto same = [](float value) { return value; };
  for (const float threshold : {-3.5f, -1e-30f, 0.0f, 1e-30f, 0.55f, 7e8f}) EXPECT_EQ(LimitOf(same, threshold), threshold);
  EXPECT_EQ(LimitOf(sigmoid, 1.5f), std::numeric_limits<float>::infinity());
  EXPECT_LT(LimitOf(sigmoid, -1.0f), -3e38f);
}

}  // namespace
}  // namespace lnx::decode
