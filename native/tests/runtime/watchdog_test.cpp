// What ends inferences at their deadline: once, in the order of the deadlines, and never after it was disarmed.
#include "runtime/watchdog.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace {

using lnx::NowMicros;
using lnx::runtime::Watchdog;

struct Counted {
  std::atomic<int> calls{0};
  std::atomic<int64_t> at{0};
  Watchdog::Entry entry;
  explicit Counted(int64_t deadline) {
    entry.at = deadline;
    entry.what = this;
    entry.expire = [](void* what) {
      auto* own = static_cast<Counted*>(what);
      own->at = NowMicros();
      ++own->calls;
    };
  }
};

TEST(Watchdog, CallsOnceWhenTheDeadlineHasCome) {
  const int64_t deadline = NowMicros() + 5'000;
  Counted work(deadline);
  Watchdog::OfProcess().Arm(&work.entry);
  while (work.calls == 0) std::this_thread::yield();
  EXPECT_GE(work.at, deadline);
  EXPECT_TRUE(Watchdog::OfProcess().Disarm(&work.entry));
  EXPECT_EQ(work.calls, 1);
}

TEST(Watchdog, IsSilentAfterDisarm) {
  Counted late(NowMicros() + 600'000'000), soon(NowMicros() + 1'000);
  Watchdog::OfProcess().Arm(&late.entry);
  EXPECT_FALSE(Watchdog::OfProcess().Disarm(&late.entry));
  Watchdog::OfProcess().Arm(&soon.entry);
  while (soon.calls == 0) std::this_thread::yield();
  EXPECT_TRUE(Watchdog::OfProcess().Disarm(&soon.entry));
  EXPECT_EQ(late.calls, 0);
}

TEST(Watchdog, TakesTheEarliestFirstWhateverTheOrderOfArming) {
  const int64_t now = NowMicros();
  Counted third(now + 30'000), first(now + 10'000), second(now + 20'000);
  for (Counted* each : {&third, &first, &second}) Watchdog::OfProcess().Arm(&each->entry);
  while (third.calls == 0) std::this_thread::yield();
  for (Counted* each : {&third, &first, &second}) EXPECT_TRUE(Watchdog::OfProcess().Disarm(&each->entry));
  EXPECT_LE(first.at, second.at);
  EXPECT_LE(second.at, third.at);
}

TEST(Watchdog, ManyThreadsArmAndDisarm) {
  std::vector<std::thread> threads;
  std::atomic<int> expired{0}, called{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        Counted work(NowMicros() + (i % 3 == 0 ? 0 : 200));
        Watchdog::OfProcess().Arm(&work.entry);
        if (i % 2 == 0) std::this_thread::yield();
        expired += Watchdog::OfProcess().Disarm(&work.entry) ? 1 : 0;
        called += work.calls;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(expired, called);
}

}  // namespace
