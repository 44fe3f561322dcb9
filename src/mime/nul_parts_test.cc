#include "mime/nul_parts.h"

#include <gtest/gtest.h>

#include <cstring>

#include "mime/record.h"

namespace bz::mime {
namespace {

struct Outcome {
  std::string text, refusal;
};
Outcome convert(std::string_view raw, size_t step) {
  NulScan scan;
  for (size_t at = 0; at < raw.size(); at += step) scan.feed(raw.substr(at, step));
  scan.finish();
  if (scan.refusal()) return {"", scan.refusal()};
  NulWriter writer(scan.parts());
  Outcome out;
  for (size_t at = 0; at < raw.size(); at += step) writer.feed(raw.substr(at, step), out.text);
  writer.finish(out.text);
  return out;
}
template <size_t N>
std::string bytes(const char (&text)[N]) {
  return std::string(text, N - 1);
}

TEST(NulParts, a_part_with_nul_becomes_base64_and_decodes_to_the_same_octets) {
  const std::string raw = bytes(
      "Content-Type: multipart/mixed; boundary=b\r\n\r\npre\r\n--b\r\nContent-Transfer-Encoding: binary\r\nX: y\r\n\r\n"
      "no\rn\nul\r\n--b\r\nX-A: 1\r\nContent-Transfer-Encoding: \r\n binary\r\nX-B: "
      "2\r\n\r\na\0b\r\nc\0\r\n--b--\r\nend\r\n");
  for (size_t step : {size_t{1}, size_t{7}, raw.size()}) {
    const Outcome out = convert(raw, step);
    EXPECT_EQ(out.refusal, "");
    EXPECT_EQ(
        out.text,
        "Content-Type: multipart/mixed; boundary=b\r\n\r\npre\r\n--b\r\nContent-Transfer-Encoding: binary\r\nX: y\r\n\r\n"
        "no\rn\nul\r\n--b\r\nX-A: 1\r\nContent-Transfer-Encoding: base64\r\n"
        "X-B: 2\r\n\r\nYQBiDQpjAA==\r\n--b--\r\nend\r\n");
    auto parsed = parse_message(out.text);
    ASSERT_TRUE(parsed.has_value());
    auto body = section(*parsed, {{2}, SectionPath::Kind::Whole});
    EXPECT_EQ(decode_transfer(slice(out.text, *body), Encoding::Base64), bytes("a\0b\r\nc\0"));
  }
}
TEST(NulParts, a_plain_message_becomes_mime) {
  EXPECT_EQ(convert(bytes("Subject: x\r\n\r\n\0"), 99).text,
            "Subject: x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\nAA==");
  EXPECT_EQ(convert(bytes("MIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\n\n\0\n"), 99).text,
            "MIME-Version: 1.0\nContent-Transfer-Encoding: base64\r\n\nAAo=");
  EXPECT_EQ(convert(bytes("\0"), 99).text, "MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\nAA==");
}
TEST(NulParts, an_empty_line_with_more_cr_ends_the_header) {
  EXPECT_EQ(convert(bytes("X: y\n\r\r\n\0"), 99).text,
            "X: y\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\r\nAA==");
}
TEST(NulParts, a_message_inside_is_looked_into) {
  const Outcome out = convert(bytes("Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\n\0\0\0"), 5);
  EXPECT_EQ(out.text,
            "Content-Type: message/rfc822\r\n\r\nSubject: in\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: "
            "base64\r\n\r\nAAAA");
}
TEST(NulParts, without_nul_nothing_changes) {
  const std::string raw = "Subject: x\r\nContent-Transfer-Encoding: binary\r\n\r\n\x01\x80\rz\n";
  EXPECT_EQ(convert(raw, 3).text, raw);
}
// A header without its empty line holds a digest, whose first part is a message that ends in its header: three headers end
// with the message, and the last of them was lost.
TEST(NulParts, headers_that_end_with_the_message_are_kept) {
  const std::string raw = "Content-Type: multipart/digest; boundary=b\r\nno field\n--b\r\nSubj\rect\n--";
  for (size_t step : {size_t{1}, size_t{6}, raw.size()}) EXPECT_EQ(convert(raw, step).text, raw);
}
TEST(NulParts, refuses_what_could_not_be_undone) {
  struct Case {
    std::string raw;
    const char* refusal;
  };
  const Case cases[] = {
      {bytes("Subject: x\0\r\n\r\nx\r\n"), "NUL in a header"},
      {bytes("Content-Type: multipart/mixed; boundary=b\r\n\r\n\0\r\n--b\r\n\r\nx\r\n--b--\r\n"), "NUL between the parts"},
      {bytes("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n\0"), "NUL between the parts"},
      {bytes("Content-Transfer-Encoding: base64\r\n\r\nAA\0AA\r\n"), "NUL in a part that is encoded already"},
      {bytes("Content-Transfer-Encoding: x-odd\r\n\r\n\0"), "NUL in a part that is encoded already"},
      {bytes("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\0\r\n--b--\r\n"), "NUL in a signed part"},
  };
  for (const Case& test : cases) EXPECT_EQ(convert(test.raw, 4).refusal, test.refusal) << test.raw;
}

}  // namespace
}  // namespace bz::mime
