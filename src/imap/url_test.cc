#include "imap/url.h"

#include <gtest/gtest.h>

namespace bz::imap {
namespace {

MessageUrl ok(std::string_view text) {
  auto url = parse_message_url(text);
  EXPECT_TRUE(url.has_value()) << text;
  return url.value_or(MessageUrl{});
}

TEST(Url, names_a_message_of_this_server) {
  const MessageUrl url = ok("/Drafts;UIDVALIDITY=385759045/;UID=20");
  EXPECT_FALSE(url.server.has_value());
  EXPECT_EQ(url.mailbox, "Drafts");
  EXPECT_EQ(url.uid_validity, 385759045u);
  EXPECT_EQ(url.uid, 20u);
  EXPECT_EQ(url.section, BodySection{});
  EXPECT_EQ(ok("/inbox/;uid=1").mailbox, "INBOX");
  EXPECT_EQ(ok("/a/b/c/;UID=4294967295").mailbox, "a/b/c");
  EXPECT_EQ(ok("/~peter/%E6%97%A5%E6%9C%AC%E8%AA%9E/;UID=1").mailbox, "~peter/日本語");
  EXPECT_EQ(ok("/gray%20council%3B;UIDVALIDITY=1/;UID=1").mailbox, "gray council;");
}
TEST(Url, names_parts_and_windows) {
  EXPECT_EQ(ok("/x/;UID=1/;SECTION=1.2").section.part, (std::vector<uint32_t>{1, 2}));
  EXPECT_EQ(ok("/x/;uid=1/;section=header").section.what, BodySection::What::Header);
  EXPECT_EQ(ok("/x/;UID=1/;Section=2.MIME").section.what, BodySection::What::Mime);
  EXPECT_EQ(ok("/x/;UID=1/;section=HEADER.FIELDS%20(To%20%22x%22)").section.fields, (std::vector<std::string>{"To", "x"}));
  EXPECT_EQ(ok("/x/;UID=1/;PARTIAL=0.1024").range, (UrlRange{0, 1024}));
  EXPECT_EQ(ok("/x/;UID=1/;SECTION=1/;PARTIAL=7").range, (UrlRange{7, std::nullopt}));
  EXPECT_EQ(ok("/x/;UID=1/;SECTION=1/;PARTIAL=7").section.part, (std::vector<uint32_t>{1}));
}
TEST(Url, names_servers_and_users) {
  const MessageUrl url = ok("imap://joe;AUTH=*@example.com:10143/INBOX/;uid=20");
  EXPECT_EQ(url.server, (UrlServer{"joe", "example.com", 10143}));
  EXPECT_EQ(ok("IMAP://ana%40example.org@[2001:db8::1]/x/;UID=1").server,
            (UrlServer{"ana@example.org", "[2001:db8::1]", std::nullopt}));
  EXPECT_EQ(ok("imap://example.com/x/;UID=1").server, (UrlServer{"", "example.com", std::nullopt}));
  EXPECT_EQ(ok("imap://;AUTH=GSSAPI@h/x/;UID=1").server, (UrlServer{"", "h", std::nullopt}));
}
TEST(Url, carries_authorization) {
  const std::string rump = "imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred";
  const MessageUrl url = ok(rump + ":internal:91354a473744909de610943775f92038");
  ASSERT_TRUE(url.auth.has_value());
  EXPECT_EQ(url.auth->access, UrlAuth::Access::Submit);
  EXPECT_EQ(url.auth->user, "fred");
  EXPECT_EQ(url.auth->mechanism, "internal");
  EXPECT_EQ(url.auth->token, "91354a473744909de610943775f92038");
  EXPECT_EQ(url.auth->rump, rump.size());
  EXPECT_EQ(ok(rump).auth->token, "");
  EXPECT_EQ(ok("/x/;UID=1;URLAUTH=user+a%40b.c").auth->user, "a@b.c");
  EXPECT_EQ(ok("/x/;UID=1;URLAUTH=user+a@b.c").auth->user, "a@b.c");
  EXPECT_EQ(ok("/x/;UID=1;urlauth=ANONYMOUS").auth->access, UrlAuth::Access::Anonymous);
  EXPECT_EQ(ok("/x/;UID=1/;PARTIAL=3.4;EXPIRE=1985-04-12T23:20:50.52Z;URLAUTH=authuser").auth->expire, 482196050);
  EXPECT_EQ(ok("/x/;UID=1;EXPIRE=1996-12-19T16:39:57-08:00;URLAUTH=authuser").auth->expire, 851042397);
  EXPECT_EQ(ok("/x/;UID=1;EXPIRE=2000-02-29T00:00:00+00:30;URLAUTH=authuser").auth->expire, 951780600);
}
TEST(Url, refuses_everything_else) {
  const std::string token = ":internal:91354a473744909de610943775f92038";
  for (const std::string& text : {std::string(),
                                  std::string("/"),
                                  std::string("//h/x/;UID=1"),
                                  std::string("x/;UID=1"),
                                  std::string(";UID=1"),
                                  std::string("/x"),
                                  std::string("/x/"),
                                  std::string("/x/;UID=0"),
                                  std::string("/x/;UID=4294967296"),
                                  std::string("/x;UID=1"),
                                  std::string("/;UID=1"),
                                  std::string("//;UID=1"),
                                  std::string("/x?ALL"),
                                  std::string("/x/;UID=1/.."),
                                  std::string("/../x/;UID=1"),
                                  std::string("/a/./b/;UID=1"),
                                  std::string("/x;UIDVALIDITY=0/;UID=1"),
                                  std::string("/x;UIDVALIDITY=1;UID=1"),
                                  std::string("/a b/;UID=1"),
                                  std::string("/%zz/;UID=1"),
                                  std::string("/%4/;UID=1"),
                                  std::string("/%FF/;UID=1"),
                                  std::string("/%00/;UID=1"),
                                  std::string("/\xC3\xA4/;UID=1"),
                                  std::string("/x/;UID=1/;SECTION="),
                                  std::string("/x/;UID=1/;SECTION=0"),
                                  std::string("/x/;UID=1/;SECTION=1/"),
                                  std::string("/x/;UID=1/;SECTION=FOO"),
                                  std::string("/x/;UID=1/;PARTIAL=1.0"),
                                  std::string("/x/;UID=1/;PARTIAL="),
                                  std::string("/x/;UID=1/;PARTIAL=1/;SECTION=1"),
                                  std::string("imap:///x/;UID=1"),
                                  std::string("imap://@h/x/;UID=1"),
                                  std::string("imap://h:99999/x/;UID=1"),
                                  std::string("imap://h"),
                                  std::string("imaps://h/x/;UID=1"),
                                  std::string("http://h/x/;UID=1"),
                                  std::string("/x/;UID=1;URLAUTH=nobody"),
                                  std::string("/x/;UID=1;URLAUTH=user+"),
                                  std::string("/x/;UID=1;EXPIRE=2020-01-01T00:00:00Z"),
                                  std::string("/x/;UID=1;EXPIRE=2020-02-30T00:00:00Z;URLAUTH=authuser"),
                                  std::string("/x/;UID=1;EXPIRE=2020-01-01;URLAUTH=authuser"),
                                  "/x/;UID=1" + token,
                                  "/x/;UID=1;URLAUTH=authuser" + token + "x",
                                  std::string("/x/;UID=1;URLAUTH=authuser:internal:9135"),
                                  std::string("/x/;UID=1;URLAUTH=authuser:internal"),
                                  "/x/;UID=1;URLAUTH=authuser::" + token.substr(10),
                                  std::string("/x/;UID=1\r\n"),
                                  "/" + std::string(kMaxUrl, 'x') + "/;UID=1"})
    EXPECT_FALSE(parse_message_url(text).has_value()) << text;
}

}  // namespace
}  // namespace bz::imap
