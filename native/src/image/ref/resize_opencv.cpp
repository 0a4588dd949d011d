// cv::resize for 8-bit pictures, written from its documented behaviour: half-pixel centres and, for linear, 11-bit fixed-point
// weights and the rounding of the vertical pass ((w0 * (r0 >> 4)) >> 16) + ((w1 * (r1 >> 4)) >> 16) + 2) >> 2.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "image/ops.h"

namespace lnx::image {
namespace {

constexpr int kBits = 11;
constexpr float kOne = 1 << kBits;

int32_t Floor(double v) { return static_cast<int32_t>(std::floor(v)); }
int32_t RoundEven(double v) { return static_cast<int32_t>(std::lrint(v)); }  // default rounding mode: half to even

double Scale(int32_t in, int32_t out) { return 1.0 / (static_cast<double>(out) / in); }

void Nearest(const Picture& in, const Picture& out) {
  const double scale_x = Scale(in.width, out.width), scale_y = Scale(in.height, out.height);
  const auto channels = static_cast<size_t>(in.channels);
  for (int32_t y = 0; y < out.height; ++y) {
    const uint8_t* from = in.Row(std::min(Floor(y * scale_y), in.height - 1));
    uint8_t* to = out.Row(y);
    for (int32_t x = 0; x < out.width; ++x) {
      std::memcpy(to + static_cast<size_t>(x) * channels,
                  from + static_cast<size_t>(std::min(Floor(x * scale_x), in.width - 1)) * channels, channels);
    }
  }
}

void Linear(const Picture& in, const Picture& out, Scratch* scratch) {
  scratch->ints[0].resize(static_cast<size_t>(out.width));
  scratch->ints[1].resize(static_cast<size_t>(out.height));
  scratch->weights[0].resize(2 * static_cast<size_t>(out.width));
  scratch->weights[1].resize(2 * static_cast<size_t>(out.height));
  const int32_t *columns = scratch->ints[0].data(), *lines = scratch->ints[1].data();
  const int32_t *wx = scratch->weights[0].data(), *wy = scratch->weights[1].data();
  LinearTable(in.width, out.width, true, scratch->ints[0].data(), scratch->weights[0].data());
  LinearTable(in.height, out.height, false, scratch->ints[1].data(), scratch->weights[1].data());
  for (int32_t y = 0; y < out.height; ++y) {
    const uint8_t* upper = in.Row(std::clamp(lines[y], 0, in.height - 1));
    const uint8_t* lower = in.Row(std::clamp(lines[y] + 1, 0, in.height - 1));
    uint8_t* to = out.Row(y);
    for (int32_t x = 0; x < out.width; ++x) {
      const int32_t left = columns[x] * in.channels, right = std::min(columns[x] + 1, in.width - 1) * in.channels;
      for (int32_t c = 0; c < in.channels; ++c) {
        const int32_t r0 = upper[left + c] * wx[2 * x] + upper[right + c] * wx[2 * x + 1];
        const int32_t r1 = lower[left + c] * wx[2 * x] + lower[right + c] * wx[2 * x + 1];
        *to++ = static_cast<uint8_t>((((wy[2 * y] * (r0 >> 4)) >> 16) + ((wy[2 * y + 1] * (r1 >> 4)) >> 16) + 2) >> 2);
      }
    }
  }
}

void CubicTable(int32_t in, int32_t out, int32_t* first, float* weights) {
  constexpr double a = -0.75;
  const double scale = Scale(in, out);
  for (int32_t i = 0; i < out; ++i) {
    double f = (i + 0.5) * scale - 0.5;
    const int32_t s = Floor(f);
    f -= s;
    const double w0 = ((a * (f + 1) - 5 * a) * (f + 1) + 8 * a) * (f + 1) - 4 * a;
    const double w1 = ((a + 2) * f - (a + 3)) * f * f + 1;
    const double w2 = ((a + 2) * (1 - f) - (a + 3)) * (1 - f) * (1 - f) + 1;
    first[i] = s - 1;
    float* w = weights + 4 * static_cast<size_t>(i);
    w[0] = static_cast<float>(w0);
    w[1] = static_cast<float>(w1);
    w[2] = static_cast<float>(w2);
    w[3] = static_cast<float>(1 - w0 - w1 - w2);
  }
}

// One line of the picture at the width of the output, not rounded.
void CubicLine(const uint8_t* row, const Picture& in, int32_t width, const int32_t* first, const float* weights, float* to) {
  for (int32_t x = 0; x < width; ++x, weights += 4) {
    int32_t at[4];
    for (int k = 0; k < 4; ++k) at[k] = std::clamp(first[x] + k, 0, in.width - 1) * in.channels;
    for (int32_t c = 0; c < in.channels; ++c) {
      float sum = 0;
      for (int k = 0; k < 4; ++k) sum += static_cast<float>(row[at[k] + c]) * weights[k];
      *to++ = sum;
    }
  }
}

// Not the fixed point of cv::resize itself: OpenCV as published for x86 leaves cubic to IPP, which rounds once, at the end.
void Cubic(const Picture& in, const Picture& out, Scratch* scratch) {
  const auto width = static_cast<size_t>(out.width), height = static_cast<size_t>(out.height);
  const size_t line = width * static_cast<size_t>(out.channels);
  scratch->ints[0].resize(width);
  scratch->ints[1].resize(height);
  scratch->floats[0].resize(4 * (width + height));
  scratch->floats[1].resize(4 * line);
  float *across = scratch->floats[0].data(), *down = across + 4 * width;
  CubicTable(in.width, out.width, scratch->ints[0].data(), across);
  CubicTable(in.height, out.height, scratch->ints[1].data(), down);
  int32_t held[4] = {-1, -1, -1, -1};  // the four lines around the last one written, line r at r % 4
  for (int32_t y = 0; y < out.height; ++y, down += 4) {
    const float* lines[4];
    for (int k = 0; k < 4; ++k) {
      const int32_t r = std::clamp(scratch->ints[1][static_cast<size_t>(y)] + k, 0, in.height - 1);
      float* place = scratch->floats[1].data() + static_cast<size_t>(r % 4) * line;
      if (held[r % 4] != r) CubicLine(in.Row(r), in, out.width, scratch->ints[0].data(), across, place);
      held[r % 4] = r;
      lines[k] = place;
    }
    uint8_t* to = out.Row(y);
    for (size_t i = 0; i < line; ++i) {
      const float sum = lines[0][i] * down[0] + lines[1][i] * down[1] + lines[2][i] * down[2] + lines[3][i] * down[3];
      to[i] = static_cast<uint8_t>(std::clamp(RoundEven(sum), 0, 255));
    }
  }
}

void HalveByMean(const Picture& in, const Picture& out) {
  for (int32_t y = 0; y < out.height; ++y) {
    const uint8_t *upper = in.Row(2 * y), *lower = in.Row(2 * y + 1);
    uint8_t* to = out.Row(y);
    for (int32_t x = 0; x < out.width; ++x) {
      for (int32_t c = 0; c < in.channels; ++c) {
        const int32_t i = 2 * x * in.channels + c, j = i + in.channels;
        *to++ = static_cast<uint8_t>((upper[i] + upper[j] + lower[i] + lower[j] + 2) >> 2);
      }
    }
  }
}

// The share of each source sample in one output sample: [begin, end) in source coordinates.
struct Cover {
  int32_t first, count;
  float head, body, tail;  // weights of the first, the whole, and the last sample
};

Cover CoverOf(int32_t i, double scale, int32_t in) {
  const double begin = i * scale, end = std::min(begin + scale, static_cast<double>(in));
  const double width = std::min(scale, in - begin);
  int32_t first = static_cast<int32_t>(std::ceil(begin)), last = Floor(end);
  last = std::min(last, in - 1);
  first = std::min(first, last);
  Cover cover{first, last - first, 0, static_cast<float>(1.0 / width), 0};
  if (first - begin > 1e-3) cover.head = static_cast<float>((first - begin) / width);
  if (end - last > 1e-3) cover.tail = static_cast<float>(std::min(std::min(end - last, 1.0), width) / width);
  return cover;
}

void Area(const Picture& in, const Picture& out, Scratch* scratch) {
  const double scale_x = Scale(in.width, out.width), scale_y = Scale(in.height, out.height);
  std::vector<float>&row = scratch->floats[0], &sums = scratch->floats[1];
  const auto elements = static_cast<size_t>(out.width) * static_cast<size_t>(in.channels);
  row.resize(elements);
  sums.resize(elements);
  const auto add_row = [&](int32_t y, float weight) {
    const uint8_t* from = in.Row(y);
    for (int32_t x = 0; x < out.width; ++x) {
      const Cover cover = CoverOf(x, scale_x, in.width);
      for (int32_t c = 0; c < in.channels; ++c) {
        float sum = 0;
        if (cover.head > 0) sum += static_cast<float>(from[(cover.first - 1) * in.channels + c]) * cover.head;
        for (int32_t k = 0; k < cover.count; ++k)
          sum += static_cast<float>(from[(cover.first + k) * in.channels + c]) * cover.body;
        if (cover.tail > 0) sum += static_cast<float>(from[(cover.first + cover.count) * in.channels + c]) * cover.tail;
        row[static_cast<size_t>(x * in.channels + c)] = sum;
      }
    }
    for (size_t i = 0; i < elements; ++i) sums[i] += row[i] * weight;
  };
  for (int32_t y = 0; y < out.height; ++y) {
    const Cover cover = CoverOf(y, scale_y, in.height);
    std::fill(sums.begin(), sums.end(), 0.0f);
    if (cover.head > 0) add_row(cover.first - 1, cover.head);
    for (int32_t k = 0; k < cover.count; ++k) add_row(cover.first + k, cover.body);
    if (cover.tail > 0) add_row(cover.first + cover.count, cover.tail);
    uint8_t* to = out.Row(y);
    for (size_t i = 0; i < elements; ++i) to[i] = static_cast<uint8_t>(std::clamp(RoundEven(sums[i]), 0, 255));
  }
}

// INTER_AREA that enlarges is linear with weights by covered area.
void AreaUp(const Picture& in, const Picture& out, Scratch* scratch) {
  const auto table = [](int32_t n_in, int32_t n_out, std::vector<int32_t>* first, std::vector<int32_t>* weights) {
    first->resize(static_cast<size_t>(n_out));
    weights->resize(2 * static_cast<size_t>(n_out));
    const double inverse = static_cast<double>(n_out) / n_in, scale = 1.0 / inverse;
    for (int32_t i = 0; i < n_out; ++i) {
      int32_t s = Floor(i * scale);
      auto f = static_cast<float>((i + 1) - (s + 1) * inverse);
      f = f <= 0 ? 0.f : f - static_cast<float>(Floor(f));
      if (s >= n_in - 1) f = 0, s = n_in - 1;
      (*first)[static_cast<size_t>(i)] = s;
      (*weights)[2 * static_cast<size_t>(i)] = RoundEven((1.f - f) * kOne);
      (*weights)[2 * static_cast<size_t>(i) + 1] = RoundEven(f * kOne);
    }
  };
  table(in.width, out.width, &scratch->ints[0], &scratch->weights[0]);
  table(in.height, out.height, &scratch->ints[1], &scratch->weights[1]);
  for (int32_t y = 0; y < out.height; ++y) {
    const int32_t sy = scratch->ints[1][static_cast<size_t>(y)];
    const int32_t* wy = &scratch->weights[1][2 * static_cast<size_t>(y)];
    const uint8_t *upper = in.Row(sy), *lower = in.Row(std::min(sy + 1, in.height - 1));
    uint8_t* to = out.Row(y);
    for (int32_t x = 0; x < out.width; ++x) {
      const int32_t sx = scratch->ints[0][static_cast<size_t>(x)];
      const int32_t* wx = &scratch->weights[0][2 * static_cast<size_t>(x)];
      const int32_t left = sx * in.channels, right = std::min(sx + 1, in.width - 1) * in.channels;
      for (int32_t c = 0; c < in.channels; ++c) {
        const int32_t r0 = upper[left + c] * wx[0] + upper[right + c] * wx[1],
                      r1 = lower[left + c] * wx[0] + lower[right + c] * wx[1];
        *to++ = static_cast<uint8_t>((((wy[0] * (r0 >> 4)) >> 16) + ((wy[1] * (r1 >> 4)) >> 16) + 2) >> 2);
      }
    }
  }
}

}  // namespace

void LinearTable(int32_t in, int32_t out, bool clamp_weight, int32_t* first, int32_t* weights) {
  const double scale = Scale(in, out);
  for (int32_t i = 0; i < out; ++i) {
    auto f = static_cast<float>((i + 0.5) * scale - 0.5);
    int32_t s = Floor(f);
    f -= static_cast<float>(s);
    if (clamp_weight && s < 0) f = 0, s = 0;
    if (clamp_weight && s >= in - 1) f = 0, s = in - 1;
    first[i] = s;
    weights[2 * i] = RoundEven((1.f - f) * kOne);
    weights[2 * i + 1] = RoundEven(f * kOne);
  }
}

void AreaTable(int32_t in, int32_t out, int32_t* first, int32_t* count, float* weights) {
  const double scale = Scale(in, out);
  for (int32_t i = 0; i < out; ++i) {
    const Cover cover = CoverOf(i, scale, in);
    first[i] = cover.first;
    count[i] = cover.count;
    weights[3 * i] = cover.head;
    weights[3 * i + 1] = cover.body;
    weights[3 * i + 2] = cover.tail;
  }
}

void NearestTable(int32_t in, int32_t out, int32_t* samples) {
  const double scale = Scale(in, out);
  for (int32_t i = 0; i < out; ++i) samples[i] = std::min(Floor(i * scale), in - 1);
}

bool IsHalving(int32_t in_width, int32_t in_height, int32_t out_width, int32_t out_height) {
  return in_width == 2 * out_width && in_height == 2 * out_height;
}

void ResizeOpenCv(const Picture& in, const Picture& out, manifest::Interp interp, Scratch* scratch) {
  if (in.width == out.width && in.height == out.height) {
    std::memcpy(out.data, in.data, in.Bytes());
    return;
  }
  switch (interp) {
    case manifest::Interp::kNearest:
      return Nearest(in, out);
    case manifest::Interp::kLinear:
      if (IsHalving(in.width, in.height, out.width, out.height)) return HalveByMean(in, out);
      return Linear(in, out, scratch);
    case manifest::Interp::kCubic:
      return Cubic(in, out, scratch);
    case manifest::Interp::kArea:
      if (out.width > in.width || out.height > in.height) return AreaUp(in, out, scratch);
      if (IsHalving(in.width, in.height, out.width, out.height)) return HalveByMean(in, out);
      return Area(in, out, scratch);
  }
}

}  // namespace lnx::image
