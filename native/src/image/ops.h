// The preprocessing ops, one by one, on 8-bit interleaved pictures. Plain on purpose: they are the oracle for fast/, and what
// runs when a list of ops has no fused form. Buffers are the caller's; tables live in Scratch so that nothing is allocated twice.
#pragma once

#include <cstdint>

#include "image/image.h"
#include "manifest/manifest.h"

namespace lnx::image {

// An 8-bit interleaved picture with rows without padding, in memory of somebody else.
struct Picture {
  uint8_t* data = nullptr;
  int32_t width = 0, height = 0, channels = 0;

  size_t Bytes() const { return static_cast<size_t>(width) * static_cast<size_t>(height) * static_cast<size_t>(channels); }
  uint8_t* Row(int32_t y) const {
    return data + static_cast<size_t>(y) * static_cast<size_t>(width) * static_cast<size_t>(channels);
  }
};

// The caller's pixels as a picture in the order of `order` (gray: one channel). 16-bit pixels pass the window first.
void Import(const View& view, manifest::ColorOrder order, const manifest::Window& window, const Picture& out);

// Changes the channel order of a picture: RGB <-> BGR, colour -> gray (BT.601 in 15-bit fixed point, as OpenCV), gray -> colour.
void ConvertColor(const Picture& in, manifest::ColorOrder from, manifest::ColorOrder to, const Picture& out);

// cv::resize for 8-bit pictures: nearest and linear bit for bit, cubic but for ties of rounding, area within one grey level.
void ResizeOpenCv(const Picture& in, const Picture& out, manifest::Interp interp, Scratch* scratch);

// Pillow's Image.resize for 8-bit pictures, bit for bit: antialiased box (area), bilinear, bicubic; nearest.
void ResizePil(const Picture& in, const Picture& out, manifest::Interp interp, Scratch* scratch);

// How 8-bit values become tensor elements: float32(v), * scale or / divisor (when it is not 1), (x - mean) / std (when not 0 and
// 1). The fused pass multiplies twice instead of dividing, which gives the same numbers (MakeFactors).
struct Finish {
  manifest::DType dtype = manifest::DType::kF32;
  bool nchw = true;
  bool scaled = false, normalised = false;
  float before = 1.0f, scale = 1.0f;
  float divisor = 0.0f;  // 0 = multiplied
  float mean[3] = {0, 0, 0}, std[3] = {1, 1, 1};

  float Value(uint8_t v, int channel) const { return Value(static_cast<float>(v), channel); }
  float Value(float x, int channel) const {
    if (scaled) x = divisor != 0.0f ? x / divisor : x * scale;
    if (normalised) x = (x - mean[channel]) / std[channel];
    return x;
  }
};

// Takes over a scale op. `exact`: the factors give what the plain form gives for every 8-bit value.
void SetScale(const manifest::ScaleOp& op, Finish* finish, bool* exact);

void FinishTensor(const Picture& in, const Finish& finish, void* tensor);

uint16_t ToHalf(float value);  // round to nearest even, IEEE 754 binary16

// Positions and 11-bit weights of linear interpolation, as cv::resize computes them. `clamp_weight`: at the borders the weight
// moves wholly to the border sample (columns), instead of both samples being the border sample (rows).
void LinearTable(int32_t in, int32_t out, bool clamp_weight, int32_t* first, int32_t* weights);

// Which samples INTER_AREA adds up for each output sample when it shrinks, and their weights: `first` and `count` of the whole
// ones, then three weights: of the sample before them (0 = none), of each whole one, of the one after them (0 = none).
void AreaTable(int32_t in, int32_t out, int32_t* first, int32_t* count, float* weights);

// Sample of INTER_NEAREST for each output sample.
void NearestTable(int32_t in, int32_t out, int32_t* samples);

// True when cv::resize replaces linear by the 2 x 2 mean.
bool IsHalving(int32_t in_width, int32_t in_height, int32_t out_width, int32_t out_height);

}  // namespace lnx::image
