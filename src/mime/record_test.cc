#include "mime/record.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "mime/header.h"

namespace bz::mime {
namespace {

ParsedMessage parse(std::string_view raw) { return parse_message(raw).value(); }
std::string text_of(std::string_view raw, std::vector<uint32_t> parts, SectionPath::Kind kind = SectionPath::Kind::Whole) {
  auto range = section(parse(raw), {std::move(parts), kind});
  return range ? std::string(slice(raw, *range)) : "(none)";
}
using Kind = SectionPath::Kind;

constexpr std::string_view kNested =
    "From: user@domain.org\r\nDate: Sat, 24 Mar 2007 23:00:00 +0200\r\nMime-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=\"foo\r\n bar\"\r\n\r\nRoot prologue\r\n\r\n--foo bar\r\n"
    "Content-Type: text/x-myown; charset=us-ascii\r\n\r\nhello\r\n\r\n--foo bar\r\nContent-Type: message/rfc822\r\n\r\n"
    "From: sub@domain.org\r\nSubject: submsg\r\nContent-Type: multipart/alternative; boundary=\"sub1\"\r\n\r\nSub "
    "prologue\r\n"
    "--sub1\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n\r\n--sub1\r\nContent-Type: text/plain\r\n\r\nHello "
    "another\r\n\r\n"
    "--sub1--\r\nSub epilogue\r\n\r\n--foo bar--\r\nRoot epilogue\r\n";

TEST(Record, FieldsOfTheHeaderAreFoundWithoutReadingItAgain) {
  constexpr std::string_view kHeaders[] = {"From: a\r\nTo: b\r\n c\r\nfrom: d\r\n\r\nFrom: body\r\n",
                                           "From a mbox line\r\nFrom: a\r\nno field\r\n folded\r\nTo : b\r\n\r\n",
                                           "Content-Type: text/plain;\r\nname=x\r\nTo: b",
                                           "\r\nFrom: body\r\n",
                                           "From: a\nTo: b\n\n",
                                           ""};
  for (std::string_view raw : kHeaders) {
    const ParsedMessage message = parse(raw);
    const Range header = message.parts[0].header;
    for (const bool negate : {false, true})
      EXPECT_EQ(header_fields(slice(raw, header), header.at, message, {"FROM", "to"}, negate),
                header_fields(slice(raw, header), {"FROM", "to"}, negate))
          << raw;
  }
  EXPECT_EQ(header_fields(kHeaders[0], 0, parse(kHeaders[0]), {"FROM"}, false), "From: a\r\nfrom: d\r\n\r\n");
}

TEST(Record, SectionsFollowRfc3501) {
  EXPECT_EQ(text_of(kNested, {}), kNested);
  EXPECT_EQ(text_of(kNested, {1}), "hello\r\n");
  EXPECT_EQ(text_of(kNested, {1}, Kind::Mime), "Content-Type: text/x-myown; charset=us-ascii\r\n\r\n");
  EXPECT_EQ(text_of(kNested, {2}, Kind::Mime), "Content-Type: message/rfc822\r\n\r\n");
  EXPECT_EQ(text_of(kNested, {2, 1}), "<p>Hello</p>\r\n");
  EXPECT_EQ(text_of(kNested, {2, 2}), "Hello another\r\n");
  EXPECT_EQ(text_of(kNested, {2}, Kind::Header),
            "From: sub@domain.org\r\nSubject: submsg\r\nContent-Type: multipart/alternative; boundary=\"sub1\"\r\n\r\n");
  EXPECT_TRUE(text_of(kNested, {2}, Kind::Text).starts_with("Sub prologue\r\n--sub1"));
  EXPECT_TRUE(text_of(kNested, {2}).ends_with("Sub epilogue\r\n"));
  EXPECT_TRUE(text_of(kNested, {}, Kind::Text).starts_with("Root prologue"));
  EXPECT_TRUE(text_of(kNested, {}, Kind::Header).ends_with("bar\"\r\n\r\n"));
  for (std::vector<uint32_t> none : {std::vector<uint32_t>{3}, {1, 1}, {2, 3}, {0}, {2, 1, 1}}) {
    EXPECT_EQ(text_of(kNested, none), "(none)");
  }
  EXPECT_EQ(text_of(kNested, {1}, Kind::Header), "(none)");
  EXPECT_EQ(text_of(kNested, {}, Kind::Mime), "(none)");
}

TEST(Record, MessageInsideMessageCountsParts) {
  std::string_view raw =
      "From: a@b\r\nContent-Type: message/rfc822\r\n\r\nFrom: c@d\r\nContent-Type: message/rfc822\r\n\r\n"
      "Subject: submsg\r\n\r\nHello world\r\n";
  EXPECT_EQ(text_of(raw, {1, 1, 1}), "Hello world\r\n");
  EXPECT_EQ(text_of(raw, {1, 1}), "Subject: submsg\r\n\r\nHello world\r\n");
  EXPECT_EQ(text_of(raw, {1, 1}, Kind::Header), "Subject: submsg\r\n\r\n");
  EXPECT_EQ(text_of(raw, {1, 1}, Kind::Text), "Hello world\r\n");
  EXPECT_EQ(text_of(raw, {1}, Kind::Header), "From: c@d\r\nContent-Type: message/rfc822\r\n\r\n");
  EXPECT_EQ(text_of("Subject: x\r\n\r\nhi", {1}), "hi");
  EXPECT_EQ(text_of("Subject: x\r\n\r\nhi", {2}), "(none)");
}

TEST(Record, EnvelopeHasDefaultsGroupsAndNil) {
  EXPECT_EQ(parse("Date: Thu, 15 Feb 2007 01:02:03 +0200\r\nFrom: user@domain (Real Name)\r\nSender: \r\n"
                  "To: group: g1@d1.org, g2@d2.org;\r\nCc: group:;\r\nMessage-ID: <m@x>\r\n\r\n")
                .envelope,
            "(\"Thu, 15 Feb 2007 01:02:03 +0200\" NIL ((\"Real Name\" NIL \"user\" \"domain\")) "
            "((\"Real Name\" NIL \"user\" \"domain\")) ((\"Real Name\" NIL \"user\" \"domain\")) "
            "((NIL NIL \"group\" NIL)(NIL NIL \"g1\" \"d1.org\")(NIL NIL \"g2\" \"d2.org\")(NIL NIL NIL NIL)) "
            "((NIL NIL \"group\" NIL)(NIL NIL NIL NIL)) NIL NIL \"<m@x>\")");
  EXPECT_EQ(parse("\r\n").envelope, "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
  EXPECT_EQ(parse("To: nobody\r\n\r\n").envelope, "(NIL NIL NIL NIL NIL ((NIL NIL \"nobody\" \"\")) NIL NIL NIL NIL)");
}

TEST(Record, EightBitLeavesAsEncodedWords) {
  auto message = parse("Subject: Reuni\xF3n\r\nFrom: \"Jos\xC3\xA9 \\\"P\\\"\" <j@x>\r\n\r\n");
  EXPECT_NE(message.envelope.find("\"=?UTF-8?Q?Reuni=C3=B3n?=\""), std::string::npos);
  EXPECT_NE(message.envelope.find("\"=?UTF-8?Q?Jos=C3=A9?= \\\"P\\\"\""), std::string::npos);
  EXPECT_EQ(message.subject, "Reunión");
}

TEST(Record, Utf8HeadersHaveAFormForWhoReadsThem) {
  auto message = parse_message("From: \xC3\xA9 <\xC3\xA9@x.org>\r\nTo: a@\xC3\xA9.org\r\nSubject: \xC3\xB1\r\n\r\n");
  ASSERT_TRUE(message->utf8.has_value());
  EXPECT_TRUE(message->utf8->envelope.find("\"\xC3\xB1\" ((\"\xC3\xA9\" NIL \"\xC3\xA9\" \"x.org\"))") != std::string::npos)
      << message->utf8->envelope;
  EXPECT_TRUE(message->envelope.find("NIL \"invalid\" \"internationalized-address.invalid\"") != std::string::npos)
      << message->envelope;
  EXPECT_EQ(ParsedMessage::decode(message->encode()).value(), *message);
  EXPECT_FALSE(parse_message("Subject: x\r\n\r\n\xC3\xB1\r\n")->utf8.has_value());
  EXPECT_FALSE(parse_message("Subject: \xE9\r\n\r\n")->utf8.has_value()) << "octets that are no UTF-8 have no such form";
  auto part = parse_message("Content-Type: text/plain; name=\"\xC3\xB1\"\r\n\r\n");
  EXPECT_TRUE(part->utf8->bodystructure.find("\"\xC3\xB1\"") != std::string::npos);
  EXPECT_EQ(part->utf8->envelope, part->envelope);
}
TEST(Record, MessageGlobalIsAMessageToWhoReadsUtf8AndALeafToOthers) {
  const std::string inner = "Subject: caf\xC3\xA9\r\n\r\nhi\r\n";
  const auto plain = parse_message("Content-Type: message/global\r\n\r\n" + inner);
  ASSERT_TRUE(plain && plain->utf8);
  EXPECT_EQ(plain->body, "(\"message\" \"global\" NIL NIL NIL \"7bit\" " + std::to_string(inner.size()) + ")");
  EXPECT_EQ(plain->utf8->body,
            "(\"message\" \"global\" NIL NIL NIL \"7bit\" " + std::to_string(inner.size()) +
                " (NIL \"caf\xC3\xA9\" NIL NIL NIL NIL NIL NIL NIL NIL) (\"text\" \"plain\" (\"charset\" "
                "\"us-ascii\") NIL NIL \"7bit\" 4 1) 3)");
  const auto among =
      parse_message("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/global\r\n\r\n" + inner +
                    "\r\n--b\r\n\r\nlast\r\n--b--\r\n");
  EXPECT_EQ(among->body, "((\"message\" \"global\" NIL NIL NIL \"7bit\" " + std::to_string(inner.size()) +
                             ")(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 4 0) \"mixed\")");
  EXPECT_TRUE(find_part(*among, {1, 1}).has_value());
  const auto closed =
      parse_message("Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n\r\n" + std::string("aGk=\r\n"));
  EXPECT_EQ(closed->body, "(\"message\" \"global\" NIL NIL NIL \"base64\" 6)");
  EXPECT_EQ(closed->utf8->body, "(\"application\" \"octet-stream\" NIL NIL NIL \"base64\" 6)");
}
TEST(Record, LongUtf8IsCutBetweenCharacters) {
  std::string subject = "x";
  for (int i = 0; i < 20'000; ++i) subject += "ñ";
  auto message = parse("Subject: " + subject + "\r\n\r\n");
  EXPECT_EQ(message.subject.substr(0, 5), "xññ");
  EXPECT_TRUE(base::is_utf8(message.subject));
  EXPECT_EQ(message.envelope.find("=C3=83"), std::string::npos);  // no mojibake
}

TEST(Record, BodystructureOfOnePart) {
  auto message = parse("Subject: x\r\n\r\nhello\r\nyou\r\n");
  EXPECT_EQ(message.bodystructure, "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 12 2 NIL NIL NIL NIL)");
  EXPECT_EQ(message.body, "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 12 2)");
}

TEST(Record, BodystructureOfTree) {
  EXPECT_EQ(parse(kNested).bodystructure,
            "((\"text\" \"x-myown\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 7 1 NIL NIL NIL NIL)"
            "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 237 (NIL \"submsg\" ((NIL NIL \"sub\" \"domain.org\")) "
            "((NIL NIL \"sub\" \"domain.org\")) ((NIL NIL \"sub\" \"domain.org\")) NIL NIL NIL NIL NIL) "
            "((\"text\" \"html\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 14 1 NIL NIL NIL NIL)"
            "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 15 1 NIL NIL NIL NIL) \"alternative\" "
            "(\"boundary\" \"sub1\") NIL NIL NIL) 17 NIL NIL NIL NIL) \"mixed\" (\"boundary\" \"foo bar\") NIL NIL NIL)");
}

TEST(Record, ExtensionDataOfAttachment) {
  auto message = parse(
      "Content-Type: application/pdf; name=\"a b\"\r\nContent-Transfer-Encoding: BASE64\r\n"
      "Content-ID: <i@x>\r\nContent-Description: d\r\nContent-MD5: q\r\nContent-Language: es, en\r\n"
      "Content-Location: l\r\nContent-Disposition: attachment; filename*=utf-8''%C3%B1\r\n\r\nAAAA");
  EXPECT_EQ(message.bodystructure,
            "(\"application\" \"pdf\" (\"name\" \"a b\") \"<i@x>\" \"d\" \"BASE64\" 4 \"q\" "
            "(\"attachment\" (\"filename*\" \"utf-8''%C3%B1\")) (\"es\" \"en\") \"l\")");
  EXPECT_TRUE(message.parts[0].attachment);
  EXPECT_EQ(message.parts[0].encoding, Encoding::Base64);
}

TEST(Record, MultipartWithoutPartsGetsOne) {
  auto message = parse("Content-Type: multipart/mixed; boundary=x\r\n\r\nnothing\r\n");
  EXPECT_EQ(message.body, "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0) \"mixed\")");
  EXPECT_EQ(message.parts.size(), 2U);
  EXPECT_TRUE(parse("Content-Type: multipart/mixed\r\n\r\nx").body.starts_with("(\"text\" \"plain\""));
}

TEST(Record, LinesStayShortOutsideLiterals) {
  std::string raw = "Subject: " + std::string(3000, 's') + "\r\nReferences: x\r\nTo: ";
  for (int i = 0; i < 2000; ++i) raw += "\"Name of a Person\" <person" + std::to_string(i) + "@example.org>,\r\n ";
  raw += "\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (int i = 0; i < 500; ++i) raw += "--b\r\nContent-Type: text/plain; name=part" + std::to_string(i) + "\r\n\r\nx\r\n";
  auto message = parse(raw);
  for (const std::string* text : {&message.envelope, &message.bodystructure, &message.body}) {
    for (size_t at = 0, run = 0; at < text->size(); ++at) {
      ASSERT_LT(++run, 2500U);
      if ((*text)[at] != '{') continue;
      size_t close = text->find("}\r\n", at);
      if (close == std::string::npos || close - at > 8) continue;
      at = close + 2 + *base::parse_number<size_t>(std::string_view(*text).substr(at + 1, close - at - 1));
      run = 0;
    }
  }
  EXPECT_NE(message.envelope.find("{3000}\r\nsss"), std::string::npos);
}

TEST(Record, NestingTenThousandDeepCostsNothing) {
  std::string raw;
  for (int i = 0; i < 10'000; ++i) {
    raw += "Content-Type: multipart/mixed; boundary=\"b" + std::to_string(10000 + i) + "\"\r\n\r\n--b" +
           std::to_string(10000 + i) + "\r\n";
  }
  auto message = parse(raw);
  EXPECT_EQ(message.parts.size(), 101U);
  EXPECT_EQ(ParsedMessage::decode(message.encode()).value(), message);
  std::string mails;
  for (int i = 0; i < 10'000; ++i) mails += "Content-Type: message/rfc822\r\n\r\n";
  EXPECT_EQ(parse(mails).parts.size(), 101U);
  EXPECT_NE(parse(mails).body.find("\"application\" \"octet-stream\""), std::string::npos);
}

// Each of these was quadratic in some naive form; together they take milliseconds.
TEST(Record, HostileValuesCostLinearTime) {
  auto repeat = [](std::string_view piece) {
    std::string out;
    while (out.size() < 100'000) out += piece;
    return out;
  };
  std::string words = repeat("x ").substr(0, 50'000);
  for (const std::string& value : {repeat("("), repeat("<"), repeat("\""), repeat("a\\\""), repeat("\"a\"") + "@x",
                                   repeat("=?a?q?"), words + "a@b" + repeat(": ").substr(0, 50'000), repeat("a="),
                                   repeat("[x]"), repeat("a@"), repeat("(a)"), repeat("g:;"), repeat(";\r\na=")}) {
    for (std::string name : {"To", "Subject", "Content-Type", "Content-Disposition", "References", "Date"}) {
      EXPECT_TRUE(parse_message(name + ": " + value + "\r\n\r\n", {.header = {1U << 20U, 5000}}).has_value());
    }
  }
  std::string deep;
  for (int i = 0; i < 99; ++i) {
    deep += "Content-Type: multipart/a; boundary=" + std::string(70, 'a') + std::to_string(100 + i) + "\r\n\r\n--" +
            std::string(70, 'a') + std::to_string(100 + i) + "\r\n";
  }
  deep += "\r\n";
  for (int i = 0; i < 20'000; ++i) deep += "--" + std::string(70, 'a') + "\r\n";
  EXPECT_EQ(parse(deep).parts.size(), 100U);
}

TEST(Record, PartCountIsBounded) {
  std::string raw = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (int i = 0; i < 12'000; ++i) raw += "--b\r\n\r\n";
  EXPECT_EQ(parse(raw).parts.size(), 10'000U);
}

TEST(Record, OuterBoundaryEndsInnerParts) {
  std::string_view raw =
      "Content-Type: multipart/mixed; boundary=out\r\n\r\n--out\r\nContent-Type: multipart/mixed; boundary=out-in\r\n\r\n"
      "--out-in\r\n\r\none\r\n--out\r\n\r\ntwo\r\n--out--\r\n";
  EXPECT_EQ(text_of(raw, {1, 1}), "one");
  EXPECT_EQ(text_of(raw, {2}), "two");
}

TEST(Record, StoredFormIsChecked) {
  auto message = parse(kNested);
  message.references = {"<a@b>"};
  std::string bytes = message.encode();
  EXPECT_EQ(ParsedMessage::decode(bytes).value(), message);
  for (size_t size = 1; size < bytes.size(); ++size) {
    EXPECT_EQ(ParsedMessage::decode(std::string_view(bytes).substr(0, size)).error().code(), Errc::Corrupt);
  }
  EXPECT_EQ(ParsedMessage::decode(bytes + "x").error().code(), Errc::Corrupt);
  bytes[0] = 4;
  EXPECT_EQ(ParsedMessage::decode(bytes).error().code(), Errc::Unsupported);
  EXPECT_EQ(ParsedMessage::decode("").error().code(), Errc::Corrupt);
}

TEST(Record, FactsForSearchAndThreads) {
  auto message = parse(
      "Message-ID: <m@x>\r\nReferences: <a@x> <b@x>\r\nIn-Reply-To: <b@x>\r\nSubject: Re: [list] Año (fwd)\r\n"
      "Date: Fri, 7 Feb 2025 10:00:00 +0000\r\n\r\nx\r\n");
  EXPECT_EQ(message.message_id, "<m@x>");
  EXPECT_EQ(message.references, (std::vector<std::string>{"<a@x>", "<b@x>"}));
  EXPECT_EQ(message.base_subject, "ano");
  EXPECT_TRUE(message.subject_is_reply);
  EXPECT_EQ(message.sent->unix_seconds, 1738922400);
  EXPECT_EQ(message.fields.at(3).name, "subject");
}

TEST(Record, OnlyLimitsRefuse) {
  Limits limits;
  limits.message_bytes = 10;
  EXPECT_EQ(parse_message("Subject: long one\r\n\r\n", limits).error().code(), Errc::TooLarge);
  EXPECT_EQ(parse_message("A: " + std::string(300'000, 'x') + "\r\n\r\n").error().code(), Errc::Limit);
  EXPECT_TRUE(parse_message("").has_value());
  EXPECT_TRUE(parse_message(std::string_view("\0\xFF\r\n:\n", 6)).has_value());
}

TEST(BaseSubject, FollowsRfc5256) {
  EXPECT_EQ(base_subject("Re: Fwd: [x] hello  world (fwd)").text, "hello world");
  EXPECT_EQ(base_subject("[Fwd: Re: hello]").text, "hello");
  EXPECT_EQ(base_subject("[list]").text, "[list]");
  EXPECT_EQ(base_subject("Re [2]: x").text, "x");
  EXPECT_FALSE(base_subject("[list] Regarding: y").is_reply_or_forward);
  EXPECT_EQ(base_subject("Re:").text, "");
}

}  // namespace
}  // namespace bz::mime
