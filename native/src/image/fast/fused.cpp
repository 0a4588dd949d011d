// One pass from the caller's pixels to planes of floats or bytes: each source row is interpolated once, two rows are mixed,
// finished and stored. Equal bit for bit to the stages in ref/ while the numbers are integers, and in float as well, since both
// do the same operations in the same order. A picture that is not resized is finished to float row by row; gray ones and bytes
// take the same way as others, since weights of 1 give their pixels back exactly.
#if defined(_MSC_VER)
#include <windows.h>
#endif

#include <algorithm>
#include <cstring>
#include <type_traits>

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

float PadOf(const Pipeline::Plan& plan, int32_t channel, const float*) {
  return plan.resize == nullptr ? 0.0f : plan.finish.Value(plan.resize->pad[channel], channel);
}
uint8_t PadOf(const Pipeline::Plan& plan, int32_t channel, const uint8_t*) {
  return plan.resize == nullptr ? uint8_t{0} : plan.resize->pad[channel];
}

template <typename Value>
void FillMargins(const Pipeline::Plan& plan, const Resized& size, Value* tensor, Scratch* scratch) {
  const int32_t at[4] = {size.left, size.top, size.width, size.height};
  if (scratch->padded == tensor && std::equal(at, at + 4, scratch->padded_at)) return;
  const auto plane = static_cast<size_t>(plan.width) * static_cast<size_t>(plan.height);
  for (int32_t c = 0; c < plan.channels; ++c) {
    const Value value = PadOf(plan, c, tensor);
    Value* to = tensor + static_cast<size_t>(c) * plane;
    for (int32_t y = 0; y < plan.height; ++y) {
      Value* row = to + static_cast<size_t>(y) * static_cast<size_t>(plan.width);
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
    Kernels().whole_colour(view.Row(y), view.Row(std::min(y + 1, size.height - 1)), step, view.width, plan.finish, channel, out);
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

namespace {

// Two interpolated rows and their weights.
struct Pair {
  const int16_t *upper, *lower;
  int32_t w0, w1, n;
};

void StoreGray(const RowKernels& k, const Pair& p, const Finish& finish, int32_t channel, float* out) {
  k.finish_gray(p.upper, p.lower, p.w0, p.w1, p.n, finish, channel, out);
}
void StoreGray(const RowKernels& k, const Pair& p, const Finish&, int32_t, uint8_t* out) {
  k.bytes_gray(p.upper, p.lower, p.w0, p.w1, p.n, out);
}
void StoreColour(const RowKernels& k, const Pair& p, const Finish& finish, const int32_t channel[3], float* const out[3]) {
  k.finish_colour(p.upper, p.lower, p.w0, p.w1, p.n, finish, channel, out);
}
void StoreColour(const RowKernels& k, const Pair& p, const Finish&, const int32_t*, uint8_t* const out[3]) {
  k.bytes_colour(p.upper, p.lower, p.w0, p.w1, p.n, out);
}

template <typename Value>
void RunFusedTo(const Pipeline::Plan& plan, const View& view, Value* tensor, Scratch* scratch, Chain* chain) {
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
  if constexpr (std::is_same_v<Value, float>) {
    if (size.width == view.width && size.height == view.height && Channels(view.format) != 1)
      return FinishWhole(plan, view, size, step, tensor);
  }
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
    const int32_t w0 = taps.line_weights[2 * line], w1 = taps.line_weights[2 * line + 1];
    // Where a picture shrinks to a third (1080 lines to 360), each line is one of the source, and the next has no weight.
    const int32_t wanted[2] = {std::clamp(taps.lines[line], 0, view.height - 1),
                               std::clamp(taps.lines[line] + (w1 == 0 ? 0 : 1), 0, view.height - 1)};
    const int32_t following = y + 1 < size.height ? std::max(taps.lines[line + 1], 0) : wanted[1];
    if (held[0] != wanted[0] && held[1] == wanted[0]) {
      std::swap(rows[0], rows[1]);
      std::swap(held[0], held[1]);
    }
    for (int i = 0; i < 2; ++i) {
      if (held[i] == wanted[i]) continue;
      if (i == 1 && wanted[1] == wanted[0]) continue;
      const uint8_t* next = view.Row(i == 0 && wanted[1] != wanted[0] ? wanted[1] : std::min(following, view.height - 1));
      (gray ? kernels.gray : kernels.colour)(view.Row(wanted[i]), next, row_bytes, taps, size.width, rows[i]);
      held[i] = wanted[i];
    }
    const int16_t* lower = wanted[1] == wanted[0] ? rows[0] : rows[1];
    Value* first =
        tensor + (line + static_cast<size_t>(size.top)) * static_cast<size_t>(plan.width) + static_cast<size_t>(size.left);
    const Pair pair{rows[0], lower, w0, w1, size.width};
    if (gray) {
      for (int32_t c = 0; c < plan.channels; ++c)
        StoreGray(kernels, pair, plan.finish, c, first + static_cast<size_t>(c) * plane);
    } else {
      Value* const out[3] = {first + static_cast<size_t>(channel[0]) * plane, first + static_cast<size_t>(channel[1]) * plane,
                             first + static_cast<size_t>(channel[2]) * plane};
      StoreColour(kernels, pair, plan.finish, channel, out);
    }
  }
}

}  // namespace

void RunFused(const Pipeline::Plan& plan, const View& view, void* tensor, Scratch* scratch, Chain* chain) {
  if (plan.finish.dtype == manifest::DType::kU8) {
    RunFusedTo(plan, view, static_cast<uint8_t*>(tensor), scratch, chain);
  } else {
    RunFusedTo(plan, view, static_cast<float*>(tensor), scratch, chain);
  }
}

}  // namespace lnx::image
