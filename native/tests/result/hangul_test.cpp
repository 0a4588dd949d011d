#include "result/hangul.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace {

using lnx::result::Stroke;

TEST(Hangul, EverySyllableHasStrokesOfItsOwnInsideItsSquare) {
  std::set<std::vector<float>> seen;
  for (uint32_t c = lnx::result::kFirstSyllable; c <= lnx::result::kLastSyllable; ++c) {
    std::vector<float> flat;
    for (const Stroke& s : lnx::result::StrokesOf(c)) {
      for (const float v : {s.x1, s.y1, s.x2, s.y2}) {
        ASSERT_GE(v, -1e-6f) << c;
        ASSERT_LE(v, 1.0f + 1e-6f) << c;
      }
      flat.insert(flat.end(), {s.x1, s.y1, s.x2, s.y2, s.ring ? 1.0f : 0.0f});
    }
    ASSERT_FALSE(flat.empty()) << c;
    ASSERT_TRUE(seen.insert(flat).second) << c;
  }
  EXPECT_EQ(seen.size(), 11172u);
}

}  // namespace
