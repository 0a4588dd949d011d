// One pass from the caller's pixels to float planes: each source row is interpolated once, two rows are mixed, finished and
// stored. Equal bit for bit to the stages in ref/ while the numbers are integers, and in float as well, since both do the same
// operations in the same order. A picture that is not resized is finished row by row; a gray one takes the same way as others,
// since weights of 1 give its pixels back exactly.
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

// The tensor's plane that each channel of a colour source fills.
void ChannelsOf(LnxPixelFormat format, manifest::ColorOrder order, int32_t channel[3]) {
  const bool red_first = format == LNX_PIXEL_RGB8 || format == LNX_PIXEL_RGBA8;
  const bool swap = red_first != (order == manifest::ColorOrder::kRgb);
  for (int32_t c = 0; c < 3; ++c) channel[c] = swap ? 2 - c : c;
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

// A colour picture that keeps its size.
void FinishWhole(const Pipeline::Plan& plan, const View& view, const Resized& size, int32_t step, float* tensor) {
  const auto plane = static_cast<size_t>(plan.width) * static_cast<size_t>(plan.height);
  int32_t channel[3];
  ChannelsOf(view.format, plan.order, channel);
  for (int32_t y = 0; y < size.height; ++y) {
    float* first = tensor + static_cast<size_t>(y + size.top) * static_cast<size_t>(plan.width) + static_cast<size_t>(size.left);
    float* const out[3] = {first + static_cast<size_t>(channel[0]) * plane, first + static_cast<size_t>(channel[1]) * plane,
                           first + static_cast<size_t>(channel[2]) * plane};
    Kernels().whole_colour(view.Row(y), step, view.width, plan.finish, channel, out);
  }
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

  const auto step = static_cast<int32_t>(BytesPerPixel(view.format));
  if (size.width == view.width && size.height == view.height && Channels(view.format) != 1)
    return FinishWhole(plan, view, size, step, tensor);
  Taps& taps = scratch->taps;
  PrepareTaps(view.width, view.height, size.width, size.height, step, &taps);
  const RowKernels& kernels = Kernels();
  const bool gray = Channels(view.format) == 1;
  const size_t row_values = static_cast<size_t>(size.width) * (gray ? 1 : 4);
  for (std::vector<int16_t>& row : scratch->rows) row.resize(std::max(row.size(), row_values));
  int16_t* rows[2] = {scratch->rows[0].data(), scratch->rows[1].data()};
  int32_t held[2] = {-1, -1};  // source row in each buffer
  const int64_t row_bytes = static_cast<int64_t>(view.width) * step;
  const auto plane = static_cast<size_t>(plan.width) * static_cast<size_t>(plan.height);
  int32_t channel[3];
  ChannelsOf(view.format, plan.order, channel);
  for (int32_t y = 0; y < size.height; ++y) {
    const auto line = static_cast<size_t>(y);
    const int32_t wanted[2] = {std::clamp(taps.lines[line], 0, view.height - 1),
                               std::clamp(taps.lines[line] + 1, 0, view.height - 1)};
    const int32_t following = y + 1 < size.height ? std::max(taps.lines[line + 1], 0) : wanted[1];
    if (held[0] != wanted[0] && held[1] == wanted[0]) {
      std::swap(rows[0], rows[1]);
      std::swap(held[0], held[1]);
    }
    for (int i = 0; i < 2; ++i) {
      if (held[i] == wanted[i]) continue;
      if (i == 1 && wanted[1] == wanted[0]) continue;
      const uint8_t* next = view.Row(i == 0 ? wanted[1] : std::min(following, view.height - 1));
      (gray ? kernels.gray : kernels.colour)(view.Row(wanted[i]), next, row_bytes, taps, size.width, rows[i]);
      held[i] = wanted[i];
    }
    const int16_t* lower = wanted[1] == wanted[0] ? rows[0] : rows[1];
    const int32_t w0 = taps.line_weights[2 * line], w1 = taps.line_weights[2 * line + 1];
    float* first =
        tensor + (line + static_cast<size_t>(size.top)) * static_cast<size_t>(plan.width) + static_cast<size_t>(size.left);
    if (gray) {
      for (int32_t c = 0; c < plan.channels; ++c) {
        kernels.finish_gray(rows[0], lower, w0, w1, size.width, plan.finish, c, first + static_cast<size_t>(c) * plane);
      }
    } else {
      float* const out[3] = {first + static_cast<size_t>(channel[0]) * plane, first + static_cast<size_t>(channel[1]) * plane,
                             first + static_cast<size_t>(channel[2]) * plane};
      kernels.finish_colour(rows[0], lower, w0, w1, size.width, plan.finish, channel, out);
    }
  }
}

}  // namespace lnx::image
