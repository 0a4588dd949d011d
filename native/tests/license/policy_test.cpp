// The states of a licence with a clock of the test: no threads, no tokens.
#include "license/policy.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "base/platform.h"
#include "license/memory.h"

namespace {

using namespace lnx::license;

constexpr Grace kGrace = {120, 60, 72};
const Timing kTiming;

PresencePolicy Running(int64_t now) {
  PresencePolicy policy(kGrace, kTiming, 7, now);
  policy.Succeeded(now);
  return policy;
}

TEST(Policy, StartsAndIsOkAfterOneAnswer) {
  PresencePolicy policy(kGrace, kTiming, 7, 1000);
  EXPECT_EQ(policy.At(1000).phase, LNX_LICENSE_STARTING);
  EXPECT_EQ(policy.due_ms(), 1000) << "asks at once";
  policy.Failed(1000, LNX_E_NO_TOKEN, "no token");
  EXPECT_EQ(policy.At(2000).phase, LNX_LICENSE_STARTING) << "boot time runs";
  policy.Succeeded(60000);
  EXPECT_EQ(policy.At(60000).phase, LNX_LICENSE_OK);
}

TEST(Policy, BlocksWhenTheBootTimeIsUpAndRecovers) {
  PresencePolicy policy(kGrace, kTiming, 7, 0);
  policy.Failed(0, LNX_E_NO_TOKEN, "no token");
  EXPECT_EQ(policy.At(119999).phase, LNX_LICENSE_STARTING);
  EXPECT_EQ(policy.At(120000).phase, LNX_LICENSE_BLOCKED);
  EXPECT_EQ(policy.At(120000).status, LNX_E_NO_TOKEN);
  policy.Succeeded(130000);
  EXPECT_EQ(policy.At(130000).phase, LNX_LICENSE_OK);
}

TEST(Policy, OneFailureAloneChangesNothing) {
  PresencePolicy policy = Running(0);
  policy.Failed(30000, LNX_E_NO_READER, "glitch");
  EXPECT_EQ(policy.At(30000).phase, LNX_LICENSE_OK);
  EXPECT_EQ(policy.due_ms(), 31000) << "asks again soon";
  policy.Succeeded(31000);
  policy.Failed(61000, LNX_E_NO_READER, "glitch");
  EXPECT_EQ(policy.At(61000).phase, LNX_LICENSE_OK) << "the count begins anew";
}

TEST(Policy, GraceCountsFromTheFirstFailureAndThenBlocks) {
  PresencePolicy policy = Running(0);
  policy.Failed(30000, LNX_E_NO_TOKEN, "pulled");
  policy.Failed(31000, LNX_E_NO_TOKEN, "pulled");
  EXPECT_EQ(policy.At(31000).phase, LNX_LICENSE_GRACE);
  EXPECT_EQ(policy.At(31000).left_ms, 59000);
  EXPECT_EQ(policy.At(89999).phase, LNX_LICENSE_GRACE);
  EXPECT_EQ(policy.At(90000).phase, LNX_LICENSE_BLOCKED) << "also when nobody asks the dongle meanwhile";
  policy.Succeeded(95000);
  EXPECT_EQ(policy.At(95000).phase, LNX_LICENSE_OK);
}

TEST(Policy, BackWithinGraceCostsNothing) {
  PresencePolicy policy = Running(0);
  policy.Failed(1000, LNX_E_NO_TOKEN, "pulled");
  policy.Failed(2000, LNX_E_NO_TOKEN, "pulled");
  policy.Succeeded(50000);
  EXPECT_EQ(policy.At(1000000).phase, LNX_LICENSE_OK);
}

TEST(Policy, ChallengesAreSpreadByAFifth) {
  PresencePolicy policy = Running(0);
  int64_t low = 1 << 30, high = 0, now = 0;
  for (int i = 0; i < 1000; ++i) {
    policy.Succeeded(now);
    const int64_t wait = policy.due_ms() - now;
    low = std::min(low, wait);
    high = std::max(high, wait);
    now += wait;
  }
  EXPECT_GE(low, 24000);
  EXPECT_LE(high, 36000);
  EXPECT_GT(high - low, 9000);
}

TEST(Policy, AChangeOfTheReadersAsksAtOnce) {
  PresencePolicy policy = Running(0);
  policy.Changed(5000);
  EXPECT_EQ(policy.due_ms(), 5000);
}

TEST(Days, ExpiryGivesGraceThenBlocks) {
  License license;
  license.not_after = 1000000;
  const auto at = [&](int64_t now) { return StandingOfDays(license, {now, now, false}); };
  EXPECT_EQ(at(1000000).phase, LNX_LICENSE_OK);
  EXPECT_EQ(at(1000001).phase, LNX_LICENSE_GRACE);
  EXPECT_EQ(at(1000000 + 72 * 3600).phase, LNX_LICENSE_GRACE);
  EXPECT_EQ(at(1000001 + 72 * 3600).phase, LNX_LICENSE_BLOCKED);
  EXPECT_EQ(at(1000001 + 72 * 3600).status, LNX_E_LICENSE_EXPIRED);
  license.not_before = 500000;
  EXPECT_EQ(at(499999).status, LNX_E_LICENSE_NOT_YET_VALID);
}

TEST(Days, PeopleAreWarnedBeforeTheEnd) {
  License license;
  license.not_after = 100 * 86400;
  const auto at = [&](int64_t day) { return Warning(license, {day * 86400, day * 86400, false}); };
  EXPECT_EQ(at(69), "");
  EXPECT_NE(at(71).find("29 days"), std::string::npos);
  License perpetual;
  EXPECT_EQ(Warning(perpetual, {1, 1, false}), "");
  EXPECT_NE(Warning(perpetual, {1, 99999, true}).find("clock"), std::string::npos) << "a warning, never a lock";
  EXPECT_EQ(StandingOfDays(perpetual, {1, 99999, true}).phase, LNX_LICENSE_OK);
}

TEST(Worse, TheStricterOfTwoCounts) {
  Standing ok, grace, shorter, blocked;
  ok.phase = LNX_LICENSE_OK;
  grace.phase = shorter.phase = LNX_LICENSE_GRACE;
  grace.left_ms = 500;
  shorter.left_ms = 100;
  blocked.phase = LNX_LICENSE_BLOCKED;
  EXPECT_EQ(Worse(ok, grace).phase, LNX_LICENSE_GRACE);
  EXPECT_EQ(Worse(grace, shorter).left_ms, 100);
  EXPECT_EQ(Worse(blocked, shorter).phase, LNX_LICENSE_BLOCKED);
}

class Remembering : public ::testing::Test {
 protected:
  std::string first = ::testing::TempDir() + "lnx-seen-1.json", second = ::testing::TempDir() + "lnx-seen-2.json";
  void SetUp() override { TearDown(); }
  void TearDown() override {
    std::remove(first.c_str());
    std::remove(second.c_str());
  }
};

TEST_F(Remembering, TheHighestIsKeptInTwoPlaces) {
  Memory memory({first, second});
  EXPECT_TRUE(memory.Remember(1000, 500, "m", 7));
  EXPECT_TRUE(memory.Remember(900, 500, "m", 5));
  EXPECT_EQ(memory.Load().last_time, 1000);
  EXPECT_EQ(memory.Load().epochs.at("m"), 7u);
  std::remove(first.c_str());
  EXPECT_EQ(memory.Load().epochs.at("m"), 7u);
  ASSERT_TRUE(lnx::platform::ReplaceFile(second, "{\"v\":1,\"last_time\":1,\"newest_issue\":0,\"epochs\":{},\"check\":\"\"}"));
  EXPECT_EQ(memory.Load().last_time, 0) << "an edited copy counts as empty";
}

TEST_F(Remembering, NoPlaceToWriteIsNoFault) {
  Memory memory({"/proc/none/seen.json"});
  EXPECT_FALSE(memory.Remember(1000, 500, "m", 7));
  EXPECT_EQ(memory.Load().last_time, 0);
}

TEST_F(Remembering, SettingTheClockBackGainsNothingAndAFreshLicencePutsItRight) {
  Memory memory({first, second});
  memory.Remember(2000000, 500, "", 0);
  const Clock back = JudgeClock(1000000, memory.Load(), 500);
  EXPECT_TRUE(back.set_back);
  EXPECT_EQ(back.effective, 2000000);
  EXPECT_FALSE(JudgeClock(2000000 - 60, memory.Load(), 500).set_back) << "a minute is no offence";
  const Clock fresh = JudgeClock(1000000, memory.Load(), 900000);
  EXPECT_FALSE(fresh.set_back);
  EXPECT_EQ(fresh.effective, 1000000);
  memory.Remember(1000000, 900000, "", 0);
  EXPECT_EQ(memory.Load().last_time, 1000000);
  EXPECT_TRUE(JudgeClock(100, memory.Load(), 500).set_back) << "an older licence does not undo it";
}

}  // namespace
