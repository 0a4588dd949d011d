// Waits at the end of a test program until its detached threads are gone.
//
// Threads that wait for tokens may outlive their owner. The leak checker must not see one that is half ended.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <thread>

namespace lnx::testing {

class ThreadsEnd final : public ::testing::Environment {
 public:
  void TearDown() override {
#if defined(__linux__)
    for (int i = 0; i < 500; ++i) {
      std::filesystem::directory_iterator threads("/proc/self/task");
      if (std::distance(threads, std::filesystem::directory_iterator()) <= 1) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
#endif
  }
};

}  // namespace lnx::testing
