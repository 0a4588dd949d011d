#include "decode/finite.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "base/status.h"
#include "decode/workspace.h"
#include "image/image.h"

namespace lnx::decode {
namespace {

TEST(Finite, OneBadValueIsFoundWhereverItLies) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
    for (size_t n : {1u, 31u, 32u, 33u, 100u, 4097u}) {
      for (size_t at = 0; at < n; at += n > 200 ? 97 : 1) {
        std::vector<float> values(n, -std::numeric_limits<float>::max());
        values[n / 2] = std::numeric_limits<float>::denorm_min();
        EXPECT_TRUE(AllFinitePortable(values.data(), n));
        CheckFinite(values.data(), n, "test");
        values[at] = bad;
        EXPECT_FALSE(AllFinitePortable(values.data(), n)) << at << " of " << n;
        EXPECT_THROW(CheckFinite(values.data(), n, "test"), Error) << at << " of " << n;
#if defined(__x86_64__) || defined(_M_X64)
        if (image::ActiveSimd() == image::Simd::kAvx2) {
          EXPECT_FALSE(AllFiniteAvx2(values.data(), n)) << at << " of " << n;
        }
#endif
      }
    }
  }
}

TEST(Finite, NothingIsFinite) { CheckFinite(nullptr, 0, "test"); }

}  // namespace
}  // namespace lnx::decode
