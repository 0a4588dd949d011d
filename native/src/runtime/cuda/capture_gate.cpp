#include "runtime/cuda/capture_gate.h"

namespace lnx::runtime::cuda {

CaptureGate& CaptureGate::Get() {
  static CaptureGate* gate = new CaptureGate;  // outlives every thread
  return *gate;
}

CaptureGate::Pass::Pass(CaptureGate& gate) : gate_(gate) {
  for (;;) {
    gate_.passing_.fetch_add(1);
    if (!gate_.closed_.load()) return;
    gate_.Leave();
    std::unique_lock<std::mutex> lock(gate_.mutex_);
    gate_.changed_.wait(lock, [&] { return !gate_.closed_.load(); });
  }
}

CaptureGate::Pass::~Pass() { gate_.Leave(); }

void CaptureGate::Leave() {
  if (passing_.fetch_sub(1) == 1 && closed_.load()) {
    const std::lock_guard<std::mutex> lock(mutex_);
    changed_.notify_all();
  }
}

CaptureGate::Alone::Alone(CaptureGate& gate) : gate_(gate) {
  gate_.turn_.lock();
  if (gate_.depth_++ > 0) return;
  gate_.closed_.store(true);
  std::unique_lock<std::mutex> lock(gate_.mutex_);
  gate_.changed_.wait(lock, [&] { return gate_.passing_.load() == 0; });
}

CaptureGate::Alone::~Alone() {
  if (--gate_.depth_ == 0) {
    const std::lock_guard<std::mutex> lock(gate_.mutex_);
    gate_.closed_.store(false);
    gate_.changed_.notify_all();
  }
  gate_.turn_.unlock();
}

}  // namespace lnx::runtime::cuda
