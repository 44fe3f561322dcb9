#include "smtp/reply.h"

#include <gtest/gtest.h>

#include "smtp/ehlo.h"
#include "smtp/replies.h"

namespace bz::smtp {
namespace {

Result<std::vector<Reply>> read(std::initializer_list<std::string_view> pieces) {
  ReplyParser parser;
  std::vector<Reply> out;
  for (auto piece : pieces) {
    while (!piece.empty()) {
      BZ_TRY(auto reply, parser.next(piece));
      if (reply) out.push_back(*reply);
    }
  }
  return out;
}

TEST(Reply, EncodesOneAndManyLines) {
  EXPECT_EQ(Reply(replies::kUnknownUser).encode(), "550 5.1.1 No such user here\r\n");
  EXPECT_EQ(Reply(250, "2.0.0", "a\nb").encode(), "250-2.0.0 a\r\n250 2.0.0 b\r\n");
  EXPECT_EQ(Reply(354, "", "go").encode(), "354 go\r\n");
  EXPECT_EQ(Reply(250, "", "").encode(), "250 \r\n");
}

TEST(Reply, TextNeverBreaksTheProtocol) {
  EXPECT_EQ(Reply(550, "5.0.0", "a\r\n250 ok").encode(), "550-5.0.0 a?\r\n550 5.0.0 250 ok\r\n");
  EXPECT_LE(Reply(550, "5.0.0", std::string(5000, 'x')).encode().size(), 512u);
  EXPECT_EQ(Reply(550, "5.0.0", "a\nb\tc").to_string(), "550 5.0.0 a b c");
}

TEST(ReplyParser, ReadsManyHoweverCut) {
  const std::string_view text =
      "220 mx.example ESMTP\r\n250-mx.example\r\n250-SIZE 100\r\n250 DSN\r\n550-5.1.1 No such\r\n550 5.1.1 "
      "user\r\n250\r\n334 "
      "abc\r\n";
  const auto check = [&](const Result<std::vector<Reply>>& replies) {
    ASSERT_TRUE(replies);
    ASSERT_EQ(replies->size(), 5u);
    EXPECT_EQ((*replies)[0], Reply(220, "", "mx.example ESMTP"));
    EXPECT_EQ((*replies)[1], Reply(250, "", "mx.example\nSIZE 100\nDSN"));
    EXPECT_EQ((*replies)[2], Reply(550, "5.1.1", "No such\nuser"));
    EXPECT_EQ((*replies)[3], Reply(250, "", ""));
    EXPECT_EQ((*replies)[4], Reply(334, "", "abc"));
  };
  for (size_t i = 0; i <= text.size(); ++i) check(read({text.substr(0, i), text.substr(i)}));
}

TEST(ReplyParser, RefusesWhatIsNoReply) {
  for (const char* bad : {"hello\r\n", "25\r\n", "199 x\r\n", "600 x\r\n", "250_x\r\n", "250 x\n", "250 a\rb\r\n",
                          "250-a\r\n251 b\r\n", "\r\n", "-50 x\r\n"}) {
    EXPECT_FALSE(read({bad})) << bad;
  }
}

TEST(ReplyParser, HoldsItsLimits) {
  EXPECT_EQ(read({"250 " + std::string(3000, 'x')}).error().code(), Errc::TooLarge);
  std::string many;
  for (int i = 0; i < 200; ++i) many += "250-x\r\n";
  EXPECT_EQ(read({many}).error().code(), Errc::TooLarge);
}

TEST(ReplyParser, StatusOfAnotherClassIsText) {
  const auto replies = read({"550 2.0.0 odd\r\n250 1.2.3.4 address\r\n250 2.1 x\r\n"});
  ASSERT_TRUE(replies);
  EXPECT_EQ((*replies)[0], Reply(550, "", "2.0.0 odd"));
  EXPECT_EQ((*replies)[1], Reply(250, "", "1.2.3.4 address"));
  EXPECT_EQ((*replies)[2], Reply(250, "", "2.1 x"));
}

TEST(ReplyParser, ReadsWhatEncodeWrites) {
  for (const Reply& reply : {Reply(replies::kHopLimit), Reply(250, "2.0.0", "a\nb\nc"), Reply(221, "", "x")}) {
    const auto back = read({reply.encode()});
    ASSERT_TRUE(back);
    EXPECT_EQ(back->at(0), reply);
  }
}

TEST(Ehlo, SaysWhatIsDone) {
  EhloFacts facts;
  facts.max_message = 1000;
  EXPECT_EQ(
      ehlo_reply(ServerMode::Mx, facts, "mx.example").encode(),
      "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n"
      "250-CHUNKING\r\n250 DSN\r\n");
  facts.starttls = true;
  facts.mechanisms = {"PLAIN", "LOGIN"};
  const auto words = ehlo_keywords(ServerMode::Submission, facts);
  EXPECT_EQ(words.back(), "AUTH PLAIN LOGIN");
  EXPECT_EQ(words[words.size() - 2], "STARTTLS");
  EXPECT_EQ(ehlo_keywords(ServerMode::Lmtp, {}).back(), "XBUZON");
}

}  // namespace
}  // namespace bz::smtp
