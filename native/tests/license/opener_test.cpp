// Which of several licences opens a model, and which reason is told when none does.
#include "license/opener.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/platform.h"
#include "base/status.h"
#include "eventually.h"
#include "license/desk.h"
#include "license/tokens.h"
#include "threads_end.h"
#include "token/fake_tokens.h"

namespace {

using namespace lnx::license;
namespace fake = lnx::token::fake;
using desk::Desk;
using lnx::testing::Eventually;
using nlohmann::json;

class Openers : public ::testing::Test {
 protected:
  Desk desk;
  lnx::container::TrustStore trust = desk.Trust();
  lnx::container::PublicManifest model;
  std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / lnx::container::KeyId(desk::View(desk.root.point));
  std::shared_ptr<fake::World> world = std::make_shared<fake::World>();
  std::shared_ptr<fake::Token> ours = std::make_shared<fake::Token>(), theirs = std::make_shared<fake::Token>();
  Environment environment;

  void SetUp() override {
    std::filesystem::create_directories(folder);
    model.model_id = "weld";
    world->Empty("Reader");
    environment.transport = fake::Factory(world);
    environment.limits = {60000, 30, 10, 2};
    environment.timing = {60, 20, 20, 20};
    environment.memory_files.clear();
    environment.unix_seconds = [] { return 1795246200; };  // 2026-11-21
  }
  void TearDown() override {
    last.reset();
    lnx::platform::SetEnv("LNX_LICENSE_DIR", "");
    EXPECT_TRUE(Eventually([&] { return world.use_count() == 2; })) << "the next test has tokens of its own";
    std::filesystem::remove_all(folder);
  }

  void Install(const std::string& id, const fake::Token& token, const json& changes = json::object()) {
    json terms = desk.Terms(token.key.point, "piv-p256-9e", id);
    terms["grace"] = {{"boot_s", 1}};
    terms.update(changes);
    std::ofstream(folder / (id + ".lic"), std::ios::binary) << desk.File(terms);
  }
  // The licence that opens, or the status. Looks in the folder, or where licences are searched for: there and on the tokens.
  std::string Opened(int64_t wait_ms = 0, bool search = false) {
    OpenOptions options;
    if (search) {
      lnx::platform::SetEnv("LNX_LICENSE_DIR", folder.u8string().c_str());
    } else {
      options.license_file = folder.string();
    }
    options.wait_ms = wait_ms;
    Opener opener(options, trust, environment);
    lnx::crypto::Key256 key{};
    try {
      if (!opener.Family(model, "fam", &key)) opener.Refuse(model);
      EXPECT_EQ(key, desk.family);
      last = opener.guard();
      return last->license().license_id;
    } catch (const lnx::Error& error) {
      where = error.finding().where;
      return std::to_string(error.status());
    }
  }

  std::shared_ptr<Guard> last;  // keeps its state, as a session does
  std::string where;            // of the last refusal
};

const json kOver = {{"not_after", "2026-11-10T00:00:00Z"}, {"issue", 9}};

TEST_F(Openers, ALicenceThatIsOverIsNotInTheWayOfAnother) {
  Install("over", *theirs, kOver);
  Install("valid", *ours);
  world->Insert("Reader", ours);
  EXPECT_EQ(Opened(), "valid");
}

TEST_F(Openers, WhatALicenceForbidsIsToldWhereItsDongleIs) {
  Install("over", *theirs, kOver);
  Install("valid", *ours);
  world->Insert("Reader", theirs);
  EXPECT_EQ(Opened(), std::to_string(LNX_E_LICENSE_EXPIRED)) << "not that another dongle is missing";
  world->Empty("Reader");
  EXPECT_EQ(Opened(), std::to_string(LNX_E_NO_TOKEN));
}

TEST_F(Openers, OneThatAllowsNothingIsTheReasonWhenThereIsNoOther) {
  Install("over", *theirs, kOver);
  EXPECT_EQ(Opened(), std::to_string(LNX_E_LICENSE_EXPIRED));
  Install("over", *theirs, {{"models", {{{"model_id", "another"}}}}});
  EXPECT_EQ(Opened(), std::to_string(LNX_E_MODEL_NOT_LICENSED));
}

TEST_F(Openers, ADongleInItsGraceTimeIsNotInTheWayOfAnother) {
  Install("first", *ours, {{"issue", 9}, {"grace", {{"boot_s", 1}, {"unplug_s", 600}}}});
  world->Insert("Reader", ours);
  ASSERT_EQ(Opened(), "first");
  const std::shared_ptr<Guard> running = last;
  world->Empty("Reader");
  ASSERT_TRUE(Eventually([&] { return running->Now().phase == LNX_LICENSE_GRACE; }));
  EXPECT_EQ(Opened(), std::to_string(LNX_E_LICENSE_GRACE)) << "no further model is opened";
  Install("second", *theirs);
  world->Insert("Reader", theirs);
  EXPECT_EQ(Opened(), "second");
  EXPECT_EQ(running->Now().phase, LNX_LICENSE_GRACE);
}

TEST_F(Openers, WhoeverSaysHowLongToWaitMeansItAlsoPastTheBootTime) {
  Install("valid", *ours, {{"grace", {{"boot_s", 0}}}});
  EXPECT_EQ(Opened(), std::to_string(LNX_E_NO_TOKEN));
  std::thread late([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    world->Insert("Reader", ours);
  });
  EXPECT_EQ(Opened(60000), "valid");
  late.join();
}

TEST_F(Openers, ATokenThatCarriesTheLicenceIsWaitedForAsADongleIs) {
  const std::string file = desk.File(desk.Terms(ours->key.point, "piv-p256-9e", "carried"));
  ours->objects[lnx::token::kLicenseObject].assign(file.begin(), file.end());
  EXPECT_EQ(Opened(0, true), std::to_string(LNX_E_LICENSE_MISSING));
  EXPECT_NE(where.find("the tokens (no token in \"Reader\")"), std::string::npos) << where;
  std::thread late([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    world->Insert("Reader", ours);
  });
  EXPECT_EQ(Opened(60000, true), "carried");
  late.join();
  world->Insert("Reader", theirs);
  EXPECT_EQ(Opened(300, true), std::to_string(LNX_E_LICENSE_MISSING));
  EXPECT_EQ(where.substr(where.size() - 10), "the tokens") << "they were asked";
}

// Licences that are installed while a session runs.
class RunningSessions : public Openers {
 protected:
  std::shared_ptr<std::atomic<int64_t>> clock = std::make_shared<std::atomic<int64_t>>(1795246200);  // 2026-11-21

  void SetUp() override {
    Openers::SetUp();
    environment.unix_seconds = [clock = clock] { return clock->load(); };
    environment.renewal_ms = 20;
    world->Insert("Reader", ours);
  }
  bool Reaches(LnxLicensePhase phase) {
    return Eventually([&] { return last->Now().phase == phase; });
  }
};

TEST_F(RunningSessions, ARunningSessionGoesOnWhenItsLicenceIsRenewed) {
  Install("old", *ours, {{"not_after", "2026-11-30T00:00:00Z"}, {"grace", {{"expired_h", 1}}}});
  ASSERT_EQ(Opened(), "old");
  ASSERT_TRUE(Reaches(LNX_LICENSE_OK));
  EXPECT_NE(last->Now().warning, "") << "it ends in nine days";
  *clock += 30 * 86400;
  ASSERT_TRUE(Reaches(LNX_LICENSE_BLOCKED));
  Install("less", *ours, {{"issue", 9}, {"models", {{{"model_id", "another"}}}}});
  Install("later", *ours, {{"issue", 8}, {"not_before", "2027-06-01T00:00:00Z"}});
  Install("elsewhere", *theirs, {{"issue", 7}});
  Install("new", *ours, {{"issue", 2}, {"replaces", "old"}});
  std::filesystem::remove(folder / "less.lic");
  std::filesystem::remove(folder / "later.lic");
  EXPECT_TRUE(Reaches(LNX_LICENSE_OK)) << "without a restart";
  EXPECT_EQ(last->Current()->license_id, "new");
  EXPECT_EQ(last->license().license_id, "old") << "what opened counts for features until the next open";
  EXPECT_EQ(last->Now().warning, "");
}

TEST_F(RunningSessions, OneThatIsNotInOrderChangesNothing) {
  Install("old", *ours, {{"not_after", "2026-11-30T00:00:00Z"}});
  ASSERT_EQ(Opened(), "old");
  Install("less", *ours, {{"issue", 9}, {"models", {{{"model_id", "another"}}}}});
  Install("elsewhere", *theirs, {{"issue", 7}});
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // several looks
  EXPECT_EQ(last->Current()->license_id, "old");
  EXPECT_FALSE(last->Blocked());
}

TEST_F(RunningSessions, OfALostDongleTheNewLicenceForItsSpareIsTaken) {
  const json both = {{{"type", "piv-p256-9e"}, {"pub", desk::Base64(desk::View(ours->key.point))}},
                     {{"type", "piv-p256-9e"}, {"pub", desk::Base64(desk::View(theirs->key.point))}, {"role", "spare"}}};
  Install("first", *ours);
  ASSERT_EQ(Opened(), "first");
  world->Insert("Reader", theirs);
  ASSERT_TRUE(Reaches(LNX_LICENSE_GRACE));
  Install("second", *theirs, {{"dongles", both}, {"issue", 2}});
  EXPECT_TRUE(Reaches(LNX_LICENSE_OK));
  EXPECT_EQ(last->Current()->license_id, "second");
}

}  // namespace
