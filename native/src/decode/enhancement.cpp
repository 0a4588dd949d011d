// Pictures out of the graph: 8- or 16-bit, at the image's size times the scale. Where the recipe resized the image, the picture
// is brought back to its size.
#include <algorithm>
#include <string>

#include "base/status.h"
#include "decode/lanes.h"
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
    const Channels picture = PictureOf(job, w);
    CheckFinite(picture.first.data, Elements(job), kWhere);
    const image::Geometry& g = *job.geometry;
    const int32_t width = g.part_width * options_.scale, height = g.part_height * options_.scale;
    w.canvas = Canvas(width, height, picture.count, arena);
    Stretch rows(picture, width, height, w);
    Draw(&rows, picture.count, {0, 0, width, height}, 0, 0, width, w.canvas);
    AddPlane(w.canvas, width, height, picture.count, arena, image);
  }

  bool Blends() const override { return true; }

  void Blend(const Job& job, size_t tile, Workspace& w, result::Arena& arena) const override {
    const Channels picture = PictureOf(job, w);
    Mosaic& mosaic = w.mosaic;
    if (mosaic.Need(static_cast<int32_t>(picture.count), options_.scale, Mosaic::Keep::kShared))
      w.canvas = Canvas(mosaic.width(), mosaic.height(), picture.count, arena);
    const Patch own = mosaic.TileOf(tile);
    mosaic.Take(tile, picture, Elements(job), kWhere, w, [&](const Patch& part) {
      Stretch rows(picture, own.right - own.left, own.bottom - own.top, w);
      Draw(&rows, picture.count, part, own.left, own.top, mosaic.width(), w.canvas);
    });
  }

  void DecodeBlended(const Job& /*job*/, Workspace& w, result::Arena& arena, result::ImageResult* image) const override {
    const Mosaic& mosaic = w.mosaic;
    for (size_t b = 0; b < mosaic.kept(); ++b) {
      const Patch& patch = mosaic.PatchOf(b);
      Stretch rows(mosaic.ChannelsOf(b), patch.right - patch.left, patch.bottom - patch.top, w);
      Draw(&rows, mosaic.channels(), patch, patch.left, patch.top, mosaic.width(), w.canvas);
    }
    AddPlane(w.canvas, mosaic.width(), mosaic.height(), mosaic.channels(), arena, image);
  }

 private:
  static constexpr const char* kWhere = "enhancement";

  size_t Elements(const Job& job) const {
    return job.outputs[output_].Elements() / static_cast<size_t>(job.outputs[output_].shape[0]);
  }

  // The values of one image, the residual added; not checked yet.
  Channels PictureOf(const Job& job, Workspace& w) const {
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
    const size_t count = Elements(job);
    const float* data = output.F32() + static_cast<size_t>(job.batch_index) * count;
    const float* base = options_.residual ? Input(job, count) : nullptr;
    if (base != nullptr) {
      w.map.resize(count);
      for (size_t i = 0; i < count; ++i) w.map[i] = data[i] + base[i];
      data = w.map.data();
    }
    Channels picture;
    // The model's geometry speaks of its input; maps of another size scale with it.
    picture.first = ContentOf(g, width, height, options_.nchw ? 1 : channels);
    picture.first.data = data;
    picture.count = channels;
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

  void* Canvas(int32_t width, int32_t height, int64_t channels, result::Arena& arena) const {
    const size_t values = static_cast<size_t>(width) * static_cast<size_t>(height) * static_cast<size_t>(channels);
    return options_.bits == 8 ? static_cast<void*>(arena.Array<uint8_t>(values)) : arena.Array<uint16_t>(values);
  }

  // A patch of the canvas, which is `width` pixels wide; (left, top) is where the first row begins.
  void Draw(Stretch* rows, int64_t channels, const Patch& patch, int32_t left, int32_t top, int32_t width, void* canvas) const {
    const double white = options_.bits == 8 ? 255 : 65535;
    const Levels levels{static_cast<float>(options_.low), static_cast<float>(white / (options_.high - options_.low)),
                        static_cast<float>(white)};
    const Lanes& lanes = FastLanes();
    const int32_t n = patch.right - patch.left;
    for (int32_t y = patch.top; n > 0 && y < patch.bottom; ++y) {
      const int64_t at = (static_cast<int64_t>(y) * width + patch.left) * channels;
      const float* row[3] = {};
      for (int64_t c = 0; c < channels; ++c) {
        const auto place = static_cast<size_t>(channels == 3 && !options_.bgr ? 2 - c : c);
        row[place] = rows->Row(y - top, c, patch.left - left, patch.right - left) + (patch.left - left);
      }
      if (channels == 3) {
        lanes.to_pixels(row, levels, n, static_cast<uint8_t*>(canvas) + at);
      } else if (options_.bits == 8) {
        lanes.to_bytes(row[0], levels, n, static_cast<uint8_t*>(canvas) + at);
      } else {
        lanes.to_words(row[0], levels, n, static_cast<uint16_t*>(canvas) + at);
      }
    }
  }

  void AddPlane(const void* canvas, int32_t width, int32_t height, int64_t channels, result::Arena& arena,
                result::ImageResult* image) const {
    LnxPlane plane{};
    plane.data = canvas;
    plane.width = width;
    plane.height = height;
    plane.stride_bytes = width * channels * (options_.bits == 8 ? 1 : 2);
    plane.pixel_format = channels == 3 ? LNX_PIXEL_BGR8 : options_.bits == 8 ? LNX_PIXEL_GRAY8 : LNX_PIXEL_GRAY16;
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
