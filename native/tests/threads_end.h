// Waits at the end of a test program until its detached threads are gone. To be included is enough.
//
// Threads that wait for tokens may outlive their owner. The leak checker must not see one that is half ended.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <thread>

#include "eventually.h"

namespace lnx::testing {

class ThreadsEnd final : public ::testing::Environment {
 public:
  void SetUp() override {
    std::thread([] {}).join();  // a sanitizer may begin a thread of its own with the first one
    ours_ = Threads();
  }
  void TearDown() override {
    EXPECT_TRUE(Eventually([&] { return Threads() <= ours_; }));
  }

 private:
  static std::ptrdiff_t Threads() {
#if defined(__linux__)
    std::filesystem::directory_iterator threads("/proc/self/task");
    return std::distance(threads, std::filesystem::directory_iterator());
#else
    return 0;
#endif
  }

  std::ptrdiff_t ours_ = 0;
};

inline const ::testing::Environment* const kThreadsEnd = ::testing::AddGlobalTestEnvironment(new ThreadsEnd);

}  // namespace lnx::testing
