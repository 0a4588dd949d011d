// Loads lnx.dll three times; four threads use it and are alive when FreeLibrary is called.
//   unload idle LNX.DLL      no session was ever opened: the library goes, the threads end quietly
//   unload sessions LNX.DLL  sessions were opened: the library stays, because ONNX Runtime and our own threads may still call it
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "late_bound.h"

namespace {

constexpr int kRounds = 3, kThreads = 4;

struct Api {
  HMODULE library;
  decltype(&LnxGetVersion) version = LNX_FIND(library, LnxGetVersion);
  decltype(&LnxInitOptionsInitSized) options_init = LNX_FIND(library, LnxInitOptionsInitSized);
  decltype(&LnxImageInitSized) image_init = LNX_FIND(library, LnxImageInitSized);
  decltype(&LnxInitialize) initialize = LNX_FIND(library, LnxInitialize);
  decltype(&LnxRun) run = LNX_FIND(library, LnxRun);
  decltype(&LnxResultSummary) summary = LNX_FIND(library, LnxResultSummary);
  decltype(&LnxResultRelease) release = LNX_FIND(library, LnxResultRelease);
  decltype(&LnxUninitialize) uninitialize = LNX_FIND(library, LnxUninitialize);
  decltype(&LnxLastError) last_error = LNX_FIND(library, LnxLastError);
};

// Touches what a thread keeps inside the library: its last error.
void Idle(const Api& api) {
  LnxResult result = nullptr;
  Require(api.run(nullptr, nullptr, 1, nullptr, &result) == LNX_E_NULL_POINTER, "a run without images is refused");
  LnxErrorInfo info = {};
  info.struct_size = sizeof info;
  Require(api.last_error(&info) == LNX_OK && info.status == LNX_E_NULL_POINTER, "the thread's error is remembered");
}

LnxHandle Open(const Api& api, const Given& given) {
  LnxInitOptions options;
  api.options_init(&options, sizeof options);
  given.Fill(&options);
  LnxHandle handle = nullptr;
  if (api.initialize(given.model.c_str(), &options, &handle) != LNX_OK) {
    LnxErrorInfo info = {};
    info.struct_size = sizeof info;
    api.last_error(&info);
    Require(false, info.message);
  }
  return handle;
}

void RunOnce(const Api& api, const Given& given, LnxHandle handle) {
  LnxImage image;
  api.image_init(&image, sizeof image, given.pixels.data(), 256, 256, 0, LNX_PIXEL_BGR8);
  LnxResult result = nullptr;
  Require(api.run(handle, &image, 1, nullptr, &result) == LNX_OK, "a run succeeds");
  api.release(result);
}

void Round(const wchar_t* path, bool sessions, const Given& given) {
  const HMODULE library = LoadLibraryW(path);
  Require(library != nullptr, "LoadLibrary");
  const Api api{library};
  std::atomic<int> ready{0};
  std::atomic<bool> freed{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      Idle(api);
      LnxHandle handle = sessions ? Open(api, given) : nullptr;
      if (sessions) RunOnce(api, given, handle);
      ++ready;
      while (!freed) {
        if (sessions) {
          RunOnce(api, given, handle);  // in flight while the library is freed
        } else {
          Sleep(1);
        }
      }
      if (sessions) Require(api.uninitialize(&handle) == LNX_OK, "a session closes after FreeLibrary");
    });
  }
  while (ready < kThreads) Sleep(1);
  Require(FreeLibrary(library) != 0, "FreeLibrary");
  const bool still = GetModuleHandleW(L"lnx.dll") != nullptr;
  freed = true;
  for (std::thread& thread : threads) thread.join();
  Require(still == sessions, sessions ? "an opened library stays" : "an idle library goes");
}

}  // namespace

int wmain(int argc, wchar_t** argv) {
  Require(argc == 3, "usage: unload idle|sessions LNX.DLL");
  const Given given;
  for (int round = 0; round < kRounds; ++round) Round(argv[2], std::wstring(argv[1]) == L"sessions", given);
  std::printf("unloaded %d times under %d threads\n", kRounds, kThreads);
  return 0;
}
