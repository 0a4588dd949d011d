// Waits for a condition, however busy the machine is.
//
// A busy machine stops any thread for seconds, so no test claims that something happens within a time. The limit here only ends a
// test that would never pass.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace lnx::testing {

constexpr std::chrono::seconds kNever{60};

// Whether it came true, sooner or later.
inline bool Eventually(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + kNever;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace lnx::testing
