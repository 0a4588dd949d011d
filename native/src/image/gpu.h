// The same preprocessing on a GPU: from a recipe and a picture to what the kernel (runtime/cuda/kernels/) needs. The kernel's
// numbers are those of ref/, bit for bit: positions and weights of a resize are computed here, once per size, and sent along as
// tables.
#pragma once

#include <cstdint>
#include <vector>

#include "image/image.h"
#include "runtime/device_picture.h"

namespace lnx::image {

// Tables of one place in a batch, kept while the sizes stay.
struct GpuTables {
  int32_t made_for[6] = {};  // source width and height, target width and height, kind of resize, image's place
  std::vector<uint8_t> bytes;
  uint32_t at[6] = {};
  uint64_t version = 0;  // differs for every content in this process
};

// How well a GPU suits a picture.
enum class GpuUse {
  kImpossible,  // this recipe or format has no kernel
  kPossible,    // it would work, but the CPU's way to 8-bit pixels is as fast
  kBetter,      // much to add up, to develop or to carry for a CPU
};
GpuUse SuitsGpu(const Pipeline& pipeline, const View& raw);

// raw: before camera formats are developed. window: for 16-bit values, NULL = the valid bits. The picture borrows the view's
// pixels and the tables. Only when SuitsGpu says it can be done.
void DescribeForGpu(const Pipeline& pipeline, const View& raw, const manifest::Window* window, const LnxRect& roi,
                    int32_t full_width, int32_t full_height, GpuTables* tables, runtime::DevicePicture* picture,
                    Geometry* geometry);

}  // namespace lnx::image
