// Tiles of one picture: what belongs to one tile alone passes as it is, and the rest is blended (into what, tests/tiling compares
// with the plain twin).
#include "decode/mosaic.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/status.h"
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
    const LnxRect part{3, 5, pick(1, 150), pick(1, 200)};
    const int32_t scale = pick(1, 2), width = std::min(part.width, pick(8, 40)), height = std::min(part.height, pick(8, 90));
    std::vector<LnxRect> tiles;
    for (const int32_t y : Begins(part.height, height, GetParam())) {
      for (const int32_t x : Begins(part.width, width, GetParam())) tiles.push_back({part.x + x, part.y + y, width, height});
    }
    Workspace whole, apart;
    EXPECT_TRUE((whole.mosaic.Begin(part, tiles), whole.mosaic.Need(2, scale, Mosaic::Keep::kAll)));
    EXPECT_TRUE((apart.mosaic.Begin(part, tiles), apart.mosaic.Need(2, scale, Mosaic::Keep::kShared)));
    EXPECT_FALSE(apart.mosaic.Need(2, scale, Mosaic::Keep::kShared));
    const int32_t out_width = whole.mosaic.width(), out_height = whole.mosaic.height();
    const auto pixels = static_cast<size_t>(out_width) * static_cast<size_t>(out_height);
    std::vector<float> pieced(2 * pixels);
    std::vector<int32_t> owners(pixels);
    const auto place = [&](const Patch& patch, const Channels& from, int32_t left, int32_t top) {
      for (int32_t y = patch.top; y < patch.bottom; ++y) {
        for (int32_t x = patch.left; x < patch.right; ++x) {
          const auto at = static_cast<size_t>(y) * static_cast<size_t>(out_width) + static_cast<size_t>(x);
          ++owners[at];
          for (int64_t c = 0; c < 2; ++c)
            pieced[static_cast<size_t>(c) * pixels + at] = from.At(c).data[(y - top) * from.first.row_step + (x - left)];
        }
      }
    };
    for (size_t t = 0; t < tiles.size(); ++t) {
      const Patch own = whole.mosaic.TileOf(t);
      const int32_t w = own.right - own.left, h = own.bottom - own.top;
      std::vector<float> values(2 * static_cast<size_t>(w) * static_cast<size_t>(h));
      for (float& v : values) v = some(random);
      const Channels channels{WholeMap(values.data(), w, h), 2, static_cast<int64_t>(w) * h};
      whole.mosaic.Add(t, channels, whole);
      apart.mosaic.Take(t, channels, values.size(), "test", apart,
                        [&](const Patch& alone) { place(alone, channels, own.left, own.top); });
      values[values.size() / 2] = std::numeric_limits<float>::quiet_NaN();
      EXPECT_THROW(apart.mosaic.Take(t, channels, values.size(), "test", apart, [](const Patch&) {}), Error);
    }
    for (size_t b = 0; b < apart.mosaic.kept(); ++b) {
      const Patch& patch = apart.mosaic.PatchOf(b);
      EXPECT_FALSE(patch.Empty());
      place(patch, apart.mosaic.ChannelsOf(b), patch.left, patch.top);
    }
    for (size_t at = 0; at < pixels; ++at) ASSERT_EQ(owners[at], 1);
    ASSERT_EQ(whole.mosaic.kept(), 1u);
    for (size_t i = 0; i < 2 * pixels; ++i) {
      ASSERT_EQ(pieced[i], whole.mosaic.ChannelsOf(0).first.data[i]);
      EXPECT_LE(std::fabs(pieced[i]), 1.0001f);  // a mean of what the tiles gave
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
