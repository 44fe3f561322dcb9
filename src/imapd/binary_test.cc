// BINARY (RFC 3516): parts without their transfer encoding, and messages that come with NUL.
#include <gmock/gmock.h>

#include "base/text.h"
#include "imapd/world_for_test.h"
#include "mime/text.h"

namespace bz::imapd {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string part(const std::string& encoding, const std::string& body) {
  return "--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: " + encoding + "\r\n\r\n" + body +
         "\r\n";
}
std::string multipart(const std::string& parts) {
  return "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + parts + "--b--\r\n";
}

template <size_t N>
std::string octets(const char (&text)[N]) {
  return std::string(text, N - 1);
}

TEST(Binary, parts_are_decoded_and_their_sizes_are_exact) {
  World w;
  w.append("INBOX", multipart(part("base64", "aGVsbG8g\r\nd29ybGQ=") + part("quoted-printable", "a=3Db=\r\nc  \r\nd") +
                              part("7bit", "as it is") + part("BASE64", "AGEA")));
  Client c(w);
  c.ask("a SELECT INBOX");
  EXPECT_EQ(c.ask("b FETCH 1 (BINARY.SIZE[1] BINARY.SIZE[2] BINARY.SIZE[3] BINARY.SIZE[4] BINARY.SIZE[5])"),
            "* 1 FETCH (BINARY.SIZE[1] 11 BINARY.SIZE[2] 7 BINARY.SIZE[3] 8 BINARY.SIZE[4] 3 BINARY.SIZE[5] 0)\r\n"
            "b OK FETCH completed\r\n");
  EXPECT_EQ(
      c.ask("c FETCH 1 (BINARY.PEEK[1] BINARY.PEEK[2] BINARY.PEEK[3] BINARY.PEEK[5])"),
      "* 1 FETCH (BINARY[1] {11}\r\nhello world BINARY[2] {7}\r\na=bc\r\nd BINARY[3] {8}\r\nas it is BINARY[5] NIL)\r\n"
      "c OK FETCH completed\r\n");
  EXPECT_EQ(c.ask("d FETCH 1 BINARY.PEEK[4]"), octets("* 1 FETCH (BINARY[4] ~{3}\r\n\0a\0)\r\nd OK FETCH completed\r\n"));
}
TEST(Binary, windows_count_decoded_octets) {
  World w;
  w.append("INBOX", multipart(part("base64", "aGVsbG8gd29ybGQ=")));
  Client c(w);
  c.ask("a SELECT INBOX");
  EXPECT_THAT(c.ask("b FETCH 1 BINARY.PEEK[1]<6.3>"), StartsWith("* 1 FETCH (BINARY[1]<6> {3}\r\nwor)\r\n"));
  EXPECT_THAT(c.ask("b FETCH 1 BINARY.PEEK[1]<9.99>"), StartsWith("* 1 FETCH (BINARY[1]<9> {2}\r\nld)\r\n"));
  EXPECT_THAT(c.ask("b FETCH 1 BINARY.PEEK[1]<11.9>"), StartsWith("* 1 FETCH (BINARY[1]<11> \"\")\r\n"));
  EXPECT_THAT(c.ask("b FETCH 1 BINARY.PEEK[1]<4294967295.9>"), StartsWith("* 1 FETCH (BINARY[1]<4294967295> \"\")\r\n"));
  EXPECT_THAT(c.ask("b FETCH 1 BINARY.PEEK[1]<0.2>"), StartsWith("* 1 FETCH (BINARY[1]<0> {2}\r\nhe)\r\n"));
}
TEST(Binary, a_large_part_comes_out_the_same_in_windows_and_whole) {
  World w;
  std::string content;
  for (uint32_t i = 0; content.size() < 700'000; ++i) content += std::to_string(i * 2654435761U) + "\n";
  w.append("INBOX", multipart(part("base64", mime::encode_base64_body(content)) + part("base64", "AAAA")));
  Client c(w);
  c.ask("a SELECT INBOX");
  const std::string size = std::to_string(content.size());
  EXPECT_THAT(c.ask("s FETCH 1 BINARY.SIZE[1]"), StartsWith("* 1 FETCH (BINARY.SIZE[1] " + size + ")"));
  EXPECT_EQ(c.ask("w FETCH 1 BINARY.PEEK[1]"),
            "* 1 FETCH (BINARY[1] {" + size + "}\r\n" + content + ")\r\nw OK FETCH completed\r\n");
  constexpr size_t kWindow = 99'991;
  std::string joined;
  for (size_t at = 0; at < content.size(); at += kWindow) {
    const size_t count = std::min(kWindow, content.size() - at);
    const std::string answer =
        c.ask("p FETCH 1 BINARY.PEEK[1]<" + std::to_string(at) + "." + std::to_string(kWindow) + ">");
    const std::string head = "* 1 FETCH (BINARY[1]<" + std::to_string(at) + "> {" + std::to_string(count) + "}\r\n";
    ASSERT_THAT(answer, StartsWith(head));
    joined += answer.substr(head.size(), count);
  }
  EXPECT_EQ(joined, content);
  EXPECT_THAT(c.ask("q FETCH 1 (BINARY.PEEK[1]<300000.5> BINARY.SIZE[2] BINARY.PEEK[1]<7.5>)"),
              HasSubstr("{5}\r\n" + content.substr(300'000, 5) + " BINARY.SIZE[2] 3 BINARY[1]<7> {5}\r\n" +
                        content.substr(7, 5) + ")"));
}
TEST(Binary, seen_is_set_unless_peeked) {
  World w;
  w.append("INBOX", multipart(part("base64", "aGk=")));
  Client c(w);
  c.ask("a SELECT INBOX");
  EXPECT_THAT(c.ask("b FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1])"), testing::Not(HasSubstr("Seen")));
  EXPECT_THAT(c.ask("c FETCH 1 BINARY[1]"), StartsWith("* 1 FETCH (FLAGS (\\Seen \\Recent) BINARY[1] {2}\r\nhi)\r\n"));
}
TEST(Binary, whole_messages_and_multiparts_come_as_they_are) {
  World w;
  const std::string mail = multipart(part("base64", "aGk="));
  w.append("INBOX", mail);
  w.append("INBOX", "Content-Transfer-Encoding: base64\r\n\r\naGk=\r\n");
  Client c(w);
  c.ask("a SELECT INBOX");
  EXPECT_THAT(c.ask("b FETCH 1 (BINARY.SIZE[] BINARY.PEEK[])"),
              StartsWith("* 1 FETCH (BINARY.SIZE[] " + std::to_string(mail.size()) + " BINARY[] {" +
                         std::to_string(mail.size()) + "}\r\n" + mail));
  EXPECT_THAT(c.ask("c FETCH 2 (BINARY.SIZE[1] BINARY.PEEK[1])"),
              StartsWith("* 2 FETCH (BINARY.SIZE[1] 2 BINARY[1] {2}\r\nhi)"));
}
TEST(Binary, an_unknown_encoding_fails_with_its_code_and_spares_other_messages) {
  World w;
  w.append("INBOX", multipart(part("x-odd", "zzz") + part("base64", "aGk=")));
  w.append("INBOX", multipart(part("base64", "aGk=")));
  Client c(w);
  c.ask("a SELECT INBOX");
  EXPECT_EQ(
      c.ask("b FETCH 1:2 (BODY.PEEK[2] BINARY.PEEK[1])"),
      "* 2 FETCH (BODY[2] NIL BINARY[1] {2}\r\nhi)\r\nb NO [UNKNOWN-CTE] A part has an unknown transfer encoding\r\n");
  EXPECT_THAT(c.ask("c FETCH 1 BINARY.SIZE[1]"), StartsWith("c NO [UNKNOWN-CTE]"));
  EXPECT_THAT(c.ask("d FETCH 1 BINARY.PEEK[2]"), StartsWith("* 1 FETCH (BINARY[2] {2}\r\nhi)\r\nd OK"));
}
TEST(Binary, what_comes_with_nul_is_kept_in_base64) {
  World w;
  Client c(w);
  const std::string mail = multipart(part("binary", std::string("a\0b\r\n\0", 6)) + part("binary", "no\rnul"));
  c.send("a APPEND INBOX ~{" + std::to_string(mail.size()) + "}\r\n");
  EXPECT_EQ(c.until("+"), "+ Go ahead\r\n");
  c.bytewise(mail + "\r\n");
  EXPECT_THAT(c.until("a"), StartsWith("a OK [APPENDUID "));
  c.ask("b SELECT INBOX");
  EXPECT_EQ(
      c.ask("c FETCH 1 (BINARY.SIZE[1] BINARY.PEEK[1] BODY.PEEK[1] BODY.PEEK[2] BODYSTRUCTURE)"),
      octets("* 1 FETCH (BINARY.SIZE[1] 6 BINARY[1] ~{6}\r\na\0b\r\n\0") +
          " BODY[1] {8}\r\nYQBiDQoA BODY[2] {6}\r\nno\rnul BODYSTRUCTURE ((\"application\" \"octet-stream\" NIL NIL NIL "
          "\"base64\" 8 NIL NIL NIL NIL)(\"application\" \"octet-stream\" NIL NIL NIL \"binary\" 6 NIL NIL NIL NIL) "
          "\"mixed\" "
          "(\"boundary\" \"b\") NIL NIL NIL))\r\nc OK FETCH completed\r\n");
}
TEST(Binary, a_large_message_with_nul_is_converted_too) {
  World w;
  w.config.append_limit = 8 << 20;
  w.reopen();
  Client c(w);
  const std::string content = std::string(2 << 20, '\0') + "end";
  const std::string mail = multipart(part("binary", content));
  c.send("a APPEND INBOX ~{" + std::to_string(mail.size()) + "+}\r\n" + mail + " {3+}\r\nabc\r\n");
  EXPECT_THAT(c.until("a"), HasSubstr(" 1:2] APPEND completed\r\n"));
  c.ask("b SELECT INBOX");
  EXPECT_THAT(c.ask("c FETCH 1 BINARY.PEEK[1]"),
              HasSubstr("~{" + std::to_string(content.size()) + "}\r\n" + content + ")\r\n"));
}
TEST(Binary, nul_that_cannot_be_kept_is_refused) {
  World w;
  Client c(w);
  const std::string nul(1, '\0');
  c.send("a APPEND INBOX ~{5+}\r\na:" + nul + "\r\n\r\nb APPEND INBOX {3+}\r\na" + nul + "b\r\n");
  EXPECT_EQ(c.until("b"),
            "a NO [UNKNOWN-CTE] NUL stands where it cannot be encoded\r\nb NO [CANNOT] That cannot be done\r\n");
  // What becomes too large by its encoding is too large.
  w.config.append_limit = 100;
  w.reopen();
  Client d(w);
  d.send("a APPEND INBOX ~{90+}\r\na: b\r\n\r\n" + std::string(82, '\0') + "\r\n");
  EXPECT_THAT(d.until("a"), StartsWith("a NO [TOOBIG]"));
  EXPECT_THAT(d.ask("s STATUS INBOX (MESSAGES)"), HasSubstr("MESSAGES 0"));
}

}  // namespace
}  // namespace bz::imapd
