// Reading licences: what is accepted, and with which status everything else is refused.
#include <gtest/gtest.h>

#include <map>

#include "base/moment.h"
#include "base/status.h"
#include "license/desk.h"
#include "license/memory.h"
#include "license/policy.h"

namespace {

using namespace lnx::license;
using desk::Desk;
using desk::View;
using nlohmann::json;

int StatusOf(const std::string& file, const lnx::container::TrustStore& trust) {
  try {
    Verify(View(file), trust, "test.lic");
    return 0;
  } catch (const lnx::Error& error) {
    return error.status();
  }
}

class Licences : public ::testing::Test {
 protected:
  Desk desk;
  lnx::crypto::P256KeyPair dongle = lnx::crypto::GenerateP256();
  lnx::container::TrustStore trust = desk.Trust();
  json terms = desk.Terms(dongle.point);

  int With(const char* field, const json& value) {
    json changed = terms;
    changed[field] = value;
    return StatusOf(desk.File(changed), trust);
  }
};

TEST_F(Licences, AWholeLicenceIsReadAsItWasWritten) {
  terms["not_after"] = "2027-01-31T12:00:00Z";
  terms["maintenance_until"] = "2027-12-31";
  terms["grace"] = {{"unplug_s", 5}};
  terms["unknown"] = {{"to", "this version"}};
  const std::string file = desk.File(terms);
  const License license = Verify(View(file), trust, "test.lic");
  EXPECT_EQ(license.license_id, "lic-1");
  EXPECT_EQ(lnx::FormatMoment(license.not_after), "2027-01-31T12:00:00Z");
  EXPECT_EQ(lnx::FormatMoment(license.maintenance_until), "2027-12-31T23:59:59Z");
  EXPECT_EQ(license.grace.unplug_s, 5u);
  EXPECT_EQ(license.grace.boot_s, 120u);
  ASSERT_EQ(license.keys.size(), 1u);
  lnx::crypto::Key256 key;
  const auto info = WrapInfo(license);
  EXPECT_TRUE(lnx::crypto::HpkeOpenWith(dongle, {license.keys[0].enc.data(), 65}, {info.data(), info.size()},
                                        View(license.keys[0].kid), {license.keys[0].ciphertext.data(), 48}, key.data()));
  EXPECT_EQ(key, desk.family);
}

TEST_F(Licences, EverySingleBitFlipIsRefused) {
  json document = json::parse(desk.File(terms));
  document["key_list"] = desk.KeyList(2);
  std::string file = document.dump();
  ASSERT_EQ(StatusOf(file, trust), 0);
  std::map<int, int> statuses;
  for (size_t bit = 0; bit < file.size() * 8; ++bit) {
    file[bit / 8] = static_cast<char>(file[bit / 8] ^ (1 << (bit % 8)));
    const int status = StatusOf(file, trust);
    EXPECT_NE(status, 0) << "bit " << bit;
    ++statuses[status];
    file[bit / 8] = static_cast<char>(file[bit / 8] ^ (1 << (bit % 8)));
  }
  for (const auto& status : statuses) {
    EXPECT_TRUE(status.first == LNX_E_LICENSE_FORMAT || status.first == LNX_E_LICENSE_SIGNATURE ||
                status.first == LNX_E_LICENSE_UNTRUSTED || status.first == LNX_E_KEY_LIST)
        << status.first;
  }
}

TEST_F(Licences, EveryTruncationIsRefused) {
  const std::string file = desk.File(terms);
  for (size_t n = 0; n < file.size(); ++n) EXPECT_EQ(StatusOf(file.substr(0, n), trust), LNX_E_LICENSE_FORMAT) << n;
}

TEST_F(Licences, GarbageIsRefused) {
  EXPECT_EQ(StatusOf(std::string(1 << 20, 'x'), trust), LNX_E_LICENSE_FORMAT);
  EXPECT_EQ(StatusOf(std::string(200000, '['), trust), LNX_E_LICENSE_FORMAT);
  EXPECT_EQ(StatusOf("", trust), LNX_E_LICENSE_FORMAT);
  EXPECT_EQ(StatusOf("{\"payloadType\":1,\"payloadType\":1}", trust), LNX_E_LICENSE_FORMAT);
}

TEST_F(Licences, OnlyALicenseKeyOfAListSigns) {
  const std::string type = "application/vnd.lnx.license+json;v=1";
  EXPECT_EQ(StatusOf(Desk::Envelope(type, terms.dump(), desk.container_key).dump(), trust), LNX_E_LICENSE_UNTRUSTED);
  EXPECT_EQ(StatusOf(Desk::Envelope(type, terms.dump(), desk.root).dump(), trust), LNX_E_LICENSE_UNTRUSTED);
  EXPECT_EQ(StatusOf(desk.File(terms), desk.Trust(false)), LNX_E_LICENSE_UNTRUSTED) << "no list is installed";
  json carrying = json::parse(desk.File(terms));
  carrying["key_list"] = desk.KeyList();
  EXPECT_EQ(StatusOf(carrying.dump(), desk.Trust(false)), 0) << "the licence brings it";
  carrying["key_list"] = Desk().KeyList();
  EXPECT_EQ(StatusOf(carrying.dump(), trust), LNX_E_KEY_LIST) << "of another root";
}

TEST_F(Licences, FieldsOutsideTheirRangeAreNamed) {
  EXPECT_EQ(With("v", 2), LNX_E_LICENSE_VERSION);
  EXPECT_EQ(With("v", true), LNX_E_LICENSE_VERSION);
  EXPECT_EQ(With("license_id", ""), LNX_E_LICENSE_FORMAT);
  EXPECT_EQ(With("license_id", "a b"), LNX_E_LICENSE_FORMAT);
  EXPECT_EQ(With("issue", 0), LNX_E_LICENSE_FORMAT);
  EXPECT_EQ(With("issued_at", "yesterday"), LNX_E_LICENSE_FORMAT);
  EXPECT_EQ(With("not_after", "2026-02-30T00:00:00Z"), LNX_E_LICENSE_FORMAT);
  EXPECT_EQ(With("dongles", json::array()), LNX_E_LICENSE_FORMAT);
  EXPECT_EQ(With("host", {{"fp", "x"}}), LNX_E_LICENSE_FORMAT);
  EXPECT_EQ(With("grace", {{"unplug_s", 100000}}), LNX_E_LICENSE_FORMAT);
  EXPECT_EQ(With("features", {{"cameras", 1.5}}), LNX_E_LICENSE_FORMAT);
  EXPECT_EQ(With("runtime_sha256", {"abc"}), LNX_E_LICENSE_FORMAT);
  EXPECT_EQ(With("min_core", "99.0.0"), LNX_E_CORE_TOO_OLD);
  EXPECT_EQ(With("features", {{"cameras", 0}}), LNX_E_LICENSE_FORMAT);
  EXPECT_EQ(With("features", {{"cameras", "4"}}), LNX_E_LICENSE_FORMAT);
  EXPECT_EQ(With("features", {{"gpu", "yes"}}), LNX_E_LICENSE_FORMAT);
  EXPECT_EQ(With("features", {{"tools", "ocr"}}), LNX_E_LICENSE_FORMAT);
  EXPECT_EQ(With("features", {{"cameras", 4}, {"gpu", true}, {"tools", {"ocr"}}, {"measure", "3D"}}), 0);
}

TEST_F(Licences, AnEvaluationEndsWithin90Days) {
  terms = desk.Terms(dongle.point, "software-p256");
  EXPECT_EQ(StatusOf(desk.File(terms), trust), LNX_E_LICENSE_FORMAT);
  EXPECT_EQ(With("not_after", "2027-01-30T00:00:00Z"), 0);
  EXPECT_EQ(With("not_after", "2027-01-30T00:00:01Z"), LNX_E_LICENSE_FORMAT);
}

std::shared_ptr<const License> Named(const std::string& id, uint32_t issue, const std::string& dongle) {
  auto license = std::make_shared<License>();
  license->license_id = id;
  license->issue = issue;
  license->dongles.resize(1);
  license->dongles[0].keyid = dongle;
  return license;
}

TEST(Counting, TheHighestIssueOfEachDongleCountsUnlessReplacedOrRevoked) {
  auto revoking = std::make_shared<License>(*Named("d", 1, "D2"));
  revoking->revokes = {"c"};
  const auto standing = Counting({Named("a", 1, "D1"), Named("b", 2, "D1"), Named("c", 9, "D1"), revoking});
  ASSERT_EQ(standing.size(), 2u);
  EXPECT_EQ(standing[0]->license_id, "b");
  EXPECT_EQ(standing[1]->license_id, "d");
}

TEST(Moments, OneFormAndTheCalendar) {
  int64_t seconds = 0;
  EXPECT_TRUE(lnx::ParseMoment("1970-01-01T00:00:00Z", &seconds));
  EXPECT_EQ(seconds, 0);
  EXPECT_TRUE(lnx::ParseMoment("2026-11-21T07:30:00Z", &seconds));
  EXPECT_EQ(seconds, 1795246200);
  EXPECT_EQ(lnx::FormatMoment(1795246200), "2026-11-21T07:30:00Z");
  for (const char* bad : {"2026-11-21 07:30:00Z", "2026-11-21T07:30:00", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z",
                          "2026-11-21T24:00:00Z", "2026-11-21T07:30:00+00:00", ""}) {
    EXPECT_FALSE(lnx::ParseMoment(bad, &seconds)) << bad;
  }
  EXPECT_TRUE(lnx::ParseDay("2024-02-29", &seconds));
  for (int64_t day = -800000; day < 800000; day += 977) {
    if (day * 86400 < -62135596800) continue;  // before the year 1
    ASSERT_TRUE(lnx::ParseMoment(lnx::FormatMoment(day * 86400 + 3661), &seconds));
    ASSERT_EQ(seconds, day * 86400 + 3661);
  }
}

}  // namespace
