// Planes of the result, over the full image. Internal to decode/.
#pragma once

#include "decode/workspace.h"

namespace lnx::decode {

// Class id per pixel. labels: 0 for nothing and id + 1 for a class, over the job's part of the image; 0 outside.
void AddLabelPlane(const RegionJob& job, const uint8_t* labels, result::Arena& arena, result::ImageResult* image);

// Score per pixel, over the job's part of the image; 0 outside.
void AddScorePlane(const RegionJob& job, const float* scores, result::Arena& arena, result::ImageResult* image);

}  // namespace lnx::decode
