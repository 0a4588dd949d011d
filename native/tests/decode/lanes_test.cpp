// The fast loops give the bits of the plain ones, at every length and around every end.
#include "decode/lanes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "decode/lanes_plain.h"
#include "decode/stretch.h"
#include "image/image.h"

namespace lnx::decode {
namespace {

constexpr int32_t kLengths[] = {0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 64, 100, 257};

class LanesAgree : public testing::Test {
 protected:
  void SetUp() override {
#if defined(__x86_64__) || defined(_M_X64)
    if (image::ActiveSimd() != image::Simd::kAvx2) GTEST_SKIP() << "this processor has no AVX2";
    fast_ = &Avx2Lanes();
#else
    GTEST_SKIP() << "one set of loops";
#endif
  }

  std::vector<float> Numbers(size_t n, float low, float high) {
    std::uniform_real_distribution<float> some(low, high);
    std::vector<float> values(n);
    for (float& v : values) v = some(random_);
    // Ties, and values that round half way.
    for (size_t i = 0; i + 1 < n; i += 5) values[i + 1] = values[i] = std::round(2 * values[i]) / 2;
    return values;
  }

  template <typename T>
  static void Same(const std::vector<T>& plain, const std::vector<T>& fast, int32_t n) {
    ASSERT_EQ(plain.size(), fast.size());
    if (plain.empty()) return;
    EXPECT_EQ(std::memcmp(plain.data(), fast.data(), plain.size() * sizeof(T)), 0) << n;
  }

  std::mt19937 random_{7};
  const Lanes* fast_ = nullptr;
};

TEST_F(LanesAgree, OnRowsThatGrowAndShrink) {
  for (const int32_t cells : {1, 2, 7, 8, 9, 16, 40, 200}) {
    for (const int32_t n : kLengths) {
      // Exactly as many numbers as may be read: a sanitizer sees the next.
      const std::vector<float> from = Numbers(static_cast<size_t>(cells), -3, 3);
      const Map map = WholeMap(from.data(), cells, 1);
      std::vector<int32_t> columns;
      std::vector<float> weights;
      for (int32_t x = 0; x < n; ++x) {
        const Position p = PositionOf(x, map.x, n);
        columns.push_back(p.first);
        weights.push_back(p.weight);
      }
      std::vector<float> plain(columns.size()), fast(columns.size());
      PlainLanes().widen(from.data(), cells, columns.data(), weights.data(), n, plain.data());
      fast_->widen(from.data(), cells, columns.data(), weights.data(), n, fast.data());
      Same(plain, fast, n);
    }
  }
}

TEST_F(LanesAgree, OnMixesAndSums) {
  for (const int32_t n : kLengths) {
    const auto length = static_cast<size_t>(n);
    const std::vector<float> a = Numbers(length, -9, 9), b = Numbers(length, -9, 9), kernel = Numbers(13, 0, 1);
    std::vector<float> plain(length), fast(length);
    PlainLanes().mix(a.data(), b.data(), 0.3f, n, plain.data());
    fast_->mix(a.data(), b.data(), 0.3f, n, fast.data());
    Same(plain, fast, n);
    const std::vector<float> long_row = Numbers(length + 13, -9, 9);
    std::vector<const float*> rows;
    for (size_t k = 0; k < kernel.size(); ++k) rows.push_back(long_row.data() + k);
    PlainLanes().smooth(rows.data(), kernel.data(), 13, n, plain.data());
    fast_->smooth(rows.data(), kernel.data(), 13, n, fast.data());
    Same(plain, fast, n);
  }
}

TEST_F(LanesAgree, OnPictures) {
  const Levels levels[] = {{0, 255, 255}, {-1, 127.5f, 255}, {0.25f, 1, 255}, {0, 1, 255}};
  const Levels deep{-1, 32767.5f, 65535};
  for (const int32_t n : kLengths) {
    const auto length = static_cast<size_t>(n);
    const std::vector<float> a = Numbers(length, -40, 300), b = Numbers(length, -1.5f, 1.5f), c = Numbers(length, 0, 1);
    for (const Levels& each : levels) {
      std::vector<uint8_t> plain(3 * length), fast(3 * length);
      const float* const planes[3] = {a.data(), b.data(), c.data()};
      PlainLanes().to_pixels(planes, each, n, plain.data());
      fast_->to_pixels(planes, each, n, fast.data());
      Same(plain, fast, n);
      PlainLanes().to_bytes(a.data(), each, n, plain.data());
      fast_->to_bytes(a.data(), each, n, fast.data());
      Same(plain, fast, n);
    }
    std::vector<uint16_t> plain(length), fast(length);
    PlainLanes().to_words(b.data(), deep, n, plain.data());
    fast_->to_words(b.data(), deep, n, fast.data());
    Same(plain, fast, n);
  }
}

TEST_F(LanesAgree, OnWinnersAndTheirScores) {
  for (const int32_t channels : {1, 2, 3, 10, 254}) {
    for (const int32_t n : kLengths) {
      const auto length = static_cast<size_t>(n);
      const int64_t step = n + 3;
      const std::vector<float> values = Numbers(static_cast<size_t>(channels * step), -12, 12);
      std::vector<float> plain(length), fast(length);
      std::vector<int32_t> whose(length), fast_whose(length);
      std::vector<uint8_t> small(length), fast_small(length);
      PlainLanes().largest(values.data(), step, channels, n, plain.data(), whose.data());
      fast_->largest(values.data(), step, channels, n, fast.data(), fast_whose.data());
      Same(plain, fast, n);
      Same(whose, fast_whose, n);
      PlainLanes().winner(values.data(), step, channels, n, small.data());
      fast_->winner(values.data(), step, channels, n, fast_small.data());
      Same(small, fast_small, n);
      EXPECT_TRUE(std::equal(small.begin(), small.end(), whose.begin())) << n;
      for (const int32_t known : {-1, 0, channels - 1}) {
        std::vector<float> plain_score = plain, fast_score = plain;
        if (known >= 0) std::copy(values.begin() + known * step, values.begin() + known * step + n, plain_score.begin());
        if (known >= 0) fast_score = plain_score;
        PlainLanes().softmax(values.data(), step, channels, known, n, plain_score.data());
        fast_->softmax(values.data(), step, channels, known, n, fast_score.data());
        Same(plain_score, fast_score, n);
      }
      PlainLanes().reaches(values.data(), 0.5f, n, small.data());
      fast_->reaches(values.data(), 0.5f, n, fast_small.data());
      Same(small, fast_small, n);
      double sum = 0.25, fast_sum = 0.25;
      float most = -1, fast_most = -1;
      PlainLanes().total(values.data(), n, &sum, &most);
      fast_->total(values.data(), n, &fast_sum, &fast_most);
      EXPECT_EQ(sum, fast_sum) << n;
      EXPECT_EQ(most, n == 0 ? -1 : std::max(-1.0f, *std::max_element(values.begin(), values.begin() + n))) << n;
      EXPECT_EQ(most, fast_most) << n;
      EXPECT_NEAR(sum, std::accumulate(values.begin(), values.begin() + n, 0.25), 1e-9 * (1 + n)) << n;
    }
  }
}

TEST(Lanes, LevelsRoundHalvesToEvenAsTheProcessorDoes) {
  const Levels levels{0, 1, 65535};
  for (const float value : {0.0f, 0.5f, 1.5f, 2.5f, 254.5f, 255.5f, 0.49999997f, 65534.5f, 65535.5f, -3.0f, 1e9f}) {
    EXPECT_EQ(Level(value, levels), std::lrint(std::clamp(value, 0.0f, 65535.0f))) << value;
  }
}

TEST(Lanes, ExponentialsAreWithinTwoInTenMillion) {
  for (float x = -80; x <= 0; x += 0.0137f) {
    const double right = std::exp(static_cast<double>(x));
    EXPECT_NEAR(static_cast<double>(ExpOfNegative(x)), right, 2e-7) << x;
    EXPECT_NEAR(static_cast<double>(ExpOfNegative(x)) / right, 1, 5e-6) << x;
  }
  EXPECT_EQ(ExpOfNegative(0), 1.0f);
  EXPECT_LT(ExpOfNegative(-1e9f), 1e-37f);
}

TEST(Lanes, ARunEndsWhereAnotherValueBegins) {
  for (int32_t length = 0; length < 40; ++length) {
    for (int32_t at = 0; at <= length; ++at) {
      std::vector<uint8_t> row(static_cast<size_t>(length) + 1, 3);
      row[static_cast<size_t>(at)] = 4;
      for (int32_t from = 0; from <= at; ++from) EXPECT_EQ(EndOfRun(row.data(), from, length, 3), at);
    }
  }
}

}  // namespace
}  // namespace lnx::decode
