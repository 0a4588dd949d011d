#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "base/platform.h"
#include "base/status.h"
#include "image/plan.h"

namespace lnx::image {
namespace {

using manifest::CastOp;
using manifest::ColorOp;
using manifest::ColorOrder;
using manifest::CropOp;
using manifest::LayoutOp;
using manifest::NormalizeOp;
using manifest::ResizeOp;
using manifest::ScaleOp;

std::string Size(int32_t width, int32_t height) { return std::to_string(width) + " x " + std::to_string(height); }

// The fixed size that the pixel ops end with; {0, 0} when it depends on the image.
void FixedSize(const std::vector<manifest::PreOp>& ops, int32_t* width, int32_t* height) {
  *width = *height = 0;
  for (const manifest::PreOp& op : ops) {
    if (const auto* resize = std::get_if<ResizeOp>(&op)) {
      const bool fixed = resize->mode == ResizeOp::Mode::kStretch || resize->mode == ResizeOp::Mode::kLetterbox;
      *width = fixed ? resize->width : 0;
      *height = fixed ? resize->height : 0;
    } else if (const auto* crop = std::get_if<CropOp>(&op)) {
      *width = crop->width;
      *height = crop->height;
    }
  }
}

void ReadTensor(const manifest::TensorSpec& input, bool nchw, Pipeline::Plan* plan) {
  if (input.shape.size() != 4) {
    Fail(LNX_E_MANIFEST_FIELD,
         {"rank " + std::to_string(input.shape.size()), "4: batch, channels, height, width", "graphs[0].inputs[0].shape"});
  }
  if ((input.layout == "NCHW") != nchw) {
    Fail(LNX_E_MANIFEST_FIELD,
         {nchw ? "a layout op to NCHW" : "no layout op to NCHW", "the layout of the input, " + input.layout, "pre"});
  }
  const size_t c = nchw ? 1 : 3, h = nchw ? 2 : 1, w = nchw ? 3 : 2;
  plan->channels = static_cast<int32_t>(input.shape[c]);
  plan->height = static_cast<int32_t>(input.shape[h]);
  plan->width = static_cast<int32_t>(input.shape[w]);
  int32_t width = 0, height = 0;
  FixedSize(plan->pixel_ops, &width, &height);
  if (plan->width < 1) plan->width = width;
  if (plan->height < 1) plan->height = height;
  if (plan->width < 1 || plan->height < 1) {
    Fail(LNX_E_MANIFEST_FIELD, {"a size that depends on the image", "a resize or crop to a fixed size", "pre"});
  }
  if (width > 0 && (width != plan->width || height != plan->height)) {
    Fail(LNX_E_MANIFEST_FIELD, {"pre ends with " + Size(width, height), "the input's " + Size(plan->width, plan->height), "pre"});
  }
}

void SetNormalize(const NormalizeOp& op, Finish* finish) {
  if (finish->normalised) Fail(LNX_E_MANIFEST_FIELD, {"a second normalize", "one", "pre"});
  for (size_t i = 0; i < 3; ++i) {
    finish->mean[i] = static_cast<float>(op.mean[op.mean.size() == 1 ? 0 : i]);
    finish->std[i] = static_cast<float>(op.std[op.std.size() == 1 ? 0 : i]);
    if (finish->mean[i] != 0.0f || finish->std[i] != 1.0f) finish->normalised = true;
  }
}

// color, then at most one linear resize.
void FindFusedForm(Pipeline::Plan* plan) {
  const bool kind = plan->finish.dtype == manifest::DType::kF32 || plan->finish.dtype == manifest::DType::kU8;
  if (!kind || !plan->finish.nchw || plan->pixel_ops.empty() || plan->pixel_ops.size() > 2 || !plan->exact_factors) return;
  const auto* color = std::get_if<ColorOp>(&plan->pixel_ops[0]);
  if (color == nullptr) return;
  plan->order = color->to;
  if (plan->pixel_ops.size() == 2) {
    plan->resize = std::get_if<ResizeOp>(&plan->pixel_ops[1]);
    if (plan->resize == nullptr || plan->resize->lib != manifest::ResizeLib::kOpenCv ||
        plan->resize->interp != manifest::Interp::kLinear ||
        (plan->resize->mode != ResizeOp::Mode::kStretch && plan->resize->mode != ResizeOp::Mode::kLetterbox)) {
      plan->resize = nullptr;
      return;
    }
  }
  plan->fusable = true;
}

manifest::Window WindowOf(const Pipeline::Plan& plan, const View& view) {
  if (plan.has_window) return plan.window;
  return {0, (1u << (view.valid_bits == 0 ? 16 : view.valid_bits)) - 1};
}

uint8_t* Reserve(std::vector<uint8_t>* buffer, size_t bytes) {
  if (buffer->size() < bytes) buffer->resize(bytes);
  return buffer->data();
}

// Two pictures that ops write in turn.
class Stages {
 public:
  explicit Stages(Scratch* scratch) : scratch_(scratch) {}
  Picture current;

  Picture Next(int32_t width, int32_t height, int32_t channels) {
    Picture next{nullptr, width, height, channels};
    which_ ^= 1;
    next.data = Reserve(&scratch_->bytes[which_], next.Bytes());
    return next;
  }

 private:
  Scratch* scratch_;
  size_t which_ = 0;
};

void Resize(const ResizeOp& op, Stages* stages, Scratch* scratch, Chain* chain) {
  const Picture in = stages->current;
  const Resized size = SizeOf(op, in.width, in.height);
  const Picture scaled = stages->Next(size.width, size.height, in.channels);
  if (op.lib == manifest::ResizeLib::kOpenCv) {
    ResizeOpenCv(in, scaled, op.interp, scratch);
  } else {
    ResizePil(in, scaled, op.interp, scratch);
  }
  stages->current = scaled;
  chain->Resize(size);
  if (size.out_width == size.width && size.out_height == size.height) return;
  const Picture padded = stages->Next(size.out_width, size.out_height, in.channels);
  for (int32_t y = 0; y < padded.height; ++y) {
    uint8_t* to = padded.Row(y);
    for (int32_t x = 0; x < padded.width; ++x) {
      for (int32_t c = 0; c < padded.channels; ++c) *to++ = op.pad[c];
    }
  }
  for (int32_t y = 0; y < scaled.height; ++y) {
    std::memcpy(padded.Row(y + size.top) + static_cast<size_t>(size.left) * static_cast<size_t>(in.channels), scaled.Row(y),
                static_cast<size_t>(scaled.width) * static_cast<size_t>(in.channels));
  }
  stages->current = padded;
}

void Crop(const CropOp& op, Stages* stages, Chain* chain) {
  const Picture in = stages->current;
  int32_t x = op.x, y = op.y;
  if (op.mode == CropOp::Mode::kCenter) {
    const auto middle = [&](int32_t rest) {
      return op.round_half_even ? static_cast<int32_t>(std::lrint(rest / 2.0)) : rest / 2;
    };
    x = middle(in.width - op.width);
    y = middle(in.height - op.height);
  }
  if (x < 0 || y < 0 || op.width > in.width - x || op.height > in.height - y) {
    Fail(LNX_E_IMAGE_SIZE,
         {Size(in.width, in.height), "at least " + Size(x < 0 ? op.width : x + op.width, y < 0 ? op.height : y + op.height),
          "crop op of the manifest"});
  }
  const Picture out = stages->Next(op.width, op.height, in.channels);
  for (int32_t row = 0; row < op.height; ++row) {
    std::memcpy(out.Row(row), in.Row(y + row) + static_cast<size_t>(x) * static_cast<size_t>(in.channels),
                static_cast<size_t>(op.width) * static_cast<size_t>(in.channels));
  }
  stages->current = out;
  chain->Crop(x, y, op.width, op.height);
}

void RunStages(const Pipeline::Plan& plan, const View& view, void* tensor, Scratch* scratch, Chain* chain) {
  if (plan.deep) return RunDeep(plan, view, WindowOf(plan, view), tensor, scratch, chain);
  Stages stages(scratch);
  // Without a colour op in front, the caller's own kind of picture is kept until one comes.
  ColorOrder order = Channels(view.format) == 1 ? ColorOrder::kGray : ColorOrder::kBgr;
  size_t first = 0;
  if (const auto* color = std::get_if<ColorOp>(&plan.pixel_ops.front())) order = color->to, first = 1;
  stages.current = stages.Next(view.width, view.height, order == ColorOrder::kGray ? 1 : 3);
  Import(view, order, WindowOf(plan, view), stages.current);
  for (size_t i = first; i < plan.pixel_ops.size(); ++i) {
    const manifest::PreOp& op = plan.pixel_ops[i];
    if (const auto* color = std::get_if<ColorOp>(&op)) {
      if (color->to == order) continue;
      const Picture in = stages.current;
      const Picture out = stages.Next(in.width, in.height, color->to == ColorOrder::kGray ? 1 : 3);
      ConvertColor(in, order, color->to, out);
      stages.current = out;
      order = color->to;
    } else if (const auto* crop = std::get_if<CropOp>(&op)) {
      Crop(*crop, &stages, chain);
    } else if (const auto* resize = std::get_if<ResizeOp>(&op)) {
      Resize(*resize, &stages, scratch, chain);
    }
  }
  const Picture& last = stages.current;
  if (last.width != plan.width || last.height != plan.height) {
    Fail(LNX_E_IMAGE_SIZE, {Size(view.width, view.height) + ", which becomes " + Size(last.width, last.height),
                            "an image that becomes " + Size(plan.width, plan.height), "the model's input"});
  }
  FinishTensor(last, plan.finish, tensor);
}

}  // namespace

Pipeline::Pipeline(std::unique_ptr<Plan> plan) : plan_(std::move(plan)) {}
Pipeline::Pipeline(Pipeline&&) noexcept = default;
Pipeline& Pipeline::operator=(Pipeline&&) noexcept = default;
Pipeline::~Pipeline() = default;

Pipeline Pipeline::Compile(const manifest::Manifest& manifest, const manifest::TensorSpec& input) {
  auto plan = std::make_unique<Plan>();
  bool nchw = false, cast = false;
  ColorOrder order = ColorOrder::kRgb;
  bool has_color = false;
  for (const manifest::PreOp& op : manifest.pre) {
    if (const auto* color = std::get_if<ColorOp>(&op)) order = color->to, has_color = true;
    if (std::holds_alternative<ColorOp>(op) || std::holds_alternative<CropOp>(op) || std::holds_alternative<ResizeOp>(op)) {
      plan->pixel_ops.push_back(op);
    } else if (const auto* to = std::get_if<CastOp>(&op)) {
      plan->finish.dtype = to->to;
      cast = true;
    } else if (const auto* scale = std::get_if<ScaleOp>(&op)) {
      if (plan->finish.scaled || plan->finish.normalised)
        Fail(LNX_E_MANIFEST_FIELD, {"scale after scale or normalize", "scale, normalize", "pre"});
      SetScale(*scale, &plan->finish, &plan->exact_factors);
    } else if (const auto* normalize = std::get_if<NormalizeOp>(&op)) {
      SetNormalize(*normalize, &plan->finish);
    } else if (const auto* layout = std::get_if<LayoutOp>(&op)) {
      nchw = layout->nchw;
    }
  }
  if (!has_color) Fail(LNX_E_MANIFEST_FIELD, {"no color op", "a color op, so that the channel order is known", "pre"});
  if (!cast) plan->finish.dtype = manifest::DType::kU8;
  if (plan->finish.dtype != input.dtype) {
    Fail(LNX_E_MANIFEST_FIELD, {std::string("pre ends with ") + manifest::DTypeName(plan->finish.dtype),
                                std::string("the input's ") + manifest::DTypeName(input.dtype), "pre"});
  }
  if (plan->finish.dtype == manifest::DType::kU8 && (plan->finish.scaled || plan->finish.normalised)) {
    Fail(LNX_E_MANIFEST_FIELD, {"scale or normalize on u8", "a cast to f32 or f16 before them", "pre"});
  }
  plan->finish.nchw = nchw;
  ReadTensor(input, nchw, plan.get());
  const int32_t channels = order == ColorOrder::kGray ? 1 : 3;
  if (plan->channels != channels) {
    Fail(LNX_E_MANIFEST_FIELD,
         {"pre ends with " + std::to_string(channels) + " channels", "the input's " + std::to_string(plan->channels), "pre"});
  }
  if (manifest.input.window) {
    plan->window = *manifest.input.window;
    plan->has_window = true;
  }
  if (manifest.depth == 16) {
    CompileDeep(plan.get());
  } else {
    FindFusedForm(plan.get());
  }
  return Pipeline(std::move(plan));
}

void Pipeline::Run(const View& view, const LnxRect& roi, int32_t full_width, int32_t full_height, void* tensor, Scratch* scratch,
                   Geometry* geometry) const {
  Chain chain = Chain::Start(roi);
  if (CanFuse(*plan_, view)) {
    RunFused(*plan_, view, tensor, scratch, &chain);
  } else {
    scratch->padded = nullptr;
    RunStages(*plan_, view, tensor, scratch, &chain);
  }
  *geometry = chain.Finish(plan_->width, plan_->height, full_width, full_height);
}

void Pipeline::RunReference(const View& view, const LnxRect& roi, int32_t full_width, int32_t full_height, void* tensor,
                            Geometry* geometry) const {
  Scratch scratch;
  Chain chain = Chain::Start(roi);
  RunStages(*plan_, view, tensor, &scratch, &chain);
  *geometry = chain.Finish(plan_->width, plan_->height, full_width, full_height);
}

size_t Pipeline::TensorBytes() const {
  return static_cast<size_t>(plan_->channels) * static_cast<size_t>(plan_->height) * static_cast<size_t>(plan_->width) *
         manifest::DTypeBytes(plan_->finish.dtype);
}

const char* Pipeline::Path() const {
  if (plan_->deep) return "16-bit";
  if (!plan_->fusable) return "stages";
  return ActiveSimd() == Simd::kAvx2 ? "fused avx2" : "fused portable";
}

}  // namespace lnx::image
