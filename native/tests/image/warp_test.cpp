// Upright pictures: the fast rows give the bytes of the plain ones, inside and across every border of the picture.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "image/image.h"
#include "image/warp_rows.h"

namespace lnx::image {
namespace {

TEST(Warp, BothFormsOfARowGiveTheSameBytes) {
#if defined(__x86_64__) || defined(_M_X64)
  if (ActiveSimd() != Simd::kAvx2) GTEST_SKIP() << "this processor has no AVX2";
  std::mt19937 rng(4);
  const auto between = [&](int low, int high) { return low + static_cast<int>(rng() % static_cast<unsigned>(high - low + 1)); };
  for (int round = 0; round < 300; ++round) {
    const bool gray = round % 2 == 0;
    const int32_t channels = gray ? 1 : 3;
    View in;
    in.width = between(1, round < 100 ? 8 : 120);
    in.height = between(1, round < 100 ? 8 : 60);
    in.stride = static_cast<int64_t>(in.width) * channels;
    in.format = gray ? LNX_PIXEL_GRAY8 : LNX_PIXEL_BGR8;
    // Exactly as many bytes as may be read: a sanitizer sees the next.
    std::vector<uint8_t> pixels(static_cast<size_t>(in.stride * in.height));
    for (uint8_t& p : pixels) p = rng() % 4 == 0 ? static_cast<uint8_t>(255 * (rng() % 2)) : static_cast<uint8_t>(rng());
    in.data = pixels.data();
    const auto corner = [&](int32_t side) { return static_cast<float>(between(-10, side + 10)); };
    LnxPointF quad[4];
    for (LnxPointF& p : quad) p = {corner(in.width), corner(in.height)};
    if (round % 3 == 0) {  // upright already: whole steps
      quad[1] = {quad[0].x + 40, quad[0].y};
      quad[2] = {quad[0].x + 40, quad[0].y + 20};
      quad[3] = {quad[0].x, quad[0].y + 20};
    }
    Perspective map;
    const int32_t width = between(1, 90), height = between(1, 12);
    if (!RectangleToQuad(quad, width, height, &map)) continue;
    const size_t row = static_cast<size_t>(width * channels);
    for (int32_t y = 0; y < height; ++y) {
      std::vector<uint8_t> plain(row, 1), fast(row, 2);
      (gray ? PlainWarpGray : PlainWarpColour)(in, map, y, 0, width, plain.data());
      (gray ? Avx2WarpGray : Avx2WarpColour)(in, map, y, 0, width, fast.data());
      ASSERT_EQ(plain, fast) << "round " << round << ", row " << y;
      const int32_t begin = between(0, width - 1);
      (gray ? Avx2WarpGray : Avx2WarpColour)(in, map, y, begin, width, fast.data() + begin * channels);
      ASSERT_EQ(plain, fast) << "round " << round << ", row " << y << " from " << begin;
    }
  }
#endif
}

TEST(Warp, WeightsOfEveryPositionAddUpToOne) {
  for (const auto& set : Remap().weights) {
    int sum = 0;
    for (const int16_t weight : set) sum += weight;
    ASSERT_EQ(sum, kWeightOne);
  }
}

}  // namespace
}  // namespace lnx::image
