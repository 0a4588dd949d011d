// 16-bit gray all the way into the tensor: for models that see more than 256 levels (enhancement of X-ray and depth pictures).
// One plain form only; what it gives is cv2.resize on uint16 within one of 65535 levels, and exact where nothing is resized.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "base/status.h"
#include "image/plan.h"

namespace lnx::image {
namespace {

using manifest::ResizeOp;

// The window, stretched to 0..65535, rounded half up.
uint16_t Stretched(uint32_t value, const manifest::Window& window) {
  const uint64_t span = window.hi - window.lo;
  const uint64_t cut = value <= window.lo ? 0 : std::min<uint64_t>(value - window.lo, span);
  return static_cast<uint16_t>((2 * cut * 65535 + span) / (2 * span));
}

// One row of the picture; 8-bit levels are spread evenly over 0..65535.
void ReadRow(const View& view, const manifest::Window& window, int32_t y, float* out) {
  const uint8_t* from = view.Row(y);
  for (int32_t x = 0; x < view.width; ++x) {
    uint16_t value = static_cast<uint16_t>(from[x] * 257);
    if (view.format == LNX_PIXEL_GRAY16) {
      std::memcpy(&value, from + 2 * static_cast<std::ptrdiff_t>(x), 2);
      value = Stretched(value, window);
    }
    out[x] = value;
  }
}

struct Tap {
  int32_t first = 0, second = 0;
  float weight = 0;  // of the second
};

Tap TapOf(int32_t i, int32_t in, int32_t out) {
  const double at = (i + 0.5) * (static_cast<double>(in) / out) - 0.5;
  const auto first = static_cast<int32_t>(std::floor(at));
  const int32_t low = std::clamp(first, 0, in - 1), high = std::clamp(first + 1, 0, in - 1);
  return {low, high, static_cast<float>(at - first)};
}

void Put(const Pipeline::Plan& plan, int32_t x, int32_t y, float value, void* tensor) {
  const size_t at = static_cast<size_t>(y) * static_cast<size_t>(plan.width) + static_cast<size_t>(x);
  const float finished = plan.finish.Value(value, 0);
  if (plan.finish.dtype == manifest::DType::kF16) {
    static_cast<uint16_t*>(tensor)[at] = ToHalf(finished);
  } else {
    static_cast<float*>(tensor)[at] = finished;
  }
}

}  // namespace

void CompileDeep(Pipeline::Plan* plan) {
  const auto refuse = [](const std::string& found) {
    Fail(LNX_E_MANIFEST_FIELD,
         {found, "with input.depth 16: color to GRAY, at most one linear OpenCV resize of mode stretch, cast to f32 or f16",
          "pre"});
  };
  if (plan->finish.dtype == manifest::DType::kU8) refuse("no cast to a float type");
  for (const manifest::PreOp& op : plan->pixel_ops) {
    if (const auto* color = std::get_if<manifest::ColorOp>(&op)) {
      if (color->to != manifest::ColorOrder::kGray) refuse("a color op that is not to GRAY");
    } else if (const auto* resize = std::get_if<ResizeOp>(&op)) {
      const bool linear = resize->lib == manifest::ResizeLib::kOpenCv && resize->interp == manifest::Interp::kLinear;
      if (plan->resize != nullptr || !linear || resize->mode != ResizeOp::Mode::kStretch) refuse("another resize");
      plan->resize = resize;
    } else {
      refuse("a crop");
    }
  }
  plan->deep = true;
}

void RunDeep(const Pipeline::Plan& plan, const View& view, const manifest::Window& window, void* tensor, Scratch* scratch,
             Chain* chain) {
  if (view.format != LNX_PIXEL_GRAY16 && view.format != LNX_PIXEL_GRAY8) {
    Fail(LNX_E_IMAGE_FORMAT, {FormatName(view.format), "GRAY16 or GRAY8, for a model of 16-bit values", "the model's input"});
  }
  const bool same = view.width == plan.width && view.height == plan.height;
  if (!same && plan.resize == nullptr) {
    Fail(LNX_E_IMAGE_SIZE, {std::to_string(view.width) + " x " + std::to_string(view.height),
                            std::to_string(plan.width) + " x " + std::to_string(plan.height), "the model's input"});
  }
  if (plan.resize != nullptr) chain->Resize(SizeOf(*plan.resize, view.width, view.height));
  std::vector<float>&upper = scratch->floats[0], &lower = scratch->floats[1];
  upper.resize(static_cast<size_t>(view.width));
  lower.resize(static_cast<size_t>(view.width));
  if (same) {
    for (int32_t y = 0; y < view.height; ++y) {
      ReadRow(view, window, y, upper.data());
      for (int32_t x = 0; x < view.width; ++x) Put(plan, x, y, upper[static_cast<size_t>(x)], tensor);
    }
    return;
  }
  const auto mixed = [](const std::vector<float>& row, const Tap& t) {
    return row[static_cast<size_t>(t.first)] * (1 - t.weight) + row[static_cast<size_t>(t.second)] * t.weight;
  };
  for (int32_t y = 0; y < plan.height; ++y) {
    const Tap down = TapOf(y, view.height, plan.height);
    ReadRow(view, window, down.first, upper.data());
    ReadRow(view, window, down.second, lower.data());
    for (int32_t x = 0; x < plan.width; ++x) {
      const Tap across = TapOf(x, view.width, plan.width);
      const float value = mixed(upper, across) * (1 - down.weight) + mixed(lower, across) * down.weight;
      Put(plan, x, y, std::nearbyint(std::clamp(value, 0.0f, 65535.0f)), tensor);
    }
  }
}

}  // namespace lnx::image
