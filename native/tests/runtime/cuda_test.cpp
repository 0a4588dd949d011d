// What the GPU path decides without a GPU: packs, the table of reasons, admission, the order of libraries, the gate and the
// worker.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "runtime/cuda/admission.h"
#include "runtime/cuda/capture_gate.h"
#include "runtime/cuda/libraries.h"
#include "runtime/cuda/packs.h"
#include "runtime/cuda/provider.h"
#include "runtime/cuda/worker.h"
#include "runtime/ort.h"

namespace {

using namespace lnx;
using namespace lnx::runtime::cuda;

// A Windows PC with one GPU.
void Machine(Situation* s, int cuda_version, int major, int minor) {
  s->driver.present = true;
  s->driver.windows = true;
  s->driver.cuda_version = cuda_version;
  Gpu gpu;
  gpu.name = "NVIDIA Test";
  gpu.capability_major = major;
  gpu.capability_minor = minor;
  s->gpus = {gpu};
}

Situation Usable() {
  Situation s;
  Machine(&s, 13000, 8, 9);
  s.runtime_version = "1.31.1";
  s.runtime_path = "/pack/onnxruntime";
  s.has_provider = true;
  s.cuda_major = 13;
  return s;
}

void UseCu12(Situation* s) {
  s->cuda_major = 12;
  s->runtime_version = "1.26.0";
}

struct Row {
  const char* name;
  void (*change)(Situation*);
  LnxStatus status;
  const char* found;
  const char* expected;
};

TEST(Reasons, EachIsToldWithWhatWasFoundAndWhatIsNeeded) {
  const Row rows[] = {
      {"usable", [](Situation*) {}, LNX_OK, "", ""},
      {"no driver",
       [](Situation* s) {
         s->driver = {};
         s->driver.windows = true;
         s->gpus.clear();
         s->no_driver = "no NVIDIA driver on this machine";
       },
       LNX_E_DRIVER, "no NVIDIA driver", "580"},
      {"CUDA 11", [](Situation* s) { s->driver.cuda_version = 11040; }, LNX_E_DRIVER, "CUDA 11.4", "527.41"},
      {"pack cu13 on driver 550", [](Situation* s) { s->driver.cuda_version = 12040; }, LNX_E_DRIVER, "CUDA 12.4",
       "580 or later, or the pack cu12"},
      {"pack cu13 on driver 552.44",
       [](Situation* s) {
         s->driver.cuda_version = 12040;
         s->driver.version = "552.44";
       },
       LNX_E_DRIVER, "driver 552.44", "580"},
      {"pack cu12 on driver 527.40, which only NVML can tell",
       [](Situation* s) {
         UseCu12(s);
         s->driver.cuda_version = 12000;
         s->driver.version = "527.40";
       },
       LNX_E_DRIVER, "527.40", "527.41"},
      {"no GPU, and too old a driver",
       [](Situation* s) {
         s->gpus.clear();
         s->driver.cuda_version = 12040;
       },
       LNX_E_DRIVER, "CUDA 12.4", "580"},
      {"no GPU",
       [](Situation* s) {
         s->gpus.clear();
         s->no_gpus = "the driver knows no GPU";
       },
       LNX_E_DEVICE_NOT_FOUND, "knows no GPU", ""},
      {"second GPU of one", [](Situation* s) { s->index = 1; }, LNX_E_DEVICE_NOT_FOUND, "1 GPUs", "below"},
      {"CPU runtime", [](Situation* s) { s->has_provider = false, s->cuda_major = 0; }, LNX_E_DEVICE_UNAVAILABLE, "without CUDA",
       "onnxruntime-gpu"},
      {"Pascal", [](Situation* s) { Machine(s, 13000, 6, 1); }, LNX_E_DEVICE_UNAVAILABLE, "6.1", "7.5"},
      {"Volta on Linux, where ONNX Runtime has code but cuDNN has none",
       [](Situation* s) {
         UseCu12(s);
         Machine(s, 12080, 7, 0);
         s->driver.windows = false;
       },
       LNX_E_DEVICE_UNAVAILABLE, "7.0", "7.5"},
      {"RTX 50, pack cu12, driver 550",
       [](Situation* s) {
         UseCu12(s);
         Machine(s, 12040, 12, 0);
       },
       LNX_E_DRIVER, "CUDA 12.4", "570.65"},
      {"RTX 50, pack cu12, driver 570",
       [](Situation* s) {
         UseCu12(s);
         Machine(s, 12080, 12, 0);
       },
       LNX_OK, "", ""},
      {"H100 on Windows", [](Situation* s) { Machine(s, 13000, 9, 0); }, LNX_E_DEVICE_UNAVAILABLE, "no code", "cu12"},
      {"H100 on Linux",
       [](Situation* s) {
         Machine(s, 13000, 9, 0);
         s->driver.windows = false;
       },
       LNX_OK, "", ""},
      {"H100 on Windows, a version that nobody has looked into",
       [](Situation* s) {
         Machine(s, 13000, 9, 0);
         s->runtime_version = "1.29.0";
       },
       LNX_OK, "", ""},
  };
  for (const Row& row : rows) {
    Situation s = Usable();
    row.change(&s);
    const Refusal refusal = Judge(s);
    EXPECT_EQ(refusal.status, row.status) << row.name;
    EXPECT_NE(refusal.finding.found.find(row.found), std::string::npos) << row.name << ": " << refusal.finding.found;
    EXPECT_NE(refusal.finding.expected.find(row.expected), std::string::npos) << row.name << ": " << refusal.finding.expected;
  }
}

TEST(Admission, AModelThatDoesNotFitIsRefusedBeforeItIsLoaded) {
  constexpr uint64_t kMiB = 1 << 20;
  Demand demand;
  demand.weights = 100 * kMiB;
  EXPECT_EQ(BytesNeeded(demand), 200 * kMiB);
  demand.first = true;
  EXPECT_EQ(BytesNeeded(demand), 456 * kMiB);
  demand.limit = 50 * kMiB;
  EXPECT_EQ(BytesNeeded(demand), 406 * kMiB);
  Admit(demand, {500 * kMiB, 8192 * kMiB}, 0);
  try {
    Admit(demand, {300 * kMiB, 8192 * kMiB}, 0);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), LNX_E_DEVICE_MEMORY);
    EXPECT_NE(error.finding().found.find("300 MB free of 8192 MB"), std::string::npos) << error.finding().found;
    EXPECT_NE(error.finding().expected.find("406 MB"), std::string::npos);
  }
}

TEST(Libraries, PartsOfCudnnAreLoadedBeforeItAndItsNeedsBeforeThem) {
  const std::vector<std::string> order =
      LoadOrder({"/p/libcudnn.so.9", "/p/libcudnn_ops.so.9", "/p/libcublas.so.13", "/p/libcudnn_engines_tensor_ir.so.9",
                 "/p/libcudnn_graph.so.9", "/p/libcublasLt.so.13", "/p/libcudnn_engines_precompiled.so.9"});
  const std::vector<std::string> expected = {
      "/p/libcublasLt.so.13",   "/p/libcublas.so.13", "/p/libcudnn_engines_precompiled.so.9", "/p/libcudnn_ops.so.9",
      "/p/libcudnn_graph.so.9", "/p/libcudnn.so.9",   "/p/libcudnn_engines_tensor_ir.so.9"};
  EXPECT_EQ(order, expected);
}

TEST(Provider, OptionsAreTheOnesThatSteadyRunsNeed) {
  ProviderOptions options;
  options.graph = true;
  options.tf32 = false;
  options.memory_limit = 1 << 20;
  std::string text;
  for (const auto& [key, value] : KeysAndValues(options)) text += key + "=" + value + " ";
  for (const char* pair : {"cudnn_conv_algo_search=HEURISTIC", "arena_extend_strategy=kSameAsRequested", "use_tf32=0",
                           "enable_cuda_graph=1", "gpu_mem_limit=1048576", "do_copy_in_default_stream=1"}) {
    EXPECT_NE(text.find(pair), std::string::npos) << pair << " in " << text;
  }
}

TEST(Errors, OfARunAreToldApartByOnnxRuntimesWords) {
  using runtime::StatusOfRun;
  EXPECT_EQ(StatusOfRun("CUDA failure 2: out of memory", true), LNX_E_DEVICE_MEMORY);
  EXPECT_EQ(StatusOfRun("CUDA error: no kernel image is available", true), LNX_E_DEVICE_UNAVAILABLE);
  EXPECT_EQ(StatusOfRun("cuDNN is unavailable", true), LNX_E_DEVICE_UNAVAILABLE);
  EXPECT_EQ(StatusOfRun("CUDA failure 719: unspecified launch failure", true), LNX_E_DEVICE_LOST);
  EXPECT_EQ(StatusOfRun("shape mismatch", true), LNX_E_INFERENCE);
  EXPECT_EQ(StatusOfRun("CUDA failure 2: out of memory", false), LNX_E_INFERENCE);
}

TEST(Gate, ACaptureIsAloneAndRunsPassTogether) {
  CaptureGate gate;
  std::atomic<int> passing{0}, most{0};
  std::atomic<bool> alone{false}, broken{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        const CaptureGate::Pass pass(gate);
        const int now = ++passing;
        int seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        if (alone.load()) broken = true;
        --passing;
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < 200; ++i) {
      const CaptureGate::Alone own(gate);
      alone = true;
      if (passing.load() != 0) broken = true;
      alone = false;
    }
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(broken.load());
}

TEST(Gate, PassesDoNotWaitForEachOther) {
  CaptureGate gate;
  const CaptureGate::Pass first(gate);
  std::thread([&] { const CaptureGate::Pass second(gate); }).join();  // would hang
}

TEST(Worker, JobsRunOnOneThreadInTheOrderOfAskingAndErrorsComeBack) {
  Worker worker({}, {});
  std::thread::id seen[2];
  for (std::thread::id& id : seen)
    worker.Run([](void* out) { *static_cast<std::thread::id*>(out) = std::this_thread::get_id(); }, &id);
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_NE(seen[0], std::this_thread::get_id());
  EXPECT_THROW(worker.Run([](void*) { throw std::runtime_error("broken"); }, nullptr), std::runtime_error);

  std::atomic<int> done{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      for (int k = 0; k < 100; ++k) worker.Run([](void* n) { ++*static_cast<std::atomic<int>*>(n); }, &done);
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(done.load(), 800);
}

TEST(Worker, TicksWhileNobodyAsksAndAFailingTickHarmsNothing) {
  std::atomic<int> ticks{0};
  KeepWarmTimes times;
  times.every = std::chrono::milliseconds(1);
  Worker worker(times, [&] {
    if (++ticks % 2 == 0) throw std::runtime_error("no device");
  });
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (ticks.load() < 4 && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_GE(ticks.load(), 4);
  int ran = 0;
  worker.Run([](void* n) { ++*static_cast<int*>(n); }, &ran);
  EXPECT_EQ(ran, 1);
}

TEST(Worker, LetsGoAfterTheTimeThatWasAskedForAndBeginsAnewWithTheNextJob) {
  KeepWarmTimes times;
  times.every = std::chrono::milliseconds(1);
  times.let_go_after = std::chrono::milliseconds(20);
  Worker worker(times, [] {});
  const auto settled = [&](uint64_t more_than) {  // then no tick for much longer than `every`
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    uint64_t seen = more_than;
    do {
      seen = worker.ticks();
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    } while ((worker.ticks() <= more_than || worker.ticks() != seen) && std::chrono::steady_clock::now() < until);
    return worker.ticks();
  };
  const uint64_t before = settled(0);
  EXPECT_GE(before, 1u);
  EXPECT_LE(before, 21u);
  worker.Run([](void*) {}, nullptr);
  EXPECT_GT(settled(before), before);
}

}  // namespace
