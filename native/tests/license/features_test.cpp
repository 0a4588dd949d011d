// What the features of a licence allow, and that the seats of a machine are counted over all who use it.
#include "license/features.h"

#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/status.h"
#include "container/trust.h"
#include "license/license.h"

namespace {

using namespace lnx::license;
using nlohmann::json;

// A licence of its own for each test, since its seats are those of the whole machine.
License With(const json& features) {
  License license;
  const lnx::crypto::P256KeyPair unique = lnx::crypto::GenerateP256();
  license.license_id = lnx::container::KeyId({unique.point.data(), unique.point.size()});
  license.where = "test.lic";
  license.features = ReadFeatures(json::parse(features.dump()), {LNX_E_LICENSE_FORMAT, "test.lic"});
  return license;
}

template <typename Act>
std::string Refused(Act&& act) {
  try {
    act();
  } catch (const lnx::Error& error) {
    EXPECT_EQ(error.status(), LNX_E_LICENSE_FEATURE);
    return error.what();
  }
  return "";
}

TEST(Features, WhatIsNotNamedIsNotLimited) {
  const License license = With(json::object());
  EXPECT_NO_THROW(RequireTool(license, "ocr"));
  EXPECT_EQ(WhyNoGpu(license), "");
  EXPECT_EQ(Seats::Take(license, "weld", 16).size(), 0u);
  EXPECT_EQ(license.features.json, "{}");
}

TEST(Features, OnlyTheListedToolsOpen) {
  const License license = With({{"tools", {"detection", "ocr"}}});
  EXPECT_NO_THROW(RequireTool(license, "ocr"));
  const std::string text = Refused([&] { RequireTool(license, "anomaly"); });
  EXPECT_NE(text.find("anomaly"), std::string::npos) << text;
  EXPECT_NE(text.find("one of detection, ocr"), std::string::npos) << text;
  EXPECT_NE(Refused([] { RequireTool(With({{"tools", json::array()}}), "ocr"); }), "");
}

TEST(Features, TheGpuCanBeLeftOut) {
  EXPECT_EQ(WhyNoGpu(With({{"gpu", true}})), "");
  EXPECT_NE(WhyNoGpu(With({{"gpu", false}})).find("no GPU"), std::string::npos);
}

TEST(Features, CamerasAreTheRunSlotsOfOneModelAtTheSameTime) {
  const License license = With({{"cameras", 3}});
  Seats two = Seats::Take(license, "weld", 2);
  EXPECT_EQ(two.size(), 2u);
  const std::string text = Refused([&] { Seats::Take(license, "weld", 2); });
  EXPECT_NE(text.find("2 of 3 being in use"), std::string::npos) << text;
  EXPECT_EQ(Seats::Take(license, "weld", 1).size(), 1u) << "what was refused has taken nothing";
  EXPECT_EQ(Seats::Take(license, "scratch", 3).size(), 3u) << "another model counts by itself";
  EXPECT_EQ(Seats::Take(With({{"cameras", 3}}), "weld", 3).size(), 3u) << "another licence too";
  EXPECT_NE(Refused([&] { Seats::Take(license, "weld", 4); }), "") << "never more than there are";
  two = Seats();
  EXPECT_EQ(Seats::Take(license, "weld", 3).size(), 3u) << "ended sessions give theirs back";
}

TEST(Features, WhoeverWantsTheLastSeatsAtTheSameTimeEitherGetsAllOrNone) {
  const License license = With({{"cameras", 2}});
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> got{0}, done{0};
    const auto take = [&] {
      Seats mine;
      try {
        mine = Seats::Take(license, "weld", 2);
        ++got;
      } catch (const lnx::Error&) {
      }
      ++done;
      while (done < 2) std::this_thread::yield();  // nobody gives back before both have asked
    };
    std::thread other(take);
    take();
    other.join();
    EXPECT_EQ(got, 1) << round;
  }
}

TEST(Features, TheProgramReadsAllOfThem) {
  const json features = {{"cameras", 2}, {"measure", true}, {"zones", {"a", "b"}}};
  EXPECT_EQ(json::parse(With(features).features.json), features);
}

}  // namespace
