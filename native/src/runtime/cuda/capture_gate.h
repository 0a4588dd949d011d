// ONNX Runtime captures CUDA graphs in a mode that lets any other CUDA call of the process break the capture (error 900), and two
// sessions created at once crash it. So creating, warming up and capturing happen alone: everything else of this process that
// touches a GPU waits for them, and they for it.
//
// Passing costs two atomic operations, and no runs wait for each other: there is no lock between sessions in the steady state.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>

namespace lnx::runtime::cuda {

class CaptureGate {
 public:
  static CaptureGate& Get();  // one for the process

  class Pass {  // many at once
   public:
    explicit Pass(CaptureGate& gate);
    ~Pass();
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    CaptureGate& gate_;
  };
  class Alone {  // one, and no Pass. Comes before those that begin to pass later. Recursive in one thread.
   public:
    explicit Alone(CaptureGate& gate);
    ~Alone();
    Alone(const Alone&) = delete;
    Alone& operator=(const Alone&) = delete;

   private:
    CaptureGate& gate_;
  };

 private:
  void Leave();

  std::atomic<int> passing_{0};
  std::atomic<bool> closed_{false};
  std::mutex mutex_;
  std::recursive_mutex turn_;
  int depth_ = 0;  // of the one that is alone
  std::condition_variable changed_;
};

}  // namespace lnx::runtime::cuda
