// The fused pass against the plain ops, over random sizes, formats, strides and regions; and what CheckImage refuses.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <random>

#include "base/status.h"
#include "image/image.h"
#include "image/plan.h"

namespace {

std::atomic<long> allocations{0};

// malloc behind a pointer that the compiler does not see through, since it would call the pair mismatched.
void* (*volatile take)(size_t) = std::malloc;
void (*volatile give)(void*) = std::free;

}  // namespace

void* operator new(size_t bytes) {
  ++allocations;
  if (void* memory = take(bytes ? bytes : 1)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { give(memory); }
void operator delete(void* memory, size_t) noexcept { give(memory); }

namespace {

using namespace lnx;
using image::Pipeline;
using manifest::Manifest;

struct Case {
  Manifest manifest;
  manifest::TensorSpec input;
};

Case MakeCase(std::mt19937& rng, int32_t width, int32_t height, bool letterbox) {
  Case c;
  const auto pick = [&](int n) { return static_cast<int>(rng() % static_cast<unsigned>(n)); };
  const bool gray = pick(4) == 0;
  c.manifest.pre.push_back(manifest::ColorOp{gray      ? manifest::ColorOrder::kGray
                                             : pick(2) ? manifest::ColorOrder::kRgb
                                                       : manifest::ColorOrder::kBgr});
  manifest::ResizeOp resize;
  resize.mode = letterbox ? manifest::ResizeOp::Mode::kLetterbox : manifest::ResizeOp::Mode::kStretch;
  resize.width = width;
  resize.height = height;
  resize.anchor = pick(2) ? manifest::ResizeOp::Anchor::kCenter : manifest::ResizeOp::Anchor::kTopLeft;
  c.manifest.pre.push_back(resize);
  const bool bytes = pick(3) == 0;  // the form for GPUs
  c.manifest.pre.push_back(manifest::CastOp{bytes ? manifest::DType::kU8 : manifest::DType::kF32});
  c.input.dtype = bytes ? manifest::DType::kU8 : manifest::DType::kF32;
  if (!bytes && pick(2)) c.manifest.pre.push_back(pick(2) ? manifest::ScaleOp{1.0 / 255} : manifest::ScaleOp{1, 1.0 + pick(300)});
  if (!bytes && pick(2)) c.manifest.pre.push_back(manifest::NormalizeOp{{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}});
  c.manifest.pre.push_back(manifest::LayoutOp{});
  c.input.shape = {1, gray ? 1 : 3, height, width};
  c.input.layout = "NCHW";
  return c;
}

TEST(Fused, EqualsThePlainOpsBitForBit) {
  std::mt19937 rng(1);
  int fused = 0;
  for (int round = 0; round < 400; ++round) {
    const auto between = [&](int low, int high) { return low + static_cast<int>(rng() % static_cast<unsigned>(high - low + 1)); };
    const Case c = MakeCase(rng, between(1, 90), between(1, 90), between(0, 1) == 1);
    const LnxPixelFormat formats[] = {LNX_PIXEL_GRAY8, LNX_PIXEL_BGR8, LNX_PIXEL_RGB8, LNX_PIXEL_BGRA8, LNX_PIXEL_RGBA8};
    LnxImage image{};
    image.struct_size = sizeof image;
    image.pixel_format = formats[between(0, 4)];
    const bool same_size = round % 4 == 0;
    image.width = same_size ? static_cast<int32_t>(c.input.shape[3]) : between(1, 200);
    image.height = same_size ? static_cast<int32_t>(c.input.shape[2]) : between(1, 200);
    if (round % 8 == 1) {  // to a third, a fifth: lines that lie on lines of the source
      const int32_t times = round % 16 == 1 ? 3 : 5;
      image.width = times * static_cast<int32_t>(c.input.shape[3]);
      image.height = times * static_cast<int32_t>(c.input.shape[2]);
    }
    const int64_t row = static_cast<int64_t>(image.width) * image::BytesPerPixel(image.pixel_format) + between(0, 9);
    std::vector<uint8_t> pixels(static_cast<size_t>(row * image.height));
    for (uint8_t& p : pixels) p = static_cast<uint8_t>(rng());
    const bool upside_down = between(0, 1) == 1;
    image.stride_bytes = upside_down ? -row : row;
    image.data = pixels.data() + (upside_down ? row * (image.height - 1) : 0);
    if (!same_size && round % 8 != 1 && between(0, 1)) {
      image.roi.width = between(1, image.width);
      image.roi.height = between(1, image.height);
      image.roi.x = between(0, image.width - image.roi.width);
      image.roi.y = between(0, image.height - image.roi.height);
    }
    LnxRect roi;
    const image::View view = image::CheckImage(image, &roi);
    const Pipeline pipeline = Pipeline::Compile(c.manifest, c.input);
    std::vector<uint8_t> plain(pipeline.TensorBytes(), 1), fast(plain.size(), 2);
    image::Geometry a, b;
    image::Scratch scratch;
    pipeline.RunReference(view, roi, image.width, image.height, plain.data(), &a);
    pipeline.Run(view, roi, image.width, image.height, fast.data(), &scratch, &b);
    ASSERT_EQ(std::memcmp(plain.data(), fast.data(), plain.size()), 0) << "round " << round;
    pipeline.Run(view, roi, image.width, image.height, fast.data(), &scratch, &b);
    ASSERT_EQ(std::memcmp(plain.data(), fast.data(), plain.size()), 0) << "second run, round " << round;
    EXPECT_EQ(a.X(3.5), b.X(3.5));
    fused += std::strcmp(pipeline.Path(), "stages") != 0;
  }
  EXPECT_GT(fused, 300);
}

TEST(Fused, BothSetsOfRowKernelsGiveTheSameNumbers) {
#if defined(__x86_64__) || defined(_M_X64)
  if (image::ActiveSimd() != image::Simd::kAvx2) GTEST_SKIP() << "this processor has no AVX2";
  std::mt19937 rng(2);
  for (int round = 0; round < 400; ++round) {
    const int32_t in = 1 + static_cast<int32_t>(rng() % 150), out = 1 + static_cast<int32_t>(rng() % 150),
                  step = rng() % 2 ? 3 : 4;
    const bool gray = rng() % 3 == 0;
    const int32_t bytes = gray ? 1 : step;
    std::vector<uint8_t> row(static_cast<size_t>(in * bytes));
    for (uint8_t& p : row) p = static_cast<uint8_t>(rng());
    image::Taps taps;
    image::PrepareTaps(in, 1, out, 1, bytes, &taps);
    std::vector<int16_t> a(static_cast<size_t>(4 * out)), b(a.size());
    (gray ? image::PortableKernels().gray : image::PortableKernels().colour)(row.data(), row.data(), in * bytes, taps, out,
                                                                             a.data());
    (gray ? image::Avx2Kernels().gray : image::Avx2Kernels().colour)(row.data(), row.data(), in * bytes, taps, out, b.data());
    ASSERT_EQ(a, b) << "round " << round;
    image::Finish finish;
    finish.scaled = rng() % 2, finish.normalised = rng() % 2;
    finish.scale = 1 / 255.0f;
    for (int c = 0; c < 3; ++c) finish.mean[c] = 0.485f - 0.1f * static_cast<float>(c), finish.std[c] = 0.229f;
    const auto w = static_cast<int32_t>(rng() % 2049);
    std::vector<float> x(3 * static_cast<size_t>(out)), y(x.size());
    const int32_t channel[3] = {2, 1, 0};
    for (auto [kernels, to] : {std::pair{&image::PortableKernels(), x.data()}, std::pair{&image::Avx2Kernels(), y.data()}}) {
      float* const planes[3] = {to, to + out, to + 2 * out};
      if (gray) {
        kernels->finish_gray(a.data(), a.data(), w, 2048 - w, out, finish, 1, to);
      } else {
        kernels->finish_colour(a.data(), a.data(), w, 2048 - w, out, finish, channel, planes);
      }
    }
    ASSERT_EQ(std::memcmp(x.data(), y.data(), x.size() * 4), 0) << "round " << round;
  }
#endif
}

TEST(Fused, BothSetsFinishAWholeRowToTheSameNumbers) {
#if defined(__x86_64__) || defined(_M_X64)
  if (image::ActiveSimd() != image::Simd::kAvx2) GTEST_SKIP() << "this processor has no AVX2";
  std::mt19937 rng(5);
  for (int32_t n = 1; n <= 70; ++n) {
    for (int round = 0; round < 16; ++round) {
      const int32_t step = round & 1 ? 3 : 4;
      image::Finish finish;
      finish.scaled = (round & 2) != 0, finish.normalised = (round & 4) != 0;
      finish.scale = 1 / 255.0f;
      for (int c = 0; c < 3; ++c)
        finish.mean[c] = 0.485f - 0.1f * static_cast<float>(c), finish.std[c] = 0.229f + 0.01f * static_cast<float>(c);
      // Exactly as many bytes as may be read, and as many numbers as may be written: a sanitizer sees the next.
      std::vector<uint8_t> row(static_cast<size_t>(n * step));
      for (uint8_t& p : row) p = static_cast<uint8_t>(rng());
      const int32_t channel[3] = {round & 8 ? 2 : 0, 1, round & 8 ? 0 : 2};
      std::vector<float> x(3 * static_cast<size_t>(n), 1), y(x.size(), 2);
      for (auto [kernels, to] : {std::pair{&image::PortableKernels(), x.data()}, std::pair{&image::Avx2Kernels(), y.data()}}) {
        float* const planes[3] = {to, to + n, to + 2 * n};
        kernels->whole_colour(row.data(), row.data(), step, n, finish, channel, planes);
      }
      ASSERT_EQ(std::memcmp(x.data(), y.data(), x.size() * 4), 0) << n << " columns, round " << round;
      ASSERT_EQ(x[0], finish.Value(row[0], channel[0]));
    }
  }
#endif
}

TEST(Fused, DividesByTwoProductsWithTheSameRounding) {
  for (const double divisor : {255.0, 127.5, 128.0, 256.0, 65535.0, 58.395, 57.375, 0.229, 3.0}) {
    image::Finish finish;
    bool exact = false;
    image::SetScale({1, divisor}, &finish, &exact);
    ASSERT_TRUE(exact) << divisor;
    for (int v = 0; v < 256; ++v) {
      const auto x = static_cast<float>(v);
      ASSERT_EQ(x * finish.before * finish.scale, finish.Value(static_cast<uint8_t>(v), 0)) << divisor << " " << v;
    }
  }
}

TEST(Fused, AllocatesNothingAfterTheFirstImageOfASize) {
  std::mt19937 rng(3);
  const Case c = MakeCase(rng, 64, 64, true);
  const Pipeline pipeline = Pipeline::Compile(c.manifest, c.input);
  const std::vector<uint8_t> pixels(320 * 240 * 3, 100);
  LnxImage image{};
  image.struct_size = sizeof image;
  image.pixel_format = LNX_PIXEL_BGR8;
  image.data = pixels.data();
  image.width = 320;
  image.height = 240;
  image.stride_bytes = 960;
  LnxRect roi;
  const image::View view = image::CheckImage(image, &roi);
  std::vector<float> tensor(pipeline.TensorBytes() / 4);
  image::Scratch scratch;
  image::Geometry geometry;
  pipeline.Run(view, roi, 320, 240, tensor.data(), &scratch, &geometry);
  const long before = allocations;
  for (int i = 0; i < 10; ++i) pipeline.Run(view, roi, 320, 240, tensor.data(), &scratch, &geometry);
  EXPECT_EQ(allocations - before, 0);
}

LnxStatus StatusOf(const LnxImage& image) {
  try {
    LnxRect roi;
    image::CheckImage(image, &roi);
    return LNX_OK;
  } catch (const Error& error) {
    return error.status();
  }
}

TEST(CheckImage, RefusesEachProblemWithItsStatus) {
  const uint8_t pixels[64] = {};
  LnxImage good{};
  good.struct_size = sizeof good;
  good.pixel_format = LNX_PIXEL_GRAY8;
  good.data = pixels;
  good.width = good.height = 8;
  good.stride_bytes = 8;
  EXPECT_EQ(StatusOf(good), LNX_OK);
  const auto with = [&](auto change) {
    LnxImage image = good;
    change(image);
    return StatusOf(image);
  };
  EXPECT_EQ(with([](LnxImage& i) { i.width = 0; }), LNX_E_IMAGE_SIZE);
  EXPECT_EQ(with([](LnxImage& i) { i.height = -1; }), LNX_E_IMAGE_SIZE);
  EXPECT_EQ(with([](LnxImage& i) { i.width = 30001; }), LNX_E_IMAGE_SIZE);
  EXPECT_EQ(with([](LnxImage& i) { i.data = nullptr; }), LNX_E_NULL_POINTER);
  EXPECT_EQ(with([](LnxImage& i) { i.stride_bytes = 7; }), LNX_E_IMAGE_STRIDE);
  EXPECT_EQ(with([](LnxImage& i) { i.stride_bytes = -7; }), LNX_E_IMAGE_STRIDE);
  EXPECT_EQ(with([](LnxImage& i) { i.pixel_format = 99; }), LNX_E_IMAGE_FORMAT);
  EXPECT_EQ(with([](LnxImage& i) { i.memory = LNX_MEMORY_CUDA; }), LNX_E_IMAGE_MEMORY);
  EXPECT_EQ(with([](LnxImage& i) { i.roi = {4, 4, 5, 1}; }), LNX_E_ROI);
  EXPECT_EQ(with([](LnxImage& i) { i.roi = {2147483647, 0, 2147483647, 1}; }), LNX_E_ROI);
}

}  // namespace
