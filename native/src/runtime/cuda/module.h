// Our own kernels on one device: the PTX that is embedded in this library, made into machine code by the driver.
#pragma once

#include "runtime/cuda/device.h"
#include "runtime/cuda/kernels/preprocess_body.h"

namespace lnx::runtime::cuda {

class Kernels {
 public:
  // Loaded once per device; stays. NULL when the driver refuses the code, which is told once in the log.
  static const Kernels* Of(int device);

  // p is read during the call.
  void Preprocess(const kernels::Preprocess& p, Stream stream) const;
  // A few microseconds of arithmetic on `floats` (a multiple of 128) floats of the device.
  void KeepWarm(DevicePtr floats, unsigned count, Stream stream) const;

 private:
  Kernels() = default;
  int device_ = 0;
  Function preprocess_ = nullptr, keep_warm_ = nullptr;
};

}  // namespace lnx::runtime::cuda
