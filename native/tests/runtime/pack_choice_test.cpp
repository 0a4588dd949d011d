// Which pack suits which driver and GPU: the boundaries of common/runtime_packs.toml.
#include "runtime/pack_choice.h"

#include <gtest/gtest.h>

namespace {

using namespace lnx::runtime;

DriverFacts Windows(const std::string& version, int cuda) {
  DriverFacts driver;
  driver.present = true, driver.windows = true, driver.version = version, driver.cuda_version = cuda;
  return driver;
}

Gpu Card(const std::string& name, int major, int minor) {
  Gpu gpu;
  gpu.name = name, gpu.capability_major = major, gpu.capability_minor = minor;
  return gpu;
}

const Gpu kGtx1080 = Card("GTX 1080", 6, 1), kGtx1650 = Card("GTX 1650", 7, 5), kA100 = Card("A100", 8, 0),
          kRtx3060 = Card("RTX 3060", 8, 6), kRtx4060 = Card("RTX 4060", 8, 9), kRtx5060 = Card("RTX 5060", 12, 0);

struct Case {
  const char* driver;
  int cuda;
  Gpu gpu;
  const char* pack;
};

class Packs : public ::testing::TestWithParam<Case> {};

TEST_P(Packs, SuitTheDriverAndTheCard) {
  const Case& c = GetParam();
  EXPECT_EQ(ChoosePack(Windows(c.driver, c.cuda), {c.gpu}).pack, c.pack) << c.driver << " " << c.gpu.name;
}

INSTANTIATE_TEST_SUITE_P(Table, Packs,
                         ::testing::Values(Case{"527.40", 12000, kRtx3060, "cpu"}, Case{"527.41", 12000, kRtx3060, "cu12"},
                                           Case{"522.06", 11080, kRtx3060, "cpu"}, Case{"579.99", 12090, kRtx4060, "cu12"},
                                           Case{"580.00", 13000, kRtx4060, "cu13"}, Case{"580.88", 13000, kGtx1650, "cu13"},
                                           Case{"570.64", 12080, kRtx5060, "cpu"}, Case{"570.65", 12080, kRtx5060, "cu12"},
                                           Case{"570.124", 12080, kRtx5060, "cu12"}, Case{"560.94", 12060, kRtx5060, "cpu"},
                                           Case{"580.88", 13000, kRtx5060, "cu13"}, Case{"591.44", 13010, kGtx1080, "cpu"},
                                           Case{"576.02", 12090, kA100, "cpu"}, Case{"580.88", 13000, kA100, "cu13"},
                                           // Without NVML the CUDA version stands for the number.
                                           Case{"", 12000, kRtx3060, "cu12"}, Case{"", 11080, kRtx3060, "cpu"},
                                           Case{"", 12000, kRtx5060, "cpu"}, Case{"", 13000, kRtx5060, "cu13"}));

TEST(PackChoice, LinuxHasCodeForTheGpusOfServers) {
  DriverFacts driver = Windows("580.95.05", 13000);
  const Gpu h100 = Card("H100", 9, 0), a100 = Card("A100", 8, 0), b200 = Card("B200", 10, 0);
  EXPECT_EQ(ChoosePack(driver, {h100}).pack, "cu12") << "Windows: by portable code";
  driver.windows = false;
  EXPECT_EQ(ChoosePack(driver, {h100}).pack, "cu13");
  EXPECT_EQ(ChoosePack(driver, {b200}).pack, "cu12") << "cu13 has no portable code on Linux";
  driver.version = "550.54.14", driver.cuda_version = 12040;
  EXPECT_EQ(ChoosePack(driver, {a100}).pack, "cu12");
}

TEST(PackChoice, ThePackIsOneOfThoseThatAreOffered) {
  EXPECT_EQ(ChoosePack(Windows("580.88", 13000), {kRtx4060}, {"cpu", "cu12"}).pack, "cu12");
  EXPECT_EQ(ChoosePack(Windows("580.88", 13000), {kRtx4060}, {"cpu"}).pack, "cpu");
}

TEST(PackChoice, WithoutADriverOrAGpuItIsTheCpu) {
  EXPECT_EQ(ChoosePack({}, {}).pack, "cpu");
  EXPECT_EQ(ChoosePack(Windows("580.88", 13000), {}).pack, "cpu");
  EXPECT_EQ(PackServesPc("cu13", {}, {}).fit, PackFit::kNoDriver);
  EXPECT_EQ(PackServesPc("cu13", Windows("580.88", 13000), {}).fit, PackFit::kNotForThisGpu);
  EXPECT_EQ(PackServesPc("cpu", {}, {}).fit, PackFit::kServes);
  EXPECT_EQ(PackServesPc("cu99", Windows("580.88", 13000), {kRtx4060}).fit, PackFit::kNotForThisGpu);
}

TEST(PackChoice, TheVerdictNamesWhatWasFoundAndWhatIsNeeded) {
  const PackVerdict old = PackServesPc("cu12", Windows("522.06", 11080), {kRtx3060});
  EXPECT_EQ(old.fit, PackFit::kDriverTooOld);
  EXPECT_EQ(old.found, "driver 522.06 (CUDA 11.8)");
  EXPECT_EQ(old.needed, "NVIDIA driver 527.41 or later");
  EXPECT_EQ(PackServesPc("cu12", Windows("566.36", 12070), {kRtx5060}).needed, "NVIDIA driver 570.65 or later for RTX 5060");
  EXPECT_EQ(PackServesPc("cu13", Windows("580.88", 13000), {kGtx1080}).found, "GTX 1080, compute capability 6.1");
}

TEST(PackChoice, APackThatServesMoreCardsGoesFirst) {
  // RTX 3060 and GTX 1080: both packs serve one, so the better one; only cu13 serves an A100 beside it.
  EXPECT_EQ(ChoosePack(Windows("580.88", 13000), {kGtx1080, kRtx3060}).pack, "cu13");
  EXPECT_EQ(ChoosePack(Windows("580.88", 13000), {kA100, kRtx3060}, {"cu12", "cu13"}).pack, "cu13");
}

TEST(PackChoice, LinuxDriversHaveTheirOwnNumbers) {
  DriverFacts driver = Windows("525.60.13", 12000);
  driver.windows = false;
  EXPECT_EQ(ChoosePack(driver, {kRtx3060}).pack, "cu12");
  driver.version = "525.60.11";
  EXPECT_EQ(ChoosePack(driver, {kRtx3060}).pack, "cpu");
}

TEST(PackChoice, VersionsCompareNumberByNumber) {
  EXPECT_TRUE(VersionAtLeast("570.124", "570.65"));
  EXPECT_FALSE(VersionAtLeast("570.7", "570.65"));
  EXPECT_TRUE(VersionAtLeast("580", "580.0"));
  EXPECT_FALSE(VersionAtLeast("", "1"));
  EXPECT_FALSE(VersionAtLeast("nonsense", "527.41"));
}

}  // namespace
