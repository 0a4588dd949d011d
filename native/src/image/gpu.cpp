#include "image/gpu.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "image/camera.h"
#include "image/plan.h"

namespace lnx::image {
namespace {

using kernels::Preprocess;

constexpr int64_t kLargeColour = 12000000;  // pixels from which carrying a colour picture beats resizing it on the CPU
constexpr int64_t kLargeMosaic = 2000000;   // the same for pictures that have to be developed

bool IsMosaic(LnxPixelFormat format) { return format >= LNX_PIXEL_BAYER_RG8 && format <= LNX_PIXEL_BAYER_GB16; }

// The one resize of the recipe that has a kernel; NULL without resize. False when something else is in it.
bool OneResize(const Pipeline::Plan& plan, const manifest::ResizeOp** resize) {
  *resize = nullptr;
  if (plan.pixel_ops.empty() || plan.pixel_ops.size() > 2 || !std::holds_alternative<manifest::ColorOp>(plan.pixel_ops[0]))
    return false;
  if (plan.finish.dtype == manifest::DType::kF16) return false;
  if (plan.pixel_ops.size() == 1) return true;
  const auto* op = std::get_if<manifest::ResizeOp>(&plan.pixel_ops[1]);
  if (op == nullptr || op->lib != manifest::ResizeLib::kOpenCv || op->interp == manifest::Interp::kCubic) return false;
  if (op->mode != manifest::ResizeOp::Mode::kStretch && op->mode != manifest::ResizeOp::Mode::kLetterbox) return false;
  *resize = op;
  return true;
}

bool HasKernel(LnxPixelFormat format) {
  switch (format) {
    case LNX_PIXEL_GRAY8:
    case LNX_PIXEL_GRAY16:
    case LNX_PIXEL_BGR8:
    case LNX_PIXEL_RGB8:
    case LNX_PIXEL_BGRA8:
    case LNX_PIXEL_RGBA8:
    case LNX_PIXEL_NV12:
      return true;
    default:
      return IsMosaic(format);
  }
}

Resized SizeFor(const manifest::ResizeOp* resize, const View& raw) {
  if (resize != nullptr) return SizeOf(*resize, raw.width, raw.height);
  Resized size;
  size.width = size.out_width = raw.width;
  size.height = size.out_height = raw.height;
  return size;
}

kernels::ResizeKind KindOf(const manifest::ResizeOp* resize, const View& raw, const Resized& size) {
  if (resize == nullptr || (size.width == raw.width && size.height == raw.height)) return kernels::kCopy;
  if (resize->interp == manifest::Interp::kNearest) return kernels::kNearest;
  if (IsHalving(raw.width, raw.height, size.width, size.height)) return kernels::kHalve;
  return resize->interp == manifest::Interp::kArea ? kernels::kArea : kernels::kLinear;
}

// Room for n values in the tables; gives the place in bytes.
template <typename Value>
uint32_t Reserve(GpuTables* tables, size_t n) {
  const size_t at = tables->bytes.size();
  tables->bytes.resize(at + n * sizeof(Value));
  return static_cast<uint32_t>(at);
}

template <typename Value>
Value* At(GpuTables* tables, uint32_t at) {
  return reinterpret_cast<Value*>(tables->bytes.data() + at);
}

void MakeTables(const View& raw, const Resized& size, kernels::ResizeKind kind, GpuTables* tables) {
  static std::atomic<uint64_t> versions{1};
  const int32_t wanted[6] = {raw.width, raw.height, size.width, size.height, kind, 1};
  if (std::equal(wanted, wanted + 6, tables->made_for)) return;
  std::copy(wanted, wanted + 6, tables->made_for);
  tables->bytes.clear();
  std::fill(tables->at, tables->at + 6, 0);
  tables->version = versions.fetch_add(1);
  if (kind == kernels::kCopy || kind == kernels::kHalve) return;
  const auto w = static_cast<size_t>(size.width), h = static_cast<size_t>(size.height);
  tables->at[0] = Reserve<int32_t>(tables, w);
  tables->at[1] = Reserve<int32_t>(tables, h);
  if (kind == kernels::kNearest) {
    NearestTable(raw.width, size.width, At<int32_t>(tables, tables->at[0]));
    NearestTable(raw.height, size.height, At<int32_t>(tables, tables->at[1]));
  } else if (kind == kernels::kLinear) {
    tables->at[2] = Reserve<int32_t>(tables, 2 * w);
    tables->at[3] = Reserve<int32_t>(tables, 2 * h);
    LinearTable(raw.width, size.width, true, At<int32_t>(tables, tables->at[0]), At<int32_t>(tables, tables->at[2]));
    LinearTable(raw.height, size.height, false, At<int32_t>(tables, tables->at[1]), At<int32_t>(tables, tables->at[3]));
  } else {
    tables->at[2] = Reserve<float>(tables, 3 * w);
    tables->at[3] = Reserve<float>(tables, 3 * h);
    tables->at[4] = Reserve<int32_t>(tables, w);
    tables->at[5] = Reserve<int32_t>(tables, h);
    AreaTable(raw.width, size.width, At<int32_t>(tables, tables->at[0]), At<int32_t>(tables, tables->at[4]),
              At<float>(tables, tables->at[2]));
    AreaTable(raw.height, size.height, At<int32_t>(tables, tables->at[1]), At<int32_t>(tables, tables->at[5]),
              At<float>(tables, tables->at[3]));
  }
}

void DescribeSource(const View& raw, const manifest::Window* window, Preprocess* p) {
  p->stride = raw.stride;
  p->width = raw.width;
  p->height = raw.height;
  p->left = raw.left;
  p->top = raw.top;
  p->full_width = raw.full_width;
  p->full_height = raw.full_height;
  p->step = static_cast<int32_t>(BytesPerPixel(raw.format));
  const manifest::Window bounds = WindowFor(raw, window);
  p->window_lo = static_cast<int32_t>(bounds.lo);
  p->window_hi = static_cast<int32_t>(bounds.hi);
  if (IsMosaic(raw.format)) {
    const RedAt red = RedOf(raw.format);
    p->kind = IsWideMosaic(raw.format) ? kernels::kBayer16 : kernels::kBayer8;
    p->red = red.x | red.y << 1;
  } else if (raw.format == LNX_PIXEL_NV12) {
    p->kind = kernels::kNv12;
  } else if (Channels(raw.format) == 1) {
    p->kind = raw.format == LNX_PIXEL_GRAY16 ? kernels::kGray16 : kernels::kGray8;
  } else {
    p->kind = kernels::kColour8;
    p->red = raw.format == LNX_PIXEL_RGB8 || raw.format == LNX_PIXEL_RGBA8 ? 0 : 2;
  }
}

void DescribeFinish(const Pipeline::Plan& plan, const manifest::ResizeOp* resize, Preprocess* p) {
  const manifest::ColorOrder order = std::get<manifest::ColorOp>(plan.pixel_ops[0]).to;
  p->order = order == manifest::ColorOrder::kGray ? 2 : order == manifest::ColorOrder::kRgb ? 1 : 0;
  p->out_width = plan.width;
  p->out_height = plan.height;
  p->channels = plan.channels;
  p->planes = plan.finish.nchw ? 1 : 0;
  p->output_kind = plan.finish.dtype == manifest::DType::kU8 ? kernels::kOutU8 : kernels::kOutF32;
  p->scaled = plan.finish.scaled ? 1 : 0;
  p->normalised = plan.finish.normalised ? 1 : 0;
  p->scale = plan.finish.scale;
  p->divisor = plan.finish.divisor;
  for (int c = 0; c < 3; ++c) {
    p->mean[c] = plan.finish.mean[c];
    p->std[c] = plan.finish.std[c];
    p->pad[c] = resize != nullptr ? resize->pad[c] : 0;
  }
}

// The bytes that the kernel reads: of the part, or of the whole picture for formats that need what lies around it.
void DescribePixels(const View& raw, runtime::DevicePicture* picture) {
  const bool whole = IsCameraFormat(raw.format);
  const int32_t width = whole ? raw.full_width : raw.width, height = whole ? raw.full_height : raw.height;
  const int64_t rows = PlaneRows(raw.format, height), row = RowBytes(raw.format, width);
  const int64_t back = raw.stride < 0 ? -raw.stride * (rows - 1) : 0;
  picture->pixels = raw.data - back;
  picture->top = back;
  picture->bytes = static_cast<size_t>(std::llabs(raw.stride) * (rows - 1) + row);
}

}  // namespace

GpuUse SuitsGpu(const Pipeline& pipeline, const View& raw) {
  const Pipeline::Plan& plan = pipeline.plan();
  const manifest::ResizeOp* resize = nullptr;
  if (plan.deep || !OneResize(plan, &resize) || !HasKernel(raw.format)) return GpuUse::kImpossible;
  const Resized size = SizeFor(resize, raw);
  if (size.out_width != plan.width || size.out_height != plan.height) return GpuUse::kImpossible;
  const bool area = resize != nullptr && resize->interp == manifest::Interp::kArea;
  if (area && (size.width > raw.width || size.height > raw.height)) return GpuUse::kImpossible;  // enlarging is another sum
  const int64_t pixels = static_cast<int64_t>(raw.width) * raw.height;
  if (IsCameraFormat(raw.format)) return pixels >= kLargeMosaic ? GpuUse::kBetter : GpuUse::kPossible;
  if (area && KindOf(resize, raw, size) == kernels::kArea) return GpuUse::kBetter;
  return Channels(raw.format) != 1 && pixels >= kLargeColour ? GpuUse::kBetter : GpuUse::kPossible;
}

void DescribeForGpu(const Pipeline& pipeline, const View& raw, const manifest::Window* window, const LnxRect& roi,
                    int32_t full_width, int32_t full_height, GpuTables* tables, runtime::DevicePicture* picture,
                    Geometry* geometry) {
  const Pipeline::Plan& plan = pipeline.plan();
  const manifest::ResizeOp* resize = nullptr;
  OneResize(plan, &resize);
  const Resized size = SizeFor(resize, raw);
  const kernels::ResizeKind kind = KindOf(resize, raw, size);
  MakeTables(raw, size, kind, tables);
  Preprocess& p = picture->kernel;
  p = Preprocess{};
  DescribeSource(raw, window, &p);
  DescribeFinish(plan, resize, &p);
  p.resize = kind;
  p.content_x = size.left;
  p.content_y = size.top;
  p.content_width = size.width;
  p.content_height = size.height;
  DescribePixels(raw, picture);
  picture->tables = tables->bytes.data();
  picture->table_bytes = tables->bytes.size();
  picture->tables_version = tables->version;
  std::copy(tables->at, tables->at + 6, picture->table_at);
  Chain chain = Chain::Start(roi);
  if (resize != nullptr) chain.Resize(size);
  *geometry = chain.Finish(plan.width, plan.height, full_width, full_height);
}

}  // namespace lnx::image
