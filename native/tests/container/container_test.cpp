// What is refused behind a signature that holds: a trusted signer's mistake, or a signer who is not what he should be.
#include "container/container.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "base/platform.h"
#include "base/status.h"
#include "container/forge.h"

namespace {

using namespace lnx;
using forge::Buffer;
using forge::Plan;

const forge::Parts kParts = {{"manifest.json", "{}"}, {"model.onnx", std::string(9000, 'x')}, {"empty", ""}};

struct Outcome {
  LnxStatus status = LNX_OK;
  Finding finding;
};

Outcome Open(const Buffer& file, const container::KeyRing& keys = {}, const container::TrustStore& trust = forge::Trust()) {
  try {
    const auto opened = container::Container::Open(Bytes{file.data(), file.size()}, "part.lnx", trust, keys);
    for (const auto& entry : opened.entries()) opened.Read(entry.name);
    return {};
  } catch (const Error& error) {
    return {error.status(), error.finding()};
  }
}

Outcome Open(const Plan& plan) { return Open(forge::Build(plan)); }

// The status, and that the text helps: what was found, what was expected, and in which file.
void ExpectRefused(const Outcome& outcome, LnxStatus status, const std::string& found = "") {
  EXPECT_EQ(outcome.status, status) << outcome.finding.found;
  EXPECT_FALSE(outcome.finding.found.empty());
  EXPECT_FALSE(outcome.finding.expected.empty());
  EXPECT_NE(outcome.finding.where.find("part.lnx"), std::string::npos) << outcome.finding.where;
  EXPECT_NE(outcome.finding.found.find(found), std::string::npos) << outcome.finding.found;
}

void PutNumber(Buffer* bytes, size_t offset, uint64_t value, size_t n) {
  for (size_t i = 0; i < n; ++i) (*bytes)[offset + i] = static_cast<uint8_t>(value >> (8 * i));
}

TEST(Forge, WhatItMakesIsReadBack) {
  for (const uint8_t log2 : {12, 13, 16, 24}) {
    Plan plan = forge::PlanFor(kParts);
    plan.chunk_log2 = log2;
    const Buffer file = forge::Build(plan);
    const auto opened = container::Container::Open(Bytes{file.data(), file.size()}, "part.lnx", forge::Trust(), {});
    EXPECT_EQ(opened.ReadText("model.onnx"), std::string(9000, 'x'));
    EXPECT_EQ(opened.ReadText("empty"), "");
    EXPECT_EQ(opened.signer(), forge::KeyId());
    EXPECT_EQ(opened.manifest().model_id, "part");
    EXPECT_FALSE(opened.Has("other"));
  }
}

TEST(Truncation, IsToldWithTheSizesAtEveryBorder) {
  const Buffer file = forge::Build(forge::PlanFor(kParts));
  for (const size_t n : {size_t{1}, size_t{7}, size_t{8}, size_t{127}, size_t{128}, size_t{200}, size_t{4096}, file.size() - 1}) {
    const Outcome outcome = Open(Buffer(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(n)));
    ExpectRefused(outcome, LNX_E_TRUNCATED, std::to_string(n) + " bytes");
  }
  ExpectRefused(Open(Buffer{}), LNX_E_NOT_LNX, "an empty file");
}

TEST(TrailingData, IsRefusedEvenWhenItIsZero) {
  for (const size_t n : {1, 4096}) {
    Buffer file = forge::Build(forge::PlanFor(kParts));
    file.resize(file.size() + n);
    ExpectRefused(Open(file), LNX_E_TRAILING_DATA);
  }
}

TEST(Header, AnotherKindOfFileIsNamedByItsFirstBytes) {
  const std::string png = "\x89PNG\r\n\x1a\n and more";
  ExpectRefused(Open(Buffer(png.begin(), png.end())), LNX_E_NOT_LNX, "89 50 4e 47");
}

struct HeaderCase {
  const char* what;
  size_t offset;
  uint64_t value;
  size_t bytes;
  LnxStatus status;
};

class SignedHeader : public ::testing::TestWithParam<HeaderCase> {};

TEST_P(SignedHeader, WrongFieldsAreRefusedThoughTheyAreSigned) {
  Plan plan = forge::PlanFor(kParts);
  plan.edit_preamble = [](Buffer* bytes) { PutNumber(bytes, GetParam().offset, GetParam().value, GetParam().bytes); };
  ExpectRefused(Open(plan), GetParam().status);
}

INSTANTIATE_TEST_SUITE_P(
    Fields, SignedHeader,
    ::testing::Values(HeaderCase{"major_2", 8, 2, 2, LNX_E_VERSION}, HeaderCase{"major_0", 8, 0, 2, LNX_E_VERSION},
                      HeaderCase{"required_flag", 12, 1, 4, LNX_E_HEADER}, HeaderCase{"tiny_chunks", 16, 11, 1, LNX_E_HEADER},
                      HeaderCase{"huge_chunks", 16, 25, 1, LNX_E_HEADER}, HeaderCase{"shift_overflow", 16, 255, 1, LNX_E_HEADER},
                      HeaderCase{"unknown_aead", 17, 2, 1, LNX_E_HEADER}, HeaderCase{"unknown_kdf", 18, 0, 1, LNX_E_HEADER},
                      HeaderCase{"unknown_signature", 19, 9, 1, LNX_E_HEADER}, HeaderCase{"reserved_20", 20, 1, 4, LNX_E_HEADER},
                      HeaderCase{"reserved_104", 104, 1, 8, LNX_E_HEADER}, HeaderCase{"no_payload", 24, 0, 8, LNX_E_HEADER},
                      HeaderCase{"payload_of_16_EiB", 24, ~0ull, 8, LNX_E_LIMIT},
                      HeaderCase{"payload_above_8_GiB", 24, (8ull << 30) + 1, 8, LNX_E_LIMIT},
                      HeaderCase{"manifest_above_1_MiB", 96, (1 << 20) + 1, 4, LNX_E_LIMIT},
                      HeaderCase{"manifest_of_4_GiB", 96, 0xFFFFFFFF, 4, LNX_E_LIMIT},
                      HeaderCase{"hashes_for_other_chunks", 100, 32, 4, LNX_E_HEADER},
                      HeaderCase{"signatures_above_16_KiB", 112, (16 << 10) + 1, 4, LNX_E_LIMIT},
                      HeaderCase{"recipients_above_256_KiB", 116, (256 << 10) + 1, 4, LNX_E_LIMIT},
                      HeaderCase{"payload_elsewhere", 120, 4097, 8, LNX_E_HEADER},
                      HeaderCase{"payload_offset_of_16_EiB", 120, ~0ull, 8, LNX_E_HEADER}),
    [](const auto& info) { return info.param.what; });

TEST(Header, FlagsOfLaterVersionsThatMayBeIgnoredAreIgnored) {
  Plan plan = forge::PlanFor(kParts);
  plan.edit_preamble = [](Buffer* bytes) { (*bytes)[15] = 0x80, (*bytes)[10] = 7; };
  EXPECT_EQ(Open(plan).status, LNX_OK);
}

TEST(Signature, OfSomebodyElseNamesTheSignerAndTheTrustedKeys) {
  const Buffer file = forge::Build(forge::PlanFor(kParts));
  container::TrustStore other = forge::Trust();
  other.keys[0].point[64] ^= 1;
  ExpectRefused(Open(file, {}, other), LNX_E_UNTRUSTED_KEY, forge::KeyId());
  const Outcome none = Open(file, {}, container::TrustStore{});
  ExpectRefused(none, LNX_E_UNTRUSTED_KEY);
  EXPECT_NE(none.finding.expected.find("none is installed"), std::string::npos);
}

TEST(Signature, ThatIsMalformedIsRefused) {
  const std::string id = forge::KeyId(), zeros = forge::Base64(Buffer(64).data(), 64);
  for (const std::string& text :
       {std::string("{}"), std::string("[]"), std::string("[1]"), std::string("[{\"keyid\":\"") + id + "\"}]", std::string("["),
        "[{\"keyid\":\"" + id + "\",\"sig\":\"" + zeros + "\"}]", "[{\"keyid\":\"" + id + "\",\"sig\":\"AA\"}]",
        "[{\"keyid\":\"" + id + "\",\"sig\":\"" + zeros + "\",\"x\":1}]", "[{\"keyid\":1,\"sig\":\"" + zeros + "\"}]"}) {
    Plan plan = forge::PlanFor(kParts);
    plan.signatures = text;
    ExpectRefused(Open(plan), LNX_E_SIGNATURE);
  }
}

TEST(Padding, MustBeZero) {
  Buffer file = forge::Build(forge::PlanFor(kParts));
  ASSERT_EQ(file[4095], 0);
  file[4095] = 1;
  ExpectRefused(Open(file), LNX_E_PADDING, "4095");
}

class PublicManifest : public ::testing::TestWithParam<std::pair<std::string, LnxStatus>> {};

TEST_P(PublicManifest, IsCheckedThoughItIsSigned) {
  Plan plan = forge::PlanFor(kParts);
  plan.manifest = GetParam().first;
  ExpectRefused(Open(plan), GetParam().second);
}

INSTANTIATE_TEST_SUITE_P(
    Texts, PublicManifest,
    ::testing::Values(std::pair{"not JSON", LNX_E_MANIFEST_JSON}, std::pair{"[]", LNX_E_MANIFEST_JSON},
                      std::pair{"", LNX_E_MANIFEST_JSON}, std::pair{"{}", LNX_E_MANIFEST_FIELD},
                      std::pair{R"({"model_id":"a"})", LNX_E_MANIFEST_FIELD},
                      std::pair{R"({"model_id":1,"version":"1"})", LNX_E_MANIFEST_FIELD},
                      std::pair{R"({"model_id":"a","version":"1","epoch":-1})", LNX_E_MANIFEST_FIELD},
                      std::pair{R"({"model_id":"a","version":"1","epoch":4294967296})", LNX_E_MANIFEST_FIELD},
                      std::pair{R"({"model_id":"a","version":"1","min_core":"99.0.0"})", LNX_E_CORE_TOO_OLD},
                      std::pair{R"({"model_id":)" + std::string(500000, '['), LNX_E_MANIFEST_JSON},
                      std::pair{R"({"version":"1","model_id":)" + std::string(500000, '[') + std::string(500000, ']') + "}",
                                LNX_E_MANIFEST_FIELD},
                      std::pair{
                          R"({"model_id":"a","version":"1","epoch":)" + std::string(500000, '[') + std::string(500000, ']') + "}",
                          LNX_E_MANIFEST_FIELD}));

class Recipients : public ::testing::TestWithParam<std::pair<std::string, LnxStatus>> {};

TEST_P(Recipients, AreCheckedThoughTheirMacHolds) {
  Plan plan = forge::PlanFor(kParts);
  plan.recipients = GetParam().first;
  ExpectRefused(Open(plan), GetParam().second);
}

std::string Many(size_t n) {
  std::string text = "[";
  for (size_t i = 0; i < n; ++i) text += (i ? "," : "") + std::string(R"({"type":"later"})");
  return text + "]";
}

INSTANTIATE_TEST_SUITE_P(
    Lists, Recipients,
    ::testing::Values(std::pair{"{}", LNX_E_RECIPIENTS}, std::pair{"[1]", LNX_E_RECIPIENTS},
                      std::pair{R"([{"type":1}])", LNX_E_RECIPIENTS}, std::pair{R"([{"type":"open"}])", LNX_E_RECIPIENTS},
                      std::pair{R"([{"type":"open","key":"AAAA"}])", LNX_E_RECIPIENTS},
                      std::pair{R"([{"type":"family"}])", LNX_E_RECIPIENTS}, std::pair{"[]", LNX_E_NO_RECIPIENT},
                      std::pair{R"([{"type":"p521"}])", LNX_E_NO_RECIPIENT}, std::pair{Many(128), LNX_E_NO_RECIPIENT},
                      std::pair{Many(129), LNX_E_LIMIT}, std::pair{std::string(200000, '['), LNX_E_RECIPIENTS}));

TEST(Keys, EachWayOfNotFittingHasItsStatus) {
  const std::array<uint8_t, 32> key{4, 4}, wrong{5, 5};
  Plan plan = forge::PlanFor(kParts);
  plan.recipients = "[" + forge::FamilyRecipient(plan, "fam-2026", key) + "]";
  const auto ring = [](const char* kid, const std::array<uint8_t, 32>& bytes) {
    container::KeyRing keys;
    keys.families.push_back({kid, bytes});
    return keys;
  };
  const Buffer file = forge::Build(plan);
  EXPECT_EQ(Open(file, ring("fam-2026", key)).status, LNX_OK);
  ExpectRefused(Open(file), LNX_E_NO_RECIPIENT, "no family key at hand");
  ExpectRefused(Open(file, ring("fam-2025", key)), LNX_E_NO_RECIPIENT, "fam-2025");
  ExpectRefused(Open(file, ring("fam-2026", wrong)), LNX_E_KEY_COMMITMENT, "fam-2026");

  plan = forge::PlanFor(kParts);
  plan.commit_to_another_key = true;
  ExpectRefused(Open(plan), LNX_E_KEY_COMMITMENT);
  plan = forge::PlanFor(kParts);
  plan.wrong_mac = true;
  ExpectRefused(Open(plan), LNX_E_RECIPIENTS, "changed after packing");
}

TEST(Chunks, DamagedAfterSigningAndBeforeSigningAreToldApart) {
  Buffer file = forge::Build(forge::PlanFor(kParts));
  file.back() ^= 1;
  ExpectRefused(Open(file), LNX_E_CHUNK_HASH, "sha256");
  Plan plan = forge::PlanFor(kParts);
  plan.edit_chunks = [](Buffer* cipher) { (*cipher)[5000] ^= 1; };
  const Outcome outcome = Open(plan);
  ExpectRefused(outcome, LNX_E_DECRYPT);
  EXPECT_NE(outcome.finding.where.find("chunk 2 of"), std::string::npos) << outcome.finding.where;
}

TEST(Chunks, SwappedOrRepeatedAreRefused) {
  Plan plan = forge::PlanFor(kParts);
  plan.edit_chunks = [](Buffer* cipher) { std::swap_ranges(cipher->begin(), cipher->begin() + 4112, cipher->begin() + 4112); };
  ExpectRefused(Open(plan), LNX_E_DECRYPT);
  plan.edit_chunks = [](Buffer* cipher) { std::copy_n(cipher->begin(), 4112, cipher->begin() + 4112); };
  ExpectRefused(Open(plan), LNX_E_DECRYPT);
}

TEST(LargePayloads, AreReadByThreadsAndOneBadChunkStopsThemAll) {
  Plan plan = forge::PlanFor({{"manifest.json", "{}"}, {"model.onnx", std::string(20u << 20, 'm')}});
  plan.chunk_log2 = 20;
  Buffer file = forge::Build(plan);
  EXPECT_EQ(Open(file).status, LNX_OK);
  file[file.size() / 2] ^= 1;
  ExpectRefused(Open(file), LNX_E_CHUNK_HASH);
}

class Table : public ::testing::TestWithParam<std::pair<std::string, LnxStatus>> {};

TEST_P(Table, IsCheckedThoughItIsSignedAndEncrypted) {
  Plan plan;
  plan.payload = forge::PayloadWithTable(GetParam().first, std::string(9000, 'p'));
  ExpectRefused(Open(plan), GetParam().second);
}

std::string EntryJson(const std::string& name, const std::string& offset, const std::string& size, const std::string& hash) {
  return R"({"name":")" + name + R"(","offset":)" + offset + R"(,"size":)" + size + R"(,"sha256":")" + hash + "\"}";
}
std::string TableOf(const std::string& entries) { return R"({"entries":[)" + entries + "]}"; }
const std::string kZeros(64, '0');

INSTANTIATE_TEST_SUITE_P(
    Tables, Table,
    ::testing::Values(
        std::pair{std::string("nonsense"), LNX_E_PAYLOAD_TABLE}, std::pair{std::string("{}"), LNX_E_PAYLOAD_TABLE},
        std::pair{TableOf("1"), LNX_E_PAYLOAD_TABLE}, std::pair{TableOf(EntryJson("", "4096", "1", kZeros)), LNX_E_PAYLOAD_TABLE},
        std::pair{TableOf(EntryJson(std::string(256, 'n'), "4096", "1", kZeros)), LNX_E_PAYLOAD_TABLE},
        std::pair{TableOf(EntryJson("a", "4097", "1", kZeros)), LNX_E_PAYLOAD_TABLE},
        std::pair{TableOf(EntryJson("a", "0", "1", kZeros)), LNX_E_PAYLOAD_TABLE},
        std::pair{TableOf(EntryJson("a", "4096", "9000", kZeros)), LNX_E_PAYLOAD_TABLE},
        std::pair{TableOf(EntryJson("a", "18446744073709547520", "4096", kZeros)), LNX_E_PAYLOAD_TABLE},
        std::pair{TableOf(EntryJson("a", "4096", "18446744073709551615", kZeros)), LNX_E_PAYLOAD_TABLE},
        std::pair{TableOf(EntryJson("a", "-4096", "1", kZeros)), LNX_E_PAYLOAD_TABLE},
        std::pair{TableOf(EntryJson("a", "4096.0", "1", kZeros)), LNX_E_PAYLOAD_TABLE},
        std::pair{TableOf(EntryJson("a", "4096", "1", "00")), LNX_E_PAYLOAD_TABLE},
        std::pair{TableOf(EntryJson("a", "4096", "1", std::string(64, 'G'))), LNX_E_PAYLOAD_TABLE},
        std::pair{TableOf(EntryJson("a", "4096", "1", std::string(64, 'A'))), LNX_E_PAYLOAD_TABLE},
        std::pair{TableOf(EntryJson("a", "8192", "1", kZeros) + "," + EntryJson("b", "4096", "1", kZeros)), LNX_E_PAYLOAD_TABLE},
        std::pair{TableOf(EntryJson("a", "4096", "1", kZeros) + "," + EntryJson("a", "8192", "1", kZeros)), LNX_E_PAYLOAD_TABLE},
        std::pair{TableOf(EntryJson("a", "4096", "1", kZeros)), LNX_E_ENTRY_HASH}));

TEST(Table, ThatIsLongerThanThePayloadOrTheLimitIsRefused) {
  Plan plan;
  plan.payload = {0xFF, 0xFF, 0, 0, '{', '}'};
  ExpectRefused(Open(plan), LNX_E_PAYLOAD_TABLE);
  plan.payload = {0, 0, 0x20, 0, '{', '}'};
  ExpectRefused(Open(plan), LNX_E_LIMIT);
  plan.payload = {1, 0};
  ExpectRefused(Open(plan), LNX_E_PAYLOAD_TABLE);
  std::string entries;
  for (int i = 0; i < 4097; ++i)
    entries += (i ? "," : "") + EntryJson("e" + std::to_string(i), std::to_string(1 << 20), "0", kZeros);
  plan.payload = forge::PayloadWithTable(TableOf(entries), std::string(1 << 20, ' '));
  ExpectRefused(Open(plan), LNX_E_PAYLOAD_TABLE, "4097 entries");
}

TEST(Entries, ThatAreMissingOrDroppedAreTold) {
  const Buffer file = forge::Build(forge::PlanFor(kParts));
  auto opened = container::Container::Open(Bytes{file.data(), file.size()}, "part.lnx", forge::Trust(), {});
  try {
    opened.Read("labels.json");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), LNX_E_ENTRY_MISSING);
    EXPECT_NE(error.finding().found.find("labels.json"), std::string::npos);
  }
  opened.Drop("model.onnx");
  opened.Drop("model.onnx");
  EXPECT_THROW(opened.Read("model.onnx"), Error) << "its plaintext is gone";
  EXPECT_EQ(opened.ReadText("manifest.json"), "{}") << "the others stay";
}

TEST(Files, AreReadFromKoreanPathsAndReportProgressInOrder) {
  const std::string path = platform::JoinPath(::testing::TempDir(), "부품 모델.lnx");
  const Buffer file = forge::Build(forge::PlanFor(kParts));
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
  std::vector<std::string> stages;
  const auto opened = container::Container::Open(path, forge::Trust(), {}, [&](const char* stage, double) {
    if (stages.empty() || stages.back() != stage) stages.emplace_back(stage);
  });
  EXPECT_EQ(stages, (std::vector<std::string>{"read", "verify", "decrypt"}));
  EXPECT_EQ(opened.entries().size(), 3u);
}

}  // namespace
