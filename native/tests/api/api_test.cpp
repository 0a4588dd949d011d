// What a careless program does: NULL everywhere, wrong sizes, closed handles. And, with a model at hand (LNX_TEST_MODEL,
// LNX_TEST_KEY), a session used from several threads through the queue and directly.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "lnx/lnx.h"
#include "lnx/lnx.hpp"

namespace {

std::string LastFound() {
  LnxErrorInfo info{};
  info.struct_size = sizeof info;
  LnxLastError(&info);
  return info.message;
}

TEST(Arguments, NullPointersAreRefusedEverywhere) {
  LnxHandle handle = nullptr;
  LnxResult result = nullptr;
  LnxTicket ticket = 0;
  uint32_t n = 0;
  EXPECT_EQ(LnxGetVersion(nullptr), LNX_E_NULL_POINTER);
  EXPECT_EQ(LnxInitialize(nullptr, nullptr, &handle), LNX_E_NULL_POINTER);
  EXPECT_EQ(LnxInitialize("a.lnx", nullptr, nullptr), LNX_E_NULL_POINTER);
  EXPECT_EQ(LnxRun(nullptr, nullptr, 1, nullptr, &result), LNX_E_NULL_POINTER);
  EXPECT_EQ(LnxRun(nullptr, nullptr, 1, nullptr, nullptr), LNX_E_NULL_POINTER);
  EXPECT_EQ(LnxRunRois(nullptr, nullptr, nullptr, 1, nullptr, &result), LNX_E_NULL_POINTER);
  EXPECT_EQ(LnxRunRois(nullptr, nullptr, nullptr, 1, nullptr, nullptr), LNX_E_NULL_POINTER);
  EXPECT_EQ(LnxSubmit(nullptr, nullptr, 1, nullptr, &ticket), LNX_E_NULL_POINTER);
  EXPECT_EQ(LnxWait(nullptr, 0, 0, nullptr), LNX_E_NULL_POINTER);
  EXPECT_EQ(LnxWait(nullptr, 0, 0, &result), LNX_E_HANDLE);
  EXPECT_EQ(LnxResultCount(nullptr, &n), LNX_E_NULL_POINTER);
  EXPECT_EQ(LnxResultToJson(nullptr, 0, nullptr, 0, &n), LNX_E_NULL_POINTER);
  EXPECT_EQ(LnxSetParam(nullptr, nullptr, nullptr), LNX_E_NULL_POINTER);
  EXPECT_EQ(LnxSelfTest(nullptr, nullptr), LNX_E_NULL_POINTER);
  EXPECT_EQ(LnxLastError(nullptr), LNX_E_NULL_POINTER);
  EXPECT_EQ(LnxUninitialize(nullptr), LNX_E_NULL_POINTER);
  EXPECT_EQ(LnxUninitialize(&handle), LNX_OK) << "a handle that was never opened is no error";
  LnxResultRelease(nullptr);
  LnxInitOptionsInit(nullptr);
  EXPECT_EQ(handle, nullptr);
  EXPECT_EQ(result, nullptr);
}

TEST(Arguments, WrongStructSizesAreRefusedWithTheFix) {
  LnxVersionInfo version{};
  EXPECT_EQ(LnxGetVersion(&version), LNX_E_STRUCT_SIZE);
  version.struct_size = sizeof version;
  ASSERT_EQ(LnxGetVersion(&version), LNX_OK);
  EXPECT_EQ(version.abi_major, static_cast<uint32_t>(LNX_ABI_MAJOR));
  LnxInitOptions options{};
  LnxHandle handle = nullptr;
  EXPECT_EQ(LnxInitialize("a.lnx", &options, &handle), LNX_E_STRUCT_SIZE);
  EXPECT_NE(LastFound().find("Init function"), std::string::npos);
}

TEST(Arguments, StructsOfANewerProgramPassWhenTheNewPartIsZero) {
  struct Newer {
    LnxInitOptions options;
    uint64_t future;
  } newer{};
  LnxInitOptionsInit(&newer.options);
  newer.options.struct_size = sizeof newer;
  LnxHandle handle = nullptr;
  EXPECT_EQ(LnxInitialize("/none.lnx", &newer.options, &handle), LNX_E_FILE_NOT_FOUND);
  newer.future = 1;
  EXPECT_EQ(LnxInitialize("/none.lnx", &newer.options, &handle), LNX_E_STRUCT_SIZE);
}

TEST(Arguments, DefaultsNeverReachBeyondAnOlderProgramsStruct) {
  LnxRunOptions options;
  std::memset(&options, 0x5A, sizeof options);
  const uint32_t older = offsetof(LnxRunOptions, class_thresholds);
  LnxRunOptionsInitSized(&options, older);
  EXPECT_EQ(options.struct_size, older);
  EXPECT_TRUE(std::isnan(options.threshold));
  const auto* bytes = reinterpret_cast<const uint8_t*>(&options);
  for (size_t i = older; i < sizeof options; ++i) EXPECT_EQ(bytes[i], 0x5A) << i;
}

TEST(Arguments, DefaultsOfANewerProgramsStructEndInZeros) {
  struct Newer {
    LnxImage image;
    uint64_t future;
  } newer;
  std::memset(static_cast<void*>(&newer), 0x5A, sizeof newer);
  LnxImageInitSized(&newer.image, sizeof newer, &newer, 3, 2, 0, LNX_PIXEL_BGR8);
  EXPECT_EQ(newer.image.struct_size, sizeof newer);
  EXPECT_EQ(newer.image.stride_bytes, 9);
  EXPECT_EQ(newer.future, 0u);
}

TEST(Handles, MadeUpOnesAreRecognised) {
  for (const uintptr_t number : {uintptr_t{1}, uintptr_t{8}, uintptr_t{0xDEADBEEF}, ~uintptr_t{0}}) {
    auto handle = reinterpret_cast<LnxHandle>(number);
    LnxResult result = nullptr;
    EXPECT_EQ(LnxWait(handle, 0, 0, &result), LNX_E_HANDLE);
    EXPECT_EQ(LnxUninitialize(&handle), LNX_E_HANDLE);
  }
}

TEST(Paths, TextThatIsNotUtf8IsRefused) {
  LnxHandle handle = nullptr;
  EXPECT_EQ(LnxInitialize("\xB8\xF0\xB5\xA8.lnx", nullptr, &handle), LNX_E_TEXT_ENCODING);
}

TEST(Errors, BelongToTheThreadThatMadeThem) {
  LnxGetVersion(nullptr);
  std::thread([] {
    LnxHandle handle = nullptr;
    LnxInitialize("/none.lnx", nullptr, &handle);
    EXPECT_NE(LastFound().find("LNX-201"), std::string::npos);
  }).join();
  EXPECT_NE(LastFound().find("LNX-101"), std::string::npos);
}

// ---- with a model

class Model : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* model = std::getenv("LNX_TEST_MODEL");
    const char* key = std::getenv("LNX_TEST_KEY");
    if (model == nullptr || key == nullptr) GTEST_SKIP() << "LNX_TEST_MODEL and LNX_TEST_KEY are not set";
    path_ = model;
    key_ = key;
    pixels_.resize(256 * 256 * 3);
    for (size_t i = 0; i < pixels_.size(); ++i) pixels_[i] = static_cast<uint8_t>(i * 2654435761u >> 24);
  }
  lnx::Options Options() const { return lnx::Options().Device("cpu").CpuThreads(1).TrustKey(key_); }
  lnx::Image Image() const { return lnx::Image(pixels_.data(), 256, 256, LNX_PIXEL_BGR8); }

  std::string path_, key_;
  std::vector<uint8_t> pixels_;
};

TEST_F(Model, AClosedHandleIsRecognised) {
  lnx::Options options = Options();
  LnxHandle handle = nullptr;
  ASSERT_EQ(LnxInitialize(path_.c_str(), options.Get(), &handle), LNX_OK) << LastFound();
  LnxHandle copy = handle;
  ASSERT_EQ(LnxUninitialize(&handle), LNX_OK);
  EXPECT_EQ(handle, nullptr);
  EXPECT_EQ(LnxUninitialize(&copy), LNX_E_HANDLE);
}

TEST_F(Model, EveryStructIsAskedForItsSize) {
  lnx::Options options = Options();
  LnxHandle handle = nullptr;
  ASSERT_EQ(LnxInitialize(path_.c_str(), options.Get(), &handle), LNX_OK) << LastFound();
  const LnxImage good = Image();
  LnxResult result = nullptr;
  LnxTicket ticket = 0;
  for (const uint32_t wrong : {0u, 3u, static_cast<uint32_t>(sizeof(LnxImage)) - 1, 70000u, ~0u}) {
    LnxImage image = good;
    image.struct_size = wrong;
    EXPECT_EQ(LnxRun(handle, &image, 1, nullptr, &result), LNX_E_STRUCT_SIZE) << wrong;
    EXPECT_EQ(LnxSubmit(handle, &image, 1, nullptr, &ticket), LNX_E_STRUCT_SIZE) << wrong;
  }
  for (const uint32_t wrong : {0u, 7u, 70000u, ~0u}) {
    LnxRunOptions run{};
    run.struct_size = wrong;
    EXPECT_EQ(LnxRun(handle, &good, 1, &run, &result), LNX_E_STRUCT_SIZE) << wrong;
    LnxValue value{};
    value.struct_size = wrong;
    EXPECT_EQ(LnxSetParam(handle, "threshold", &value), LNX_E_STRUCT_SIZE) << wrong;
    EXPECT_EQ(LnxGetParam(handle, "threshold", &value), LNX_E_STRUCT_SIZE) << wrong;
    LnxLicenseInfo license{};
    license.struct_size = wrong;
    EXPECT_EQ(LnxLicenseState(handle, &license), LNX_E_STRUCT_SIZE) << wrong;
    LnxSelfTestReport report{};
    report.struct_size = wrong;
    EXPECT_EQ(LnxSelfTest(handle, &report), LNX_E_STRUCT_SIZE) << wrong;
  }
  EXPECT_EQ(result, nullptr) << "untouched on error";
  EXPECT_EQ(ticket, 0u);
  ASSERT_EQ(LnxRun(handle, &good, 1, nullptr, &result), LNX_OK);
  LnxSummary summary{};
  EXPECT_EQ(LnxResultSummary(result, 0, &summary), LNX_E_STRUCT_SIZE);
  summary.struct_size = sizeof summary;
  EXPECT_EQ(LnxResultSummary(result, 1, &summary), LNX_E_INDEX);
  LnxDrawStyle style{};
  std::vector<uint8_t> pixels(256 * 256 * 3);
  LnxImage canvas;
  LnxImageInit(&canvas, pixels.data(), 256, 256, 0, LNX_PIXEL_BGR8);
  EXPECT_EQ(LnxResultDraw(result, 0, nullptr, &style, &canvas), LNX_E_STRUCT_SIZE);
  canvas.struct_size = 1;
  EXPECT_EQ(LnxResultDraw(result, 0, nullptr, nullptr, &canvas), LNX_E_STRUCT_SIZE);
  LnxResultRelease(result);
  EXPECT_EQ(LnxUninitialize(&handle), LNX_OK);
}

TEST_F(Model, ResultsComeInTheOrderOfSubmission) {
  lnx::Session session(path_, Options().RunSlots(3).QueueDepth(8));
  for (int round = 0; round < 5; ++round) {
    for (uint64_t tag = 0; tag < 8; ++tag) session.Submit(Image().Tag(tag));
    EXPECT_THROW(session.Submit(Image()), lnx::Error) << "the queue is full";
    for (uint64_t tag = 0; tag < 8; ++tag) EXPECT_EQ(session.Wait().Summary().user_tag, tag);
  }
  EXPECT_THROW(session.Wait(), lnx::Error) << "nothing is waiting";
}

TEST_F(Model, AResultOutlivesItsSession) {
  lnx::Result result;
  {
    lnx::Session session(path_, Options());
    result = session.Run(Image());
  }
  EXPECT_GT(result.Json().size(), 100u);
}

TEST_F(Model, ManyThreadsRunParametersChangeAndEveryVerdictIsTheSame) {
  lnx::Session session(path_, Options().RunSlots(2));
  const LnxVerdict expected = session.Run(Image()).Summary().verdict;
  std::atomic<bool> stop{false};
  std::thread tuner([&] {
    while (!stop) session.SetParam("top_k", 3), std::this_thread::yield();
  });
  std::vector<std::thread> threads;
  std::atomic<int> runs{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(session.Run(Image()).Summary().verdict, expected);
        ++runs;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  stop = true;
  tuner.join();
  EXPECT_EQ(runs, 40);
}

TEST_F(Model, UninitializeDropsWhatIsQueuedAndWaitsForTheRest) {
  for (int i = 0; i < 3; ++i) {
    lnx::Session session(path_, Options().QueueDepth(8));
    for (int k = 0; k < 8; ++k) session.Submit(Image());
  }
}

TEST_F(Model, APaddedUpsideDownPartEqualsItsCopy) {
  lnx::Session session(path_, Options().Want(LNX_WANT_SCORE_MAP));
  std::vector<uint8_t> flipped(pixels_.size());
  for (size_t y = 0; y < 256; ++y) std::memcpy(&flipped[y * 768], &pixels_[(255 - y) * 768], 768);
  const lnx::Result a = session.Run(Image());
  const lnx::Result b = session.Run(lnx::Image(flipped.data() + 255 * 768, 256, 256, LNX_PIXEL_BGR8, -768));
  const LnxPlane pa = a.Plane(LNX_PLANE_SCORE_MAP), pb = b.Plane(LNX_PLANE_SCORE_MAP);
  EXPECT_EQ(std::memcmp(pa.data, pb.data, 256 * 256 * 4), 0);
}

}  // namespace
