#include "runtime/cuda/session.h"

#include "runtime/cuda/capture_gate.h"
#include "runtime/cuda/module.h"

namespace lnx::runtime::cuda {
namespace {

constexpr unsigned kWarmFloats = 1 << 14;

}  // namespace

GpuSession::GpuSession(int on, bool as_graph, const KeepWarmTimes& keep_warm)
    : device(on), graph(as_graph), stream(MakeStream(on)), staging(on) {
  std::function<void()> tick;
  if (keep_warm.every.count() > 0) {
    warm_stream_ = MakeStream(device);
    warm_memory_ = AllocateOnDevice(device, kWarmFloats * sizeof(float));
    tick = [this] { Tick(); };
  }
  worker = std::make_unique<Worker>(keep_warm, std::move(tick));
}

GpuSession::~GpuSession() { worker.reset(); }

int GpuSession::NextGraphId() {
  const int id = next_graph_id_.fetch_add(1);
  return id <= kMostGraphs ? id : kNoGraph;
}

void GpuSession::Tick() {
  if (creating) return;
  const CaptureGate::Pass pass(CaptureGate::Get());
  const Current current(device);
  if (const Kernels* kernels = Kernels::Of(device)) {
    kernels->KeepWarm(warm_memory_.get(), kWarmFloats, warm_stream_.get());
  } else {
    Check(Functions().MemsetD8Async(warm_memory_.get(), 0, kWarmFloats * sizeof(float), warm_stream_.get()), "keep warm");
  }
  Check(Functions().StreamSynchronize(warm_stream_.get()), "keep warm");
}

}  // namespace lnx::runtime::cuda
