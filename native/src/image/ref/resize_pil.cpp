// Pillow's Image.resize for 8-bit pictures: separable, antialiased by widening the filter, 22-bit fixed-point weights, and an
// 8-bit picture between the horizontal and the vertical pass, in this order (docs/decisions/pillow-order.md).
#include <algorithm>
#include <cmath>
#include <cstring>

#include "image/ops.h"

namespace lnx::image {
namespace {

constexpr int kPilBits = 32 - 8 - 2;

double Support(manifest::Interp interp) {
  return interp == manifest::Interp::kArea ? 0.5 : interp == manifest::Interp::kLinear ? 1.0 : 2.0;
}

double Filter(manifest::Interp interp, double x) {
  if (interp == manifest::Interp::kArea) return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
  x = std::fabs(x);
  if (interp == manifest::Interp::kLinear) return x < 1.0 ? 1.0 - x : 0.0;
  constexpr double a = -0.5;
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// first[i], count[i], and `taps` weights per output sample. Returns taps.
int32_t MakeTable(int32_t in, int32_t out, manifest::Interp interp, std::vector<int32_t>* first, std::vector<int32_t>* count,
                  std::vector<int32_t>* weights, std::vector<double>* row) {
  const double scale = static_cast<double>(in) / out, filter_scale = std::max(scale, 1.0);
  const double support = Support(interp) * filter_scale;
  const int32_t taps = static_cast<int32_t>(std::ceil(support)) * 2 + 1;
  first->resize(static_cast<size_t>(out));
  count->resize(static_cast<size_t>(out));
  weights->assign(static_cast<size_t>(out) * static_cast<size_t>(taps), 0);
  row->resize(static_cast<size_t>(taps));
  for (int32_t i = 0; i < out; ++i) {
    const double center = (i + 0.5) * scale, inverse = 1.0 / filter_scale;
    const int32_t begin = std::max(static_cast<int32_t>(center - support + 0.5), 0);
    const int32_t n = std::min(static_cast<int32_t>(center + support + 0.5), in) - begin;
    double sum = 0;
    for (int32_t k = 0; k < n; ++k) {
      (*row)[static_cast<size_t>(k)] = Filter(interp, (k + begin - center + 0.5) * inverse);
      sum += (*row)[static_cast<size_t>(k)];
    }
    for (int32_t k = 0; k < n; ++k) {
      const double w = sum != 0.0 ? (*row)[static_cast<size_t>(k)] / sum : (*row)[static_cast<size_t>(k)];
      (*weights)[static_cast<size_t>(i) * static_cast<size_t>(taps) + static_cast<size_t>(k)] =
          static_cast<int32_t>(w * (1 << kPilBits) + (w < 0 ? -0.5 : 0.5));
    }
    (*first)[static_cast<size_t>(i)] = begin;
    (*count)[static_cast<size_t>(i)] = n;
  }
  return taps;
}

uint8_t Clip(int32_t v) { return static_cast<uint8_t>(std::clamp(v >> kPilBits, 0, 255)); }

void NearestPil(const Picture& in, const Picture& out) {
  // Positions are summed step by step, as Pillow does: at exact halves the accumulated rounding decides.
  const double step_x = static_cast<double>(in.width) / out.width, step_y = static_cast<double>(in.height) / out.height;
  const auto channels = static_cast<size_t>(in.channels);
  double at_y = step_y * 0.5;
  for (int32_t y = 0; y < out.height; ++y, at_y += step_y) {
    const uint8_t* from = in.Row(std::min(static_cast<int32_t>(at_y), in.height - 1));
    double at_x = step_x * 0.5;
    for (int32_t x = 0; x < out.width; ++x, at_x += step_x) {
      const int32_t sx = std::min(static_cast<int32_t>(at_x), in.width - 1);
      std::memcpy(out.Row(y) + static_cast<size_t>(x) * channels, from + static_cast<size_t>(sx) * channels, channels);
    }
  }
}

}  // namespace

void ResizePil(const Picture& in, const Picture& out, manifest::Interp interp, Scratch* scratch) {
  if (interp == manifest::Interp::kNearest) return NearestPil(in, out);
  Picture middle = in;
  if (in.width != out.width) {
    const int32_t taps =
        MakeTable(in.width, out.width, interp, &scratch->ints[0], &scratch->ints[1], &scratch->weights[0], &scratch->doubles);
    middle.width = out.width;
    scratch->bytes[2].resize(std::max(scratch->bytes[2].size(), middle.Bytes()));
    middle.data = scratch->bytes[2].data();
    for (int32_t y = 0; y < in.height; ++y) {
      const uint8_t* from = in.Row(y);
      uint8_t* to = middle.Row(y);
      for (int32_t x = 0; x < out.width; ++x) {
        const int32_t begin = scratch->ints[0][static_cast<size_t>(x)], n = scratch->ints[1][static_cast<size_t>(x)];
        const int32_t* w = &scratch->weights[0][static_cast<size_t>(x) * static_cast<size_t>(taps)];
        for (int32_t c = 0; c < in.channels; ++c) {
          int32_t sum = 1 << (kPilBits - 1);
          for (int32_t k = 0; k < n; ++k) sum += from[(begin + k) * in.channels + c] * w[k];
          *to++ = Clip(sum);
        }
      }
    }
  }
  if (in.height == out.height) {
    std::memcpy(out.data, middle.data, out.Bytes());
    return;
  }
  const int32_t taps =
      MakeTable(in.height, out.height, interp, &scratch->ints[2], &scratch->ints[3], &scratch->weights[1], &scratch->doubles);
  const int32_t row_bytes = out.width * out.channels;
  for (int32_t y = 0; y < out.height; ++y) {
    const int32_t begin = scratch->ints[2][static_cast<size_t>(y)], n = scratch->ints[3][static_cast<size_t>(y)];
    const int32_t* w = &scratch->weights[1][static_cast<size_t>(y) * static_cast<size_t>(taps)];
    uint8_t* to = out.Row(y);
    for (int32_t i = 0; i < row_bytes; ++i) {
      int32_t sum = 1 << (kPilBits - 1);
      for (int32_t k = 0; k < n; ++k) sum += middle.Row(begin + k)[i] * w[k];
      to[i] = Clip(sum);
    }
  }
}

}  // namespace lnx::image
