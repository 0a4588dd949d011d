// Ends the process in every order that a careless program does. The exit status is the verdict: 0, and no hang.
//   exit_order open       main returns with a session open
//   exit_order in-flight  main returns while four threads run
//   exit_order static     the session is a global object, closed after main
//   exit_order atexit     the session is closed by an exit handler
//   exit_order thread     another thread calls ExitProcess while a run is in flight
//   exit_order queue      main returns with submitted runs that nobody waits for
#include <memory>
#include <string>
#include <thread>

#include "late_bound.h"
#include "lnx/lnx.hpp"

namespace {

std::unique_ptr<lnx::Session> global;

lnx::Image Picture(const Given& given) { return lnx::Image(given.pixels.data(), 256, 256, LNX_PIXEL_BGR8); }

[[noreturn]] void RunForever(lnx::Session* session, const Given* given) {
  for (;;) session->Run(Picture(*given));
}

int Leave(const std::string& how, lnx::Session* session, const Given* given) {
  session->Run(Picture(*given));
  if (how == "in-flight") {
    for (int i = 0; i < 4; ++i) std::thread(RunForever, session, given).detach();
    Sleep(50);
  } else if (how == "static") {
    global.reset(session);
  } else if (how == "atexit") {
    global.reset(session);
    std::atexit([] { global.reset(); });
  } else if (how == "thread") {
    std::thread([] { ExitProcess(0); }).detach();
    RunForever(session, given);
  } else if (how == "queue") {
    for (int i = 0; i < 8; ++i) session->Submit(Picture(*given));
  } else {
    Require(how == "open", "usage: exit_order open|in-flight|static|atexit|thread|queue");
  }
  return 0;
}

}  // namespace

int wmain(int argc, wchar_t** argv) {
  const auto* given = new Given;  // outlives main, as the threads do
  try {
    const lnx::Options options = lnx::Options().Device("cpu").CpuThreads(1).TrustKey(given->key).RunSlots(2);
    return Leave(argc > 1 ? Utf8(argv[1]) : "", new lnx::Session(given->model, options), given);
  } catch (const lnx::Error& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
}
