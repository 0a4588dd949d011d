// The processor shared between models: never more threads than cores, served in turn, and nobody is held up by one who gave up.
#include "runtime/cores.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace {

using lnx::NowMicros;
using lnx::runtime::Cores;

constexpr int64_t kNow = 1;  // a deadline that is over: without waiting

Cores::Account Model(uint32_t threads) {
  Cores::Account account;
  account.threads = threads;
  return account;
}

void UntilWaiting(Cores& cores, uint32_t n) {
  while (cores.waiting() < n) std::this_thread::yield();
}

TEST(Cores, AreNeverUsedByMoreThreadsThanThereAre) {
  Cores cores(3);
  Cores::Account models[4] = {Model(1), Model(2), Model(3), Model(8)};
  std::atomic<uint32_t> used{0}, most{0}, runs{0};
  std::vector<std::thread> threads;
  for (Cores::Account& model : models) {
    threads.emplace_back([&] {
      const uint32_t own = std::min(model.threads, 3u);
      for (int i = 0; i < 300; ++i) {
        ASSERT_TRUE(cores.Take(&model, 0));
        const uint32_t now = used.fetch_add(own) + own;
        for (uint32_t seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        ++runs;
        used -= own;
        cores.Give(&model);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(runs, 1200u);
  EXPECT_LE(most, 3u);
  EXPECT_EQ(cores.in_use(), 0u);
}

TEST(Cores, RunsOfOneModelShareItsThreadsUntilAnotherWaits) {
  Cores cores(2);
  Cores::Account a = Model(2), b = Model(1);
  ASSERT_TRUE(cores.Take(&a, 0));
  EXPECT_TRUE(cores.Take(&a, kNow)) << "a second run of the same model joins";
  EXPECT_EQ(cores.in_use(), 2u);
  std::thread other([&] {
    ASSERT_TRUE(cores.Take(&b, 0));
    cores.Give(&b);
  });
  UntilWaiting(cores, 1);
  EXPECT_FALSE(cores.Take(&a, kNow)) << "the other would never come";
  cores.Give(&a);
  EXPECT_EQ(cores.waiting(), 1u);
  cores.Give(&a);
  other.join();
  EXPECT_EQ(cores.in_use(), 0u);
}

TEST(Cores, GoToTheModelThatWasServedLongestAgo) {
  Cores cores(1);
  Cores::Account busy = Model(1), many = Model(1), few = Model(1);
  ASSERT_TRUE(cores.Take(&many, 0));
  cores.Give(&many);
  ASSERT_TRUE(cores.Take(&busy, 0));
  std::mutex writing;  // runs of one model hold the one core together
  std::vector<char> order;
  std::vector<std::thread> threads;
  const auto run = [&](Cores::Account* model, char name) {
    const uint32_t before = cores.waiting();
    threads.emplace_back([&, model, name] {
      ASSERT_TRUE(cores.Take(model, 0));
      {
        const std::lock_guard<std::mutex> lock(writing);
        order.push_back(name);
      }
      cores.Give(model);
    });
    UntilWaiting(cores, before + 1);
  };
  run(&many, 'm');
  run(&many, 'm');
  run(&many, 'm');
  run(&few, 'f');
  cores.Give(&busy);
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(order.size(), 4u);
  EXPECT_EQ(order[0], 'f') << "it has never been served, although it asked last";
}

TEST(Cores, GivingUpAtTheDeadlineHoldsNobodyUp) {
  Cores cores(2);
  Cores::Account busy = Model(1), wide = Model(2), narrow = Model(1);
  ASSERT_TRUE(cores.Take(&narrow, 0));
  cores.Give(&narrow);
  ASSERT_TRUE(cores.Take(&busy, 0));
  std::atomic<bool> given_up{false};
  std::thread waits([&] {
    EXPECT_FALSE(cores.Take(&wide, NowMicros() + 30'000));
    given_up = true;
  });
  while (cores.waiting() == 0 && !given_up) std::this_thread::yield();
  ASSERT_TRUE(cores.Take(&narrow, 0)) << "was behind the wide one";
  waits.join();
  cores.Give(&narrow);
  cores.Give(&busy);
  EXPECT_TRUE(cores.Take(&wide, kNow));
  cores.Give(&wide);
  EXPECT_EQ(cores.in_use(), 0u);
}

struct Idle : Cores::IdleRun {
  Idle() {
    what = this;
    stop = [](void* own) noexcept { ++static_cast<Idle*>(own)->stops; };
  }
  int stops = 0;
};

TEST(Cores, ARunStopsIdleRunsAndDoesNotWaitForTheirEnd) {
  Cores cores(2);
  Cores::Account all = Model(2);
  Idle one, other, third;
  ASSERT_TRUE(cores.BeginIdle(&one));
  ASSERT_TRUE(cores.BeginIdle(&other));
  EXPECT_EQ(cores.in_use(), 0u);
  ASSERT_TRUE(cores.Take(&all, kNow)) << "both are still running";
  EXPECT_EQ(one.stops, 1);
  EXPECT_EQ(other.stops, 1);
  EXPECT_FALSE(cores.BeginIdle(&third)) << "a core is in use";
  cores.EndIdle(&one);
  cores.Give(&all);
  ASSERT_TRUE(cores.BeginIdle(&third));
  ASSERT_TRUE(cores.Take(&all, kNow));
  EXPECT_EQ(one.stops, 1) << "it has ended";
  EXPECT_EQ(other.stops, 2);
  EXPECT_EQ(third.stops, 1);
  cores.EndIdle(&other);
  cores.EndIdle(&third);
  cores.Give(&all);
  EXPECT_EQ(cores.in_use(), 0u);
}

}  // namespace
