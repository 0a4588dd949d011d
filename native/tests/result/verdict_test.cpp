// From findings to OK, NG, REVIEW: rules in order, thresholds at their exact borders, the guard band around them.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/platform.h"
#include "base/status.h"
#include "result/result.h"

namespace {

using namespace lnx;
using manifest::Rule;

Rule MakeRule(Rule::Kind kind, std::vector<int32_t> labels, double at_least, LnxVerdict then) {
  Rule rule;
  rule.kind = kind;
  rule.labels = std::move(labels);
  rule.at_least = at_least;
  rule.then = then;
  return rule;
}

class Bench {
 public:
  explicit Bench(std::vector<Rule> rules, LnxVerdict otherwise = LNX_VERDICT_OK) {
    manifest.labels = {{0, "good", "", 0, {}, 0}, {1, "scratch", "", 0, {}, 0}, {2, "dent", "", 0, {}, 0}};
    manifest.verdict.rules = std::move(rules);
    manifest.verdict.otherwise = otherwise;
    params.threshold = 0.5;
    params.class_threshold = {0.5, 0.5, 0.5};
    params.class_min_area = {0, 0, 0};
  }
  Bench& Class(int32_t id, float score) { return image.classes.Add(arena, {id, score, "", {}}), *this; }
  Bench& Object(int32_t id, float score, float area = 100) {
    LnxObject object{};
    object.class_id = id;
    object.score = score;
    object.area_px = area;
    image.objects.Add(arena, object);
    return *this;
  }
  Bench& Region(int32_t id, float score, float area) {
    LnxRegion region{};
    region.class_id = id;
    region.score_max = score;
    region.area_px = area;
    image.regions.Add(arena, region);
    return *this;
  }
  LnxVerdict Decide(double guard = 0) {
    params.guard_band = guard;
    result::DecideVerdict(manifest, params, arena, &image);
    return image.summary.verdict;
  }
  std::string Reason() const { return image.summary.verdict_reason; }

  manifest::Manifest manifest;
  result::RunParams params;
  result::Arena arena;
  result::ImageResult image;
};

const Rule kScratchIsNg = MakeRule(Rule::Kind::kScore, {1}, 1, LNX_VERDICT_NG);

TEST(Score, NgBeginsExactlyAtTheThreshold) {
  for (const auto& [score, expected] : {std::pair{0.5f, LNX_VERDICT_NG},
                                        {std::nextafter(0.5f, 0.0f), LNX_VERDICT_OK},
                                        {std::nextafter(0.5f, 1.0f), LNX_VERDICT_NG}}) {
    EXPECT_EQ(Bench({kScratchIsNg}).Object(1, score).Decide(), expected) << score;
  }
}

TEST(Score, OfOtherLabelsDoesNotCount) {
  Bench bench({kScratchIsNg});
  EXPECT_EQ(bench.Object(2, 0.99f).Decide(), LNX_VERDICT_OK);
  EXPECT_EQ(bench.image.summary.verdict_rule, 0u);
  EXPECT_EQ(bench.Object(1, 0.6f).Decide(), LNX_VERDICT_NG);
  EXPECT_EQ(bench.image.summary.verdict_rule, 1u);
  EXPECT_NE(bench.Reason().find("rule 1: score"), std::string::npos);
  EXPECT_NE(bench.Reason().find("\"scratch\" 0.600, threshold 0.500"), std::string::npos) << bench.Reason();
}

TEST(Score, EachClassHasItsOwnThreshold) {
  Bench bench({MakeRule(Rule::Kind::kScore, {}, 1, LNX_VERDICT_NG)});
  bench.params.class_threshold = {0.5, 0.8, 0.3};
  bench.Object(1, 0.7f).Object(2, 0.35f);
  EXPECT_EQ(bench.Decide(), LNX_VERDICT_NG);
  EXPECT_FLOAT_EQ(bench.image.summary.score_raw, 0.35f) << "the one with the best margin";
  EXPECT_FLOAT_EQ(bench.image.summary.threshold, 0.3f);
}

TEST(GuardBand, MakesReviewFromBothSidesAndNothingElse) {
  const struct {
    float score;
    LnxVerdict expected;
  } cases[] = {{0.44f, LNX_VERDICT_OK},    {0.4501f, LNX_VERDICT_REVIEW}, {0.4999f, LNX_VERDICT_REVIEW},
               {0.5f, LNX_VERDICT_REVIEW}, {0.5499f, LNX_VERDICT_REVIEW}, {0.5501f, LNX_VERDICT_NG},
               {0.9f, LNX_VERDICT_NG}};
  for (const auto& c : cases) {
    Bench bench({kScratchIsNg});
    EXPECT_EQ(bench.Object(1, c.score).Decide(0.05), c.expected) << c.score;
    EXPECT_EQ(bench.Reason().find("guard band") == 0, c.expected == LNX_VERDICT_REVIEW) << bench.Reason();
  }
}

TEST(GuardBand, OfExactBinaryNumbersIncludesItsLowerBorderAndNotTheUpper) {
  EXPECT_EQ(Bench({kScratchIsNg}).Object(1, 0.25f).Decide(0.25), LNX_VERDICT_REVIEW) << "reaches threshold - guard";
  EXPECT_EQ(Bench({kScratchIsNg}).Object(1, std::nextafter(0.25f, 0.0f)).Decide(0.25), LNX_VERDICT_OK);
  EXPECT_EQ(Bench({kScratchIsNg}).Object(1, 0.75f).Decide(0.25), LNX_VERDICT_NG) << "reaches threshold + guard";
  EXPECT_EQ(Bench({kScratchIsNg}).Object(1, std::nextafter(0.75f, 0.0f)).Decide(0.25), LNX_VERDICT_REVIEW);
}

TEST(GuardBand, SaysNothingWhereAnotherRuleDecidesAnyway) {
  Bench bench({kScratchIsNg, MakeRule(Rule::Kind::kScore, {2}, 1, LNX_VERDICT_NG)});
  EXPECT_EQ(bench.Object(1, 0.5f).Object(2, 0.9f).Decide(0.05), LNX_VERDICT_NG);
}

TEST(Count, NeedsAsManyAsTheRuleSays) {
  const Rule two = MakeRule(Rule::Kind::kCount, {1, 2}, 2, LNX_VERDICT_NG);
  EXPECT_EQ(Bench({two}).Object(1, 0.9f).Object(0, 0.9f).Decide(), LNX_VERDICT_OK);
  EXPECT_EQ(Bench({two}).Object(1, 0.9f).Object(2, 0.4f).Decide(), LNX_VERDICT_OK) << "below its threshold";
  Bench bench({two});
  EXPECT_EQ(bench.Object(1, 0.9f).Object(2, 0.9f).Decide(), LNX_VERDICT_NG);
  EXPECT_NE(bench.Reason().find("count 2"), std::string::npos) << bench.Reason();
}

TEST(Area, SumsRegionsThatReachTheirOwnSmallestArea) {
  const Rule large = MakeRule(Rule::Kind::kArea, {}, 100, LNX_VERDICT_NG);
  EXPECT_EQ(Bench({large}).Region(1, 0.9f, 60).Region(2, 0.9f, 40).Decide(), LNX_VERDICT_NG);
  EXPECT_EQ(Bench({large}).Region(1, 0.9f, 60).Region(2, 0.9f, 39).Decide(), LNX_VERDICT_OK);
  Bench bench({large});
  bench.params.class_min_area = {0, 0, 50};
  EXPECT_EQ(bench.Region(1, 0.9f, 60).Region(2, 0.9f, 49).Decide(), LNX_VERDICT_OK) << "too small to count";
  EXPECT_EQ(Bench({MakeRule(Rule::Kind::kArea, {}, 0, LNX_VERDICT_NG)}).Decide(), LNX_VERDICT_OK) << "nothing is no area";
}

TEST(TopBelow, IsForClassifiersThatAreNotSure) {
  const Rule unsure = MakeRule(Rule::Kind::kTopBelow, {}, 0.7, LNX_VERDICT_REVIEW);
  EXPECT_EQ(Bench({unsure}).Class(0, 0.69f).Class(1, 0.31f).Decide(), LNX_VERDICT_REVIEW);
  EXPECT_EQ(Bench({unsure}).Class(0, 0.71f).Class(1, 0.29f).Decide(), LNX_VERDICT_OK);
  EXPECT_EQ(Bench({unsure}).Decide(), LNX_VERDICT_REVIEW) << "no class at all is not sure either";
}

TEST(Rules, AreTriedInOrder) {
  const Rule review = MakeRule(Rule::Kind::kScore, {1}, 1, LNX_VERDICT_REVIEW);
  Bench bench({review, kScratchIsNg});
  EXPECT_EQ(bench.Object(1, 0.9f).Decide(), LNX_VERDICT_REVIEW);
  EXPECT_EQ(bench.image.summary.verdict_rule, 1u);
  Bench second({MakeRule(Rule::Kind::kScore, {2}, 1, LNX_VERDICT_REVIEW), kScratchIsNg});
  second.Object(1, 0.9f).Decide();
  EXPECT_EQ(second.image.summary.verdict_rule, 2u);
}

TEST(Nothing, FoundIsWhatTheManifestSays) {
  EXPECT_EQ(Bench({kScratchIsNg}).Decide(), LNX_VERDICT_OK);
  EXPECT_EQ(Bench({}, LNX_VERDICT_UNDEFINED).Object(1, 0.9f).Decide(), LNX_VERDICT_UNDEFINED) << "no rules, no verdict";
  Bench bench({kScratchIsNg});
  bench.Decide(0.1);
  EXPECT_EQ(bench.image.summary.score_raw, 0.0f);
  EXPECT_NE(bench.Reason().find("no rule fired"), std::string::npos);
}

TEST(Numbers, ThatAreNoneNeverGiveAVerdict) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()}) {
    for (const auto& add : {+[](Bench& b, float v) { b.Class(0, v); }, +[](Bench& b, float v) { b.Object(1, v); },
                            +[](Bench& b, float v) { b.Region(1, v, 5); }}) {
      Bench bench({kScratchIsNg});
      add(bench, bad);
      try {
        bench.Decide();
        ADD_FAILURE() << "a verdict from " << bad;
      } catch (const Error& error) {
        EXPECT_EQ(error.status(), LNX_E_NUMERIC);
      }
    }
  }
}

TEST(Reason, StaysUtf8WithLongKoreanLabels) {
  for (size_t pad = 0; pad < 3; ++pad) {
    Bench bench({kScratchIsNg});
    std::string name(pad, 'a');
    for (int i = 0; i < 60; ++i) name += "흠";
    bench.manifest.labels[1].name = name;
    for (const double guard : {0.0, 0.3}) {
      bench.Object(1, 0.6f).Decide(guard);
      const std::string reason = bench.Reason();
      EXPECT_TRUE(platform::IsUtf8(reason.data(), reason.size())) << reason;
      EXPECT_NE(reason.find("흠흠\" 0.600"), std::string::npos) << reason;
    }
  }
}

}  // namespace
