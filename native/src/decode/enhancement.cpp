// Pictures out of the graph: 8- or 16-bit, at the image's size times the scale. Where the recipe resized the image, the picture
// is brought back to its size.
#include <algorithm>
#include <cmath>
#include <string>

#include "base/status.h"
#include "decode/roles.h"
#include "decode/stretch.h"

namespace lnx::decode {
namespace {

using manifest::EnhancementDecode;

class Enhancement final : public Decoder {
 public:
  Enhancement(ManifestPtr manifest, size_t output)
      : manifest_(std::move(manifest)), options_(std::get<EnhancementDecode>(manifest_->decode)), output_(output) {}

  void Decode(const Job& job, Workspace& w, result::Arena& arena, result::ImageResult* image) const override {
    const Picture picture = PictureOf(job, w);
    WriteAll(job, picture.channels, [&](int64_t c) { return picture.Channel(c); }, w, arena, image);
  }

  bool Blends() const override { return true; }

  void Blend(const Job& job, size_t tile, Workspace& w) const override {
    const Picture picture = PictureOf(job, w);
    w.mosaic.Need(static_cast<int32_t>(picture.channels), options_.scale);
    for (int64_t c = 0; c < picture.channels; ++c) w.mosaic.Add(tile, static_cast<int32_t>(c), picture.Channel(c), w);
  }

  void DecodeBlended(const Job& job, Workspace& w, result::Arena& arena, result::ImageResult* image) const override {
    const Mosaic& mosaic = w.mosaic;
    const std::ptrdiff_t pixels = static_cast<std::ptrdiff_t>(mosaic.width()) * mosaic.height();
    const auto channel = [&](int64_t c) { return WholeMap(mosaic.data() + c * pixels, mosaic.width(), mosaic.height()); };
    WriteAll(job, mosaic.channels(), channel, w, arena, image);
  }

 private:
  // The checked values of one image, the residual added.
  struct Picture {
    Map first;
    int64_t channels = 0, step = 0;  // step in floats
    Map Channel(int64_t c) const {
      Map map = first;
      map.data += c * step;
      return map;
    }
  };

  Picture PictureOf(const Job& job, Workspace& w) const {
    const runtime::Tensor& output = RequireOutput(job, output_, 4);
    const int64_t channels = output.shape[options_.nchw ? 1 : 3];
    const auto height = static_cast<int32_t>(output.shape[options_.nchw ? 2 : 1]);
    const auto width = static_cast<int32_t>(output.shape[options_.nchw ? 3 : 2]);
    const image::Geometry& g = *job.geometry;
    if (channels != 1 && (channels != 3 || options_.bits != 8)) {
      Fail(LNX_E_OUTPUT_SHAPE, {Described(output), options_.bits == 8 ? "1 or 3 channels" : "1 channel for a 16-bit picture",
                                "output \"" + std::string(output.name) + "\""});
    }
    if (width != g.input_width * options_.scale || height != g.input_height * options_.scale) {
      Fail(LNX_E_OUTPUT_SHAPE,
           {std::to_string(width) + " x " + std::to_string(height),
            std::to_string(g.input_width * options_.scale) + " x " + std::to_string(g.input_height * options_.scale),
            "output \"" + std::string(output.name) + "\""});
    }
    size_t count = 0;
    const float* data = ImageValues(output, job.batch_index, &count, "enhancement");
    const float* base = options_.residual ? Input(job, count) : nullptr;
    if (base != nullptr) {
      w.map.resize(count);
      for (size_t i = 0; i < count; ++i) w.map[i] = data[i] + base[i];
      data = w.map.data();
    }
    Picture picture;
    // The model's geometry speaks of its input; maps of another size scale with it.
    picture.first = ContentOf(g, width, height, options_.nchw ? 1 : channels);
    picture.first.data = data;
    picture.channels = channels;
    picture.step = options_.nchw ? static_cast<int64_t>(width) * height : 1;
    return picture;
  }

  // The input tensor of this image, in the same layout as the output.
  const float* Input(const Job& job, size_t count) const {
    if (job.input == nullptr || job.input_elements != count) {
      Fail(LNX_E_OUTPUT_SHAPE,
           {std::to_string(count) + " values", "as many as the input has, to be added to it", "decode.residual"});
    }
    return job.input;
  }

  template <typename Channel>
  void WriteAll(const Job& job, int64_t channels, const Channel& channel, Workspace& w, result::Arena& arena,
                result::ImageResult* image) const {
    if (options_.bits == 8) {
      Write<uint8_t>(job, channels, channel, channels == 1 ? LNX_PIXEL_GRAY8 : LNX_PIXEL_BGR8, w, arena, image);
    } else {
      Write<uint16_t>(job, channels, channel, LNX_PIXEL_GRAY16, w, arena, image);
    }
  }

  template <typename Pixel, typename Channel>
  void Write(const Job& job, int64_t channels, const Channel& channel, LnxPixelFormat format, Workspace& w, result::Arena& arena,
             result::ImageResult* image) const {
    const image::Geometry& g = *job.geometry;
    const int32_t part_width = g.part_width * options_.scale, part_height = g.part_height * options_.scale;
    const auto pixel_step = static_cast<size_t>(channels);
    const size_t row_step = pixel_step * static_cast<size_t>(part_width);
    auto* out = arena.Array<Pixel>(row_step * static_cast<size_t>(part_height));
    const double white = options_.bits == 8 ? 255 : 65535;
    const auto factor = static_cast<float>(white / (options_.high - options_.low));
    const auto low = static_cast<float>(options_.low), top = static_cast<float>(white);
    for (int64_t c = 0; c < channels; ++c) {
      const auto place = static_cast<size_t>(channels == 3 && !options_.bgr ? 2 - c : c);
      Stretch rows(channel(c), part_width, part_height, w);
      for (int32_t y = 0; y < part_height; ++y) {
        const float* row = rows.Row(y);
        Pixel* to = out + static_cast<size_t>(y) * row_step + place;
        for (size_t x = 0; x < static_cast<size_t>(part_width); ++x) {
          // Half to even, as numpy and torch round.
          to[x * pixel_step] = static_cast<Pixel>(std::nearbyint(std::clamp((row[x] - low) * factor, 0.0f, top)));
        }
      }
    }
    LnxPlane plane{};
    plane.data = out;
    plane.width = part_width;
    plane.height = part_height;
    plane.stride_bytes = static_cast<int64_t>(row_step * sizeof(Pixel));
    plane.pixel_format = format;
    plane.kind = LNX_PLANE_IMAGE;
    image->planes.Add(arena, plane);
  }

  ManifestPtr manifest_;
  EnhancementDecode options_;
  size_t output_;
};

}  // namespace

std::unique_ptr<Decoder> MakeEnhancement(ManifestPtr manifest, const std::vector<runtime::IoInfo>& outputs) {
  const size_t output = OutputOf(*manifest, outputs, "image", {manifest::DType::kF32}, {4});
  return std::make_unique<Enhancement>(std::move(manifest), output);
}

}  // namespace lnx::decode
