// A guard with its threads, and tokens that come, go and go bad under it.
#include "license/guard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>

#include "base/status.h"
#include "eventually.h"
#include "license/tokens.h"
#include "threads_end.h"
#include "token/fake_tokens.h"

namespace {

using namespace lnx::license;
namespace fake = lnx::token::fake;
using lnx::testing::Eventually;
using std::chrono::milliseconds;

class Guards : public ::testing::Test {
 protected:
  std::shared_ptr<fake::World> world = std::make_shared<fake::World>();
  std::shared_ptr<fake::Token> token = world->Insert("Reader");
  std::shared_ptr<License> license = std::make_shared<License>();
  Environment environment;
  std::shared_ptr<std::atomic<int64_t>> clock = std::make_shared<std::atomic<int64_t>>(1000000);  // outlives threads that hang

  void SetUp() override {
    license->license_id = "lic-1";
    license->grace = {600, 600, 1};  // whoever claims that time is up makes it short
    license->dongles.resize(1);
    license->dongles[0].point = token->key.point;
    license->dongles[0].keyid = "0123456789abcdef";
    license->dongles[0].serial = "4711";
    environment.transport = fake::Factory(world);
    environment.limits = {60000, 30, 10, 2};
    environment.timing = {60, 20, 20, 20};
    environment.memory_files.clear();
    environment.unix_seconds = [clock = clock] { return clock->load(); };
    environment.reminder_ms = 100;
  }
  std::shared_ptr<Guard> Start() {
    return std::make_shared<Guard>(license, environment, std::make_shared<Tokens>(environment.transport, environment.limits));
  }
  static bool Reaches(const Guard& guard, LnxLicensePhase phase) {
    return Eventually([&] { return guard.Now().phase == phase; });
  }
};

TEST_F(Guards, TheWholeWayDownAndBack) {
  license->grace.unplug_s = 1;
  const auto guard = Start();
  ASSERT_TRUE(Reaches(*guard, LNX_LICENSE_OK));
  EXPECT_FALSE(guard->Blocked());
  std::mutex mutex;
  std::vector<LnxLicensePhase> phases;
  const uint64_t id = guard->Listen([&](const State& state, bool reminder) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (!reminder) phases.push_back(state.phase);
    EXPECT_EQ(guard->Blocked(), state.phase == LNX_LICENSE_BLOCKED) << "in the grace time runs go on";
  });
  world->Pull("Reader");
  EXPECT_TRUE(Reaches(*guard, LNX_LICENSE_BLOCKED));
  EXPECT_TRUE(guard->Blocked());
  try {
    guard->FailBlocked();
  } catch (const lnx::Error& error) {
    EXPECT_EQ(error.status(), LNX_E_LICENSE_BLOCKED);
    EXPECT_NE(error.finding().found.find("No dongle"), std::string::npos) << error.what();
  }
  world->Insert("Reader", token);
  EXPECT_TRUE(Reaches(*guard, LNX_LICENSE_OK));
  EXPECT_TRUE(Eventually([&] {  // listeners hear of a state after it has come
    const std::lock_guard<std::mutex> lock(mutex);
    return phases.size() >= 3 && phases.back() == LNX_LICENSE_OK;
  }));
  guard->Forget(id);
  const std::lock_guard<std::mutex> lock(mutex);
  const auto grace = std::find(phases.begin(), phases.end(), LNX_LICENSE_GRACE);
  if (grace == phases.begin() + 1) phases.erase(grace);  // not told by a thread that slept through that second
  EXPECT_EQ(phases, (std::vector<LnxLicensePhase>{LNX_LICENSE_OK, LNX_LICENSE_BLOCKED, LNX_LICENSE_OK}));
}

TEST_F(Guards, TheGraceTimeIsToldAgainAndAgain) {
  environment.reminder_ms = 20;
  const auto guard = Start();
  ASSERT_TRUE(Reaches(*guard, LNX_LICENSE_OK));
  std::atomic<int> reminders{0}, others{0};
  const uint64_t id = guard->Listen([&](const State& state, bool reminder) {
    if (reminder) ++(state.phase == LNX_LICENSE_GRACE && state.seconds_left > 0 ? reminders : others);
  });
  world->Pull("Reader");
  EXPECT_TRUE(Eventually([&] { return reminders >= 3; }));
  EXPECT_FALSE(guard->Blocked());
  guard->Forget(id);
  EXPECT_EQ(others, 0);
}

TEST_F(Guards, AnAbsentDongleBlocksAfterTheBootTime) {
  license->grace.boot_s = 1;
  world->Pull("Reader");
  const auto guard = Start();
  EXPECT_EQ(guard->WaitReady(60000).phase, LNX_LICENSE_BLOCKED);
  world->Insert("Reader", token);
  EXPECT_TRUE(Reaches(*guard, LNX_LICENSE_OK)) << "it is never too late";
}

TEST_F(Guards, EveryFaultOfTheTokenBlocksAndItsEndRecovers) {
  license->grace.unplug_s = 0;
  environment.limits.hang_ms = 200;
  const auto guard = Start();
  ASSERT_TRUE(Reaches(*guard, LNX_LICENSE_OK));
  for (const fake::Fault fault : {fake::Fault::kWrongKey, fake::Fault::kReplay, fake::Fault::kRefuse, fake::Fault::kGarbage,
                                  fake::Fault::kHang, fake::Fault::kExclusive, fake::Fault::kBusy, fake::Fault::kNotPiv}) {
    world->SetFault(*token, fault);
    EXPECT_TRUE(Reaches(*guard, LNX_LICENSE_BLOCKED)) << static_cast<int>(fault);
    world->SetFault(*token, fake::Fault::kNone);
    EXPECT_TRUE(Reaches(*guard, LNX_LICENSE_OK)) << static_cast<int>(fault);
  }
}

TEST_F(Guards, ADeadServiceIsGraceAndRecovers) {
  const auto guard = Start();
  ASSERT_TRUE(Reaches(*guard, LNX_LICENSE_OK));
  world->SetService(false);
  EXPECT_TRUE(Reaches(*guard, LNX_LICENSE_GRACE));
  EXPECT_EQ(guard->Now().status, LNX_E_NO_PCSC_SERVICE);
  world->SetService(true);
  EXPECT_TRUE(Reaches(*guard, LNX_LICENSE_OK));
}

TEST_F(Guards, ALicenceThatExpiresWhileItRunsGivesItsHours) {
  license->not_after = 2000000;
  const auto guard = Start();
  ASSERT_TRUE(Reaches(*guard, LNX_LICENSE_OK));
  *clock = 2000001;
  EXPECT_TRUE(Reaches(*guard, LNX_LICENSE_GRACE));
  EXPECT_EQ(guard->Now().status, LNX_E_LICENSE_EXPIRED);
  *clock = 2000002 + 3600;
  EXPECT_TRUE(Reaches(*guard, LNX_LICENSE_BLOCKED));
  EXPECT_EQ(guard->Now().status, LNX_E_LICENSE_EXPIRED);
}

TEST_F(Guards, EndsWhileItsTokenHangs) {
  auto guard = Start();
  ASSERT_TRUE(Reaches(*guard, LNX_LICENSE_OK));
  world->SetFault(*token, fake::Fault::kHang);
  EXPECT_TRUE(Eventually([&] { return world->Ask([&] { return world->hanging; }) > 0; }));
  guard.reset();  // returns while the token still hangs; a guard that waited for it would never end
  EXPECT_EQ(world->Ask([&] { return world->hanging; }), 1u);
  world->SetFault(*token, fake::Fault::kNone);
}

TEST_F(Guards, EightThreadsAskWhileTheDongleFlaps) {
  const auto guard = Start();
  ASSERT_TRUE(Reaches(*guard, LNX_LICENSE_OK));
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> asked{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        if (!guard->Blocked()) ++asked;
        if (asked % 100 == 0) guard->Now();
        std::this_thread::yield();
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    world->Pull("Reader");
    std::this_thread::sleep_for(milliseconds(20));
    world->Insert("Reader", token);
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_TRUE(Reaches(*guard, LNX_LICENSE_OK));
  EXPECT_TRUE(Eventually([&] { return asked > 0; }));
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
