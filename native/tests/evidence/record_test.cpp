// What a record tells without being parsed whole; that it is what the protobuf library reads is tested in
// tests/agent/test_record.py.
#include "evidence/record.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "evidence/field.h"

namespace {

namespace evidence = lnx::evidence;

std::string Attribute(const std::string& key, const std::string& value) {
  return Field('\x32', Field('\x0A', key) + Field('\x12', Field('\x0A', value)));
}

struct Told {
  bool certain = false;
  std::string_view event, source;
};

Told Of(const std::string& record) {
  Told told;
  told.certain =
      evidence::EventAndSource({reinterpret_cast<const uint8_t*>(record.data()), record.size()}, &told.event, &told.source);
  return told;
}

const std::string kHead("\x10\x09\x2A\x00", 4);

TEST(EventAndSource, AreThoseOfTheRecord) {
  const std::string record =
      kHead + Attribute("model", "lnx.source") + Attribute("lnx.source", "press-1-1:8") + Field('\x62', "lnx.error");
  const Told told = Of(record);
  EXPECT_TRUE(told.certain);
  EXPECT_EQ(told.event, "lnx.error");
  EXPECT_EQ(told.source, "press-1-1:8");
}

TEST(EventAndSource, AreEmptyWhenTheRecordHasNone) {
  const Told told = Of(kHead);
  EXPECT_TRUE(told.certain);
  EXPECT_TRUE(told.event.empty() && told.source.empty());
}

TEST(EventAndSource, AreNotGuessed) {
  const std::string source = Attribute("lnx.source", "a:1");
  EXPECT_FALSE(Of(kHead + source + source).certain);
  EXPECT_FALSE(Of(kHead + Field('\x62', "a") + Field('\x62', "b")).certain);
  EXPECT_FALSE(Of(kHead + Field('\x32', Field('\x0A', "lnx.source") + Field('\x12', std::string("\x18\x07", 2)))).certain);
  EXPECT_FALSE(Of(kHead + Field('\x72', "unknown field")).certain);
  const std::string whole = kHead + source + Field('\x62', "lnx.error");
  for (size_t length = kHead.size() + 1; length < whole.size(); ++length) {
    if (length == kHead.size() + source.size()) continue;  // ends between two fields
    EXPECT_FALSE(Of(whole.substr(0, length)).certain) << length;
  }
}

}  // namespace
