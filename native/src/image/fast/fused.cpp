// One pass from the caller's pixels to float planes: each source row is interpolated once, two rows are mixed, finished and
// stored. Equal bit for bit to the stages in ref/ while the numbers are integers, and in float as well, since both do the same
// operations in the same order. A picture that is not resized takes the same way: weights of 1 give its pixels back exactly.
#if defined(_MSC_VER)
#include <windows.h>
#endif

#include <algorithm>
#include <cstring>

#include "base/platform.h"
#include "image/plan.h"

namespace lnx::image {
namespace {

const RowKernels& Kernels() {
#if defined(__x86_64__) || defined(_M_X64)
  if (ActiveSimd() == Simd::kAvx2) return Avx2Kernels();
#endif
  return PortableKernels();
}

// Which plane of the tensor each source byte goes to.
struct Planes {
  int32_t source_channels;  // 1 or 3 interpolated planes
  int32_t to[3][3];         // planes that a source channel fills, -1 = none
};

Planes PlanesOf(LnxPixelFormat format, manifest::ColorOrder order) {
  if (Channels(format) == 1)
    return {1,
            {{0, order == manifest::ColorOrder::kGray ? -1 : 1, order == manifest::ColorOrder::kGray ? -1 : 2},
             {-1, -1, -1},
             {-1, -1, -1}}};
  const bool red_first = format == LNX_PIXEL_RGB8 || format == LNX_PIXEL_RGBA8;
  const bool swap = red_first != (order == manifest::ColorOrder::kRgb);
  return {3, {{swap ? 2 : 0, -1, -1}, {1, -1, -1}, {swap ? 0 : 2, -1, -1}}};
}

void FillMargins(const Pipeline::Plan& plan, const Resized& size, float* tensor, Scratch* scratch) {
  const int32_t at[4] = {size.left, size.top, size.width, size.height};
  if (scratch->padded == tensor && std::equal(at, at + 4, scratch->padded_at)) return;
  const auto plane = static_cast<size_t>(plan.width) * static_cast<size_t>(plan.height);
  for (int32_t c = 0; c < plan.channels; ++c) {
    const float value = plan.resize == nullptr ? 0.0f : plan.finish.Value(plan.resize->pad[c], c);
    float* to = tensor + static_cast<size_t>(c) * plane;
    for (int32_t y = 0; y < plan.height; ++y) {
      float* row = to + static_cast<size_t>(y) * static_cast<size_t>(plan.width);
      if (y < size.top || y >= size.top + size.height) {
        std::fill(row, row + plan.width, value);
      } else {
        std::fill(row, row + size.left, value);
        std::fill(row + size.left + size.width, row + plan.width, value);
      }
    }
  }
  scratch->padded = tensor;
  std::copy(at, at + 4, scratch->padded_at);
}

}  // namespace

Simd ActiveSimd() noexcept {
  static const Simd best = [] {
#if defined(__GNUC__) && defined(__x86_64__)
    const bool avx2 = __builtin_cpu_supports("avx2");
#elif defined(_MSC_VER) && defined(_M_X64)
    const bool avx2 = IsProcessorFeaturePresent(PF_AVX2_INSTRUCTIONS_AVAILABLE) != 0;
#else
    const bool avx2 = false;
#endif
    return avx2 ? Simd::kAvx2 : Simd::kPortable;
  }();
  static const bool lowered = [] {
    try {
      return platform::GetEnv("LNX_SIMD") == "portable";
    } catch (...) {
      return false;
    }
  }();
  return lowered ? Simd::kPortable : best;
}

bool CanFuse(const Pipeline::Plan& plan, const View& view) {
  if (!plan.fusable || view.format == LNX_PIXEL_GRAY16) return false;
  if (plan.order == manifest::ColorOrder::kGray && Channels(view.format) != 1) return false;
  if (plan.resize == nullptr) return view.width == plan.width && view.height == plan.height;
  const Resized size = SizeOf(*plan.resize, view.width, view.height);
  return !IsHalving(view.width, view.height, size.width, size.height);
}

void RunFused(const Pipeline::Plan& plan, const View& view, float* tensor, Scratch* scratch, Chain* chain) {
  Resized size;
  if (plan.resize != nullptr) {
    size = SizeOf(*plan.resize, view.width, view.height);
  } else {
    size.width = size.out_width = view.width;
    size.height = size.out_height = view.height;
  }
  chain->Resize(size);
  FillMargins(plan, size, tensor, scratch);

  const auto columns = static_cast<size_t>(size.width), lines = static_cast<size_t>(size.height);
  const auto step = static_cast<int32_t>(BytesPerPixel(view.format));
  const Planes planes = PlanesOf(view.format, plan.order);
  scratch->ints[0].resize(std::max(scratch->ints[0].size(), columns));
  scratch->ints[1].resize(std::max(scratch->ints[1].size(), lines));
  scratch->weights[0].resize(std::max(scratch->weights[0].size(), 3 * columns));
  scratch->weights[1].resize(std::max(scratch->weights[1].size(), 2 * lines));
  int32_t* offsets = scratch->ints[0].data();
  int32_t* packed = scratch->weights[0].data();
  int32_t* pairs = packed + columns;
  LinearTable(view.width, size.width, true, offsets, pairs);
  LinearTable(view.height, size.height, false, scratch->ints[1].data(), scratch->weights[1].data());
  for (size_t x = 0; x < columns; ++x) {
    offsets[x] *= step;
    packed[x] = pairs[2 * x] | pairs[2 * x + 1] << 16;
  }

  const RowKernels& kernels = Kernels();
  const size_t row_values = columns * static_cast<size_t>(planes.source_channels);
  for (std::vector<int16_t>& row : scratch->rows) row.resize(std::max(row.size(), row_values));
  int16_t* rows[2] = {scratch->rows[0].data(), scratch->rows[1].data()};
  int32_t held[2] = {-1, -1};  // source row in each buffer
  const int64_t row_bytes = static_cast<int64_t>(view.width) * step;
  const auto plane = static_cast<size_t>(plan.width) * static_cast<size_t>(plan.height);
  for (size_t y = 0; y < lines; ++y) {
    const int32_t wanted[2] = {std::clamp(scratch->ints[1][y], 0, view.height - 1),
                               std::clamp(scratch->ints[1][y] + 1, 0, view.height - 1)};
    if (held[0] != wanted[0] && held[1] == wanted[0]) {
      std::swap(rows[0], rows[1]);
      std::swap(held[0], held[1]);
    }
    for (int i = 0; i < 2; ++i) {
      if (held[i] == wanted[i]) continue;
      if (i == 1 && wanted[1] == wanted[0]) continue;
      kernels.horizontal(view.Row(wanted[i]), row_bytes, offsets, packed, step, planes.source_channels, size.width, rows[i]);
      held[i] = wanted[i];
    }
    const int16_t* lower = wanted[1] == wanted[0] ? rows[0] : rows[1];
    const int32_t* w = &scratch->weights[1][2 * y];
    for (int32_t c = 0; c < planes.source_channels; ++c) {
      for (const int32_t to : planes.to[c]) {
        if (to < 0) continue;
        float* out = tensor + static_cast<size_t>(to) * plane +
                     (y + static_cast<size_t>(size.top)) * static_cast<size_t>(plan.width) + static_cast<size_t>(size.left);
        const size_t from = static_cast<size_t>(c) * columns;
        kernels.vertical(rows[0] + from, lower + from, w[0], w[1], size.width, plan.finish, to, out);
      }
    }
  }
}

}  // namespace lnx::image
