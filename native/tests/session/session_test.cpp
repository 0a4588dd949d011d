// A session behind the C functions: what it refuses, in which order it answers, and that it goes on afterwards. Needs a model
// (LNX_TEST_MODEL, LNX_TEST_KEY); ONNX Runtime comes from LNX_RUNTIME_DIR.
#include "session/session.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "base/status.h"

namespace {

using namespace lnx;
using nlohmann::json;

class Session : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* model = std::getenv("LNX_TEST_MODEL");
    const char* key = std::getenv("LNX_TEST_KEY");
    if (model == nullptr || key == nullptr) GTEST_SKIP() << "LNX_TEST_MODEL and LNX_TEST_KEY are not set";
    model_ = model;
    keys_[0] = key;
    options_.struct_size = sizeof options_;
    options_.device = "cpu";
    options_.cpu_threads = 1;
    options_.trusted_keys = keys_;
    options_.trusted_key_count = 1;
    options_.run_slots = 1;
    options_.queue_depth = 4;
    options_.warm_up_runs = 1;
    options_.events = 1;  // none
    options_.threshold = options_.guard_band = options_.min_area_px = std::nan("");
    pixels_.resize(256 * 256 * 3);
    for (size_t i = 0; i < pixels_.size(); ++i) pixels_[i] = static_cast<uint8_t>(i * 2654435761u >> 24);
  }
  std::unique_ptr<session::Session> Open() { return session::Session::Initialize(model_, options_); }
  LnxImage Image() const {
    LnxImage image{};
    image.struct_size = sizeof image;
    image.data = pixels_.data();
    image.width = image.height = 256;
    image.stride_bytes = 768;
    image.pixel_format = LNX_PIXEL_BGR8;
    return image;
  }
  static LnxRunOptions RunOptions() {
    LnxRunOptions options{};
    options.struct_size = sizeof options;
    options.threshold = options.guard_band = options.min_area_px = std::nan("");
    return options;
  }

  std::string model_;
  const char* keys_[1] = {};
  LnxInitOptions options_{};
  std::vector<uint8_t> pixels_;
};

struct Answer {
  LnxStatus status = LNX_OK;
  Finding finding;
};

template <typename Call>
Answer Try(Call&& call) {
  try {
    call();
    return {};
  } catch (const Error& error) {
    return {error.status(), error.finding()};
  }
}

// Runs and gives the result back; the summary stays.
LnxSummary RunOnce(session::Session& session, const LnxImage& image, const LnxRunOptions* options = nullptr) {
  result::Storage* storage = session.Run(&image, 1, options);
  const LnxSummary summary = storage->images[0].summary;
  result::Pool::Give(storage);
  return summary;
}

TEST_F(Session, RefusesEachWrongImageWithItsStatusAndGoesOn) {
  const auto session = Open();
  struct Case {
    const char* what;
    void (*spoil)(LnxImage*);
    LnxStatus status;
  };
  const Case cases[] = {
      {"no width", [](LnxImage* i) { i->width = 0; }, LNX_E_IMAGE_SIZE},
      {"no height", [](LnxImage* i) { i->height = 0; }, LNX_E_IMAGE_SIZE},
      {"negative", [](LnxImage* i) { i->width = -256; }, LNX_E_IMAGE_SIZE},
      {"30001 wide", [](LnxImage* i) { i->width = 30001, i->height = 1; }, LNX_E_IMAGE_SIZE},
      {"30001 high", [](LnxImage* i) { i->width = 1, i->height = 30001; }, LNX_E_IMAGE_SIZE},
      {"largest int", [](LnxImage* i) { i->width = i->height = std::numeric_limits<int32_t>::max(); }, LNX_E_IMAGE_SIZE},
      {"no format", [](LnxImage* i) { i->pixel_format = LNX_PIXEL_UNKNOWN; }, LNX_E_IMAGE_FORMAT},
      {"a format that is not read", [](LnxImage* i) { i->pixel_format = LNX_PIXEL_LABEL8; }, LNX_E_IMAGE_FORMAT},
      {"a format that does not exist", [](LnxImage* i) { i->pixel_format = 9999; }, LNX_E_IMAGE_FORMAT},
      {"short rows", [](LnxImage* i) { i->stride_bytes = 767; }, LNX_E_IMAGE_STRIDE},
      {"no stride", [](LnxImage* i) { i->stride_bytes = 0; }, LNX_E_IMAGE_STRIDE},
      {"short negative rows", [](LnxImage* i) { i->stride_bytes = -767; }, LNX_E_IMAGE_STRIDE},
      {"largest int as stride", [](LnxImage* i) { i->stride_bytes = std::numeric_limits<int64_t>::max(); }, LNX_E_IMAGE_STRIDE},
      {"smallest int as stride", [](LnxImage* i) { i->stride_bytes = std::numeric_limits<int64_t>::min(); }, LNX_E_IMAGE_STRIDE},
      {"no pixels", [](LnxImage* i) { i->data = nullptr; }, LNX_E_NULL_POINTER},
      {"GPU memory", [](LnxImage* i) { i->memory = LNX_MEMORY_CUDA; }, LNX_E_IMAGE_MEMORY},
      {"empty roi", [](LnxImage* i) { i->roi = {3, 3, 0, 5}; }, LNX_E_ROI},
      {"roi outside", [](LnxImage* i) { i->roi = {200, 0, 57, 10}; }, LNX_E_ROI},
      {"negative roi", [](LnxImage* i) { i->roi = {-1, 0, 10, 10}; }, LNX_E_ROI},
      {"roi that overflows", [](LnxImage* i) { i->roi = {10, 10, std::numeric_limits<int32_t>::max(), 10}; }, LNX_E_ROI},
  };
  for (const Case& c : cases) {
    LnxImage image = Image();
    c.spoil(&image);
    for (const bool queued : {false, true}) {
      const Answer answer = Try([&] {
        if (queued) {
          session->Submit(&image, 1, nullptr);
        } else {
          session->Run(&image, 1, nullptr);
        }
      });
      EXPECT_EQ(answer.status, c.status) << c.what;
      EXPECT_FALSE(answer.finding.found.empty()) << c.what;
      EXPECT_FALSE(answer.finding.expected.empty()) << c.what;
      EXPECT_FALSE(answer.finding.fix.empty()) << c.what;
    }
  }
  EXPECT_NE(RunOnce(*session, Image()).verdict, LNX_VERDICT_UNDEFINED);
}

TEST_F(Session, TakesAnImageOf30000PixelsEitherWay) {
  const auto session = Open();
  std::vector<uint8_t> line(30000 * 3, 90);
  LnxImage image = Image();
  image.data = line.data();
  for (const bool wide : {true, false}) {
    image.width = wide ? 30000 : 1;
    image.height = wide ? 1 : 30000;
    image.stride_bytes = wide ? 90000 : 3;
    EXPECT_EQ(Try([&] { RunOnce(*session, image); }).status, LNX_OK) << (wide ? "wide" : "high");
  }
}

TEST_F(Session, RefusesBatchesItWasNotMadeFor) {
  options_.max_batch = 2;
  const auto session = Open();
  const std::vector<LnxImage> images(3, Image());
  result::Storage* storage = session->Run(images.data(), 2, nullptr);
  EXPECT_EQ(storage->images.size(), 2u);
  EXPECT_EQ(storage->images[0].summary.score_raw, storage->images[1].summary.score_raw);
  EXPECT_EQ(storage->images[1].summary.sequence, storage->images[0].summary.sequence + 1);
  result::Pool::Give(storage);
  EXPECT_EQ(Try([&] { session->Run(images.data(), 3, nullptr); }).status, LNX_E_BATCH_SIZE);
  EXPECT_EQ(Try([&] { session->Submit(images.data(), 3, nullptr); }).status, LNX_E_BATCH_SIZE);
}

TEST_F(Session, OptionsOfARunAreForThatRunAlone) {
  const auto session = Open();
  const LnxSummary plain = RunOnce(*session, Image());
  LnxRunOptions options = RunOptions();
  options.threshold = 0.01;
  options.guard_band = 0.5;
  const LnxSummary changed = RunOnce(*session, Image(), &options);
  EXPECT_FLOAT_EQ(changed.guard_band, 0.5f);
  EXPECT_FLOAT_EQ(changed.threshold, 0.01f);
  const LnxSummary again = RunOnce(*session, Image());
  EXPECT_EQ(again.threshold, plain.threshold);
  EXPECT_EQ(again.guard_band, plain.guard_band);
  const std::vector<float> many(1000, 0.5f);
  options.class_thresholds = many.data();
  options.class_threshold_count = 1000;
  EXPECT_EQ(Try([&] { RunOnce(*session, Image(), &options); }).status, LNX_E_ARGUMENT);
}

TEST_F(Session, ParametersAreTypedListedAndLimited) {
  const auto session = Open();
  const auto set = [&](const char* key, LnxValueType type, double f, int64_t i) {
    LnxValue value{};
    value.struct_size = sizeof value;
    value.type = type;
    value.f = f;
    value.i = i;
    return Try([&] { session->SetParam(key, value); });
  };
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(set("threshold", LNX_VALUE_FLOAT, 0.25, 0).status, LNX_OK);
  EXPECT_EQ(set("threshold", LNX_VALUE_FLOAT, nan, 0).status, LNX_E_PARAM_RANGE);
  EXPECT_EQ(set("threshold", LNX_VALUE_FLOAT, infinity, 0).status, LNX_E_PARAM_RANGE);
  EXPECT_EQ(set("guard_band", LNX_VALUE_FLOAT, -0.1, 0).status, LNX_E_PARAM_RANGE);
  EXPECT_EQ(set("max_objects", LNX_VALUE_FLOAT, 1.5, 0).status, LNX_E_PARAM_TYPE);
  EXPECT_EQ(set("max_objects", LNX_VALUE_INT, 0, 10001).status, LNX_E_PARAM_RANGE);
  EXPECT_EQ(set("threshold", static_cast<LnxValueType>(77), 0, 0).status, LNX_E_PARAM_TYPE);
  const Answer unknown = set("thresold", LNX_VALUE_FLOAT, 0.5, 0);
  EXPECT_EQ(unknown.status, LNX_E_PARAM_UNKNOWN);
  EXPECT_NE(unknown.finding.expected.find("threshold"), std::string::npos) << "says what there is";
  EXPECT_EQ(set("class_threshold/없는 이름", LNX_VALUE_FLOAT, 0.5, 0).status, LNX_E_PARAM_UNKNOWN);
  LnxValue value{};
  session->GetParam("threshold", &value);
  EXPECT_EQ(value.f, 0.25);
  const json told = json::parse(session->DescribeJson());
  EXPECT_EQ(told["parameters"][0]["key"], "threshold");
  EXPECT_EQ(told["parameters"][0]["value"], 0.25);
  EXPECT_GT(told["parameters"].size(), 8u) << "per class, too";
}

TEST_F(Session, AFullQueueSaysSoAndTakesTheNextOneWhenAResultIsCollected) {
  const auto session = Open();
  const LnxImage image = Image();
  std::vector<LnxTicket> tickets;
  for (int i = 0; i < 4; ++i) tickets.push_back(session->Submit(&image, 1, nullptr));
  const Answer full = Try([&] { session->Submit(&image, 1, nullptr); });
  EXPECT_EQ(full.status, LNX_E_QUEUE_FULL);
  EXPECT_NE(full.finding.found.find("4 runs"), std::string::npos);
  result::Pool::Give(session->Wait(tickets[0], UINT32_MAX));
  EXPECT_EQ(Try([&] { tickets.push_back(session->Submit(&image, 1, nullptr)); }).status, LNX_OK);
  for (size_t i = 1; i < tickets.size(); ++i) result::Pool::Give(session->Wait(tickets[i], UINT32_MAX));
  EXPECT_EQ(Try([&] { session->Wait(0, 0); }).status, LNX_E_TICKET);
}

TEST_F(Session, WaitingInVainTimesOutAndTheTicketStaysGood) {
  const auto session = Open();
  const LnxImage image = Image();
  std::vector<LnxTicket> tickets;
  for (int i = 0; i < 4; ++i) tickets.push_back(session->Submit(&image, 1, nullptr));
  const auto begin = std::chrono::steady_clock::now();
  const Answer late = Try([&] { result::Pool::Give(session->Wait(tickets[3], 0)); });
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  if (late.status != LNX_OK) {  // a very fast machine may have been done already
    EXPECT_EQ(late.status, LNX_E_TIMEOUT);
    EXPECT_NE(late.finding.where.find(std::to_string(tickets[3])), std::string::npos);
    result::Pool::Give(session->Wait(tickets[3], UINT32_MAX));
  }
  EXPECT_EQ(Try([&] { session->Wait(tickets[3], 0); }).status, LNX_E_TICKET) << "a result is collected once";
  for (int i = 0; i < 3; ++i) result::Pool::Give(session->Wait(0, UINT32_MAX));
  EXPECT_EQ(Try([&] { session->Wait(tickets[0], 0); }).status, LNX_E_TICKET);
  EXPECT_EQ(Try([&] { session->Wait(987654, 0); }).status, LNX_E_TICKET);
}

TEST_F(Session, AFailureWaitsWithItsTicketAndTheNextRunIsFine) {
  const auto session = Open();
  const LnxImage image = Image();
  LnxRunOptions options = RunOptions();
  const std::vector<float> many(1000, 0.5f);
  options.class_thresholds = many.data();
  options.class_threshold_count = 1000;
  for (int round = 0; round < 3; ++round) {
    const LnxTicket bad = session->Submit(&image, 1, &options), good = session->Submit(&image, 1, nullptr);
    EXPECT_EQ(Try([&] { session->Wait(bad, UINT32_MAX); }).status, LNX_E_ARGUMENT);
    result::Storage* storage = session->Wait(good, UINT32_MAX);
    EXPECT_EQ(storage->images.size(), 1u);
    result::Pool::Give(storage);
  }
}

TEST_F(Session, SubmittedOptionsAreCopiedBeforeSubmitReturns) {
  const auto session = Open();
  const LnxImage image = Image();
  LnxTicket ticket = 0;
  {
    const auto options = std::make_unique<LnxRunOptions>(RunOptions());
    const auto thresholds = std::make_unique<float[]>(1);
    thresholds[0] = 0.125f;
    options->threshold = 0.875;
    options->class_thresholds = thresholds.get();
    options->class_threshold_count = 1;
    ticket = session->Submit(&image, 1, options.get());
  }
  result::Storage* storage = session->Wait(ticket, UINT32_MAX);
  EXPECT_FLOAT_EQ(storage->images[0].summary.threshold, 0.875f);
  result::Pool::Give(storage);
}

TEST_F(Session, ThreadsRunSubmitAndChangeParametersAtOnce) {
  options_.run_slots = 2;
  options_.queue_depth = 16;
  const auto session = Open();
  const float expected = RunOnce(*session, Image()).score_raw;
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 8; ++i) EXPECT_EQ(RunOnce(*session, Image()).score_raw, expected);
    });
    threads.emplace_back([&] {
      for (int i = 0; i < 8; ++i) {
        const LnxImage image = Image();
        const LnxTicket ticket = session->Submit(&image, 1, nullptr);
        result::Storage* storage = session->Wait(ticket, UINT32_MAX);
        EXPECT_EQ(storage->images[0].summary.score_raw, expected);
        result::Pool::Give(storage);
      }
    });
  }
  std::thread tuner([&] {
    LnxValue value{};
    value.type = LNX_VALUE_INT;
    for (value.i = 1; !stop; value.i = value.i % 5 + 1) {
      session->SetParam("top_k", value);
      session->DescribeJson();
      std::this_thread::yield();
    }
  });
  for (std::thread& thread : threads) thread.join();
  stop = true;
  tuner.join();
}

TEST_F(Session, IdleRunsMeetRealOnesOfSeveralThreadsAndItsEnd) {
  options_.run_slots = 2;
  options_.gpu_keep_warm_ms = 1;
  options_.warm_up_width = 320;
  options_.warm_up_height = 200;
  const auto warm = Open(), other = Open();
  const LnxImage image = Image();
  std::vector<std::thread> threads;
  for (session::Session* one : {warm.get(), warm.get(), other.get()}) {
    threads.emplace_back([one, &image] {
      for (int run = 0; run < 6; ++run) {
        result::Pool::Give(one->Run(&image, 1, nullptr));
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  while (json::parse(warm->DescribeJson())["keep_warm"]["idle_runs"] < 2) std::this_thread::yield();
  const std::unique_ptr<result::Storage, decltype(&result::Pool::Give)> last(warm->Run(&image, 1, nullptr), result::Pool::Give);
  EXPECT_EQ(last->images[0].summary.sequence, 13u) << "neither idle runs nor those before are counted";
}  // the sessions end while idle runs go on

TEST_F(Session, EndsWithRunsQueuedAndResultsHeld) {
  result::Storage* held = nullptr;
  {
    const auto session = Open();
    const LnxImage image = Image();
    held = session->Run(&image, 1, nullptr);
    for (int i = 0; i < 4; ++i) session->Submit(&image, 1, nullptr);
  }
  EXPECT_EQ(held->images[0].summary.image_width, 256);
  result::Pool::Give(held);
}

TEST_F(Session, OpensNothingThatIsNotThereOrNotTrusted) {
  EXPECT_EQ(Try([&] { session::Session::Initialize("/none/부품.lnx", options_); }).status, LNX_E_FILE_NOT_FOUND);
  EXPECT_EQ(Try([&] { session::Session::Initialize("/", options_); }).status, LNX_E_FILE_READ);
  EXPECT_EQ(Try([&] { session::Session::Initialize(keys_[0], options_); }).status, LNX_E_NOT_LNX);
  options_.trusted_key_count = 0;
  EXPECT_EQ(Try([&] { Open(); }).status, LNX_E_UNTRUSTED_KEY);
  options_.trusted_key_count = 1;
  keys_[0] = "/none.pem";
  EXPECT_EQ(Try([&] { Open(); }).status, LNX_E_KEY_FILE);
}

}  // namespace
