#include "smtp/client_fsm.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "smtp/lmtp_ext.h"

namespace bz::smtp {
namespace {

using Want = ClientFsm::Want;
using Kind = Outcome::Kind;

ClientConfig config() {
  ClientConfig c;
  c.hello_name = "me.example";
  return c;
}

ClientMessage message(std::initializer_list<const char*> recipients) {
  ClientMessage m;
  m.mail.sender = *parse_address("from@a.example");
  m.mail.size = 6;
  for (const char* r : recipients) m.recipients.push_back({*parse_address(r), {}, {}, {}, false});
  return m;
}

std::string ready(ClientFsm& fsm, std::string_view ehlo = "250-mx\r\n250-PIPELINING\r\n250 SIZE 1000\r\n") {
  fsm.input("220 mx ESMTP\r\n");
  auto sent = fsm.take_output();
  fsm.input(ehlo);
  EXPECT_EQ(fsm.want(), Want::Message);
  return sent;
}

std::vector<Kind> kinds(const ClientFsm& fsm) {
  std::vector<Kind> out;
  for (const auto& o : fsm.outcomes()) out.push_back(o.kind);
  return out;
}

TEST(ClientFsm, PipelinesTheEnvelopeInOneFlight) {
  ClientFsm fsm(config());
  EXPECT_EQ(ready(fsm), "EHLO me.example\r\n");
  fsm.start(message({"a@x", "b@x"}));
  EXPECT_EQ(fsm.take_output(), "MAIL FROM:<from@a.example> SIZE=6\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n");
  fsm.input("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n");
  EXPECT_EQ(fsm.want(), Want::Input);
  EXPECT_EQ(fsm.deadline_class(), ClientFsm::DeadlineClass::DataStart);
  fsm.input("354 go\r\n");
  ASSERT_EQ(fsm.want(), Want::Body);
  fsm.body(".x");
  fsm.body("\r\ny");
  fsm.body_end();
  EXPECT_EQ(fsm.take_output(), "..x\r\ny\r\n.\r\n");
  EXPECT_EQ(fsm.deadline_class(), ClientFsm::DeadlineClass::DataEnd);
  fsm.input("250 2.0.0 queued\r\n");
  EXPECT_EQ(fsm.want(), Want::Result);
  EXPECT_EQ(kinds(fsm), (std::vector{Kind::Done, Kind::Permanent}));
  EXPECT_EQ(fsm.outcomes()[1].reply.to_string(), "550 5.1.1 no");
  fsm.next_message();
  EXPECT_EQ(fsm.want(), Want::Message);
  fsm.quit();
  EXPECT_EQ(fsm.take_output(), "QUIT\r\n");
  fsm.input("221 bye\r\n");
  EXPECT_EQ(fsm.want(), Want::Closed);
}

// The same dialogue, answers cut at every byte.
TEST(ClientFsm, AnswersMayComeByteByByte) {
  const std::string answers[] = {"220-a\r\n220 b\r\n", "250-mx\r\n250 PIPELINING\r\n", "250 ok\r\n250 ok\r\n354 go\r\n",
                                 "250 done\r\n"};
  ClientFsm fsm(config());
  const auto slowly = [&](const std::string& text) {
    for (const char& c : text) fsm.input(std::string_view(&c, 1));
  };
  slowly(answers[0]);
  slowly(answers[1]);
  fsm.start(message({"a@x"}));
  slowly(answers[2]);
  ASSERT_EQ(fsm.want(), Want::Body);
  fsm.body_end();
  slowly(answers[3]);
  EXPECT_EQ(kinds(fsm), std::vector{Kind::Done});
}

TEST(ClientFsm, WithoutPipeliningOneCommandAtATime) {
  ClientFsm fsm(config());
  ready(fsm, "250 mx\r\n");
  fsm.take_output();
  fsm.start(message({"a@x", "b@x"}));
  EXPECT_EQ(fsm.take_output(), "MAIL FROM:<from@a.example>\r\n");
  fsm.input("250 ok\r\n");
  EXPECT_EQ(fsm.take_output(), "RCPT TO:<a@x>\r\n");
  fsm.input("450 4.2.0 later\r\n");
  EXPECT_EQ(fsm.take_output(), "RCPT TO:<b@x>\r\n");
  fsm.input("550 never\r\n");
  EXPECT_EQ(fsm.take_output(), "") << "no DATA without recipients";
  EXPECT_EQ(fsm.want(), Want::Result);
  EXPECT_EQ(kinds(fsm), (std::vector{Kind::Temporary, Kind::Permanent}));
  fsm.next_message();
  EXPECT_EQ(fsm.take_output(), "RSET\r\n");
  fsm.input("250 ok\r\n");
  EXPECT_EQ(fsm.want(), Want::Message);
}

TEST(ClientFsm, RefusedSenderSettlesEverybody) {
  ClientFsm fsm(config());
  ready(fsm);
  fsm.start(message({"a@x", "b@x"}));
  fsm.input("553 5.1.8 no\r\n503 x\r\n503 x\r\n503 x\r\n");
  EXPECT_EQ(fsm.want(), Want::Result);
  EXPECT_EQ(kinds(fsm), (std::vector{Kind::Permanent, Kind::Permanent}));
  EXPECT_EQ(fsm.outcomes()[1].reply.code, 553);
}

TEST(ClientFsm, DataTakenWithoutRecipientsIsEndedEmpty) {
  ClientFsm fsm(config());
  ready(fsm);
  fsm.start(message({"a@x"}));
  fsm.take_output();
  fsm.input("250 ok\r\n550 no\r\n354 go\r\n");
  EXPECT_EQ(fsm.take_output(), ".\r\n");
  fsm.input("554 no recipients\r\n");
  EXPECT_EQ(fsm.want(), Want::Result);
  EXPECT_EQ(fsm.outcomes()[0].reply.code, 550);
}

TEST(ClientFsm, ChunkingWaitsForRecipientsAndSendsRawBytes) {
  ClientFsm fsm(config());
  ready(fsm, "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
  fsm.take_output();
  fsm.start(message({"a@x"}));
  EXPECT_EQ(fsm.take_output(), "MAIL FROM:<from@a.example>\r\nRCPT TO:<a@x>\r\n");
  fsm.input("250 ok\r\n250 ok\r\n");
  ASSERT_EQ(fsm.want(), Want::Body);
  EXPECT_EQ(fsm.take_output(), "BDAT 6 LAST\r\n");
  fsm.body(".x\r\ny");
  fsm.body("z");
  fsm.body_end();
  EXPECT_EQ(fsm.take_output(), ".x\r\nyz");
  fsm.input("250 ok\r\n");
  EXPECT_EQ(kinds(fsm), std::vector{Kind::Done});
}

TEST(ClientFsm, BodyOfTheWrongSizeBreaksTheConnectionBeforeTheEnd) {
  for (const char* body : {"12345", "1234567"}) {
    ClientFsm fsm(config());
    ready(fsm, "250-mx\r\n250 CHUNKING\r\n");
    fsm.start(message({"a@x"}));
    fsm.input("250 ok\r\n");
    fsm.input("250 ok\r\n");
    ASSERT_EQ(fsm.want(), Want::Body);
    fsm.body(body);
    fsm.body_end();
    EXPECT_EQ(fsm.want(), Want::Closed);
    EXPECT_EQ(kinds(fsm), std::vector{Kind::Temporary});
  }
}

TEST(ClientFsm, LmtpAnswersPerRecipient) {
  auto c = config();
  c.lmtp = true;
  c.tls_active = true;
  ClientFsm fsm(c);
  EXPECT_EQ(ready(fsm, "250-x\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 XBUZON\r\n"), "LHLO me.example\r\n");
  auto m = message({"a@x", "b@x", "c@x"});
  m.mail.queue_id = "q1";
  m.mail.session = "s1";
  m.recipients[0].account = AccountId(7);
  m.recipients[2].account = AccountId(8);
  m.recipients[2].sent_copy = true;
  fsm.take_output();
  fsm.start(m);
  EXPECT_EQ(fsm.take_output(),
            "MAIL FROM:<from@a.example> XBZQID=q1 XBZSID=s1\r\nRCPT TO:<a@x> XBZACCT=7\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x> "
            "XBZACCT=8 "
            "XBZSENT=1\r\n");
  fsm.input("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n250 ok\r\n");
  fsm.body("123456");
  fsm.body_end();
  fsm.input("250 2.0.0 stored\r\n");
  EXPECT_EQ(fsm.want(), Want::Input) << "one more answer to come";
  fsm.input("452 4.2.2 full\r\n");
  EXPECT_EQ(kinds(fsm), (std::vector{Kind::Done, Kind::Permanent, Kind::Temporary}));
}

TEST(ClientFsm, SentCopyNeverGoesToAServerThatDoesNotKnowIt) {
  auto c = config();
  c.lmtp = true;
  ClientFsm fsm(c);
  ready(fsm, "250-x\r\n250 PIPELINING\r\n");
  auto m = message({"a@x"});
  m.recipients[0].sent_copy = true;
  fsm.take_output();
  fsm.start(m);
  EXPECT_EQ(fsm.take_output(), "");
  EXPECT_EQ(fsm.want(), Want::Result);
  EXPECT_EQ(kinds(fsm), std::vector{Kind::Temporary});
}

TEST(ClientFsm, StartTlsWhenOfferedAndForgetsWhatWasOfferedBefore) {
  ClientFsm fsm(config());
  fsm.input("220 mx\r\n");
  fsm.take_output();
  fsm.input("250-mx\r\n250-CHUNKING\r\n250 STARTTLS\r\n");
  EXPECT_EQ(fsm.take_output(), "STARTTLS\r\n");
  fsm.input("220 go\r\n");
  ASSERT_EQ(fsm.want(), Want::Handshake);
  fsm.tls_started();
  EXPECT_EQ(fsm.take_output(), "EHLO me.example\r\n");
  fsm.input("250-mx\r\n250 STARTTLS\r\n");
  EXPECT_EQ(fsm.want(), Want::Message);
  EXPECT_FALSE(fsm.offer().chunking);
}

TEST(ClientFsm, BytesBehindStartTlsAreRefused) {
  ClientFsm fsm(config());
  fsm.input("220 mx\r\n");
  fsm.input("250 mx\r\n");  // no STARTTLS
  EXPECT_EQ(fsm.want(), Want::Message);
  ClientFsm injected(config());
  injected.input("220 mx\r\n");
  injected.input("250-mx\r\n250 STARTTLS\r\n");
  injected.input("220 go\r\n250 injected\r\n");
  EXPECT_EQ(injected.want(), Want::Closed);
  EXPECT_TRUE(injected.session_failure());
}

TEST(ClientFsm, RequiredTlsIsNeverGivenUp) {
  auto c = config();
  c.tls = TlsDuty::Required;
  ClientFsm none(c);
  none.input("220 mx\r\n");
  none.input("250 mx\r\n");
  EXPECT_EQ(none.session_failure()->status, "4.7.4");
  ClientFsm refused(c);
  refused.input("220 mx\r\n");
  refused.input("250-mx\r\n250 STARTTLS\r\n");
  refused.input("454 4.7.0 no\r\n");
  EXPECT_TRUE(refused.session_failure()->temporary());
  ClientFsm opportunistic(config());
  opportunistic.input("220 mx\r\n");
  opportunistic.input("250-mx\r\n250 STARTTLS\r\n");
  opportunistic.input("454 4.7.0 no\r\n");
  EXPECT_EQ(opportunistic.want(), Want::Message);
}

ClientConfig with_login() {
  auto c = config();
  c.tls_active = true;
  c.credentials = ClientCredentials{"joe", Secret("pw")};
  return c;
}

TEST(ClientFsm, AuthPlain) {
  ClientFsm fsm(with_login());
  fsm.input("220 mx\r\n");
  fsm.take_output();
  fsm.input("250-mx\r\n250 AUTH LOGIN PLAIN\r\n");
  EXPECT_EQ(fsm.take_output(), "AUTH PLAIN AGpvZQBwdw==\r\n");
  fsm.input("235 2.7.0 ok\r\n");
  EXPECT_EQ(fsm.want(), Want::Message);
}

TEST(ClientFsm, AuthLogin) {
  ClientFsm fsm(with_login());
  fsm.input("220 mx\r\n");
  fsm.input("250-mx\r\n250 AUTH LOGIN\r\n");
  fsm.take_output();
  fsm.input("334 VXNlcm5hbWU6\r\n");
  EXPECT_EQ(fsm.take_output(), "am9l\r\n");
  fsm.input("334 UGFzc3dvcmQ6\r\n");
  EXPECT_EQ(fsm.take_output(), "cHc=\r\n");
  fsm.input("235 ok\r\n");
  EXPECT_EQ(fsm.want(), Want::Message);
}

// Names the mechanism in its answers; SCRAM's server proves itself by "v=proof".
class Scripted : public LoginExchange {
 public:
  Scripted(std::string_view mechanism, std::string user) : mechanism_(mechanism), user_(std::move(user)) {}
  std::optional<std::string> initial() override {
    if (mechanism_ == "CRAM-MD5") return std::nullopt;
    return "n,," + user_;
  }
  Result<std::string> next(std::string_view challenge) override {
    proved_ = challenge == "v=proof" || mechanism_ == "CRAM-MD5";
    if (challenge == "v=proof") return std::string();
    return user_ + " (" + mechanism_ + "," + std::string(challenge) + ")";
  }
  bool may_succeed() const override { return proved_; }

 private:
  std::string mechanism_, user_;
  bool proved_ = false;
};
std::unique_ptr<LoginExchange> scripted(std::string_view mechanism, const ClientCredentials& who) {
  return std::make_unique<Scripted>(mechanism, who.user);
}

TEST(ClientFsm, AuthCramMd5) {
  auto c = with_login();
  c.login = scripted;
  ClientFsm fsm(c);
  fsm.input("220 mx\r\n");
  fsm.input("250-mx\r\n250 AUTH CRAM-MD5 LOGIN\r\n");
  fsm.take_output();
  fsm.input("334 PDFAeD4=\r\n");
  EXPECT_EQ(fsm.take_output(), base::base64("joe (CRAM-MD5,<1@x>)") + "\r\n");
  fsm.input("235 ok\r\n");
  EXPECT_EQ(fsm.want(), Want::Message);
}

TEST(ClientFsm, AuthScramIsFirstChoice) {
  auto c = with_login();
  c.login = scripted;
  ClientFsm fsm(c);
  fsm.input("220 mx\r\n");
  fsm.take_output();
  fsm.input("250-mx\r\n250 AUTH PLAIN SCRAM-SHA-256 CRAM-MD5\r\n");
  EXPECT_EQ(fsm.take_output(), "AUTH SCRAM-SHA-256 " + base::base64("n,,joe") + "\r\n");
  fsm.input("334 PDFAeD4=\r\n");
  EXPECT_EQ(fsm.take_output(), base::base64("joe (SCRAM-SHA-256,<1@x>)") + "\r\n");
  fsm.input("334 dj1wcm9vZg==\r\n");
  EXPECT_EQ(fsm.take_output(), "\r\n");
  fsm.input("235 ok\r\n");
  EXPECT_EQ(fsm.want(), Want::Message);
}

TEST(ClientFsm, ServerWithoutProofIsNotBelieved) {
  auto c = with_login();
  c.login = scripted;
  ClientFsm fsm(c);
  fsm.input("220 mx\r\n");
  fsm.input("250-mx\r\n250 AUTH SCRAM-SHA-256 PLAIN\r\n");
  fsm.input("334 PDFAeD4=\r\n");
  fsm.input("235 come in\r\n");
  EXPECT_EQ(fsm.want(), Want::Closed);
  EXPECT_EQ(fsm.session_failure()->status, "4.7.8");
}

TEST(ClientFsm, ServerWithoutOurScramKeysIsAskedForPlain) {
  auto c = with_login();
  c.login = scripted;
  ClientFsm fsm(c);
  fsm.input("220 mx\r\n");
  fsm.input("250-mx\r\n250 AUTH SCRAM-SHA-256 PLAIN\r\n");
  fsm.take_output();
  fsm.input("334 !\r\n");
  EXPECT_EQ(fsm.take_output(), "*\r\n");
  fsm.input("535 5.7.8 no\r\n");
  EXPECT_EQ(fsm.take_output(), "AUTH PLAIN AGpvZQBwdw==\r\n");
  fsm.input("535 5.7.8 no\r\n");
  EXPECT_EQ(fsm.session_failure()->status, "4.7.8");
}

TEST(ClientFsm, LoginFailureIsTemporaryAndLoginNeedsTls) {
  ClientFsm fsm(with_login());
  fsm.input("220 mx\r\n");
  fsm.input("250-mx\r\n250 AUTH PLAIN\r\n");
  fsm.input("535 5.7.8 no\r\n");
  EXPECT_TRUE(fsm.session_failure()->temporary());
  auto c = with_login();
  c.tls_active = false;
  ClientFsm clear(c);
  clear.input("220 mx\r\n");
  clear.take_output();
  clear.input("250-mx\r\n250 AUTH PLAIN\r\n");
  EXPECT_TRUE(clear.session_failure());
  EXPECT_EQ(clear.take_output().find("AUTH"), std::string::npos);
}

TEST(ClientFsm, OldServersGetHelo) {
  ClientFsm fsm(config());
  fsm.input("220 mx\r\n");
  fsm.take_output();
  fsm.input("502 what\r\n");
  EXPECT_EQ(fsm.take_output(), "HELO me.example\r\n");
  fsm.input("250 hi\r\n");
  EXPECT_EQ(fsm.want(), Want::Message);
}

TEST(ClientFsm, WhatTheServerCannotTakeIsRefusedHere) {
  ClientFsm fsm(config());
  ready(fsm);
  auto m = message({"a@x"});
  m.mail.size = 2000;
  fsm.start(m);
  EXPECT_EQ(fsm.outcomes()[0].reply.status, "5.3.4");
  fsm.next_message();
  auto utf8 = message({"a@x"});
  utf8.mail.smtputf8 = true;
  fsm.start(utf8);
  EXPECT_EQ(fsm.outcomes()[0].reply.status, "5.6.7");
  EXPECT_EQ(kinds(fsm), std::vector{Kind::Permanent});
}

// Lost at each step of a dialogue: the recipient is told Temporary, never Done, never left open.
TEST(ClientFsm, LossAtEveryStepIsTemporary) {
  const std::string_view answers[] = {"250 ok\r\n", "250 ok\r\n", "354 go\r\n", ""};
  for (size_t steps = 0; steps <= std::size(answers); ++steps) {
    ClientFsm fsm(config());
    ready(fsm);
    fsm.start(message({"a@x"}));
    for (size_t i = 0; i < steps; ++i) {
      if (fsm.want() == Want::Body) fsm.body_end();
      fsm.input(answers[i]);
    }
    fsm.lost(Reply(451, "4.4.2", "Connection lost"));
    EXPECT_EQ(fsm.want(), Want::Closed);
    EXPECT_EQ(kinds(fsm), std::vector{Kind::Temporary}) << steps;
    EXPECT_FALSE(fsm.session_failure());
  }
}

TEST(ClientFsm, ServerGoingDownOrTalkingNonsenseIsTemporary) {
  for (const char* answer : {"421 4.3.2 going\r\n", "gibberish\r\n", "250 a\n"}) {
    ClientFsm fsm(config());
    ready(fsm);
    fsm.start(message({"a@x"}));
    fsm.input(answer);
    EXPECT_EQ(fsm.want(), Want::Closed);
    EXPECT_EQ(kinds(fsm), std::vector{Kind::Temporary}) << answer;
  }
  ClientFsm greeting(config());
  greeting.input("554 no service\r\n");
  EXPECT_EQ(greeting.session_failure()->code, 554);
}

}  // namespace
}  // namespace bz::smtp
