// What a model on a GPU has beside ONNX Runtime's session: the device, a stream that both use, the thread that runs, and whether
// its runs are CUDA graphs.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "runtime/cuda/staging.h"
#include "runtime/cuda/worker.h"

namespace lnx::runtime::cuda {

constexpr int kNoGraph = -1, kMostGraphs = 32;

class GpuSession {
 public:
  GpuSession(int device, bool graph, const KeepWarmTimes& keep_warm);
  ~GpuSession();  // its thread first

  const int device;
  const bool graph;                  // the session was made for CUDA graphs
  OwnStream stream;                  // of the model, its copies and our kernels
  StagingRing staging;               // of the worker's thread
  std::atomic<bool> creating{true};  // whoever creates the model holds the gate
  std::string why_no_graph;
  uint64_t bytes = 0;  // that the model took from the device
  std::unique_ptr<Worker> worker;

  // kNoGraph when the session has as many as it may: ONNX Runtime keeps each until the session ends, and shapes may come without
  // end.
  int NextGraphId();

 private:
  void Tick();

  OwnStream warm_stream_;
  DeviceMemory warm_memory_;
  std::atomic<int> next_graph_id_{1};
};

}  // namespace lnx::runtime::cuda
