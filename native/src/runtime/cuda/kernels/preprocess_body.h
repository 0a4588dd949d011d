// Preprocessing on the GPU: the body of the kernel, which is also plain C++. The tests compile it for the CPU and compare it bit
// for bit with image/ref/; clang compiles it to PTX (tools/gpu_kernels.py). So it includes nothing, calls nothing, and computes
// every number in the order of ref/: integers as they are, floats without fused operations.
//
// One call makes one pixel of the model's input: all its channels, from the raw picture. Tables of the resize come from the CPU
// (image/gpu/), so that no position is computed twice.
#pragma once

#if !defined(LNX_KERNEL)
#define LNX_KERNEL inline
#endif
#if !defined(LNX_ROLLED)
#define LNX_ROLLED  // before a loop that is not to be unrolled: Sample is large
#endif

namespace lnx::kernels {

using u8 = unsigned char;
using u16 = unsigned short;  // NOLINT(google-runtime-int)
using i32 = int;
using i64 = long long;           // NOLINT(google-runtime-int)
using u64 = unsigned long long;  // NOLINT(google-runtime-int)

enum SourceKind : i32 { kGray8, kColour8, kGray16, kBayer8, kBayer16, kNv12 };
enum ResizeKind : i32 { kCopy, kLinear, kHalve, kArea, kNearest };
enum OutputKind : i32 { kOutU8, kOutF32 };

// Pointers are of the device; as numbers, so that host and device agree on the layout.
struct Preprocess {
  u64 source;                   // first pixel of the whole part (mosaics and NV12: of the whole picture)
  i64 stride;                   // bytes from row to row
  u64 output;                   // this image's tensor
  u64 first_x, first_y;         // i32 per column and line: first sample
  u64 table_x, table_y;         // linear: two i32 weights each; area: three floats (head, body, tail) each
  u64 count_x, count_y;         // area: i32, whole samples between head and tail
  i32 width, height;            // of the part
  i32 left, top;                // mosaics, NV12: where the part begins
  i32 full_width, full_height;  // the same: of the whole picture
  i32 kind, step, red;          // SourceKind; bytes per pixel; colour: byte of the red channel, mosaics: red x | red y << 1
  i32 window_lo, window_hi;     // 16-bit values
  i32 resize;                   // ResizeKind
  i32 content_x, content_y, content_width, content_height;  // where the picture lies in the output
  i32 out_width, out_height, channels;                      // of the output
  i32 order;                                                // channel c of the output: 0 = blue first, 1 = red first, 2 = gray
  i32 planes;                                               // 1: NCHW, 0: NHWC
  i32 output_kind;                                          // OutputKind
  i32 scaled, normalised;
  float scale, divisor;  // divisor 0: multiplied
  float mean[3], std[3];
  i32 pad[3];
};

LNX_KERNEL i32 Clamp(i32 v, i32 low, i32 high) { return v < low ? low : v > high ? high : v; }

LNX_KERNEL i32 Windowed(i32 value, const Preprocess& p) {
  if (value <= p.window_lo) return 0;
  if (value >= p.window_hi) return 255;
  const unsigned range = static_cast<unsigned>(p.window_hi - p.window_lo);
  return static_cast<i32>((2u * static_cast<unsigned>(value - p.window_lo) * 255u + range) / (2u * range));
}

LNX_KERNEL i32 MosaicAt(const Preprocess& p, i32 x, i32 y) {
  const u8* row = reinterpret_cast<const u8*>(p.source) + static_cast<i64>(y) * p.stride;
  if (p.kind == kBayer8) return row[x];
  return row[2 * static_cast<i64>(x)] | row[2 * static_cast<i64>(x) + 1] << 8;
}

LNX_KERNEL void Demosaic(const Preprocess& p, i32 x, i32 y, i32* bgr) {
  x = Clamp(x + p.left, 1, p.full_width - 2);
  y = Clamp(y + p.top, 1, p.full_height - 2);
  const bool red_row = (y & 1) == p.red >> 1, red_column = (x & 1) == (p.red & 1);
  const i32 here = MosaicAt(p, x, y);
  const i32 across = MosaicAt(p, x - 1, y) + MosaicAt(p, x + 1, y), along = MosaicAt(p, x, y - 1) + MosaicAt(p, x, y + 1);
  if (red_row != red_column) {
    const i32 beside = (across + 1) >> 1, above = (along + 1) >> 1;
    bgr[0] = red_row ? above : beside;
    bgr[1] = here;
    bgr[2] = red_row ? beside : above;
  } else {
    const i32 corners =
        (MosaicAt(p, x - 1, y - 1) + MosaicAt(p, x + 1, y - 1) + MosaicAt(p, x - 1, y + 1) + MosaicAt(p, x + 1, y + 1) + 2) >> 2;
    bgr[0] = red_row ? corners : here;
    bgr[1] = (across + along + 2) >> 2;
    bgr[2] = red_row ? here : corners;
  }
  if (p.kind == kBayer16) {
    for (i32 c = 0; c < 3; ++c) bgr[c] = Windowed(bgr[c], p);
  }
}

LNX_KERNEL void FromYuv(const Preprocess& p, i32 x, i32 y, i32* bgr) {
  x += p.left;
  y += p.top;
  const u8* base = reinterpret_cast<const u8*>(p.source);
  const u8* chroma = base + static_cast<i64>(p.full_height + y / 2) * p.stride + (x & ~1);
  const i32 above = base[static_cast<i64>(y) * p.stride + x] - 16;
  const i32 light = (above > 0 ? above : 0) * 1220542 + (1 << 19);
  const i32 u = chroma[0] - 128, v = chroma[1] - 128;
  bgr[0] = Clamp((light + 2116026 * u) >> 20, 0, 255);
  bgr[1] = Clamp((light - 409993 * u - 852492 * v) >> 20, 0, 255);
  bgr[2] = Clamp((light + 1673527 * v) >> 20, 0, 255);
}

// The channels of one source pixel in the order of the output.
LNX_KERNEL void Sample(const Preprocess& p, i32 x, i32 y, i32* out) {
  i32 bgr[3];
  if (p.kind == kBayer8 || p.kind == kBayer16) {
    Demosaic(p, x, y, bgr);
  } else if (p.kind == kNv12) {
    FromYuv(p, x, y, bgr);
  } else {
    const u8* at = reinterpret_cast<const u8*>(p.source) + static_cast<i64>(y) * p.stride + static_cast<i64>(x) * p.step;
    if (p.kind == kColour8) {
      bgr[0] = at[2 - p.red], bgr[1] = at[1], bgr[2] = at[p.red];
    } else {
      bgr[0] = bgr[1] = bgr[2] = p.kind == kGray8 ? at[0] : Windowed(at[0] | at[1] << 8, p);
      if (p.order == 2) {
        out[0] = bgr[0];
        return;
      }
    }
  }
  if (p.order == 2) {
    out[0] = (bgr[2] * 9798 + bgr[1] * 19235 + bgr[0] * 3735 + (1 << 14)) >> 15;
    return;
  }
  out[0] = p.order == 1 ? bgr[2] : bgr[0];
  out[1] = bgr[1];
  out[2] = p.order == 1 ? bgr[0] : bgr[2];
}

LNX_KERNEL void Linear(const Preprocess& p, i32 x, i32 y, i32* out) {
  const i32 left = reinterpret_cast<const i32*>(p.first_x)[x], upper = reinterpret_cast<const i32*>(p.first_y)[y];
  const i32* wx = reinterpret_cast<const i32*>(p.table_x) + 2 * x;
  const i32* wy = reinterpret_cast<const i32*>(p.table_y) + 2 * y;
  out[0] = out[1] = out[2] = 2;
  LNX_ROLLED for (i32 line = 0; line < 2; ++line) {
    i32 row[3] = {0, 0, 0}, v[3] = {0, 0, 0};
    LNX_ROLLED for (i32 column = 0; column < 2; ++column) {
      const i32 at = left + column < p.width ? left + column : p.width - 1;
      Sample(p, at, Clamp(upper + line, 0, p.height - 1), v);
      for (i32 k = 0; k < 3; ++k) row[k] += v[k] * wx[column];
    }
    for (i32 k = 0; k < 3; ++k) out[k] += (wy[line] * (row[k] >> 4)) >> 16;
  }
  for (i32 k = 0; k < 3; ++k) out[k] >>= 2;
}

LNX_KERNEL void Halve(const Preprocess& p, i32 x, i32 y, i32* out) {
  out[0] = out[1] = out[2] = 2;
  LNX_ROLLED for (i32 i = 0; i < 4; ++i) {
    i32 v[3] = {0, 0, 0};
    Sample(p, 2 * x + (i & 1), 2 * y + (i >> 1), v);
    for (i32 k = 0; k < 3; ++k) out[k] += v[k];
  }
  for (i32 k = 0; k < 3; ++k) out[k] >>= 2;
}

// To the nearest whole number, halves to the even one; v is 0 .. 256.
LNX_KERNEL i32 RoundEven(float v) {
  const i32 whole = static_cast<i32>(v);
  const float rest = v - static_cast<float>(whole);
  return whole + (rest > 0.5f || (rest == 0.5f && (whole & 1) != 0) ? 1 : 0);
}

// One line of an area: the sample before the first when it is covered in part, the whole ones, the one after them.
LNX_KERNEL void AreaRow(const Preprocess& p, i32 x, i32 y, float* row) {
  const i32 first = reinterpret_cast<const i32*>(p.first_x)[x], count = reinterpret_cast<const i32*>(p.count_x)[x];
  const float* w = reinterpret_cast<const float*>(p.table_x) + 3 * x;
  row[0] = row[1] = row[2] = 0;
  LNX_ROLLED for (i32 i = w[0] > 0 ? -1 : 0; i < count + (w[2] > 0 ? 1 : 0); ++i) {
    i32 v[3] = {0, 0, 0};
    Sample(p, first + i, y, v);
    const float weight = i < 0 ? w[0] : i < count ? w[1] : w[2];
    for (i32 k = 0; k < 3; ++k) row[k] = row[k] + static_cast<float>(v[k]) * weight;
  }
}

LNX_KERNEL void Area(const Preprocess& p, i32 x, i32 y, i32* out) {
  const i32 first = reinterpret_cast<const i32*>(p.first_y)[y], count = reinterpret_cast<const i32*>(p.count_y)[y];
  const float* w = reinterpret_cast<const float*>(p.table_y) + 3 * y;
  float sums[3] = {0, 0, 0}, row[3];
  LNX_ROLLED for (i32 i = w[0] > 0 ? -1 : 0; i < count + (w[2] > 0 ? 1 : 0); ++i) {
    AreaRow(p, x, first + i, row);
    const float weight = i < 0 ? w[0] : i < count ? w[1] : w[2];
    for (i32 k = 0; k < 3; ++k) sums[k] = sums[k] + row[k] * weight;
  }
  for (i32 k = 0; k < 3; ++k) out[k] = Clamp(RoundEven(sums[k]), 0, 255);
}

LNX_KERNEL void Store(const Preprocess& p, i32 x, i32 y, i32 channel, i32 value) {
  const i64 pixels = static_cast<i64>(p.out_width) * p.out_height, pixel = static_cast<i64>(y) * p.out_width + x;
  const i64 at = p.planes != 0 ? channel * pixels + pixel : pixel * p.channels + channel;
  if (p.output_kind == kOutU8) {
    reinterpret_cast<u8*>(p.output)[at] = static_cast<u8>(value);
    return;
  }
  float v = static_cast<float>(value);
  if (p.scaled != 0) v = p.divisor != 0.0f ? v / p.divisor : v * p.scale;
  if (p.normalised != 0) v = (v - p.mean[channel]) / p.std[channel];
  reinterpret_cast<float*>(p.output)[at] = v;
}

LNX_KERNEL void MakePixel(const Preprocess& p, i32 x, i32 y) {
  i32 value[3] = {p.pad[0], p.pad[1], p.pad[2]};
  const i32 cx = x - p.content_x, cy = y - p.content_y;
  if (cx >= 0 && cy >= 0 && cx < p.content_width && cy < p.content_height) {
    if (p.resize == kLinear) {
      Linear(p, cx, cy, value);
    } else if (p.resize == kHalve) {
      Halve(p, cx, cy, value);
    } else if (p.resize == kArea) {
      Area(p, cx, cy, value);
    } else {
      const bool nearest = p.resize == kNearest;
      Sample(p, nearest ? reinterpret_cast<const i32*>(p.first_x)[cx] : cx,
             nearest ? reinterpret_cast<const i32*>(p.first_y)[cy] : cy, value);
    }
  }
  for (i32 c = 0; c < p.channels; ++c) Store(p, x, y, c, value[c]);
}

}  // namespace lnx::kernels
