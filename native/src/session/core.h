// What the parts of a session share. Internal to session/.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "container/container.h"
#include "decode/decode.h"
#include "event/event_log.h"
#include "image/camera.h"
#include "image/gpu.h"
#include "image/image.h"
#include "manifest/manifest.h"
#include "result/result.h"
#include "runtime/runtime.h"
#include "session/keep_warm.h"
#include "session/licensing.h"
#include "session/parameters.h"
#include "session/queue.h"
#include "session/stages.h"
#include "session/text.h"
#include "session/tiling.h"

namespace lnx::session {

// Everything one run in flight needs, reused from run to run.
struct RunSlot {
  std::map<int64_t, std::unique_ptr<runtime::Slot>> by_batch;
  std::vector<image::Scratch> scratch;  // per image of the batch
  std::vector<image::Geometry> geometry;
  std::vector<image::Developed> developed;   // camera pictures of the batch
  std::vector<image::GpuTables> gpu_tables;  // of pictures that the GPU prepares
  TileMerger tiles;
  std::optional<size_t> blend_tile;  // the outputs belong to this tile of a picture that is being blended
  std::vector<LnxImage> parts;       // of one image, when several are asked for
  std::vector<runtime::Tensor> outputs;
  decode::WorkspacePtr workspace;
  std::vector<StageSlot> stages;
  TextSlotPtr text;
  result::RunParams params;
  struct Target {  // where the result of one image goes
    result::Storage* storage = nullptr;
    result::ImageResult* image = nullptr;
    int64_t queued_at = 0;
  };
  std::vector<Target> targets;
};

// Hands out run slots in the order of asking. A slot that comes back wakes only whoever gets it.
class SlotPool {
 public:
  void Add(std::unique_ptr<RunSlot> slot);
  RunSlot* Take(int64_t deadline);  // NowMicros, 0 = none; NULL when none was free by then
  void Give(RunSlot* slot) noexcept;
  void WaitAllFree();
  size_t size() const { return slots_.size(); }

 private:
  struct Waiter {
    RunSlot* slot = nullptr;
    std::condition_variable changed;
    Waiter *before = nullptr, *after = nullptr;
  };
  RunSlot* TakeFree();
  void Unlink(Waiter* waiter);

  std::mutex mutex_;
  std::condition_variable all_free_;
  std::vector<std::unique_ptr<RunSlot>> slots_;
  std::vector<RunSlot*> free_;
  Waiter *first_ = nullptr, *last_ = nullptr;
};

class Recorder;

// The recorder of a session, when it records. Any thread.
class Recording {
 public:
  std::shared_ptr<Recorder> Get() const;      // NULL: it does not
  std::shared_ptr<Recorder> Require() const;  // LNX_E_UNSUPPORTED
  void Set(std::shared_ptr<Recorder> recorder);

 private:
  mutable std::mutex mutex_;
  std::atomic<bool> active_{false};
  std::shared_ptr<Recorder> recorder_;
};

struct Core {
  std::string path, session_id, model_json;  // model_json: its name, quoted
  std::unique_ptr<container::Container> container;
  std::unique_ptr<Licensing> licensing;
  std::shared_ptr<const manifest::Manifest> manifest;
  std::unique_ptr<runtime::Model> model;
  std::unique_ptr<image::Pipeline> pipeline;
  std::unique_ptr<decode::Decoder> decoder;
  std::vector<std::unique_ptr<Stage>> stages;  // after the decoder
  std::optional<manifest::Tiling> tiling;      // of images that are larger than a tile
  std::unique_ptr<TextReader> text;            // instead of pipeline and decoder, for task "ocr"
  std::shared_ptr<result::Pool> results;
  std::unique_ptr<Parameters> parameters;
  std::unique_ptr<event::RunSummary> summary;
  SlotPool slots;
  std::unique_ptr<KeepWarm> keep_warm;  // NULL = off, or done by the model's own thread on a GPU
  bool kept_warm = false;
  size_t image_input = 0;            // index of the graph input that takes the image
  std::vector<int64_t> input_shape;  // of that input; [0] = -1 when the batch is dynamic
  int64_t fixed_batch = 0;           // 0 = dynamic
  uint32_t max_batch = 1;
  bool events = true;
  bool warm = false;
  bool gpu_form = false;        // the first graph runs in its form for GPUs
  bool half = false;            // it computes in float16
  uint32_t gpu_preprocess = 0;  // of LnxInitOptions; never once the kernels were wrong
  std::atomic<uint64_t> sequence{0};
  uint32_t cpu_threads = 0;  // as asked for
  Recording recording;

  runtime::Slot& SlotFor(RunSlot& slot, int64_t batch) const;  // made on first use
};

// A run slot for one real run. LNX_E_DEADLINE when none was free by then (NowMicros, 0 = none).
class SlotUse {
 public:
  SlotUse(Core& core, int64_t deadline);
  ~SlotUse();
  SlotUse(const SlotUse&) = delete;
  SlotUse& operator=(const SlotUse&) = delete;
  RunSlot& operator*() const { return *slot_; }
  RunSlot* operator->() const { return slot_; }

 private:
  Core& core_;
  RunSlot* slot_;
};

// Tells the event log of a run that failed, and counts the late ones.
void NoteFailure(Core& core, const Error& error) noexcept;

// Runs n images in a slot, with the session's parameters unless others are given. The caller gives the storage back.
result::Storage* RunImages(Core& core, RunSlot& slot, const LnxImage* images, uint32_t n, const LnxRunOptions* options,
                           int64_t queued_at, const Parameters* parameters = nullptr);

// The same, kept by the session's recorder when it has one.
result::Storage* RunAndRecord(Core& core, RunSlot& slot, const LnxImage* images, uint32_t n, const LnxRunOptions* options,
                              int64_t queued_at);
// options is complete. LNX_E_KEY_FILE, LNX_E_FILE_ACCESS.
std::shared_ptr<Recorder> MakeRecorder(const Core& core, const LnxRecordOptions& options);
// The same for n images that each have a storage of their own; all or none. queued_at, storages: one per image.
void RunApart(Core& core, RunSlot& slot, const LnxImage* images, uint32_t n, const int64_t* queued_at,
              result::Storage** storages);

// Fills the inputs that tell the graph about sizes, for image `index` of the batch. See extra_inputs.cpp.
void CheckExtraInputs(const Core& core);
std::vector<int64_t> ExtraInputShape(const Core& core, size_t input, int64_t batch);
void FillExtraInputs(const Core& core, const image::Geometry& geometry, int64_t index, runtime::Slot* slot);

// Preparing pictures on the GPU: see gpu_prepare.cpp.
bool PreparesOnGpu(const Core& core, runtime::Slot& slot, const image::View& raw);
void PrepareOnGpu(const Core& core, RunSlot& own, runtime::Slot* slot, const LnxImage& image, const image::View& raw,
                  const LnxRect& roi, uint32_t index);
void ProveGpuPreprocessing(Core& core);  // against the plain way; what differs is not used, and told once

// So that the first real run is as fast as the hundredth. See warm_up.cpp. progress: a fraction of 0..1, may throw.
void WarmUp(Core& core, const LnxInitOptions& options, const std::function<void(double)>& progress);

std::string DescribeJson(const Core& core);
bool RunSelfTest(Core& core, LnxSelfTestReport* report);

}  // namespace lnx::session
