// libFuzzer: preprocessing of any picture by any list of ops. The input is read as a recipe and pictures, so that every list is
// one that the manifest parser lets through. Two things must hold: no byte outside the picture is touched (pictures lie in
// memory of exactly their size), and the fast way says what the plain one says, also when its buffers were used before.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "base/status.h"
#include "image/camera.h"
#include "image/image.h"
#include "manifest/manifest.h"

namespace {

using namespace lnx;

class Dice {
 public:
  Dice(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  uint32_t Below(uint32_t n) { return Byte() % n; }
  int32_t From(int32_t low, int32_t high) {
    const auto number = static_cast<uint32_t>(Byte()) | static_cast<uint32_t>(Byte()) << 8;
    return low + static_cast<int32_t>(number % static_cast<uint32_t>(high - low + 1));
  }
  bool Coin() { return Byte() & 1; }
  uint8_t Byte() { return at_ < size_ ? data_[at_++] : 0; }

 private:
  const uint8_t* data_;
  size_t size_, at_ = 0;
};

manifest::ResizeOp Resize(Dice& dice) {
  using Op = manifest::ResizeOp;
  Op op;
  op.mode = static_cast<Op::Mode>(dice.Below(4));
  op.width = dice.From(1, 70);
  op.height = dice.From(1, 70);
  op.interp = static_cast<manifest::Interp>(dice.Below(4));
  op.lib = static_cast<manifest::ResizeLib>(dice.Below(2));
  op.scale_up = dice.Coin();
  op.rounding = static_cast<Op::Rounding>(dice.Below(2));
  op.anchor = static_cast<Op::Anchor>(dice.Below(2));
  for (uint8_t& pad : op.pad) pad = dice.Byte();
  return op;
}

manifest::CropOp Crop(Dice& dice) {
  manifest::CropOp op;
  op.mode = static_cast<manifest::CropOp::Mode>(dice.Below(2));
  op.x = dice.From(0, 40);
  op.y = dice.From(0, 40);
  op.width = dice.From(1, 40);
  op.height = dice.From(1, 40);
  op.round_half_even = dice.Coin();
  return op;
}

manifest::Manifest Recipe(Dice& dice) {
  manifest::Manifest m;
  bool gray = false;
  int32_t width = 8, height = 8;
  const auto color = [&] {
    const auto to = static_cast<manifest::ColorOrder>(dice.Below(3));
    gray = to == manifest::ColorOrder::kGray;
    m.pre.emplace_back(manifest::ColorOp{to});
  };
  color();
  for (uint32_t n = dice.Below(4); n > 0; --n) {
    if (dice.Below(4) == 0) {
      color();
    } else if (dice.Coin()) {
      const manifest::ResizeOp op = Resize(dice);
      m.pre.emplace_back(op);
      width = op.width, height = op.height;
    } else {
      const manifest::CropOp op = Crop(dice);
      m.pre.emplace_back(op);
      width = op.width, height = op.height;
    }
  }
  const manifest::DType dtype = dice.Coin() ? manifest::DType::kF32 : dice.Coin() ? manifest::DType::kF16 : manifest::DType::kU8;
  m.pre.emplace_back(manifest::CastOp{dtype});
  if (dtype != manifest::DType::kU8 && dice.Coin())
    m.pre.emplace_back(dice.Coin() ? manifest::ScaleOp{1.0 / 255} : manifest::ScaleOp{1, 1.0 + dice.Below(256)});
  if (dtype != manifest::DType::kU8 && dice.Coin()) m.pre.emplace_back(manifest::NormalizeOp{{0.4, 0.5, 0.6}, {0.2, 0.3, 0.25}});
  const bool nchw = dice.Below(4) != 0;
  if (nchw) m.pre.emplace_back(manifest::LayoutOp{true});
  if (dice.Coin()) m.input.window = manifest::Window{static_cast<uint32_t>(dice.Byte()), 4095};
  manifest::TensorSpec input;
  const int64_t channels = gray ? 1 : 3;
  input.name = "x";
  input.dtype = dtype;
  input.layout = nchw ? "NCHW" : "NHWC";
  input.shape = nchw ? std::vector<int64_t>{1, channels, height, width} : std::vector<int64_t>{1, height, width, channels};
  manifest::Graph graph;
  graph.inputs.push_back(input);
  m.graphs.push_back(graph);
  return m;
}

// A picture in memory of exactly its size.
struct Photo {
  std::unique_ptr<uint8_t[]> bytes;
  LnxImage image{};
};

Photo TakePhoto(Dice& dice) {
  static constexpr LnxPixelFormat kFormats[] = {
      LNX_PIXEL_GRAY8,      LNX_PIXEL_BGR8,      LNX_PIXEL_RGB8,       LNX_PIXEL_BGRA8,      LNX_PIXEL_RGBA8,
      LNX_PIXEL_GRAY16,     LNX_PIXEL_GRAY10P,   LNX_PIXEL_GRAY12P,    LNX_PIXEL_BAYER_RG8,  LNX_PIXEL_BAYER_BG8,
      LNX_PIXEL_BAYER_GR8,  LNX_PIXEL_BAYER_GB8, LNX_PIXEL_BAYER_RG16, LNX_PIXEL_BAYER_BG16, LNX_PIXEL_BAYER_GR16,
      LNX_PIXEL_BAYER_GB16, LNX_PIXEL_NV12,      LNX_PIXEL_F32_PLANAR, LNX_PIXEL_F32_GRAY};
  Photo photo;
  LnxImage& image = photo.image;
  image.struct_size = sizeof image;
  image.pixel_format = kFormats[dice.Below(sizeof kFormats / sizeof *kFormats)];
  image.width = dice.From(1, 100);
  image.height = dice.From(1, 60);
  if (image.pixel_format == LNX_PIXEL_GRAY16 || image::IsWideMosaic(image.pixel_format)) image.valid_bits = 9 + dice.Below(8);
  const int64_t row = image::RowBytes(image.pixel_format, image.width);
  const int64_t stride = row + dice.Below(9);
  const int64_t rows = image::PlaneRows(image.pixel_format, image.height);
  const auto bytes = static_cast<size_t>(stride * (rows - 1) + row);  // nothing behind the last pixel
  photo.bytes = std::make_unique<uint8_t[]>(bytes);
  uint32_t state = dice.Byte() | 1u;
  for (size_t i = 0; i < bytes; ++i) photo.bytes[i] = static_cast<uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  const bool upside_down = dice.Coin();
  image.stride_bytes = upside_down ? -stride : stride;
  image.data = photo.bytes.get() + (upside_down ? stride * (image.height - 1) : 0);
  if (dice.Coin()) {
    image.roi.x = dice.From(0, image.width - 1);
    image.roi.y = dice.From(0, image.height - 1);
    image.roi.width = dice.From(1, image.width - image.roi.x);
    image.roi.height = dice.From(1, image.height - image.roi.y);
  }
  return photo;
}

void Require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "fast and plain disagree: %s\n", what);
  std::abort();
}

void Compare(const std::vector<uint8_t>& fast, const std::vector<uint8_t>& plain, manifest::DType dtype) {
  if (dtype != manifest::DType::kF32) return Require(fast == plain, "bytes");
  for (size_t i = 0; i + 4 <= fast.size(); i += 4) {
    float a, b;
    std::memcpy(&a, &fast[i], 4);
    std::memcpy(&b, &plain[i], 4);
    Require(std::fabs(a - b) <= 1e-5f * std::max(1.0f, std::fabs(b)), "values");
  }
}

void CompareDeveloped(const image::View& fast, const image::View& plain, const image::View& given) {
  if (!image::IsCameraFormat(given.format)) return;
  Require(fast.format == plain.format && fast.stride == plain.stride && fast.height == plain.height, "the developed format");
  const auto bytes = static_cast<size_t>(fast.stride) * static_cast<size_t>(fast.height);
  Require(std::memcmp(fast.data, plain.data, bytes) == 0, "the developed picture");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Dice dice(data, size);
  try {
    const manifest::Manifest m = Recipe(dice);
    const manifest::TensorSpec& input = m.graphs[0].inputs[0];
    const image::Pipeline pipeline = image::Pipeline::Compile(m, input);
    std::vector<uint8_t> fast(pipeline.TensorBytes()), plain(pipeline.TensorBytes());
    image::Scratch scratch;
    for (uint32_t n = 1 + dice.Below(3); n > 0; --n) {
      const Photo photo = TakePhoto(dice);
      LnxRect roi;
      image::Developed developed, by_pixel;
      const image::View given = image::CheckImage(photo.image, &roi);
      const image::View view = image::Develop(given, m.input.window ? &*m.input.window : nullptr, &developed);
      CompareDeveloped(view, image::DevelopReference(given, m.input.window ? &*m.input.window : nullptr, &by_pixel), given);
      image::Geometry a, b;
      try {
        pipeline.RunReference(view, roi, photo.image.width, photo.image.height, plain.data(), &b);
      } catch (const Error&) {  // too small for a crop, or of another size than the input: refused by both
        bool refused = false;
        try {
          pipeline.Run(view, roi, photo.image.width, photo.image.height, fast.data(), &scratch, &a);
        } catch (const Error&) {
          refused = true;
        }
        Require(refused, "whether the picture can be used");
        scratch.padded = nullptr;
        continue;
      }
      pipeline.Run(view, roi, photo.image.width, photo.image.height, fast.data(), &scratch, &a);
      Compare(fast, plain, input.dtype);
      Require(a.scale_x == b.scale_x && a.origin_x == b.origin_x && a.content_x == b.content_x && a.part_width == b.part_width,
              "geometry");
    }
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
