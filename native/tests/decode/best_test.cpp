// The largest of a row in one reading: the fast form finds what the plain one does, and misses no number that is not finite.
#include "decode/best.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "image/image.h"

namespace lnx::decode {
namespace {

constexpr int32_t kRowLengths[] = {1, 2, 15, 16, 17, 100, 255, 256, 257, 511, 512, 700, 6625};

std::vector<Best (*)(const float*, int32_t) noexcept> Forms() {
  std::vector<Best (*)(const float*, int32_t) noexcept> forms = {PlainBest};
#if defined(__x86_64__) || defined(_M_X64)
  if (image::ActiveSimd() == image::Simd::kAvx2) forms.push_back(Avx2Best);
#endif
  return forms;
}

TEST(Best, IsTheFirstOfTheLargestWhereverItLies) {
  std::mt19937 rng(5);
  std::uniform_real_distribution<float> some(-2, 1);
  for (const auto best_of : Forms()) {
    for (const int32_t n : kRowLengths) {
      for (int round = 0; round < 40; ++round) {
        std::vector<float> values(static_cast<size_t>(n));
        for (float& v : values) v = round % 2 == 0 ? some(rng) : std::floor(4 * some(rng));  // the latter with many ties
        if (round % 5 == 0) values[rng() % values.size()] = 7;
        int32_t at = 0;
        for (int32_t i = 1; i < n; ++i) {
          if (values[static_cast<size_t>(i)] > values[static_cast<size_t>(at)]) at = i;
        }
        const Best best = best_of(values.data(), n);
        ASSERT_TRUE(best.finite);
        ASSERT_EQ(best.at, at) << n;
        ASSERT_EQ(best.value, values[static_cast<size_t>(at)]);
      }
    }
  }
}

TEST(Best, OfNumbersFarBelowZeroAndOfZerosOfBothSigns) {
  for (const auto best_of : Forms()) {
    std::vector<float> values(600, -std::numeric_limits<float>::max());
    EXPECT_EQ(best_of(values.data(), 600).at, 0);
    EXPECT_TRUE(best_of(values.data(), 600).finite);
    values[300] = -0.0f;
    values[299] = 0.0f;
    EXPECT_EQ(best_of(values.data(), 600).at, 299);
    values[10] = -0.0f;
    EXPECT_EQ(best_of(values.data(), 600).at, 10);
  }
}

TEST(Best, OneBadValueIsFoundWhereverItLies) {
  for (const auto best_of : Forms()) {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity()}) {
      for (const int32_t n : kRowLengths) {
        for (int32_t at = 0; at < n; at += n > 1000 ? 97 : 1) {
          std::vector<float> values(static_cast<size_t>(n), 0.5f);
          values[static_cast<size_t>(at)] = bad;
          ASSERT_FALSE(best_of(values.data(), n).finite) << at << " of " << n;
        }
      }
    }
  }
}

}  // namespace
}  // namespace lnx::decode
