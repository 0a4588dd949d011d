// The runs before LnxInitialize returns. They go the whole way of a real run, on a picture like those that will come and at their
// size: the buffers of preparation, model and decoder have been made and touched, and the results have grown, before the first
// trigger. The pictures are the golden images, stretched, since some of them show what there is to find; a container without any
// gets a grey picture, which finds nothing.
#include <algorithm>
#include <cstring>

#include "base/clock.h"
#include "base/status.h"
#include "session/core.h"

namespace lnx::session {
namespace {

constexpr size_t kMostPictures = 4;

struct Picture {
  LnxPixelFormat format = LNX_PIXEL_BGR8;
  int32_t width = 0, height = 0;
  std::vector<uint8_t> pixels;  // rows without padding

  int64_t Stride() const { return image::RowBytes(format, width); }
};

// A golden image. Empty when there is none, or one that its own hash does not name: the self-test tells.
Picture Golden(const Core& core, size_t index) {
  Picture picture;
  if (index >= core.manifest->golden.size()) return picture;
  const manifest::Golden& golden = core.manifest->golden[index];
  try {
    const Bytes pixels = core.container->Read(golden.pixels);
    picture.format = golden.format;
    picture.width = golden.width;
    picture.height = golden.height;
    if (image::IsCameraFormat(golden.format) || pixels.size != static_cast<size_t>(picture.Stride() * golden.height)) return {};
    picture.pixels.assign(pixels.data, pixels.data + pixels.size);
  } catch (const Error&) {
    return {};
  }
  return picture;
}

// Nearest pixels: what the picture shows does not matter, how much there is to find does.
Picture Stretched(const Picture& from, int32_t width, int32_t height) {
  if (from.width == width && from.height == height) return from;
  Picture to;
  to.format = from.format;
  to.width = width;
  to.height = height;
  const auto bytes = static_cast<size_t>(image::BytesPerPixel(from.format));
  to.pixels.resize(static_cast<size_t>(to.Stride()) * static_cast<size_t>(height));
  uint8_t* out = to.pixels.data();
  for (int64_t y = 0; y < height; ++y) {
    const uint8_t* row = from.pixels.data() + y * from.height / height * from.Stride();
    for (int64_t x = 0; x < width; ++x, out += bytes)
      std::memcpy(out, row + static_cast<size_t>(x * from.width / width) * bytes, bytes);
  }
  return to;
}

Picture Grey(const manifest::Manifest& m, int32_t width, int32_t height) {
  Picture picture;
  const auto usual = static_cast<LnxPixelFormat>(m.depth == 16 ? LNX_PIXEL_GRAY16 : LNX_PIXEL_BGR8);
  picture.format = m.input.accept.empty() ? usual : m.input.accept.front();
  const bool camera = image::IsCameraFormat(picture.format);  // those want even sides, or at least three pixels
  picture.width = camera ? std::max(4, width & ~1) : width;
  picture.height = camera ? std::max(4, height & ~1) : height;
  picture.pixels.assign(static_cast<size_t>(picture.Stride() * image::PlaneRows(picture.format, picture.height)), 114);
  return picture;
}

// As asked for, else as the golden image; tiles are cut to the size of the model's input whatever the picture measures.
Picture PictureFor(const Core& core, const LnxInitOptions& options, size_t index) {
  const manifest::Manifest& m = *core.manifest;
  Picture golden = Golden(core, index);
  auto width = static_cast<int32_t>(options.warm_up_width), height = static_cast<int32_t>(options.warm_up_height);
  if (width == 0 && !golden.pixels.empty() && !core.tiling) width = golden.width, height = golden.height;
  if (width == 0 && core.text == nullptr) {
    const bool nchw = m.graphs[0].inputs[core.image_input].layout == "NCHW";
    width = static_cast<int32_t>(core.input_shape[nchw ? 3 : 2]);
    height = static_cast<int32_t>(core.input_shape[nchw ? 2 : 1]);
  }
  if (width == 0) return {};
  width = std::clamp(width, m.limits.min_width, m.limits.max_width);
  height = std::clamp(height, m.limits.min_height, m.limits.max_height);
  return golden.pixels.empty() ? Grey(m, width, height) : Stretched(golden, width, height);
}

// Results that are held until all slots are warm: each run in flight has one of its own, and a caller often still holds the last.
class Held {
 public:
  explicit Held(size_t most) : most_(most) { storages_.reserve(most); }
  ~Held() {
    for (result::Storage* storage : storages_) result::Pool::Give(storage);
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  void Add(result::Storage* storage) {
    if (storages_.size() < most_) {
      storages_.push_back(storage);
    } else {
      result::Pool::Give(storage);
    }
  }

 private:
  const size_t most_;
  std::vector<result::Storage*> storages_;
};

// One run of `batch` times the picture; NULL when there is no picture, or the recipe does not take it and only the model ran.
result::Storage* RunOnce(Core& core, RunSlot& slot, const Picture& picture, int64_t batch) {
  if (picture.pixels.empty()) return nullptr;
  LnxImage image{};
  image.struct_size = sizeof image;
  image.pixel_format = picture.format;
  image.data = picture.pixels.data();
  image.width = picture.width;
  image.height = picture.height;
  image.stride_bytes = picture.Stride();
  const std::vector<LnxImage> images(static_cast<size_t>(batch), image);
  try {
    return RunImages(core, slot, images.data(), static_cast<uint32_t>(batch), nullptr, NowMicros());
  } catch (const Error& error) {
    // The picture may be outside what the recipe accepts; everything else is a fault of the model or the device.
    if (error.status() != LNX_E_IMAGE_SIZE || core.text != nullptr) throw;
    core.SlotFor(slot, core.fixed_batch > 0 ? core.fixed_batch : batch).Run(nullptr);
    return nullptr;
  }
}

// The batch sizes that the session may run, smallest first.
std::vector<int64_t> Batches(const Core& core) {
  if (core.fixed_batch > 0 || core.text != nullptr) return {1};
  std::vector<int64_t> batches;
  for (const int64_t batch : core.manifest->graphs[0].batch) {
    if (batch <= core.max_batch) batches.push_back(batch);
  }
  std::sort(batches.begin(), batches.end());
  return batches;
}

}  // namespace

void WarmUp(Core& core, const LnxInitOptions& options, const std::function<void(double)>& progress) {
  const size_t pictures = std::clamp<size_t>(core.tiling ? 1 : core.manifest->golden.size(), 1, kMostPictures);
  const uint32_t runs = std::max(options.warm_up_runs, static_cast<uint32_t>(pictures));
  const std::vector<int64_t> batches = Batches(core);
  std::vector<std::unique_ptr<SlotUse>> all;
  all.reserve(core.slots.size());
  for (size_t i = 0; i < core.slots.size(); ++i) all.push_back(std::make_unique<SlotUse>(core, 0));
  for (const auto& slot : all) {
    for (size_t i = 0; i < core.stages.size(); ++i) core.stages[i]->WarmUp(&(*slot)->stages[i], options.warm_up_runs);
    if (core.text != nullptr) core.text->WarmUp((*slot)->text.get());
  }
  const bool regions = core.manifest->task == LNX_TASK_SEGMENTATION || core.manifest->task == LNX_TASK_ANOMALY;
  double done = 0;
  for (size_t p = 0; p < pictures; ++p) {
    const Picture picture = PictureFor(core, options, p);
    Held held(all.size() + 1);
    for (const auto& slot : all) {
      if (regions) decode::ExpectRegions(picture.width, picture.height, *(*slot)->workspace);
      for (uint32_t i = static_cast<uint32_t>(p); i < runs; i += static_cast<uint32_t>(pictures)) {
        progress(done++ / static_cast<double>(all.size() * runs));
        for (const int64_t batch : batches) {
          result::Storage* storage = RunOnce(core, **slot, picture, batch);
          if (storage != nullptr) held.Add(storage);
        }
      }
    }
  }
  progress(1);
  core.sequence = 0;
}

}  // namespace lnx::session
