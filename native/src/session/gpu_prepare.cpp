// Whether a picture is prepared on the GPU or on the CPU, and the proof that both give the same numbers.
#include <cstring>
#include <string>
#include <vector>

#include "base/status.h"
#include "session/core.h"

namespace lnx::session {
namespace {

constexpr uint32_t kAlways = 1, kNever = 2;

const manifest::Window* WindowOf(const Core& core) {
  const auto& window = core.manifest->input.window;
  return window ? &*window : nullptr;
}

// The decoder looks at the float input, which then never exists on the CPU.
bool NeedsInput(const manifest::Manifest& m) {
  const auto* enhancement = std::get_if<manifest::EnhancementDecode>(&m.decode);
  return enhancement != nullptr && enhancement->residual;
}

// Whether the kernel gives the plain way's bytes for a picture of noise in this format.
bool SameBytes(Core& core, RunSlot& own, runtime::Slot* slot, LnxPixelFormat format) {
  constexpr int32_t kWidth = 322, kHeight = 246;
  const int64_t stride = image::RowBytes(format, kWidth);
  std::vector<uint8_t> noise(static_cast<size_t>(stride * image::PlaneRows(format, kHeight)));
  uint32_t seed = 1;
  for (uint8_t& byte : noise) byte = static_cast<uint8_t>((seed = seed * 1664525u + 1013904223u) >> 24);
  LnxImage picture{};
  picture.struct_size = sizeof picture;
  picture.pixel_format = format;
  picture.data = noise.data();
  picture.width = kWidth;
  picture.height = kHeight;
  picture.stride_bytes = stride;
  LnxRect roi;
  const image::View raw = image::CheckImage(picture, &roi);
  if (image::SuitsGpu(*core.pipeline, raw) == image::GpuUse::kImpossible) return true;
  image::Developed developed;
  image::Geometry geometry;
  std::vector<uint8_t> expected(core.pipeline->TensorBytes()), found(core.pipeline->TensorBytes());
  core.pipeline->RunReference(image::DevelopReference(raw, WindowOf(core), &developed), roi, kWidth, kHeight, expected.data(),
                              &geometry);
  image::GpuTables tables;
  runtime::DevicePicture described;
  image::DescribeForGpu(*core.pipeline, raw, WindowOf(core), roi, kWidth, kHeight, &tables, &described, &geometry);
  slot->Device()->PrepareOnly(core.image_input, 0, described, found.data());
  own.scratch[0].padded = nullptr;  // the tensor was written from outside
  return std::memcmp(expected.data(), found.data(), found.size()) == 0;
}

}  // namespace

bool PreparesOnGpu(const Core& core, runtime::Slot& slot, const image::View& raw) {
  runtime::SlotOnDevice* device = slot.Device();
  if (device == nullptr || core.gpu_preprocess == kNever) return false;
  const image::GpuUse use = image::SuitsGpu(*core.pipeline, raw);
  if (use == image::GpuUse::kImpossible || (use == image::GpuUse::kPossible && core.gpu_preprocess != kAlways)) return false;
  // Later stages cut their parts out of developed pixels.
  return core.stages.empty() || !image::IsCameraFormat(raw.format);
}

void PrepareOnGpu(const Core& core, RunSlot& own, runtime::Slot* slot, const LnxImage& image, const image::View& raw,
                  const LnxRect& roi, uint32_t index) {
  runtime::DevicePicture picture;
  image::DescribeForGpu(*core.pipeline, raw, WindowOf(core), roi, image.width, image.height, &own.gpu_tables[index], &picture,
                        &own.geometry[index]);
  picture.pinned = image.memory == LNX_MEMORY_HOST_PINNED;
  slot->Device()->Prepare(core.image_input, index, picture);
}

void ProveGpuPreprocessing(Core& core) {
  if (core.gpu_preprocess == kNever || core.model->provider() == LNX_PROVIDER_CPU) return;
  const SlotUse use(core, 0);
  runtime::Slot& slot = core.SlotFor(*use, core.fixed_batch > 0 ? core.fixed_batch : 1);
  if (slot.Device() == nullptr || !slot.Device()->CanPrepare() || NeedsInput(*core.manifest)) {
    core.gpu_preprocess = kNever;
    return;
  }
  for (const LnxPixelFormat format : {LNX_PIXEL_GRAY8, LNX_PIXEL_GRAY16, LNX_PIXEL_BGR8, LNX_PIXEL_RGBA8, LNX_PIXEL_BAYER_RG8,
                                      LNX_PIXEL_BAYER_GB16, LNX_PIXEL_NV12}) {
    if (SameBytes(core, *use, &slot, format)) continue;
    core.gpu_preprocess = kNever;
    runtime::Warn(std::string("images are prepared on the CPU: the GPU gives other numbers for ") + image::FormatName(format));
    return;
  }
}

}  // namespace lnx::session
