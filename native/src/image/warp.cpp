#include "image/warp.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "image/warp_rows.h"

namespace lnx::image {
namespace {

void Cubic(float x, float* c) {
  constexpr float kA = -0.75f;
  c[0] = ((kA * (x + 1) - 5 * kA) * (x + 1) + 8 * kA) * (x + 1) - 4 * kA;
  c[1] = ((kA + 2) * x - (kA + 3)) * x * x + 1;
  c[2] = ((kA + 2) * (1 - x) - (kA + 3)) * (1 - x) * (1 - x) + 1;
  c[3] = 1.0f - c[0] - c[1] - c[2];
}

void Fill(const float* vertical, const float* horizontal, int16_t* set) {
  int sum = 0;
  for (int k = 0; k < kTaps * kTaps; ++k) {
    const float value = vertical[k / kTaps] * horizontal[k % kTaps];
    set[k] = static_cast<int16_t>(std::clamp<long>(std::lrintf(value * kWeightOne), -32768, 32767));
    sum += set[k];
  }
  // What rounding lost or won goes to the largest or the smallest of the four weights at the lower right of the middle.
  const int candidates[4] = {10, 11, 14, 15};
  int low = 10, high = 10;
  for (const int k : candidates) {
    if (set[k] < set[low]) {
      low = k;
    } else if (set[k] > set[high]) {
      high = k;
    }
  }
  const int difference = sum - kWeightOne;
  int16_t& changed = set[difference < 0 ? high : low];
  changed = static_cast<int16_t>(changed - difference);
}

// Gaussian elimination with pivots; a is n x (n + 1). False when a pivot vanishes.
template <int N>
bool Solve(double (&a)[N][N + 1], double* x) {
  for (int i = 0; i < N; ++i) {
    int pivot = i;
    for (int r = i + 1; r < N; ++r) {
      if (std::fabs(a[r][i]) > std::fabs(a[pivot][i])) pivot = r;
    }
    if (std::fabs(a[pivot][i]) < 1e-12) return false;
    if (pivot != i) std::swap_ranges(a[i], a[i] + N + 1, a[pivot]);
    for (int r = i + 1; r < N; ++r) {
      const double factor = a[r][i] / a[i][i];
      for (int c = i; c <= N; ++c) a[r][c] -= factor * a[i][c];
    }
  }
  for (int i = N - 1; i >= 0; --i) {
    double sum = a[i][N];
    for (int c = i + 1; c < N; ++c) sum -= a[i][c] * x[c];
    x[i] = sum / a[i][i];
  }
  return true;
}

template <int Channels>
void Warped(const View& in, const Perspective& map, int32_t y, int32_t begin, int32_t end, uint8_t* out) {
  const RemapTable& table = Remap();
  const double* m = map.m;
  for (int32_t x = begin; x < end; ++x, out += Channels) {
    const double w = m[6] * x + m[7] * y + m[8];
    const double scale = w != 0 ? kFractions / w : 0;
    const auto fixed = [&](double v) { return static_cast<int32_t>(std::lrint(std::clamp(v * scale, -1e9, 1e9))); };
    const int32_t fx = fixed(m[0] * x + m[1] * y + m[2]), fy = fixed(m[3] * x + m[4] * y + m[5]);
    const int32_t sx = (fx >> kFractionBits) - 1, sy = (fy >> kFractionBits) - 1;
    const int16_t* weights = table.weights[(fy & (kFractions - 1)) * kFractions + (fx & (kFractions - 1))];
    int32_t sums[Channels] = {};
    if (sx >= 0 && sy >= 0 && sx <= in.width - kTaps && sy <= in.height - kTaps) {
      for (int r = 0; r < kTaps; ++r) {
        const uint8_t* p = in.Row(sy + r) + static_cast<int64_t>(sx) * Channels;
        for (int k = 0; k < kTaps; ++k, p += Channels) {
          for (int c = 0; c < Channels; ++c) sums[c] += weights[r * kTaps + k] * p[c];
        }
      }
    } else {
      for (int r = 0; r < kTaps; ++r) {
        const uint8_t* row = in.Row(std::clamp(sy + r, 0, in.height - 1));
        for (int k = 0; k < kTaps; ++k) {
          const uint8_t* p = row + static_cast<int64_t>(std::clamp(sx + k, 0, in.width - 1)) * Channels;
          for (int c = 0; c < Channels; ++c) sums[c] += weights[r * kTaps + k] * p[c];
        }
      }
    }
    for (int c = 0; c < Channels; ++c)
      out[c] = static_cast<uint8_t>(std::clamp((sums[c] + (1 << (kWeightBits - 1))) >> kWeightBits, 0, 255));
  }
}

WarpRow ChosenRow(bool gray) {
#if defined(__x86_64__) || defined(_M_X64)
  if (ActiveSimd() == Simd::kAvx2) return gray ? Avx2WarpGray : Avx2WarpColour;
#endif
  return gray ? PlainWarpGray : PlainWarpColour;
}

View Own(const View& like, int32_t width, int32_t height, std::vector<uint8_t>* pixels) {
  const auto channels = Channels(like.format);
  const size_t bytes = static_cast<size_t>(width) * static_cast<size_t>(height) * channels;
  pixels->resize(std::max(pixels->size(), bytes));
  View view = like;
  view.data = pixels->data();
  view.width = width;
  view.height = height;
  view.stride = static_cast<int64_t>(width) * channels;
  return view;
}

}  // namespace

RemapTable::RemapTable() {
  float line[kFractions][kTaps];
  for (int i = 0; i < kFractions; ++i) Cubic(static_cast<float>(i) / kFractions, line[i]);
  for (int y = 0; y < kFractions; ++y) {
    for (int x = 0; x < kFractions; ++x) Fill(line[y], line[x], weights[y * kFractions + x]);
  }
}

const RemapTable& Remap() {
  static const RemapTable table;
  return table;
}

void PlainWarpGray(const View& in, const Perspective& map, int32_t y, int32_t begin, int32_t end, uint8_t* out) {
  Warped<1>(in, map, y, begin, end, out);
}

void PlainWarpColour(const View& in, const Perspective& map, int32_t y, int32_t begin, int32_t end, uint8_t* out) {
  Warped<3>(in, map, y, begin, end, out);
}

void Perspective::Apply(double x, double y, double* out_x, double* out_y) const {
  const double w = m[6] * x + m[7] * y + m[8];
  *out_x = (m[0] * x + m[1] * y + m[2]) / w;
  *out_y = (m[3] * x + m[4] * y + m[5]) / w;
}

bool RectangleToQuad(const LnxPointF quad[4], double width, double height, Perspective* map) {
  const double corner[4][2] = {{0, 0}, {width, 0}, {width, height}, {0, height}};
  double a[8][9] = {};
  for (int i = 0; i < 4; ++i) {
    const double x = corner[i][0], y = corner[i][1];
    const double u = static_cast<double>(quad[i].x), v = static_cast<double>(quad[i].y);
    const double upper[9] = {x, y, 1, 0, 0, 0, -x * u, -y * u, u}, lower[9] = {0, 0, 0, x, y, 1, -x * v, -y * v, v};
    std::copy(upper, upper + 9, a[i]);
    std::copy(lower, lower + 9, a[i + 4]);
  }
  map->m[8] = 1;
  return Solve<8>(a, map->m);
}

void UprightSize(const LnxPointF quad[4], int32_t* width, int32_t* height) {
  const auto side = [&](int a, int b) {
    const float x = quad[a].x - quad[b].x, y = quad[a].y - quad[b].y;
    return std::sqrt(x * x + y * y);
  };
  *width = std::max(1, static_cast<int32_t>(std::max(side(0, 1), side(2, 3))));
  *height = std::max(1, static_cast<int32_t>(std::max(side(0, 3), side(1, 2))));
}

View Warp(const View& in, const Perspective& map, int32_t width, int32_t height, std::vector<uint8_t>* pixels) {
  const View out = Own(in, width, height, pixels);
  const WarpRow row = ChosenRow(Channels(in.format) == 1);
  for (int32_t y = 0; y < height; ++y)
    row(in, map, y, 0, width, pixels->data() + static_cast<size_t>(y) * static_cast<size_t>(out.stride));
  return out;
}

View TurnLeft(const View& in, std::vector<uint8_t>* pixels) {
  const View out = Own(in, in.height, in.width, pixels);
  const size_t channels = Channels(in.format);
  for (int32_t y = 0; y < out.height; ++y) {
    uint8_t* to = pixels->data() + static_cast<size_t>(y) * static_cast<size_t>(out.stride);
    const size_t from = static_cast<size_t>(in.width - 1 - y) * channels;
    for (int32_t x = 0; x < out.width; ++x, to += channels) std::memcpy(to, in.Row(x) + from, channels);
  }
  return out;
}

void TurnAround(View* in) {
  const size_t channels = Channels(in->format);
  const size_t pixels = static_cast<size_t>(in->width) * static_cast<size_t>(in->height);
  auto* data = const_cast<uint8_t*>(in->data);
  for (size_t a = 0, b = pixels - 1; a < b; ++a, --b)
    std::swap_ranges(data + a * channels, data + (a + 1) * channels, data + b * channels);
}

}  // namespace lnx::image
