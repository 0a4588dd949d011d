// Recording as a session offers it: LnxRecordStart ... LnxRecordStop, and the runs that go through it.
#include "base/status.h"
#include "session/core.h"
#include "session/recorder.h"
#include "session/session.h"

namespace lnx::session {

std::shared_ptr<Recorder> Recording::Get() const {
  if (!active_.load(std::memory_order_acquire)) return nullptr;
  const std::lock_guard<std::mutex> lock(mutex_);
  return recorder_;
}

// The one before ends outside the lock, for it may have to finish a file.
void Recording::Set(std::shared_ptr<Recorder> recorder) {
  const std::lock_guard<std::mutex> lock(mutex_);
  recorder_.swap(recorder);
  active_.store(recorder_ != nullptr, std::memory_order_release);
}

std::shared_ptr<Recorder> Recording::Require() const {
  std::shared_ptr<Recorder> recorder = Get();
  if (recorder == nullptr) Fail(LNX_E_UNSUPPORTED, {"a session that does not record", "LnxRecordStart before", "handle"});
  return recorder;
}

result::Storage* RunAndRecord(Core& core, RunSlot& slot, const LnxImage* images, uint32_t n, const LnxRunOptions* options,
                              int64_t queued_at) {
  const std::shared_ptr<Recorder> recorder = core.recording.Get();
  if (recorder == nullptr) return RunImages(core, slot, images, n, options, queued_at);
  result::Storage* storage = nullptr;
  try {
    storage = RunImages(core, slot, images, n, options, queued_at);
  } catch (const Error& error) {
    if (error.status() >= 400) recorder->Add(images, n, slot.params, nullptr, error.status(), error.finding().found);
    throw;
  }
  recorder->Add(images, n, slot.params, storage, LNX_OK, "");
  return storage;
}

std::shared_ptr<Recorder> MakeRecorder(const Core& core, const LnxRecordOptions& options) {
  RecordingFacts facts;
  facts.manifest = core.manifest;
  static const char* digits = "0123456789abcdef";
  for (const uint8_t byte : core.container->model_sha256()) facts.model_sha256 += {digits[byte >> 4], digits[byte & 15]};
  facts.device = core.model->device_name();
  facts.provider = core.model->provider() == LNX_PROVIDER_CPU ? "cpu" : "gpu";
  facts.runtime = runtime::Runtime::Loaded()->version;
  facts.processor_path = core.pipeline != nullptr ? core.pipeline->Path() : "";
  facts.cpu_threads = core.cpu_threads;
  facts.max_batch = core.max_batch;
  if (core.tiling) {
    facts.tile_width = core.tiling->width;
    facts.tile_height = core.tiling->height;
    facts.tile_overlap = core.tiling->overlap;
  }
  return std::make_shared<Recorder>(options, std::move(facts));
}

}  // namespace lnx::session
