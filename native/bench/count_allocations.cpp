// Counts the heap allocations of each call in the steady state, and whose code asked for them: the core's, ONNX Runtime's, or
// neither's. This program's own malloc stands in front of the C library's for the whole process, so nothing escapes it; an
// allocation belongs to the nearest frame on its call stack that lies in liblnx or libonnxruntime. Linux, without sanitizers.
//
//   count_allocations MODEL.lnx PUBLIC_KEY.pem PIXELS.raw WIDTH HEIGHT FORMAT [--runs N] [--batch N] [--want BITS]
//
// One JSON object on stdout: per way of calling the number of runs and of allocations, and where the core's came from.
#include <dlfcn.h>
#include <link.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "lnx/lnx.h"

#define LNX_EXPORTED extern "C" __attribute__((visibility("default")))

// ---- the counter

namespace {

struct Range {
  std::atomic<uintptr_t> begin{0}, end{0};
  bool Holds(uintptr_t address) const { return address >= begin.load() && address < end.load(); }
};
Range core, runtime;

constexpr int kFrames = 24, kStacks = 8;
struct Stack {
  uintptr_t frames[kFrames];
  int depth = 0;
};

std::atomic<bool> counting{false};
std::atomic<uint64_t> by_core{0}, by_runtime{0}, by_others{0};
std::atomic<int> stacks_kept{0};
Stack stacks[kStacks];
thread_local bool inside = false;  // the unwinder must not be counted, should it allocate

_Unwind_Reason_Code AddFrame(_Unwind_Context* context, void* argument) {
  auto* stack = static_cast<Stack*>(argument);
  if (stack->depth == kFrames) return _URC_END_OF_STACK;
  stack->frames[stack->depth++] = _Unwind_GetIP(context);
  return _URC_NO_REASON;
}

void Count() {
  if (!counting.load(std::memory_order_relaxed) || inside) return;
  inside = true;
  Stack stack;
  _Unwind_Backtrace(AddFrame, &stack);
  std::atomic<uint64_t>* owner = &by_others;
  for (int i = 0; i < stack.depth; ++i) {
    if (core.Holds(stack.frames[i])) owner = &by_core;
    if (runtime.Holds(stack.frames[i])) owner = &by_runtime;
    if (owner != &by_others) break;
  }
  ++*owner;
  if (owner == &by_core) {
    const int slot = stacks_kept.fetch_add(1);
    if (slot < kStacks) stacks[slot] = stack;
  }
  inside = false;
}

int FindLibraries(dl_phdr_info* info, size_t, void*) {
  const char* slash = std::strrchr(info->dlpi_name, '/');
  const std::string name = slash != nullptr ? slash + 1 : info->dlpi_name;
  Range* range = name.rfind("liblnx.so", 0) == 0 ? &core : name.rfind("libonnxruntime.so", 0) == 0 ? &runtime : nullptr;
  if (range == nullptr) return 0;
  uintptr_t begin = UINTPTR_MAX, end = 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
    const uintptr_t at = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    begin = std::min(begin, at);
    end = std::max(end, at + info->dlpi_phdr[i].p_memsz);
  }
  range->begin = begin;
  range->end = end;
  return 0;
}

}  // namespace

// The C library's own allocator, which it exports under these names for programs that replace malloc.
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
}

LNX_EXPORTED void* malloc(size_t bytes) { return Count(), __libc_malloc(bytes); }
LNX_EXPORTED void* calloc(size_t n, size_t bytes) { return Count(), __libc_calloc(n, bytes); }
LNX_EXPORTED void* realloc(void* old, size_t bytes) { return Count(), __libc_realloc(old, bytes); }
LNX_EXPORTED void* memalign(size_t alignment, size_t bytes) { return Count(), __libc_memalign(alignment, bytes); }
LNX_EXPORTED void* aligned_alloc(size_t alignment, size_t bytes) { return Count(), __libc_memalign(alignment, bytes); }
LNX_EXPORTED int posix_memalign(void** out, size_t alignment, size_t bytes) {
  Count();
  *out = __libc_memalign(alignment, bytes);
  return *out != nullptr ? 0 : ENOMEM;
}

// ---- the calls

namespace {

[[noreturn]] void Stop(const char* what) {
  LnxErrorInfo error{};
  error.struct_size = sizeof error;
  LnxLastError(&error);
  std::fprintf(stderr, "%s: %s\n", what, error.message != nullptr ? error.message : "");
  std::exit(1);
}

void Require(LnxStatus status, const char* what) {
  if (status != LNX_OK) Stop(what);
}

struct Seen {
  uint32_t classes = 0, objects = 0, regions = 0, polygons = 0, rles = 0, planes = 0;
};

// Opens every view of a result and gives it back.
void ReadAndRelease(LnxResult result, Seen* seen) {
  uint32_t images = 0;
  Require(LnxResultCount(result, &images), "LnxResultCount");
  for (uint32_t i = 0; i < images; ++i) {
    LnxSummary summary{};
    summary.struct_size = sizeof summary;
    const LnxClass* classes;
    const LnxObject* objects;
    const LnxRegion* regions;
    const LnxPolygon* polygons;
    const LnxRle* rles;
    LnxPlane plane;
    Require(LnxResultSummary(result, i, &summary), "LnxResultSummary");
    Require(LnxResultClasses(result, i, &classes, &seen->classes), "LnxResultClasses");
    Require(LnxResultObjects(result, i, &objects, &seen->objects), "LnxResultObjects");
    Require(LnxResultRegions(result, i, &regions, &seen->regions), "LnxResultRegions");
    Require(LnxResultPolygons(result, i, &polygons, &seen->polygons), "LnxResultPolygons");
    Require(LnxResultRles(result, i, &rles, &seen->rles), "LnxResultRles");
    if (seen->planes != 0) Require(LnxResultPlane(result, i, LNX_PLANE_SCORE_MAP, &plane), "LnxResultPlane");
  }
  LnxResultRelease(result);
}

class Program {
 public:
  Program(int argc, char** argv) {
    if (argc < 7) {
      std::fprintf(stderr,
                   "usage: count_allocations MODEL KEY PIXELS WIDTH HEIGHT FORMAT [--runs N] [--batch N] [--want BITS]\n");
      std::exit(2);
    }
    for (int i = 7; i + 1 < argc; i += 2) {
      const auto value = static_cast<uint32_t>(std::atoi(argv[i + 1]));
      if (std::strcmp(argv[i], "--runs") == 0) runs_ = value;
      if (std::strcmp(argv[i], "--batch") == 0) batch_ = value;
      if (std::strcmp(argv[i], "--want") == 0) want_ = value;
    }
    const int32_t width = std::atoi(argv[4]), height = std::atoi(argv[5]);
    const LnxPixelFormat format = std::strcmp(argv[6], "GRAY8") == 0    ? LNX_PIXEL_GRAY8
                                  : std::strcmp(argv[6], "GRAY16") == 0 ? LNX_PIXEL_GRAY16
                                                                        : LNX_PIXEL_BGR8;
    std::FILE* file = std::fopen(argv[3], "rb");
    if (file == nullptr) Stop("no pixels");
    for (uint8_t block[65536]; const size_t n = std::fread(block, 1, sizeof block, file);)
      pixels_.insert(pixels_.end(), block, block + n);
    std::fclose(file);
    images_.resize(batch_);
    for (LnxImage& image : images_) LnxImageInit(&image, pixels_.data(), width, height, 0, format);
    if (pixels_.size() != static_cast<size_t>(images_[0].stride_bytes) * static_cast<size_t>(height)) Stop("pixels: wrong size");

    LnxInitOptions options;
    LnxInitOptionsInit(&options);
    const char* keys[1] = {argv[2]};
    options.device = "cpu";
    options.cpu_threads = 1;
    options.trusted_keys = keys;
    options.trusted_key_count = 1;
    options.queue_depth = kDepth;
    options.want = want_;
    Require(LnxInitialize(argv[1], &options, &session_), "LnxInitialize");
    dl_iterate_phdr(FindLibraries, nullptr);
    if (core.end == 0 || runtime.end == 0) Stop("the libraries are not where they are expected");
    WaitForFirstEvent();
    LnxRunOptionsInit(&options_);
    options_.threshold = 0.3;
    options_.guard_band = 0.05;
  }
  ~Program() { LnxUninitialize(&session_); }

  void Print() {
    seen_.planes = want_ & LNX_WANT_SCORE_MAP ? 1 : 0;
    std::printf("{\"calls\":{");
    Measure("run", [this](uint32_t) { ReadAndRelease(Run(nullptr), &seen_); });
    Measure("run_with_options", [this](uint32_t) { ReadAndRelease(Run(&options_), &seen_); });
    Measure("run_with_changing_roi", [this](uint32_t i) {
      const LnxImage whole = images_[0];
      images_[0].roi = i % 2 ? LnxRect{1, 1, whole.width - 2, whole.height - 2} : LnxRect{0, 0, 0, 0};
      ReadAndRelease(Run(nullptr), &seen_);
      images_[0] = whole;
    });
    Measure("run_with_results_held", [this](uint32_t) {
      LnxResult held[3];
      for (LnxResult& result : held) result = Run(nullptr);
      for (LnxResult result : held) ReadAndRelease(result, &seen_);
    });
    Measure("submit_wait", [this](uint32_t i) { SubmitAndWait(nullptr, i); });
    Measure("submit_wait_with_options", [this](uint32_t i) { SubmitAndWait(&options_, i); });
    std::printf("},\"runs\":%u,\"found\":{\"classes\":%u,\"objects\":%u,\"regions\":%u,\"polygons\":%u,\"rles\":%u},\"stacks\":[",
                runs_, seen_.classes, seen_.objects, seen_.regions, seen_.polygons, seen_.rles);
    for (int i = 0; i < std::min(stacks_kept.load(), kStacks); ++i) PrintStack(i);
    std::printf("]}\n");
  }

 private:
  static constexpr uint32_t kDepth = 4;

  // The thread that writes events opens its file with the first one; that is the start of a session, not its steady state.
  static void WaitForFirstEvent() {
    const char* folder = std::getenv("LNX_EVENT_DIR");
    const std::string own = "-" + std::to_string(getpid()) + ".jsonl";
    for (int i = 0; folder != nullptr && i < 1000; ++i) {
      std::error_code none;
      for (const auto& file : std::filesystem::directory_iterator(folder, none)) {
        const bool ours = file.path().string().find(own) != std::string::npos;
        if (ours && file.file_size(none) > 0) return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  LnxResult Run(const LnxRunOptions* options) {
    LnxResult result = nullptr;
    Require(LnxRun(session_, images_.data(), batch_, options, &result), "LnxRun");
    return result;
  }

  // Collects from the first to the last and, every other time, the other way round: then all results exist at once.
  void SubmitAndWait(const LnxRunOptions* options, uint32_t round) {
    LnxTicket tickets[kDepth];
    for (LnxTicket& ticket : tickets) Require(LnxSubmit(session_, images_.data(), batch_, options, &ticket), "LnxSubmit");
    if (round % 2 == 0) std::reverse(std::begin(tickets), std::end(tickets));
    for (const LnxTicket ticket : tickets) {
      LnxResult result = nullptr;
      Require(LnxWait(session_, ticket, UINT32_MAX, &result), "LnxWait");
      ReadAndRelease(result, &seen_);
    }
  }

  // A few calls until buffers have their size, then `runs_` calls that are counted.
  template <typename Call>
  void Measure(const char* name, Call&& call) {
    for (uint32_t i = 0; i < 12; ++i) call(i);
    by_core = by_runtime = by_others = 0;
    counting = true;
    for (uint32_t i = 0; i < runs_; ++i) call(i);
    counting = false;
    std::printf("%s\"%s\":{\"core\":%llu,\"runtime\":%llu,\"others\":%llu}", first_ ? "" : ",", name,
                static_cast<unsigned long long>(by_core.load()), static_cast<unsigned long long>(by_runtime.load()),
                static_cast<unsigned long long>(by_others.load()));
    first_ = false;
  }

  static void PrintStack(int index) {
    std::printf("%s[", index > 0 ? "," : "");
    for (int i = 0; i < stacks[index].depth; ++i) {
      Dl_info info{};
      const auto address = stacks[index].frames[i];
      dladdr(reinterpret_cast<void*>(address), &info);
      const char* slash = info.dli_fname != nullptr ? std::strrchr(info.dli_fname, '/') : nullptr;
      std::printf("%s\"%s+0x%zx\"", i > 0 ? "," : "", slash != nullptr ? slash + 1 : "?",
                  static_cast<size_t>(address - reinterpret_cast<uintptr_t>(info.dli_fbase)));
    }
    std::printf("]");
  }

  uint32_t runs_ = 50, batch_ = 1, want_ = 0;
  std::vector<uint8_t> pixels_;
  std::vector<LnxImage> images_;
  LnxRunOptions options_;
  LnxHandle session_ = nullptr;
  Seen seen_;
  bool first_ = true;
};

}  // namespace

int main(int argc, char** argv) {
  Program program(argc, argv);
  program.Print();
  return 0;
}
