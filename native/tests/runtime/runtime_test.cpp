// What can be wrong with an ONNX Runtime, from the file's first bytes to what the library answers. The real one loads at the end,
// since a process loads one for its life.
#include "runtime/runtime.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/platform.h"
#include "base/status.h"
#include "runtime/library_file.h"
#include "runtime/loader.h"

namespace {

using namespace lnx;
namespace fs = std::filesystem;

#if defined(_WIN32)
constexpr char kLibrary[] = "onnxruntime.dll";
#else
constexpr char kLibrary[] = "libonnxruntime.so";
#endif

fs::path Place(const std::string& name) {
  const fs::path folder = fs::u8path(::testing::TempDir()) / fs::u8path("lnx 런타임") / name;
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

fs::path WriteLibrary(const std::string& name, const std::string& content) {
  const fs::path folder = Place(name);
  std::ofstream(folder / kLibrary, std::ios::binary) << content;
  return folder;
}

std::string Elf(uint16_t machine, uint8_t bits = 2, size_t size = 400) {
  std::string file(
      "\x7f"
      "ELF",
      4);
  file += static_cast<char>(bits);
  file += "\x01\x01";
  file.resize(16);
  file += std::string("\x03\x00", 2);
  file += static_cast<char>(machine & 255);
  file += static_cast<char>(machine >> 8);
  file.resize(size);
  return file;
}

std::string Pe(uint16_t machine) {
  std::string file("MZ");
  file.resize(256);
  file[0x3C] = 0x40;
  file.replace(0x40, 4, std::string("PE\0\0", 4));
  file[0x44] = static_cast<char>(machine & 255);
  file[0x45] = static_cast<char>(machine >> 8);
  return file;
}

struct Answer {
  LnxStatus status = LNX_OK;
  Finding finding;
};

Answer Load(const fs::path& folder) {
  try {
    runtime::Runtime::Get(folder.u8string());
    return {};
  } catch (const Error& error) {
    return {error.status(), error.finding()};
  }
}

TEST(LibraryFile, TellsTheMachineOfAFileThatIsNeverLoaded) {
  const auto look = [](const std::string& name, const std::string& content) {
    return runtime::InspectLibrary((WriteLibrary(name, content) / kLibrary).u8string());
  };
  EXPECT_NE(look("elf-arm", Elf(183)).machine.find("aarch64"), std::string::npos);
  EXPECT_FALSE(look("elf-arm2", Elf(183)).fits);
  EXPECT_FALSE(look("elf-32", Elf(3, 1)).fits);
  EXPECT_FALSE(look("pe-arm", Pe(0xAA64)).fits);
  EXPECT_NE(look("pe-x64", Pe(0x8664)).machine.find("x86-64"), std::string::npos);
  EXPECT_FALSE(look("text", "hello").is_library);
  EXPECT_FALSE(look("empty", "").is_library);
  EXPECT_FALSE(runtime::InspectLibrary("/none/at/all").readable);
#if defined(__linux__) && defined(__x86_64__)
  EXPECT_TRUE(look("elf-x64", Elf(62)).fits);
#endif
}

TEST(LibraryFile, SurvivesHeadersThatPointAnywhere) {
  std::string base = Elf(62);
  for (size_t at = 16; at < 80; ++at) {
    for (const char value : {'\x00', '\x7F', '\xFF'}) {
      std::string changed = base;
      for (size_t i = at; i < std::min(at + 8, changed.size()); ++i) changed[i] = value;
      runtime::InspectLibrary((WriteLibrary("wild", changed) / kLibrary).u8string());
    }
  }
  for (size_t n = 0; n < 80; ++n) runtime::InspectLibrary((WriteLibrary("cut", base.substr(0, n)) / kLibrary).u8string());
  base = Pe(0x8664);
  for (size_t at = 0x3C; at < 0x60; ++at) {
    std::string changed = base;
    changed[at] = '\xFF';
    runtime::InspectLibrary((WriteLibrary("wild-pe", changed) / kLibrary).u8string());
  }
}

TEST(Missing, NamesThePlaceThatWasLookedAt) {
  const fs::path folder = Place("빈 폴더");
  const Answer answer = Load(folder);
  EXPECT_EQ(answer.status, LNX_E_RUNTIME_NOT_FOUND);
  EXPECT_NE(answer.finding.found.find(folder.u8string()), std::string::npos) << answer.finding.found;
  EXPECT_NE(answer.finding.expected.find("1.21"), std::string::npos);
  EXPECT_FALSE(answer.finding.fix.empty());
  EXPECT_EQ(Load(Place("x") / "not there").status, LNX_E_RUNTIME_NOT_FOUND);
}

TEST(WrongArchitecture, IsToldWithoutLoadingTheFile) {
#if defined(__linux__)
  const Answer answer = Load(WriteLibrary("arm", Elf(183)));
  EXPECT_EQ(answer.status, LNX_E_RUNTIME_ARCH);
  EXPECT_NE(answer.finding.found.find("aarch64"), std::string::npos);
  EXPECT_EQ(Load(WriteLibrary("32 bit", Elf(3, 1))).status, LNX_E_RUNTIME_ARCH);
#endif
}

TEST(Fakes, AreToldApart) {
  EXPECT_EQ(Load(WriteLibrary("fake", "hello")).status, LNX_E_RUNTIME_API) << "no library at all";
#if defined(__linux__) && defined(__x86_64__)
  const Answer cut = Load(WriteLibrary("cut", Elf(62)));
  EXPECT_EQ(cut.status, LNX_E_RUNTIME_LOAD) << "the loader refuses it: " << cut.finding.found;
#endif
}

TEST(Candidates, AreListedInOrderWithTheirSource) {
  const fs::path folder = Place("listed");
  const std::vector<runtime::Candidate> found = runtime::FindCandidates(folder.u8string());
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].source, "option runtime_dir");
}

TEST(Environment, IsDescribedAsJsonWhateverIsMissing) {
  const std::string text = runtime::DescribeEnvironmentJson(Place("none").u8string());
  EXPECT_EQ(text.front(), '{');
  EXPECT_NE(text.find("\"candidates\""), std::string::npos);
  EXPECT_NE(text.find("\"problem\""), std::string::npos);
}

TEST(Real, LoadsOnceAndRefusesAnotherOneAfterwards) {
  const char* folder = std::getenv("LNX_TEST_RUNTIME_DIRS");
  if (folder == nullptr) GTEST_SKIP() << "LNX_TEST_RUNTIME_DIRS is not set";
  runtime::Runtime& first = runtime::Runtime::Get(folder);
  EXPECT_EQ(&runtime::Runtime::Get(folder), &first);
  EXPECT_EQ(runtime::Runtime::Loaded()->version.substr(0, 2), "1.");
  EXPECT_EQ(Load(Place("other")).status, LNX_E_RUNTIME_NOT_FOUND);
  const fs::path copy = Place("copy");
  for (const auto& file : fs::directory_iterator(folder)) {
    const std::string name = file.path().filename().string();
    if (name.find("onnxruntime") != std::string::npos && name.find("providers") == std::string::npos && file.is_regular_file())
      fs::copy_file(file.path(), copy / name);
  }
  const Answer answer = Load(copy);
  EXPECT_EQ(answer.status, LNX_E_RUNTIME_CONFLICT);
  EXPECT_NE(answer.finding.found.find("already loaded"), std::string::npos);

  runtime::DeviceRequest request;
  request.device = "cpu";
  for (const std::string& onnx : {std::string(), std::string("no model"), std::string(1000, '\x08')}) {
    try {
      runtime::Model::Create(first, {reinterpret_cast<const uint8_t*>(onnx.data()), onnx.size()}, {}, "", request);
      ADD_FAILURE() << "a model out of " << onnx.size() << " bytes";
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), LNX_E_GRAPH_INVALID);
      EXPECT_FALSE(error.finding().found.empty());
    }
  }
}

}  // namespace
