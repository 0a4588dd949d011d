// What passes between image/, which knows how a picture becomes a model's input, and runtime/, which has the GPU.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/cuda/kernels/preprocess_body.h"

namespace lnx::runtime {

// A picture that the GPU makes into a model's input. What points into the PC's memory stays the caller's until the run is over.
struct DevicePicture {
  kernels::Preprocess kernel;       // its pointers are filled in on the device's side
  const uint8_t* pixels = nullptr;  // lowest address
  size_t bytes = 0;                 // from there to the end
  int64_t top = 0;                  // where the first row begins, from `pixels`
  bool pinned = false;              // page-locked: no need to copy it first
  const void* tables = nullptr;     // of the resize, `table_bytes` of them
  size_t table_bytes = 0;
  uint64_t tables_version = 0;  // changes with their content; tables that are on the device already are not sent again
  uint32_t table_at[6] = {};    // where first_x, first_y, table_x, table_y, count_x, count_y begin
};

}  // namespace lnx::runtime
