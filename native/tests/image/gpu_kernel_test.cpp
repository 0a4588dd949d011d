// The body of the GPU kernel, compiled for the CPU, against the plain preprocessing: bit for bit, for every format, resize, order
// and output that has a kernel.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "image/camera.h"
#include "image/gpu.h"

namespace {

using namespace lnx;

manifest::Manifest Recipe(manifest::ColorOrder order, const manifest::ResizeOp* resize, bool as_float, bool nchw) {
  manifest::Manifest m;
  m.pre.push_back(manifest::ColorOp{order});
  if (resize != nullptr) m.pre.push_back(*resize);
  m.pre.push_back(manifest::CastOp{as_float ? manifest::DType::kF32 : manifest::DType::kU8});
  if (as_float) {
    manifest::ScaleOp scale;
    scale.div = 255;
    m.pre.push_back(scale);
    m.pre.push_back(manifest::NormalizeOp{{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}});
  }
  if (nchw) m.pre.push_back(manifest::LayoutOp{true});
  return m;
}

manifest::TensorSpec InputOf(manifest::ColorOrder order, int32_t width, int32_t height, bool as_float, bool nchw) {
  manifest::TensorSpec spec;
  spec.name = "x";
  spec.dtype = as_float ? manifest::DType::kF32 : manifest::DType::kU8;
  const int64_t channels = order == manifest::ColorOrder::kGray ? 1 : 3;
  spec.shape = nchw ? std::vector<int64_t>{1, channels, height, width} : std::vector<int64_t>{1, height, width, channels};
  spec.layout = nchw ? "NCHW" : "NHWC";
  return spec;
}

// What the GPU does, on this processor: pointers filled in as cuda/device_slot.cpp does, then one call per pixel.
std::vector<uint8_t> RunKernel(const image::Pipeline& pipeline, const image::View& raw, const manifest::Window* window,
                               const LnxRect& roi, image::GpuTables* tables, image::Geometry* geometry) {
  runtime::DevicePicture picture;
  image::DescribeForGpu(pipeline, raw, window, roi, roi.x + roi.width, roi.y + roi.height, tables, &picture, geometry);
  std::vector<uint8_t> device(picture.pixels, picture.pixels + picture.bytes);  // exactly the bytes that would be sent
  std::vector<uint8_t> out(pipeline.TensorBytes(), 0xAA);
  kernels::Preprocess p = picture.kernel;
  p.source = reinterpret_cast<kernels::u64>(device.data()) + static_cast<kernels::u64>(picture.top);
  p.output = reinterpret_cast<kernels::u64>(out.data());
  kernels::u64* pointers[] = {&p.first_x, &p.first_y, &p.table_x, &p.table_y, &p.count_x, &p.count_y};
  for (size_t i = 0; i < 6; ++i) *pointers[i] = reinterpret_cast<kernels::u64>(picture.tables) + picture.table_at[i];
  for (int y = 0; y < p.out_height; ++y) {
    for (int x = 0; x < p.out_width; ++x) kernels::MakePixel(p, x, y);
  }
  return out;
}

class Kernel : public ::testing::TestWithParam<LnxPixelFormat> {};

TEST_P(Kernel, EqualsThePlainWayBitForBit) {
  using Mode = manifest::ResizeOp::Mode;
  const LnxPixelFormat format = GetParam();
  std::mt19937 random(7);
  int compared = 0;
  for (const auto& [width, height, out_width, out_height] :
       {std::array<int32_t, 4>{62, 46, 32, 24}, {64, 48, 32, 24}, {40, 30, 64, 64}, {130, 98, 33, 17}, {32, 24, 32, 24}}) {
    for (const manifest::Interp interp : {manifest::Interp::kLinear, manifest::Interp::kArea, manifest::Interp::kNearest}) {
      for (const Mode mode : {Mode::kStretch, Mode::kLetterbox}) {
        for (const manifest::ColorOrder order :
             {manifest::ColorOrder::kRgb, manifest::ColorOrder::kBgr, manifest::ColorOrder::kGray}) {
          for (const bool as_float : {false, true}) {
            const bool nchw = compared % 3 != 0;
            manifest::ResizeOp resize;
            resize.mode = mode;
            resize.width = out_width;
            resize.height = out_height;
            resize.interp = interp;
            resize.pad[0] = 10, resize.pad[1] = 20, resize.pad[2] = 30;
            const image::Pipeline pipeline = image::Pipeline::Compile(Recipe(order, &resize, as_float, nchw),
                                                                      InputOf(order, out_width, out_height, as_float, nchw));
            const int64_t row = image::RowBytes(format, width), stride = row + 6;
            std::vector<uint8_t> pixels(static_cast<size_t>(stride * image::PlaneRows(format, height)));
            for (uint8_t& byte : pixels) byte = static_cast<uint8_t>(random());
            LnxImage picture{};
            picture.struct_size = sizeof picture;
            picture.pixel_format = format;
            picture.data = pixels.data();
            picture.width = width;
            picture.height = height;
            picture.stride_bytes = stride;
            picture.valid_bits = format == LNX_PIXEL_GRAY16 || image::IsWideMosaic(format) ? 12 : 0;
            if (compared % 2 == 1) picture.roi = {2, 2, width - 4, height - 6};
            LnxRect roi;
            const image::View raw = image::CheckImage(picture, &roi);
            if (image::SuitsGpu(pipeline, raw) == image::GpuUse::kImpossible) continue;
            image::Developed developed;
            image::Geometry expected_geometry, geometry;
            std::vector<uint8_t> expected(pipeline.TensorBytes());
            pipeline.RunReference(image::DevelopReference(raw, nullptr, &developed), roi, roi.x + roi.width, roi.y + roi.height,
                                  expected.data(), &expected_geometry);
            image::GpuTables tables;
            const std::vector<uint8_t> found = RunKernel(pipeline, raw, nullptr, roi, &tables, &geometry);
            ASSERT_EQ(found, expected) << image::FormatName(format) << " " << width << "x" << height << " to " << out_width << "x"
                                       << out_height << " interp " << static_cast<int>(interp) << " mode "
                                       << static_cast<int>(mode) << " order " << static_cast<int>(order) << " float " << as_float;
            EXPECT_EQ(std::memcmp(&geometry, &expected_geometry, sizeof geometry), 0);
            ++compared;
          }
        }
      }
    }
  }
  EXPECT_GE(compared, 100) << "most combinations have a kernel";
}

INSTANTIATE_TEST_SUITE_P(Formats, Kernel,
                         ::testing::Values(LNX_PIXEL_GRAY8, LNX_PIXEL_GRAY16, LNX_PIXEL_BGR8, LNX_PIXEL_RGB8, LNX_PIXEL_BGRA8,
                                           LNX_PIXEL_RGBA8, LNX_PIXEL_BAYER_RG8, LNX_PIXEL_BAYER_GR8, LNX_PIXEL_BAYER_GB8,
                                           LNX_PIXEL_BAYER_BG8, LNX_PIXEL_BAYER_RG16, LNX_PIXEL_BAYER_BG16, LNX_PIXEL_NV12),
                         [](const auto& info) { return std::string(image::FormatName(info.param)); });

TEST(GpuUse, IsChosenBySize) {
  manifest::ResizeOp resize;
  resize.mode = manifest::ResizeOp::Mode::kLetterbox;
  resize.width = resize.height = 640;
  const auto made = [&](manifest::Interp interp) {
    resize.interp = interp;
    return image::Pipeline::Compile(Recipe(manifest::ColorOrder::kRgb, &resize, true, true),
                                    InputOf(manifest::ColorOrder::kRgb, 640, 640, true, true));
  };
  const auto use = [&](const image::Pipeline& pipeline, LnxPixelFormat format, int32_t width, int32_t height) {
    image::View view;
    view.format = format;
    view.width = view.full_width = width;
    view.height = view.full_height = height;
    return image::SuitsGpu(pipeline, view);
  };
  const image::Pipeline linear = made(manifest::Interp::kLinear), area = made(manifest::Interp::kArea),
                        cubic = made(manifest::Interp::kCubic);
  EXPECT_EQ(use(linear, LNX_PIXEL_GRAY8, 2448, 2048), image::GpuUse::kPossible) << "5 MP mono: the CPU is as fast";
  EXPECT_EQ(use(linear, LNX_PIXEL_BGR8, 2448, 2048), image::GpuUse::kPossible);
  EXPECT_EQ(use(linear, LNX_PIXEL_BGR8, 4096, 3000), image::GpuUse::kBetter);
  EXPECT_EQ(use(linear, LNX_PIXEL_BAYER_RG8, 2448, 2048), image::GpuUse::kBetter);
  EXPECT_EQ(use(area, LNX_PIXEL_GRAY8, 2448, 2048), image::GpuUse::kBetter);
  EXPECT_EQ(use(cubic, LNX_PIXEL_GRAY8, 2448, 2048), image::GpuUse::kImpossible);
  EXPECT_EQ(use(area, LNX_PIXEL_GRAY8, 320, 240), image::GpuUse::kImpossible) << "enlarging by area is another sum";
}

}  // namespace
