// A guard with its threads, and tokens that come, go and go bad under it.
#include "license/guard.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "base/status.h"
#include "license/tokens.h"
#include "threads_end.h"
#include "token/fake_tokens.h"

namespace {

using namespace lnx::license;
namespace fake = lnx::token::fake;
using std::chrono::milliseconds;

bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

class Guards : public ::testing::Test {
 protected:
  std::shared_ptr<fake::World> world = std::make_shared<fake::World>();
  std::shared_ptr<fake::Token> token = world->Insert("Reader");
  std::shared_ptr<License> license = std::make_shared<License>();
  Environment environment;
  std::atomic<int64_t> clock{1000000};

  void SetUp() override {
    license->license_id = "lic-1";
    license->grace = {1, 1, 1};
    license->dongles.resize(1);
    license->dongles[0].point = token->key.point;
    license->dongles[0].keyid = "0123456789abcdef";
    license->dongles[0].serial = "4711";
    environment.transport = fake::Factory(world);
    environment.limits = {200, 30, 10, 2};
    environment.timing = {60, 20, 20, 20};
    environment.memory_files.clear();
    environment.unix_seconds = [this] { return clock.load(); };
    environment.reminder_ms = 100;
  }
  std::shared_ptr<Guard> Start() {
    return std::make_shared<Guard>(license, environment, std::make_shared<Tokens>(environment.transport, environment.limits));
  }
  static bool Reaches(const Guard& guard, LnxLicensePhase phase) {
    return Eventually([&] { return guard.Now().phase == phase; });
  }
};

[[maybe_unused]] const auto* const threads_end = ::testing::AddGlobalTestEnvironment(new lnx::testing::ThreadsEnd);

TEST_F(Guards, TheWholeWayDownAndBack) {
  const auto guard = Start();
  EXPECT_EQ(guard->WaitReady(5000).phase, LNX_LICENSE_OK);
  EXPECT_FALSE(guard->Blocked());
  std::mutex mutex;
  std::vector<LnxLicensePhase> phases;
  int reminders = 0;
  const uint64_t id = guard->Listen([&](const State& state, bool reminder) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (reminder) {
      ++reminders;
    } else {
      phases.push_back(state.phase);
    }
  });
  world->Pull("Reader");
  EXPECT_TRUE(Reaches(*guard, LNX_LICENSE_GRACE));
  EXPECT_FALSE(guard->Blocked()) << "runs go on";
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
  if (phases.front() == LNX_LICENSE_OK) phases.erase(phases.begin());  // the start, told after we began to listen
  EXPECT_EQ(phases, (std::vector<LnxLicensePhase>{LNX_LICENSE_GRACE, LNX_LICENSE_BLOCKED, LNX_LICENSE_OK}));
  EXPECT_GE(reminders, 3) << "the grace time is told again and again";
}

TEST_F(Guards, AnAbsentDongleBlocksAfterTheBootTime) {
  world->Pull("Reader");
  const auto guard = Start();
  EXPECT_EQ(guard->WaitReady(5000).phase, LNX_LICENSE_BLOCKED);
  world->Insert("Reader", token);
  EXPECT_TRUE(Reaches(*guard, LNX_LICENSE_OK)) << "it is never too late";
}

TEST_F(Guards, EveryFaultOfTheTokenBlocksAndItsEndRecovers) {
  license->grace.unplug_s = 0;
  const auto guard = Start();
  ASSERT_EQ(guard->WaitReady(5000).phase, LNX_LICENSE_OK);
  for (const fake::Fault fault : {fake::Fault::kWrongKey, fake::Fault::kReplay, fake::Fault::kRefuse, fake::Fault::kGarbage,
                                  fake::Fault::kHang, fake::Fault::kExclusive, fake::Fault::kBusy, fake::Fault::kNotPiv}) {
    world->SetFault(*token, fault);
    EXPECT_TRUE(Reaches(*guard, LNX_LICENSE_BLOCKED)) << static_cast<int>(fault);
    world->SetFault(*token, fake::Fault::kNone);
    EXPECT_TRUE(Reaches(*guard, LNX_LICENSE_OK)) << static_cast<int>(fault);
  }
}

TEST_F(Guards, ADeadServiceIsGraceAndRecovers) {
  license->grace.unplug_s = 60;
  const auto guard = Start();
  ASSERT_EQ(guard->WaitReady(5000).phase, LNX_LICENSE_OK);
  world->SetService(false);
  EXPECT_TRUE(Reaches(*guard, LNX_LICENSE_GRACE));
  EXPECT_EQ(guard->Now().status, LNX_E_NO_PCSC_SERVICE);
  world->SetService(true);
  EXPECT_TRUE(Reaches(*guard, LNX_LICENSE_OK));
}

TEST_F(Guards, ALicenceThatExpiresWhileItRunsGivesItsHours) {
  license->not_after = 2000000;
  const auto guard = Start();
  ASSERT_EQ(guard->WaitReady(5000).phase, LNX_LICENSE_OK);
  clock = 2000001;
  EXPECT_TRUE(Reaches(*guard, LNX_LICENSE_GRACE));
  EXPECT_EQ(guard->Now().status, LNX_E_LICENSE_EXPIRED);
  clock = 2000002 + 3600;
  EXPECT_TRUE(Reaches(*guard, LNX_LICENSE_BLOCKED));
  EXPECT_EQ(guard->Now().status, LNX_E_LICENSE_EXPIRED);
}

TEST_F(Guards, EndsWhileItsTokenHangs) {
  auto guard = Start();
  ASSERT_EQ(guard->WaitReady(5000).phase, LNX_LICENSE_OK);
  world->SetFault(*token, fake::Fault::kHang);
  std::this_thread::sleep_for(milliseconds(100));
  const auto begin = std::chrono::steady_clock::now();
  guard.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  world->SetFault(*token, fake::Fault::kNone);
  std::this_thread::sleep_for(milliseconds(300));
}

TEST_F(Guards, EightThreadsAskWhileTheDongleFlaps) {
  const auto guard = Start();
  ASSERT_EQ(guard->WaitReady(5000).phase, LNX_LICENSE_OK);
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
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(asked, 0u);
}

}  // namespace
