#include "smtp/command.h"

#include <gtest/gtest.h>

#include "smtp/replies.h"

namespace bz::smtp {
namespace {

Command parse(std::string_view line, CommandRules rules = {}) { return parse_command(line, rules); }
constexpr CommandRules kBuzon{.smtputf8 = true, .dsn = false, .buzon = true};

TEST(Address, ReadsWhatIsRealAndWritesItBack) {
  const struct {
    const char *in, *local, *domain, *out;
  } table[] = {
      {"a@b", "a", "b", "a@b"},
      {"Joe.Doe+tag@Example.ORG", "Joe.Doe+tag", "example.org", "Joe.Doe+tag@example.org"},
      {"\"joe doe\"@x.y", "joe doe", "x.y", "\"joe doe\"@x.y"},
      {"\"a\\\"b\\\\c\"@x.y", "a\"b\\c", "x.y", "\"a\\\"b\\\\c\"@x.y"},
      {"\"plain\"@x.y", "plain", "x.y", "plain@x.y"},
      {"docomo..user.@docomo.ne.jp", "docomo..user.", "docomo.ne.jp", "\"docomo..user.\"@docomo.ne.jp"},
      {"a@[192.0.2.1]", "a", "[192.0.2.1]", "a@[192.0.2.1]"},
      {"a@[IPv6:2001:db8::1]", "a", "[ipv6:2001:db8::1]", "a@[ipv6:2001:db8::1]"},
      {"\xd0\xb8\xd0\xb2@\xd0\xbf\xd1\x80.\xd1\x80\xd1\x84", "\xd0\xb8\xd0\xb2", "\xd0\xbf\xd1\x80.\xd1\x80\xd1\x84",
       "\xd0\xb8\xd0\xb2@\xd0\xbf\xd1\x80.\xd1\x80\xd1\x84"},
      {"postmaster", "postmaster", "", "postmaster"},
      {"!#$%&'*+-/=?^_`{|}~@x.y", "!#$%&'*+-/=?^_`{|}~", "x.y", "!#$%&'*+-/=?^_`{|}~@x.y"},
      {"a@under_score.x", "a", "under_score.x", "a@under_score.x"},
  };
  for (const auto& row : table) {
    const auto address = parse_address(row.in);
    ASSERT_TRUE(address) << row.in;
    EXPECT_EQ(address->local, row.local) << row.in;
    EXPECT_EQ(address->domain, row.domain) << row.in;
    EXPECT_EQ(address->to_string(), row.out) << row.in;
    EXPECT_EQ(*parse_address(address->to_string()), *address) << row.in;
  }
}

TEST(Address, RefusesWhatIsNone) {
  for (const std::string& bad : {std::string(""),
                                 std::string("a"),
                                 std::string("@b"),
                                 std::string("a@"),
                                 std::string("a@b@c"),
                                 std::string("a b@c"),
                                 std::string("\"\"@c"),
                                 std::string("\"a@c"),
                                 std::string("a@b..c"),
                                 std::string("a@.b"),
                                 std::string("a@-b"),
                                 std::string("a@[300.1.1.1]"),
                                 std::string("a@[IPv6:zz]"),
                                 std::string("a@[192.0.2.1"),
                                 std::string("a@b>c"),
                                 std::string("a\r\n@b"),
                                 std::string("\"a\r\nb\"@c"),
                                 std::string("a@b\n"),
                                 std::string("\xff@b"),
                                 std::string(65, 'x') + "@b",
                                 "a@" + std::string(64, 'x'),
                                 std::string("a\0@b", 4)}) {
    EXPECT_FALSE(parse_address(bad)) << bad;
  }
}

TEST(Address, PathDropsSourceRoutes) {
  std::string_view text = "<@a.b,@[192.0.2.1]:u@c.d> SIZE=1";
  const auto address = take_path(text);
  ASSERT_TRUE(address);
  EXPECT_EQ(address->to_string(), "u@c.d");
  EXPECT_EQ(text, " SIZE=1");
  for (std::string_view bad : {"u@c", "<u@c", "<@a>", "<@a:>", "<@a;b:u@c>", "< u@c>", "<u@c >"})
    EXPECT_FALSE(take_path(bad));
}

TEST(Xtext, RoundTrips) {
  EXPECT_EQ(to_xtext("a+b=c d"), "a+2Bb+3Dc+20d");
  EXPECT_EQ(*from_xtext("a+2Bb+3Dc+20d"), "a+b=c d");
  for (const char* bad : {"+", "+2", "+zz", "a=b", "a b"}) EXPECT_FALSE(from_xtext(bad)) << bad;
}

TEST(Command, KnowsItsVerbsWithoutCase) {
  const struct {
    const char* line;
    Verb verb;
  } table[] = {{"EHLO mail.example", Verb::Ehlo},
               {"helo x", Verb::Helo},
               {"LHLO x", Verb::Lhlo},
               {"DATA", Verb::Data},
               {"RSET  ", Verb::Rset},
               {"noop anything at all", Verb::Noop},
               {"NOOP", Verb::Noop},
               {"QUIT", Verb::Quit},
               {"VRFY joe", Verb::Vrfy},
               {"EXPN list", Verb::Expn},
               {"HELP", Verb::Help},
               {"StartTLS", Verb::StartTls},
               {"AUTH PLAIN", Verb::Auth}};
  for (const auto& row : table) {
    EXPECT_EQ(parse(row.line).verb, row.verb) << row.line;
    EXPECT_FALSE(parse(row.line).refusal) << row.line;
  }
}

TEST(Command, GreetingTakesAppleLiteralsAndRefusesWhatBreaksReceived) {
  EXPECT_EQ(std::get<Hello>(parse("EHLO [IPv6:2001:db8::7]").args).name, "[IPv6:2001:db8::7]");
  EXPECT_EQ(std::get<Hello>(parse("EHLO my_phone").args).name, "my_phone");
  for (const char* bad : {"EHLO", "EHLO a b", "EHLO a(b", "EHLO <x>", "EHLO \xff", "EHLO a;b"}) {
    EXPECT_EQ(parse(bad).refusal->code, 501) << bad;
  }
}

TEST(Command, MailWithEverything) {
  const auto c = parse("mail FROM: <Joe@X.y> size=1000 BODY=8bitmime SMTPUTF8 RET=HDRS ENVID=a+2Bb AUTH=<>");
  ASSERT_FALSE(c.refusal);
  const auto& m = std::get<MailFrom>(c.args);
  EXPECT_EQ(m.sender.to_string(), "Joe@x.y");
  EXPECT_EQ(m.size, 1000u);
  EXPECT_EQ(m.body, BodyType::EightBitMime);
  EXPECT_TRUE(m.smtputf8);
  EXPECT_EQ(m.ret, Ret::Headers);
  EXPECT_EQ(m.envid, "a+b");
  EXPECT_EQ(m.auth, "<>");
  EXPECT_TRUE(std::get<MailFrom>(parse("MAIL FROM:<>").args).sender.is_null());
}

TEST(Command, RcptWithEverything) {
  const auto c = parse("RCPT TO:<a@b> NOTIFY=success,FAILURE ORCPT=rfc822;c+2Bd@e");
  ASSERT_FALSE(c.refusal);
  const auto& r = std::get<RcptTo>(c.args);
  EXPECT_EQ(r.recipient.to_string(), "a@b");
  EXPECT_EQ(r.notify.to_string(), "SUCCESS,FAILURE");
  EXPECT_EQ(r.orcpt, "rfc822;c+d@e");
  EXPECT_FALSE(parse("RCPT TO:<Postmaster>").refusal);
}

TEST(Command, RefusalsSayWhatIsWrong) {
  const struct {
    const char* line;
    uint16_t code;
    const char* status;
  } table[] = {
      {"", 500, "5.5.2"},
      {"XYZZY", 500, "5.5.2"},
      {" EHLO x", 500, "5.5.2"},
      {"DATA now", 501, "5.5.4"},
      {"MAIL", 501, "5.5.4"},
      {"MAIL <a@b>", 501, "5.5.4"},
      {"MAIL FROM:a@b", 501, "5.1.7"},
      {"MAIL FROM:<a b@c>", 501, "5.1.7"},
      {"MAIL FROM:<a@b>SIZE=1", 501, "5.5.4"},
      {"MAIL FROM:<a@b> SIZE", 501, "5.5.4"},
      {"MAIL FROM:<a@b> SIZE=x", 501, "5.5.4"},
      {"MAIL FROM:<a@b> SIZE=99999999999999999999", 501, "5.5.4"},
      {"MAIL FROM:<a@b> SIZE=1 SIZE=2", 501, "5.5.4"},
      {"MAIL FROM:<a@b> BODY=BINARYMIME", 555, "5.5.4"},
      {"MAIL FROM:<a@b> FOO=1", 555, "5.5.4"},
      {"MAIL FROM:<a@b> XBZQID=abc", 555, "5.5.4"},
      {"MAIL FROM:<a@b> XBZSID=abc", 555, "5.5.4"},
      {"MAIL FROM:<a@b> ENVID=+0D+0A", 501, "5.5.4"},
      {"MAIL FROM:<a@b> RET=SOME", 501, "5.5.4"},
      {"MAIL FROM:<\xc3\xa4@b>", 553, "5.6.7"},
      {"RCPT TO:<>", 501, "5.1.3"},
      {"RCPT TO:<a>", 501, "5.1.3"},
      {"RCPT TO:<a@b> NOTIFY=NEVER,FAILURE", 501, "5.5.4"},
      {"RCPT TO:<a@b> NOTIFY=", 501, "5.5.4"},
      {"RCPT TO:<a@b> ORCPT=nothing", 501, "5.5.4"},
      {"RCPT TO:<a@b> ORCPT=rfc822;a+0D+0Ab", 501, "5.5.4"},
      {"RCPT TO:<a@b> XBZACCT=1", 555, "5.5.4"},
      {"RCPT TO:<a@b> XBZSENT=1", 555, "5.5.4"},
      {"BDAT", 501, "5.5.4"},
      {"BDAT x", 501, "5.5.4"},
      {"BDAT -1", 501, "5.5.4"},
      {"BDAT 5 FIRST", 501, "5.5.4"},
      {"BDAT 99999999999999999999", 501, "5.5.4"},
      {"AUTH", 501, "5.5.4"},
      {"AUTH a b c", 501, "5.5.4"},
      {"VRFY", 501, "5.5.4"},
  };
  for (const auto& row : table) {
    const auto c = parse(row.line);
    ASSERT_TRUE(c.refusal) << row.line;
    EXPECT_EQ(c.refusal->code, row.code) << row.line;
    EXPECT_EQ(c.refusal->status, row.status) << row.line;
  }
}

TEST(Command, BdatAndAuth) {
  const auto c = parse("BDAT 1000 last");
  EXPECT_EQ(std::get<BdatChunk>(c.args).size, 1000u);
  EXPECT_TRUE(std::get<BdatChunk>(c.args).last);
  EXPECT_FALSE(std::get<BdatChunk>(parse("BDAT 0").args).last);
  const auto a = parse("AUTH plain =");
  EXPECT_EQ(std::get<AuthStart>(a.args).mechanism, "PLAIN");
  EXPECT_EQ(std::get<AuthStart>(a.args).initial, "=");
}

TEST(Command, PrivateParametersOnThePrivateLeg) {
  const auto mail = parse("MAIL FROM:<a@b> XBZQID=abcdef012345 XBZSID=s1", kBuzon);
  ASSERT_FALSE(mail.refusal);
  EXPECT_EQ(std::get<MailFrom>(mail.args).queue_id, "abcdef012345");
  EXPECT_EQ(std::get<MailFrom>(mail.args).session, "s1");
  const auto rcpt = parse("RCPT TO:<a@b> XBZACCT=7 XBZSENT=1", kBuzon);
  ASSERT_FALSE(rcpt.refusal);
  EXPECT_EQ(std::get<RcptTo>(rcpt.args).account, AccountId(7));
  EXPECT_TRUE(std::get<RcptTo>(rcpt.args).sent_copy);
  for (const char* bad : {"RCPT TO:<a@b> XBZSENT=1", "RCPT TO:<a@b> XBZACCT=0", "RCPT TO:<a@b> XBZACCT=1 XBZSENT=2",
                          "MAIL FROM:<a@b> XBZQID=a/b", "MAIL FROM:<a@b> XBZSID=-",
                          "MAIL FROM:<a@b> XBZQID=123456789012345678901234567890123"}) {
    EXPECT_TRUE(parse(bad, kBuzon).refusal) << bad;
  }
}

TEST(Command, WhatIsWrittenIsRead) {
  MailFrom mail;
  mail.sender = Address{"a b", "c.d"};
  mail.size = 7;
  mail.body = BodyType::EightBitMime;
  mail.smtputf8 = true;
  mail.ret = Ret::Full;
  mail.envid = "x y=z";
  mail.auth = "u@v";
  auto line = encode(mail);
  line.resize(line.size() - 2);
  EXPECT_EQ(std::get<MailFrom>(parse(line).args), mail);
  RcptTo rcpt;
  rcpt.recipient = Address{"e", "f"};
  rcpt.notify.bits = Notify::kNever;
  rcpt.orcpt = "rfc822;a+b=c@d";
  line = encode(rcpt);
  line.resize(line.size() - 2);
  EXPECT_EQ(std::get<RcptTo>(parse(line).args), rcpt);
}

}  // namespace
}  // namespace bz::smtp
