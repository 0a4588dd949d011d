#include "image/fit.h"

#include <algorithm>
#include <cstring>

#include "base/status.h"
#include "image/plan.h"

namespace lnx::image {

using manifest::ColorOrder;

struct FitScratch {
  Pipeline::Plan plan;  // of the last size
  Scratch scratch;
  std::vector<uint8_t> imported, scaled;
};

struct Fit::State {
  Finish finish;
  bool exact_factors = true;
  ColorOrder order = ColorOrder::kBgr;
};

void FitScratchDelete::operator()(FitScratch* scratch) const noexcept { delete scratch; }

Fit::Fit(std::unique_ptr<State> state) : state_(std::move(state)) {}
Fit::Fit(Fit&&) noexcept = default;
Fit::~Fit() = default;
FitScratchPtr Fit::MakeScratch() const { return FitScratchPtr(new FitScratch); }
int32_t Fit::channels() const { return state_->order == ColorOrder::kGray ? 1 : 3; }

Fit Fit::Compile(const std::vector<manifest::PreOp>& ops, const std::string& where) {
  auto state = std::make_unique<State>();
  bool color = false, cast = false, nchw = false;
  const auto refuse = [&](const std::string& found, const std::string& expected) {
    Fail(LNX_E_MANIFEST_FIELD, {found, expected, "pre of " + where});
  };
  for (const manifest::PreOp& op : ops) {
    if (const auto* c = std::get_if<manifest::ColorOp>(&op)) {
      state->order = c->to;
      color = true;
    } else if (const auto* to = std::get_if<manifest::CastOp>(&op)) {
      cast = to->to == manifest::DType::kF32;
    } else if (const auto* scale = std::get_if<manifest::ScaleOp>(&op)) {
      SetScale(*scale, &state->finish, &state->exact_factors);
    } else if (const auto* normalize = std::get_if<manifest::NormalizeOp>(&op)) {
      for (size_t i = 0; i < 3; ++i) {
        state->finish.mean[i] = static_cast<float>(normalize->mean[normalize->mean.size() == 1 ? 0 : i]);
        state->finish.std[i] = static_cast<float>(normalize->std[normalize->std.size() == 1 ? 0 : i]);
      }
      state->finish.normalised = true;
    } else if (const auto* layout = std::get_if<manifest::LayoutOp>(&op)) {
      nchw = layout->nchw;
    } else {
      refuse("a resize or crop", "colour and values only: the size follows from the picture");
    }
  }
  if (!color || !cast || !nchw) refuse("a list without color, cast to f32 or layout NCHW", "all three");
  return Fit(std::move(state));
}

void Fit::Run(const View& view, int32_t width, int32_t height, int32_t tensor_width, float* tensor, FitScratch* s) const {
  Pipeline::Plan& plan = s->plan;
  if (plan.pixel_ops.empty()) {
    plan.pixel_ops.emplace_back(manifest::ColorOp{state_->order});
    plan.pixel_ops.emplace_back(manifest::ResizeOp{});
    plan.fusable = state_->exact_factors;
    plan.order = state_->order;
    plan.finish = state_->finish;
    plan.channels = channels();
  }
  auto& resize = std::get<manifest::ResizeOp>(plan.pixel_ops[1]);
  resize.width = width;
  resize.height = height;
  plan.resize = &resize;
  plan.width = tensor_width;
  plan.height = height;
  s->scratch.padded = nullptr;
  const auto plane = static_cast<size_t>(tensor_width) * static_cast<size_t>(height);
  if (CanFuse(plan, view)) {
    Chain chain;
    RunFused(plan, view, tensor, &s->scratch, &chain);
  } else {
    const View eight = CopyEightBit(view, nullptr, &s->imported);
    const View scaled = ScaleLinear(eight, width, height, &s->scaled, s);
    const auto from = static_cast<int32_t>(Channels(scaled.format));
    for (int32_t y = 0; y < height; ++y) {
      const uint8_t* row = scaled.Row(y);
      for (int32_t c = 0; c < plan.channels; ++c) {
        const int32_t source = from == 1 ? 0 : state_->order == ColorOrder::kRgb ? 2 - c : c;
        float* out = tensor + static_cast<size_t>(c) * plane + static_cast<size_t>(y) * static_cast<size_t>(tensor_width);
        for (int32_t x = 0; x < width; ++x) out[x] = state_->finish.Value(row[x * from + source], c);
      }
    }
  }
  if (width == tensor_width) return;
  for (int32_t row = 0; row < plan.channels * height; ++row) {
    float* begin = tensor + static_cast<size_t>(row) * static_cast<size_t>(tensor_width);
    std::fill(begin + width, begin + tensor_width, 0.0f);
  }
}

View CopyEightBit(const View& view, const manifest::Window* window, std::vector<uint8_t>* pixels) {
  const bool gray = Channels(view.format) == 1;
  Picture out{nullptr, view.width, view.height, gray ? 1 : 3};
  pixels->resize(std::max(pixels->size(), out.Bytes()));
  out.data = pixels->data();
  const manifest::Window whole{0, (1u << (view.valid_bits == 0 ? 16 : view.valid_bits)) - 1};
  Import(view, gray ? ColorOrder::kGray : ColorOrder::kBgr, window != nullptr ? *window : whole, out);
  View copy;
  copy.data = out.data;
  copy.width = view.width;
  copy.height = view.height;
  copy.stride = static_cast<int64_t>(view.width) * out.channels;
  copy.format = gray ? LNX_PIXEL_GRAY8 : LNX_PIXEL_BGR8;
  copy.valid_bits = 8;
  return copy;
}

View ScaleLinear(const View& view, int32_t width, int32_t height, std::vector<uint8_t>* pixels, FitScratch* s) {
  const auto channels = static_cast<int32_t>(Channels(view.format));
  const auto row = static_cast<size_t>(view.width) * static_cast<size_t>(channels);
  // ResizeOpenCv reads rows without gaps.
  Picture in{nullptr, view.width, view.height, channels};
  std::vector<uint8_t>& gapless = s->scratch.bytes[0];
  gapless.resize(std::max(gapless.size(), in.Bytes()));
  for (int32_t y = 0; y < view.height; ++y) std::memcpy(gapless.data() + static_cast<size_t>(y) * row, view.Row(y), row);
  in.data = gapless.data();
  Picture out{nullptr, width, height, channels};
  pixels->resize(std::max(pixels->size(), out.Bytes()));
  out.data = pixels->data();
  ResizeOpenCv(in, out, manifest::Interp::kLinear, &s->scratch);
  View scaled = view;
  scaled.data = out.data;
  scaled.width = width;
  scaled.height = height;
  scaled.stride = static_cast<int64_t>(width) * channels;
  return scaled;
}

}  // namespace lnx::image
