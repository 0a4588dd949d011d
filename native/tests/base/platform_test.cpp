#include "base/platform.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/status.h"

namespace {

using lnx::Error;
namespace platform = lnx::platform;

std::string Folder() {
  const auto path = std::filesystem::temp_directory_path() / std::filesystem::u8path("lnx 시험 폴더");
  std::filesystem::create_directories(path);
  return path.u8string();
}

// A narrow std::string is not a path on Windows: there it would be read in the system's code page.
void Write(const std::string& utf8_path, const std::string& text) {
  std::ofstream(std::filesystem::u8path(utf8_path), std::ios::binary) << text;
}

LnxStatus OpenStatus(const std::string& path, uint64_t limit = 1000) {
  try {
    platform::FileView::Open(path, limit);
    return LNX_OK;
  } catch (const Error& error) {
    return error.status();
  }
}

TEST(Files, KoreanPathsAreReadWhole) {
  const std::string path = platform::JoinPath(Folder(), "모델.bin");
  Write(path, "abc");
  const auto file = platform::FileView::Open(path, 1000);
  ASSERT_EQ(file->bytes().size, 3u);
  EXPECT_EQ(file->bytes()[2], 'c');
}

TEST(Files, EachProblemHasItsStatus) {
  EXPECT_EQ(OpenStatus(platform::JoinPath(Folder(), "none")), LNX_E_FILE_NOT_FOUND);
  EXPECT_EQ(OpenStatus(Folder()), LNX_E_FILE_READ);
  const std::string path = platform::JoinPath(Folder(), "large");
  Write(path, std::string(2000, 'x'));
  EXPECT_EQ(OpenStatus(path), LNX_E_LIMIT);
}

TEST(Text, OnlyWellFormedUtf8Passes) {
  const auto good = [](const std::string& text) { return platform::IsUtf8(text.data(), text.size()); };
  EXPECT_TRUE(good("plain"));
  EXPECT_TRUE(good("한글 경로 😀"));
  EXPECT_FALSE(good("\xC7\xD1\xB1\xDB"));       // CP949
  EXPECT_FALSE(good("\xC0\x80"));               // overlong
  EXPECT_FALSE(good("\xED\xA0\x80"));           // surrogate
  EXPECT_FALSE(good("\xF4\x90\x80\x80"));       // above U+10FFFF
  EXPECT_FALSE(good(std::string("\xED\x95")));  // cut off
}

TEST(Secrets, AreZeroAfterDiscard) {
  auto* memory = static_cast<unsigned char*>(platform::SecretAllocate(8192));
  memory[0] = memory[8191] = 7;
  platform::SecretDiscard(memory, 8192);
  EXPECT_EQ(memory[0], 0);
  EXPECT_EQ(memory[8191], 0);
  platform::SecretFree(memory, 8192);
}

TEST(Errors, TellFoundExpectedWhereAndFix) {
  try {
    lnx::Fail(LNX_E_CHUNK_HASH, {"sha256 9f2c...", "41aa...", "chunk 3 of 12 of part.lnx"});
  } catch (const Error& error) {
    const std::string text = error.what();
    for (const char* part : {"LNX-204", "chunk 3 of 12", "9f2c", "41aa", "lnx verify-file", "docs/errors/LNX-204.md"}) {
      EXPECT_NE(text.find(part), std::string::npos) << part;
    }
  }
}

#if !defined(_WIN32)
TEST(PhysicalCores, HyperThreadsCountOnceAndSlowCoresNotAtAll) {
  const auto root = std::filesystem::u8path(Folder()) / "devices";
  std::filesystem::remove_all(root);
  const auto tell = [&](const std::string& file, const std::string& text) {
    std::filesystem::create_directories((root / file).parent_path());
    Write((root / file).u8string(), text);
  };
  const auto siblings = [](int cpu) { return "system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list"; };
  const auto cores = [&] { return platform::PhysicalCores(root.u8string()); };
  for (int cpu = 0; cpu < 64; ++cpu) tell(siblings(cpu), "0-63\n");
  EXPECT_EQ(cores(), 1u) << "all of one core, whichever this process may use";
  if (platform::PhysicalCores() < 2) GTEST_SKIP() << "one processor";
  for (int cpu = 0; cpu < 64; ++cpu) tell(siblings(cpu), std::to_string(cpu) + "\n");
  const uint32_t all = cores();
  EXPECT_GE(all, 2u);
  tell("cpu_core/cpus", "0-63\n");
  EXPECT_EQ(cores(), all) << "all fast";
  tell("cpu_core/cpus", "900,1000-1010\n");
  EXPECT_EQ(cores(), all) << "none of the fast ones may be used";
  std::string fast;  // one that this process may use, found by asking for each alone
  for (int cpu = 0; cpu < 64 && fast.empty(); ++cpu) {
    tell("cpu_core/cpus", std::to_string(cpu) + "\n");
    if (cores() == 1) fast = std::to_string(cpu);
  }
  EXPECT_FALSE(fast.empty());
  tell("cpu_core/cpus", "not a list\n");
  EXPECT_GE(cores(), 1u);
}
#endif

}  // namespace
