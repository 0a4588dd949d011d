#include "decode/planes.h"

#include <algorithm>
#include <cstring>

namespace lnx::decode {
namespace {

size_t RowOf(const RegionJob& job, int32_t y) {
  return static_cast<size_t>(job.top + y) * static_cast<size_t>(job.full_width) + static_cast<size_t>(job.left);
}

size_t Pixels(const RegionJob& job) { return static_cast<size_t>(job.full_width) * static_cast<size_t>(job.full_height); }

}  // namespace

void AddLabelPlane(const RegionJob& job, const uint8_t* labels, result::Arena& arena, result::ImageResult* image) {
  auto* map = arena.Array<uint8_t>(Pixels(job));
  std::memset(map, 0, Pixels(job));
  const auto width = static_cast<size_t>(job.width);
  for (int32_t y = 0; y < job.height; ++y) {
    const uint8_t* from = labels + static_cast<size_t>(y) * width;
    for (size_t x = 0; x < width; ++x) map[RowOf(job, y) + x] = from[x] == 0 ? 0 : static_cast<uint8_t>(from[x] - 1);
  }
  image->planes.Add(arena,
                    LnxPlane{map, job.full_width, job.full_height, job.full_width, LNX_PIXEL_LABEL8, LNX_PLANE_LABEL_MAP, {}});
}

void AddScorePlane(const RegionJob& job, const float* scores, result::Arena& arena, result::ImageResult* image) {
  auto* map = arena.Array<float>(Pixels(job));
  std::fill(map, map + Pixels(job), 0.0f);
  const auto width = static_cast<size_t>(job.width);
  for (int32_t y = 0; y < job.height; ++y)
    std::memcpy(map + RowOf(job, y), scores + static_cast<size_t>(y) * width, width * sizeof(float));
  const int64_t stride = static_cast<int64_t>(job.full_width) * 4;
  image->planes.Add(arena, LnxPlane{map, job.full_width, job.full_height, stride, LNX_PIXEL_F32_GRAY, LNX_PLANE_SCORE_MAP, {}});
}

}  // namespace lnx::decode
