// The event log: whole lines in order, rotation, a full disk, a full queue, many threads. The log is one per process, so every
// test looks for the lines that carry its own name.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>
#if defined(__linux__)
#include <sys/resource.h>

#include <csignal>
#endif

#include "base/platform.h"
#include "event/event_log.h"

namespace {

using lnx::event::Log;
using nlohmann::json;
namespace platform = lnx::platform;

// Set before the log is first asked for.
const std::filesystem::path& Folder() {
  static const std::filesystem::path folder = [] {
    const auto made = std::filesystem::u8path(::testing::TempDir()) /
                      std::filesystem::u8path("lnx 이벤트 " + std::to_string(platform::ProcessId()));
    std::filesystem::remove_all(made);
    platform::SetEnv("LNX_EVENT_DIR", made.u8string().c_str());
    return made;
  }();
  return folder;
}

class Events : public ::testing::Test {
 protected:
  void SetUp() override {
    Folder();
    name_ = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  void Write(int i, size_t padding = 0) const {
    Log::Get().Write(
        "test", "{\"i\":" + std::to_string(i) + ",\"pad\":\"" + std::string(padding, 'x') + "\",\"test\":\"" + name_ + "\"}");
  }
  static std::vector<std::filesystem::path> Files() {
    std::vector<std::filesystem::path> files;
    if (!std::filesystem::exists(Folder())) return files;
    for (const auto& file : std::filesystem::directory_iterator(Folder())) files.push_back(file.path());
    std::sort(files.begin(), files.end());
    return files;
  }
  // Every line of every file, parsed; a torn line fails the test.
  static std::vector<json> Lines() {
    Log::Get().Flush(20000);
    std::vector<json> lines;
    for (const auto& path : Files()) {
      std::ifstream file(path, std::ios::binary);
      for (std::string line; std::getline(file, line);) {
        const size_t pad = line.find("\"pad\":\"");  // megabytes of it would take their time to parse
        if (pad != std::string::npos) line.erase(pad + 7, line.find('"', pad + 7) - pad - 7);
        const json parsed = json::parse(line, nullptr, false);
        EXPECT_TRUE(parsed.is_object()) << path << ": " << line.substr(0, 80);
        if (parsed.is_object()) lines.push_back(parsed);
      }
    }
    std::sort(lines.begin(), lines.end(), [](const json& a, const json& b) { return a["seq"] < b["seq"]; });
    return lines;
  }
  std::vector<json> Own() const {
    std::vector<json> own;
    for (const json& line : Lines()) {
      if (line["attributes"].value("test", "") == name_) own.push_back(line);
    }
    return own;
  }
  static uint64_t Lost() {
    uint64_t lost = 0;
    for (const json& line : Lines()) {
      if (line["event"] == "lnx.loss") lost += line["attributes"]["count"].get<uint64_t>();
    }
    return lost;
  }

  std::string name_;
};

TEST_F(Events, AreWholeLinesWithSequenceTimeNameAndAttributes) {
  for (int i = 0; i < 3; ++i) Write(i);
  const std::vector<json> own = Own();
  ASSERT_EQ(own.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(own[i]["event"], "test");
    EXPECT_EQ(own[i]["attributes"]["i"], i);
    EXPECT_EQ(own[i]["seq"].get<int>() - own[0]["seq"].get<int>(), static_cast<int>(i));
    EXPECT_GT(own[i]["time_unix_nano"].get<int64_t>(), 1'700'000'000'000'000'000);
  }
}

TEST_F(Events, FromManyThreadsAreAllThereOnceAndNumberedWithoutGaps) {
  constexpr int kThreads = 4, kEach = 200;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < kEach; ++i) Write(t * kEach + i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::vector<json> all = Lines();
  for (size_t i = 1; i < all.size(); ++i) EXPECT_EQ(all[i]["seq"].get<uint64_t>(), all[i - 1]["seq"].get<uint64_t>() + 1);
  std::vector<int> seen;
  for (const json& line : Own()) seen.push_back(line["attributes"]["i"].get<int>());
  std::sort(seen.begin(), seen.end());
  ASSERT_EQ(seen.size(), static_cast<size_t>(kThreads * kEach));
  for (int i = 0; i < kThreads * kEach; ++i) EXPECT_EQ(seen[static_cast<size_t>(i)], i);
}

TEST_F(Events, GoToANewFileBeforeOneGrowsAbove16MiB) {
  const size_t before = Files().size();
  for (int i = 0; i < 5; ++i) Write(i, 5u << 20);
  EXPECT_EQ(Own().size(), 5u);
  const std::vector<std::filesystem::path> files = Files();
  EXPECT_GE(files.size(), std::max<size_t>(2, before + 1));
  for (const auto& file : files) EXPECT_LE(std::filesystem::file_size(file), 16u << 20) << file;
}

TEST_F(Events, ThatDoNotFitTheQueueAreCountedAndTheCountIsTheNextEvent) {
  // More at once than the writer can take away: large lines, so that it is slow, and a queue of 4096.
  const uint64_t lost_before = Lost();
  int written = 0;
  for (; written < 9000; ++written) Write(written, written < 20 ? 1u << 20 : 0);
  Log::Get().Flush(60000);
  Write(written++);
  const std::vector<json> own = Own();
  const uint64_t lost = Lost() - lost_before;
  EXPECT_EQ(own.size() + lost, static_cast<size_t>(written)) << "every event is there, or counted";
  EXPECT_EQ(own.back()["attributes"]["i"], written - 1);
}

#if defined(__linux__)
// The disk takes part of a line and then nothing more: a limit on the size of files does what a full disk does.
TEST_F(Events, SurviveAFullDiskWithTheCountOfWhatWasLostAndNoTornLine) {
  std::signal(SIGXFSZ, SIG_IGN);
  const uint64_t lost_before = Lost();
  Write(0);
  // A new file, so that the limit is near its end whatever the others hold.
  for (int i = 0; i < 4; ++i) Log::Get().Write("fill", "{\"pad\":\"" + std::string(5u << 20, 'x') + "\"}");
  Log::Get().Flush(20000);
  const std::vector<std::filesystem::path> files = Files();
  const auto newest = std::max_element(files.begin(), files.end(), [](const auto& a, const auto& b) {
    return std::filesystem::last_write_time(a) < std::filesystem::last_write_time(b);
  });
  const uint64_t now = std::filesystem::file_size(*newest);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit full{now + 30, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  for (int i = 1; i <= 10; ++i) {
    Write(i);
    Log::Get().Flush(5000);
  }
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  Write(11);
  Write(12);
  const std::vector<json> own = Own();  // fails on a torn line
  const uint64_t lost = Lost() - lost_before;
  EXPECT_EQ(own.size() + lost, 13u);
  EXPECT_GE(lost, 9u);
  EXPECT_EQ(own.front()["attributes"]["i"], 0);
  EXPECT_EQ(own.back()["attributes"]["i"], 12);
}
#endif

TEST_F(Events, OfAProgramWithAForbiddenOrVeryLongKoreanNameHaveAFile) {
  std::string name = "검사/\\:*?\"<>|\n1호기";
  for (int i = 0; i < 40; ++i) name += "가";
  Log::Get().SetProgram(name);
  for (int i = 0; i < 4; ++i) Write(i, 5u << 20);  // long enough for the next file
  EXPECT_EQ(Own().size(), 4u);
  bool named = false;
  for (const auto& file : Files()) {
    const std::string text = file.filename().u8string();
    EXPECT_TRUE(platform::IsUtf8(text.data(), text.size()));
    named = named || text.rfind("검사_________", 0) == 0;
  }
  EXPECT_TRUE(named);
}

TEST_F(Events, OfASourceAreAskedForAboutOnceASecondUntilItIsForgotten) {
  struct Counter final : lnx::event::Source {
    std::atomic<int> asked{0};
    bool Take(std::string* attributes) override {
      *attributes = json({{"test", "source"}, {"asked", ++asked}}).dump();
      return asked % 2 == 1;
    }
  } counter;
  Write(0);  // the thread begins with the first event
  Log::Get().Watch("test.source", &counter);
  for (int i = 0; i < 600 && counter.asked < 3; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  Log::Get().Forget(&counter);
  const int asked = counter.asked;
  EXPECT_GE(asked, 3);
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  EXPECT_EQ(counter.asked, asked);
  int told = 0;
  for (const json& line : Lines()) told += line["event"] == "test.source" ? 1 : 0;
  EXPECT_EQ(told, (asked + 1) / 2);
}

TEST_F(Events, OfRunsAreSummedUpPerPeriodAndAtTheEnd) {
  Write(0);
  {
    lnx::event::RunSummary summary("\"부품\"", "session-1", 1'000'000);
    for (uint32_t i = 0; i < 100; ++i) summary.Add(static_cast<int32_t>(i % 4), 0.5f, 1000 + i, 100, 10, 5);
    std::this_thread::sleep_for(std::chrono::milliseconds(2300));
    summary.Add(2, 2.0f, 90'000'000, 100, 10, 5);
  }
  std::vector<json> summaries;
  for (const json& line : Lines()) {
    if (line["event"] == "lnx.run.summary") summaries.push_back(line["attributes"]);
  }
  ASSERT_EQ(summaries.size(), 2u);
  const json& first = summaries[0];
  EXPECT_EQ(first["model"], "부품");
  EXPECT_EQ(first["runs"], 100);
  for (const char* verdict : {"ok", "ng", "review", "undefined"}) EXPECT_EQ(first[verdict], 25) << verdict;
  EXPECT_GE(first["latency_p50_us"].get<int>(), 1000);
  EXPECT_LE(first["latency_max_us"].get<int>(), 1099);
  EXPECT_EQ(first["score_histogram"][10], 100);
  EXPECT_EQ(summaries[1]["runs"], 1);
  EXPECT_EQ(summaries[1]["score_histogram"][19], 1) << "a score above 1 counts in the last bin";
}

}  // namespace
