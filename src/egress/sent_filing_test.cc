#include "egress/sent_filing.h"

#include <gmock/gmock.h>

namespace bz::egress {
namespace {
using testing::EndsWith;
using testing::HasSubstr;

const std::string kBody = "hello\r\n";
struct Line {
  std::string hears, says;  // "<BODY>": the message was wanted and sent
};
struct Talk {
  Result<Filed> result;
  std::string mailbox, rest;
};

SentMessage message() { return {"<1@x.test>", crypto::sha256(kBody), 300, 1'000'000'000}; }

Talk play(const std::vector<Line>& script, size_t piece, std::string capabilities = "IMAP4rev1 SPECIAL-USE",
          std::string mailbox = "", SentMessage what = message()) {
  SentFiling filing(std::move(what), capabilities, std::move(mailbox));
  for (const Line& line : script) {
    const std::string out = filing.take_output();
    if (line.hears == "<BODY>") {
      EXPECT_EQ(filing.want(), SentFiling::Want::Body);
      filing.body_sent();
      EXPECT_EQ(filing.take_output(), "\r\n");
    } else {
      EXPECT_EQ(out, line.hears);
    }
    for (size_t at = 0; at < line.says.size(); at += piece) filing.input(std::string_view(line.says).substr(at, piece));
  }
  EXPECT_EQ(filing.want(), SentFiling::Want::Done);
  return {filing.result(), filing.mailbox(), filing.take_output()};
}

const Line kMarked{
    "S1 LIST (SPECIAL-USE) \"\" \"*\"\r\n",
    "* LIST (\\Drafts) \"/\" Drafts\r\n* LIST (\\HasNoChildren \\sent) \"/\" \"Gone \\\"out\\\"\"\r\nS1 OK\r\n"};
const std::string kSearch = "UID SEARCH HEADER Message-ID \"<1@x.test>\"\r\n";
const std::string kAppend = " (\\Seen) \" 9-Sep-2001 01:46:40 +0000\" {300}\r\n";

std::string body_of(const std::string& body) {
  return "* 4 FETCH (UID 9 BODY[TEXT] {" + std::to_string(body.size()) + "}\r\n" + body + " FLAGS (\\Seen))\r\n";
}

TEST(SentFiling, appends_to_the_mailbox_marked_sent_when_the_message_is_not_there) {
  for (size_t piece : {1, 2, 7, 10'000}) {
    auto talk = play({kMarked,
                      {"S2 EXAMINE \"Gone \\\"out\\\"\"\r\n", "* 3 EXISTS\r\n* OK [UNSEEN 1] x\r\nS2 OK [READ-ONLY] x\r\n"},
                      {"S3 " + kSearch, "* SEARCH\r\nS3 OK x\r\n"},
                      {"S4 APPEND \"Gone \\\"out\\\"\"" + kAppend, "* 4 EXISTS\r\n+ go\r\n"},
                      {"<BODY>", "* 5 EXISTS\r\nS4 OK [APPENDUID 1 9] done\r\n"}},
                     piece);
    ASSERT_TRUE(talk.result) << talk.result.error().text();
    EXPECT_EQ(*talk.result, Filed::Now);
    EXPECT_EQ(talk.mailbox, "Gone \"out\"");
    EXPECT_THAT(talk.rest, EndsWith("LOGOUT\r\n"));
  }
}

// As after an attempt whose end nobody saw, or beside a client that files its own.
TEST(SentFiling, finds_the_message_by_its_id_and_body) {
  for (size_t piece : {1, 3, 10'000}) {
    auto talk = play({kMarked,
                      {"S2 EXAMINE \"Gone \\\"out\\\"\"\r\n", "S2 OK x\r\n"},
                      {"S3 " + kSearch, "* SEARCH 4 9\r\nS3 OK x\r\n"},
                      {"S4 UID FETCH 9 (BODY.PEEK[TEXT])\r\n", body_of("hello {12}\r\n") + "S4 OK x\r\n"},
                      {"S5 UID FETCH 4 (BODY.PEEK[TEXT])\r\n", body_of(kBody) + "S5 OK x\r\n"}},
                     piece);
    ASSERT_TRUE(talk.result) << talk.result.error().text();
    EXPECT_EQ(*talk.result, Filed::Before);
  }
}

TEST(SentFiling, never_takes_another_body_for_the_message) {
  auto talk = play({kMarked,
                    {"S2 EXAMINE \"Gone \\\"out\\\"\"\r\n", "S2 OK x\r\n"},
                    {"S3 " + kSearch, "* SEARCH 9\r\nS3 OK x\r\n"},
                    {"S4 UID FETCH 9 (BODY.PEEK[TEXT])\r\n", body_of("other\r\n") + "S4 OK x\r\n"},
                    {"S5 APPEND \"Gone \\\"out\\\"\"" + kAppend, "+\r\n"},
                    {"<BODY>", "S5 OK\r\n"}},
                   10'000);
  ASSERT_TRUE(talk.result);
  EXPECT_EQ(*talk.result, Filed::Now);
}

TEST(SentFiling, knows_an_empty_body_however_it_is_written) {
  SentMessage empty = message();
  empty.body_sha256 = crypto::sha256("");
  for (const char* body : {"{0}\r\n)", "\"\")", "NIL)"}) {
    auto talk =
        play({kMarked,
              {"S2 EXAMINE \"Gone \\\"out\\\"\"\r\n", "S2 OK x\r\n"},
              {"S3 " + kSearch, "* SEARCH 9\r\nS3 OK x\r\n"},
              {"S4 UID FETCH 9 (BODY.PEEK[TEXT])\r\n", "* 1 FETCH (BODY[TEXT] " + std::string(body) + "\r\nS4 OK x\r\n"}},
             1, "SPECIAL-USE", "", empty);
    ASSERT_TRUE(talk.result) << body;
    EXPECT_EQ(*talk.result, Filed::Before) << body;
  }
}

TEST(SentFiling, chooses_the_mailbox) {
  struct Case {
    const char *listed, *configured, *expected;
  };
  const Case cases[] = {
      {"* LIST () \"/\" INBOX\r\n* LIST () \"/\" \"Sent Items\"\r\n* LIST () \"/\" sent\r\n", "", "sent"},
      {"* LIST () \".\" INBOX.Sent\r\n", "", "INBOX.Sent"},
      {"* LIST (\\Noselect) \"/\" Sent\r\n* LIST () \"/\" Gesendet\r\n", "", "Gesendet"},
      {"* LIST () \"/\" Sent\r\n* LIST (\\Marked \\Sent) \"/\" Out\r\n", "", "Out"},
      {"* LIST () \"/\" Sent\r\n* LIST () \"/\" Outbox\r\n", "Outbox", "Outbox"},
      {"* LIST () \"/\" {7}\r\nstrange\r\n* LIST () NIL \"Sent\"\r\n* LIST () \"/\" \"Projects/Sent\"\r\n", "", "Sent"},
  };
  for (const Case& c : cases) {
    auto talk = play({{"S1 LIST \"\" \"*\"\r\n", std::string(c.listed) + "S1 OK\r\n"},
                      {"S2 EXAMINE \"" + std::string(c.expected) + "\"\r\n", "S2 NO gone\r\n"}},
                     1, "IMAP4rev1", c.configured);
    EXPECT_FALSE(talk.result);
    EXPECT_EQ(talk.mailbox, c.expected) << c.listed;
  }
}

TEST(SentFiling, makes_a_mailbox_where_there_is_none) {
  auto talk = play({{"S1 LIST (SPECIAL-USE) \"\" \"*\"\r\n", "S1 OK\r\n"},
                    {"S2 LIST \"\" \"*\"\r\n", "* LIST () \".\" INBOX\r\nS2 OK\r\n"},
                    {"S3 CREATE \"Sent\" (USE (\\Sent))\r\n", "S3 NO not here\r\n"},
                    {"S4 CREATE \"INBOX.Sent\" (USE (\\Sent))\r\n", "S4 OK\r\n"},
                    {"S5 SUBSCRIBE \"INBOX.Sent\"\r\n", "S5 OK\r\n"},
                    {"S6 EXAMINE \"INBOX.Sent\"\r\n", "S6 OK\r\n"},
                    {"S7 " + kSearch, "* SEARCH\r\nS7 OK\r\n"},
                    {"S8 APPEND \"INBOX.Sent\"" + kAppend, "+ \r\n"},
                    {"<BODY>", "S8 OK\r\n"}},
                   5, "SPECIAL-USE CREATE-SPECIAL-USE");
  EXPECT_TRUE(talk.result);
}

TEST(SentFiling, is_tried_again_after_every_refusal) {
  const std::vector<std::vector<Line>> scripts = {
      {{kMarked.hears, "* BYE overloaded\r\n"}},
      {{kMarked.hears, "hello\r\n"}},
      {{kMarked.hears, "+ go\r\n"}},
      {{kMarked.hears, std::string(20'000, 'x')}},
      {kMarked, {"S2 EXAMINE \"Gone \\\"out\\\"\"\r\n", "S2 OK x\r\n"}, {"S3 " + kSearch, "S3 BAD what\r\n"}},
      {kMarked,
       {"S2 EXAMINE \"Gone \\\"out\\\"\"\r\n", "S2 OK x\r\n"},
       {"S3 " + kSearch, "S3 OK\r\n"},
       {"S4 APPEND \"Gone \\\"out\\\"\"" + kAppend, "S4 NO [OVERQUOTA] full\r\n"}},
  };
  for (const auto& script : scripts) {
    auto talk = play(script, 1);
    ASSERT_FALSE(talk.result);
    EXPECT_EQ(talk.result.error().code(), Errc::Unavailable);
  }
  auto full = play(scripts.back(), 100);
  EXPECT_THAT(full.result.error().text(), HasSubstr("[OVERQUOTA] full"));
}

TEST(SentFiling, is_not_looked_for_without_a_message_id_that_can_be_said) {
  for (const char* id : {"", "<\xc3\xb1@x>", "<a\r\nb@x>"}) {
    SentMessage what = message();
    what.message_id = id;
    auto talk = play({kMarked, {"S2 APPEND \"Gone \\\"out\\\"\"" + kAppend, "+ \r\n"}, {"<BODY>", "S2 OK\r\n"}}, 100,
                     "SPECIAL-USE", "", what);
    EXPECT_TRUE(talk.result) << id;
  }
}

}  // namespace
}  // namespace bz::egress
