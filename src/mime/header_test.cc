#include "mime/header.h"

#include <gtest/gtest.h>

namespace bz::mime {
namespace {

TEST(Header, KeepsOffsetsOfFoldedFields) {
  std::string_view raw = "Subject: one\r\n two\r\nTo : x@y\r\n\r\nbody";
  HeaderIndex index = scan_header(raw);
  ASSERT_EQ(index.fields.size(), 2U);
  EXPECT_EQ(index.size, raw.size() - 4);
  EXPECT_TRUE(index.complete);
  EXPECT_EQ(HeaderIndex::raw_value(index.fields[0], raw), " one\r\n two");
  EXPECT_EQ(index.fields[0].end, 20U);
  EXPECT_EQ(HeaderIndex::name(index.fields[1], raw), "To");
  EXPECT_EQ(index.value("SUBJECT", raw), "one two");
  EXPECT_EQ(index.value("cc", raw), std::nullopt);
}

TEST(Header, ReadsBareLfAndHeaderWithoutEnd) {
  std::string_view raw = "A: 1\nB: 2";
  HeaderIndex index = scan_header(raw);
  ASSERT_EQ(index.fields.size(), 2U);
  EXPECT_EQ(index.size, raw.size());
  EXPECT_EQ(index.value("b", raw), "2");
}

TEST(Header, SkipsMboxLineAndJunkBetweenFields) {
  std::string_view raw = "From a@b Mon Jan 1\r\nA: 1\r\nno field here\r\n folded junk\r\nB: 2\r\n\r\n";
  HeaderIndex index = scan_header(raw);
  ASSERT_EQ(index.fields.size(), 2U);
  EXPECT_EQ(index.value("A", raw), "1");
  EXPECT_EQ(index.value("B", raw), "2");
}

TEST(Header, BoundaryEndsHeaderThatLacksItsEmptyLine) {
  std::string_view raw = "A: 1\r\n \r\n--b\r\nB: 2\r\n\r\n";
  EXPECT_EQ(scan_header(raw).size, 9U);
  EXPECT_EQ(scan_header(raw).fields.size(), 1U);
}

TEST(Header, UnindentedParameterBelongsToItsField) {
  std::string_view raw = "Content-Type: multipart/mixed;\r\nboundary=\"x\"\r\nB: 2\r\n\r\n";
  EXPECT_EQ(scan_header(raw).value("content-type", raw), "multipart/mixed; boundary=\"x\"");
}

TEST(Header, TextWithoutHeaderIsBody) {
  EXPECT_EQ(scan_header("Hello there\r\nYours: me\r\n\r\n").size, 0U);
  EXPECT_EQ(scan_header("\r\nbody").size, 2U);
  EXPECT_EQ(scan_header("").size, 0U);
}

TEST(Header, LimitsLeaveLaterFieldsOutButFindTheEnd) {
  std::string raw;
  for (int i = 0; i < 20; ++i) raw += "A: 1\r\n";
  raw += "\r\n";
  HeaderIndex index = scan_header(raw, {1000, 5});
  EXPECT_EQ(index.fields.size(), 5U);
  EXPECT_FALSE(index.complete);
  EXPECT_EQ(index.size, raw.size());
  EXPECT_EQ(scan_header_strict(raw, {1000, 5}).error().code(), Errc::Limit);
  EXPECT_EQ(scan_header_strict(raw, {100, 50}).error().code(), Errc::Limit);
  EXPECT_TRUE(scan_header_strict(raw, {1000, 20}).has_value());
}

TEST(Header, UnfoldsAndDropsControls) {
  EXPECT_EQ(unfold(" a\r\n\tb\r\n"), "a\tb");
  EXPECT_EQ(unfold(std::string_view(" a\0b\rc ", 7)), "a b c");
}

TEST(Header, FieldsForFetchEndWithEmptyLine) {
  std::string_view raw = "From: a\r\nTo: b\r\n c\r\nfrom: d\r\n\r\n";
  EXPECT_EQ(header_fields(raw, {"FROM"}), "From: a\r\nfrom: d\r\n\r\n");
  EXPECT_EQ(header_fields(raw, {"FROM"}, true), "To: b\r\n c\r\n\r\n");
  EXPECT_EQ(header_fields(raw, {"xyz"}), "\r\n");
}

}  // namespace
}  // namespace bz::mime
