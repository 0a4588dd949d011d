// What the parts of a session share. Internal to session/.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "container/container.h"
#include "decode/decode.h"
#include "event/event_log.h"
#include "image/camera.h"
#include "image/image.h"
#include "manifest/manifest.h"
#include "result/result.h"
#include "runtime/runtime.h"
#include "session/licensing.h"
#include "session/parameters.h"
#include "session/stages.h"
#include "session/text.h"
#include "session/tiling.h"

namespace lnx::session {

// Everything one run in flight needs, reused from run to run.
struct RunSlot {
  std::map<int64_t, std::unique_ptr<runtime::Slot>> by_batch;
  std::vector<image::Scratch> scratch;  // per image of the batch
  std::vector<image::Geometry> geometry;
  std::vector<image::Developed> developed;  // camera pictures of the batch
  TileMerger tiles;
  std::optional<size_t> blend_tile;  // the outputs belong to this tile of a picture that is being blended
  std::vector<LnxImage> parts;       // of one image, when several are asked for
  std::vector<runtime::Tensor> outputs;
  decode::WorkspacePtr workspace;
  std::vector<StageSlot> stages;
  TextSlotPtr text;
  result::RunParams params;
};

// Hands out run slots in the order of asking.
class SlotPool {
 public:
  void Add(std::unique_ptr<RunSlot> slot);
  RunSlot* Take();
  void Give(RunSlot* slot) noexcept;
  void WaitAllFree();
  size_t size() const { return slots_.size(); }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<RunSlot>> slots_;
  std::vector<RunSlot*> free_;
  uint64_t next_ = 0, serving_ = 0;
};

class SlotUse {
 public:
  explicit SlotUse(SlotPool& pool) : pool_(pool), slot_(pool.Take()) {}
  ~SlotUse() { pool_.Give(slot_); }
  SlotUse(const SlotUse&) = delete;
  SlotUse& operator=(const SlotUse&) = delete;
  RunSlot& operator*() const { return *slot_; }
  RunSlot* operator->() const { return slot_; }

 private:
  SlotPool& pool_;
  RunSlot* slot_;
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
  std::string path, session_id;
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
  size_t image_input = 0;            // index of the graph input that takes the image
  std::vector<int64_t> input_shape;  // of that input; [0] = -1 when the batch is dynamic
  int64_t fixed_batch = 0;           // 0 = dynamic
  uint32_t max_batch = 1;
  bool events = true;
  bool warm = false;
  std::atomic<uint64_t> sequence{0};
  uint32_t cpu_threads = 0;  // as asked for
  Recording recording;

  runtime::Slot& SlotFor(RunSlot& slot, int64_t batch) const;  // made on first use
};

// Runs n images in a slot, with the session's parameters unless others are given. The caller gives the storage back.
result::Storage* RunImages(Core& core, RunSlot& slot, const LnxImage* images, uint32_t n, const LnxRunOptions* options,
                           int64_t queued_at, const Parameters* parameters = nullptr);

// The same, kept by the session's recorder when it has one.
result::Storage* RunAndRecord(Core& core, RunSlot& slot, const LnxImage* images, uint32_t n, const LnxRunOptions* options,
                              int64_t queued_at);
// options is complete. LNX_E_KEY_FILE, LNX_E_FILE_ACCESS.
std::shared_ptr<Recorder> MakeRecorder(const Core& core, const LnxRecordOptions& options);

// Fills the inputs that tell the graph about sizes, for image `index` of the batch. See extra_inputs.cpp.
void CheckExtraInputs(const Core& core);
std::vector<int64_t> ExtraInputShape(const Core& core, size_t input, int64_t batch);
void FillExtraInputs(const Core& core, const image::Geometry& geometry, int64_t index, runtime::Slot* slot);

std::string DescribeJson(const Core& core);
bool RunSelfTest(Core& core, LnxSelfTestReport* report);

// Runs submitted work on as many threads as there are slots; results are collected in the order of submission. Items are made
// once and used again, so that submitting and collecting take no memory in the steady state.
class Queue {
 public:
  Queue(Core& core, uint32_t depth);
  ~Queue();

  LnxTicket Submit(const LnxImage* images, uint32_t n, const LnxRunOptions* options);
  result::Storage* Wait(LnxTicket ticket, uint32_t timeout_ms);

 private:
  struct Item;
  void Work();
  Item* NextToRun() const;
  size_t Find(LnxTicket ticket) const;  // items_.size() when it is not there
  bool Ready(size_t index) const;

  Core& core_;
  const uint32_t depth_;
  std::mutex mutex_;
  std::condition_variable work_, done_;
  std::vector<std::unique_ptr<Item>> made_;  // depth_ of them
  std::vector<Item*> free_;
  std::vector<Item*> items_;  // not collected yet, oldest first
  std::vector<std::thread> threads_;
  LnxTicket next_ = 1;
  bool stopping_ = false;
};

}  // namespace lnx::session
