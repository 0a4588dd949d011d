// The scanner on blocks made here, byte by byte. That it says the same as its plain twin about real segments and spoilt ones is
// tested in tests/agent/test_scan.py.
#include "evidence/scanner.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "evidence/crc32c.h"
#include "evidence/field.h"

namespace {

using lnx::Bytes;
namespace evidence = lnx::evidence;

Bytes View(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

std::string Record(const std::string& uid, const std::string& event) {
  const std::string pair = Field('\x0A', "log.record.uid") + Field('\x12', Field('\x0A', uid));
  return std::string("\x10\x09\x2A\x00", 4) + Field('\x32', pair) + Field('\x62', event);
}

std::string Frame(uint64_t number, int64_t time, const std::string& record) {
  const auto length = static_cast<uint32_t>(record.size());
  std::string head(24, '\0');
  std::memcpy(head.data(), &length, 4);
  std::memcpy(head.data() + 4, &number, 8);
  const uint32_t crc = evidence::Crc32c(View(record), evidence::Crc32c({View(head).data + 4, 8}));
  std::memcpy(head.data() + 12, &crc, 4);
  std::memcpy(head.data() + 16, &time, 8);
  return head + record;
}

evidence::Scanner Fresh() { return {"s", {"agent.gap"}, {}}; }

TEST(Crc32c, HasTheValuesOfRfc3720) {
  const std::string zeros(32, '\0'), ones(32, '\xFF');
  for (const auto function : {evidence::Crc32c, evidence::Crc32cPlain}) {
    EXPECT_EQ(function(View("123456789"), 0), 0xE3069283U);
    EXPECT_EQ(function(View(zeros), 0), 0x8A9136AAU);
    EXPECT_EQ(function(View(ones), 0), 0x62A8AB43U);
    EXPECT_EQ(function(View("56789"), function(View("1234"), 0)), 0xE3069283U);
  }
}

TEST(Scanner, OrdinaryRecordsNeedNoSecondLook) {
  auto scanner = Fresh();
  ASSERT_TRUE(
      scanner.Take(View(Frame(0, 5, Record("s:000000000000", "lnx.error")) + Frame(1, 9, Record("s:000000000001", "x")))));
  EXPECT_EQ(scanner.seen().count, 2U);
  EXPECT_EQ(scanner.seen().tree.size, 2U);
  EXPECT_EQ(scanner.seen().longest_silence, 4U);
  EXPECT_TRUE(scanner.seen().looks.empty());
  ASSERT_EQ(scanner.seen().runs.size(), 1U);
  EXPECT_EQ(scanner.seen().runs[0], std::make_pair(uint64_t{0}, uint64_t{1}));
}

TEST(Scanner, EverythingElseIsHandedOut) {
  const std::string ordinary = Record("s:000000000000", "lnx.error");
  for (const std::string& record :
       {Record("s:000000000000", "agent.gap"), Record("s:000000000001", "lnx.error"), Record("t:000000000000", "lnx.error"),
        Record("s:0", "lnx.error"), ordinary + '\x0F', ordinary + Field('\x62', "lnx.error"), ordinary + ordinary,
        std::string("\x62\x7F", 2), std::string()}) {
    auto scanner = Fresh();
    ASSERT_TRUE(scanner.Take(View(Frame(0, 0, record))));
    ASSERT_EQ(scanner.seen().looks.size(), 1U);
    EXPECT_EQ(scanner.seen().looks[0].record, record);
  }
}

TEST(Scanner, ADamagedBlockLeavesNoTrace) {
  const std::string block = Frame(0, 0, Record("s:000000000000", "lnx.error"));
  for (size_t at = 0; at < block.size(); ++at) {
    if (at >= 16 && at < 24) continue;  // the time is under the checksum of the stored block alone
    auto spoilt = block + block;
    spoilt[block.size() + at] = static_cast<char>(spoilt[block.size() + at] ^ 1);
    auto scanner = Fresh();
    EXPECT_FALSE(scanner.Take(View(spoilt))) << at;
    EXPECT_EQ(scanner.seen().count, 0U);
    EXPECT_EQ(scanner.seen().tree.size, 0U);
  }
  auto scanner = Fresh();
  EXPECT_FALSE(scanner.Take(View(block.substr(0, block.size() - 1))));
}

TEST(Scanner, LongNumbersOutgrowTheTwelveDigits) {
  auto scanner = Fresh();
  ASSERT_TRUE(scanner.Take(View(Frame(1234567890123456789U, 0, Record("s:1234567890123456789", "x")))));
  EXPECT_TRUE(scanner.seen().looks.empty());
}

}  // namespace
