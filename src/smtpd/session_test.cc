#include "smtpd/session.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "kv/memory.h"
#include "net/test_util.h"
#include "smtp/replies.h"

namespace bz::smtpd {
namespace {

class FakeDirectory : public Directory {
 public:
  Task<Result<RecipientVerdict>> lookup_recipient(smtp::Address address) override {
    if (down) co_return fail(Errc::Unavailable, "no auth");
    RecipientVerdict verdict;
    if (address.domain != "us.example") co_return verdict;
    verdict.kind = RecipientVerdict::Kind::Unknown;
    if (address.local == "gone") verdict.kind = RecipientVerdict::Kind::Disabled;
    if (address.local == "joe" || address.local == "list" || address.is_postmaster()) {
      verdict.kind = RecipientVerdict::Kind::Local;
      verdict.targets.push_back({AccountId(7), "joe@us.example", {"joe", "us.example"}});
    }
    if (address.local == "list") verdict.targets.push_back({AccountId(8), "eve@us.example", {"eve", "us.example"}});
    co_return verdict;
  }
  Task<Result<bool>> may_send_as(AccountId account, smtp::Address address) override {
    if (down) co_return fail(Errc::Unavailable, "no auth");
    if (account == AccountId(9)) co_return true;  // a relaying host
    co_return account == AccountId(7) && address.to_string() == "joe@us.example";
  }
  bool down = false;
};

Task<void> client(net::Stream& stream, std::string input, size_t piece, std::string& got) {
  for (size_t at = 0; at < input.size(); at += piece) {
    const auto part = input.substr(at, piece);
    auto writing = stream.write_all(part, net::Deadline::in(net::Millis(10'000)));
    const auto written = co_await writing;
    if (!written) break;
  }
  char buffer[4096];
  while (true) {
    auto reading = stream.read_some(buffer, net::Deadline::in(net::Millis(10'000)));
    const auto size = co_await reading;
    if (!size || *size == 0) co_return;
    got.append(buffer, *size);
  }
}

class SessionTest : public testing::Test {
 protected:
  SessionTest() {
    log::set_sink([](std::string_view) {});
    settings_.host = "mx.us.example";
    settings_.mail_domain = "us.example";
    auto open = store_->open({kv::kQueuePartition, 1}, true, executor_);
    auto partition = open.await_resume();
    queue::QueueConfig config;
    config.hostname = settings_.host;
    queue_ = std::make_unique<queue::Queue>(std::move(*partition), config, directory_, clock_, random_);
  }
  ~SessionTest() override { log::set_sink(nullptr); }

  static Facts mx() {
    Facts f;
    f.session = "s1";
    f.peer_address = "192.0.2.9";
    f.hello = "peer.example";
    f.tls_version = "TLSv1.3";
    f.tls_cipher = "C";
    return f;
  }
  static Facts submission() {
    auto f = mx();
    f.mode = smtp::ServerMode::Submission;
    f.account = AccountId(7);
    f.account_name = "joe@us.example";
    return f;
  }

  // The client says all of `input` and reads to the end.
  std::string talk(Facts facts, const std::string& input, size_t piece = 1 << 20, std::string unread = {}) {
    auto fds = *net::socket_pair();
    net::Stream server(loop_, fds.first), peer(loop_, fds.second);
    const Services services{*queue_, directory_, clock_};
    Session session(server, settings_, std::move(facts), services, std::move(unread));
    std::string got;
    net::test::run_all(loop_, session.run(), client(peer, input, piece, got));
    return got;
  }

  std::string stored(const queue::Entry& entry, queue::ContentReader::View view) {
    auto reader = queue_->reader(entry, view);
    std::string out;
    while (true) {
      const auto piece = run_now(reader.next());
      EXPECT_TRUE(piece);
      if (!piece || piece->empty()) return out;
      out += *piece;
    }
  }

  net::Loop loop_;
  std::unique_ptr<kv::MemoryStore> store_ = kv::make_memory_store();
  base::ManualExecutor executor_;
  FakeDirectory directory_;
  base::ManualClock clock_;
  base::SeededRandom random_{1};
  Settings settings_;
  std::unique_ptr<queue::Queue> queue_;
};

const std::string kEnvelope = "MAIL FROM:<a@x.example>\r\nRCPT TO:<joe@us.example>\r\n";

TEST_F(SessionTest, TakesMailForOurOwnWhateverTheCut) {
  const std::string rest = "RCPT TO:<joe@us.example>\r\nDATA\r\nSubject: hi\r\n\r\n..dot\r\n.\r\nQUIT\r\n";
  for (const size_t piece : {1ul, 3ul, 7ul, 1000ul}) {
    const auto said = talk(mx(), rest, piece, "MAIL FROM:<a@x.example>\r\n");
    EXPECT_TRUE(
        said.starts_with("250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n354 End data with <CR><LF>.<CR><LF>\r\n250 "
                         "2.0.0 Ok: queued as "))
        << said;
    EXPECT_TRUE(said.ends_with("\r\n221 2.0.0 Bye\r\n")) << said;
  }
  ASSERT_EQ(queue_->list().size(), 4u);
  const auto& entry = *queue_->list()[0];
  EXPECT_EQ(entry.envelope.recipients.size(), 1u);
  EXPECT_EQ(entry.envelope.recipients[0].rcpt.account, AccountId(7));
  EXPECT_EQ(entry.envelope.sender.to_string(), "a@x.example");
  const auto text = stored(entry, queue::ContentReader::View::Deliver);
  EXPECT_TRUE(
      text.starts_with("Received: from peer.example ([192.0.2.9])\r\n\tby mx.us.example (buzon) with ESMTPS\r\n"
                       "\t(TLSv1.3 C)\r\n\tid " +
                       entry.envelope.id + "\r\n\tfor <joe@us.example>;\r\n\t"))
      << text;
  EXPECT_TRUE(text.ends_with("\r\nSubject: hi\r\n\r\n.dot\r\n")) << text;
}

TEST_F(SessionTest, NeverAnOpenRelay) {
  const auto said = talk(mx(),
                         "MAIL FROM:<joe@us.example>\r\nRCPT TO:<a@other.example>\r\nRCPT TO:<nobody@us.example>\r\nRCPT "
                         "TO:<gone@us.example>\r\nRCPT TO:<@us.example:a@other.example>\r\nDATA\r\nQUIT\r\n");
  EXPECT_EQ(said,
            "250 2.1.0 Sender ok\r\n550 5.7.1 Relaying denied\r\n550 5.1.1 No such user here\r\n550 5.2.1 Mailbox "
            "disabled\r\n550 5.7.1 Relaying denied\r\n554 5.5.1 No valid recipients\r\n221 2.0.0 Bye\r\n");
  EXPECT_TRUE(queue_->list().empty());
}

TEST_F(SessionTest, AuthAndStartTlsAreOverAfterTheHandOver) {
  EXPECT_EQ(talk(mx(), "AUTH PLAIN AGEAYg==\r\nSTARTTLS\r\nQUIT\r\n"),
            "503 5.5.1 AUTH is not possible now\r\n503 5.5.1 STARTTLS is not possible now\r\n221 2.0.0 Bye\r\n");
}

TEST_F(SessionTest, EhloAgainTellsTheOneList) {
  const auto said = talk(mx(), "EHLO again.example\r\nHELO old\r\nQUIT\r\n");
  EXPECT_TRUE(said.starts_with("250-mx.us.example\r\n250-PIPELINING\r\n250-SIZE 67108864\r\n250-8BITMIME\r\n")) << said;
  EXPECT_TRUE(said.ends_with("250 DSN\r\n250 mx.us.example\r\n221 2.0.0 Bye\r\n")) << said;
}

TEST_F(SessionTest, SubmissionBeginsAuthenticatedAndFilesItsCopy) {
  const auto said =
      talk(submission(),
           "MAIL FROM:<joe@us.example> SIZE=100\r\nRCPT TO:<a@other.example>\r\nRCPT "
           "TO:<list@us.example>\r\nDATA\r\nFrom: Joe <joe@us.example>\r\nBcc: x@y.example\r\n\r\nhi\r\n.\r\nQUIT\r\n");
  EXPECT_TRUE(said.starts_with("235 2.7.0 Authentication successful\r\n250 2.1.0")) << said;
  ASSERT_EQ(queue_->list().size(), 1u) << said;
  const auto& entry = *queue_->list()[0];
  using queue::RecipientClass;
  ASSERT_EQ(entry.envelope.recipients.size(), 4u) << "one elsewhere, two of the list, the copy";
  EXPECT_EQ(entry.envelope.recipients[0].cls, RecipientClass::Relay);
  EXPECT_EQ(entry.envelope.recipients[1].cls, RecipientClass::Local);
  EXPECT_EQ(entry.envelope.recipients[3].cls, RecipientClass::SentCopy);
  EXPECT_EQ(entry.envelope.recipients[3].rcpt.account, AccountId(7));
  EXPECT_EQ(entry.envelope.account, AccountId(7));
  const auto sent = stored(entry, queue::ContentReader::View::SentCopy);
  EXPECT_TRUE(sent.starts_with("Date: ")) << sent;
  EXPECT_NE(sent.find("\r\nMessage-ID: <" + entry.envelope.id + "@mx.us.example>\r\n"), std::string::npos);
  EXPECT_NE(sent.find("Bcc: x@y.example\r\n"), std::string::npos);
  const auto leaves = stored(entry, queue::ContentReader::View::Deliver);
  EXPECT_EQ(leaves.find("Bcc"), std::string::npos);
  EXPECT_NE(leaves.find("with ESMTPSA\r\n"), std::string::npos);
  EXPECT_EQ(leaves.find("\tfor "), std::string::npos) << "not with two recipients";
}

TEST_F(SessionTest, NobodyWritesInAnotherName) {
  const auto envelope = talk(submission(), "MAIL FROM:<eve@us.example>\r\nQUIT\r\n");
  EXPECT_NE(envelope.find("553 5.7.1 Sender address is not yours\r\n"), std::string::npos);
  const std::string start = "MAIL FROM:<joe@us.example>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n";
  const auto header = talk(submission(), start + "From: eve@us.example\r\n\r\nx\r\n.\r\nQUIT\r\n");
  EXPECT_NE(header.find("550 5.7.1 The From address is not yours\r\n"), std::string::npos);
  EXPECT_TRUE(queue_->list().empty());
  const auto notification =
      talk(submission(), "MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\nFrom: joe@us.example\r\n\r\nx\r\n.\r\nQUIT\r\n");
  EXPECT_NE(notification.find("queued as"), std::string::npos) << "a disposition notification has no envelope sender";
}

TEST_F(SessionTest, RelayingHostSendsOtherPeoplesMailAndKeepsNoCopy) {
  auto host = submission();
  host.account = AccountId(9);
  host.account_name = "relay@us.example";
  const auto said =
      talk(host,
           "MAIL FROM:<eve@else.example>\r\nRCPT TO:<x@far.example>\r\nDATA\r\nFrom: eve@else.example\r\n\r\nx\r\n.\r\n"
           "MAIL FROM:<>\r\nRCPT TO:<y@far.example>\r\nDATA\r\nFrom: no address\r\n\r\ny\r\n.\r\nQUIT\r\n");
  ASSERT_EQ(queue_->list().size(), 2u) << said;
  for (const auto* entry : queue_->list()) {
    ASSERT_EQ(entry->envelope.recipients.size(), 1u);
    EXPECT_EQ(entry->envelope.recipients[0].cls, queue::RecipientClass::Relay);
  }
}

TEST_F(SessionTest, TooLargeIsSaidEarlyAndLate) {
  settings_.max_message = 1000;
  const auto early = talk(mx(), "MAIL FROM:<a@b> SIZE=1001\r\nQUIT\r\n");
  EXPECT_EQ(early, "552 5.3.4 Message too large\r\n221 2.0.0 Bye\r\n");
  const auto late = talk(mx(), kEnvelope + "DATA\r\n" + std::string(1200, 'x') + "\r\n.\r\nNOOP\r\nQUIT\r\n");
  EXPECT_TRUE(late.ends_with("552 5.3.4 Message too large\r\n250 2.0.0 Ok\r\n221 2.0.0 Bye\r\n")) << late;
  const auto chunk = talk(mx(), kEnvelope + "BDAT 1200 LAST\r\n" + std::string(1200, 'x') + "NOOP\r\nQUIT\r\n");
  EXPECT_TRUE(chunk.ends_with("552 5.3.4 Message too large\r\n250 2.0.0 Ok\r\n221 2.0.0 Bye\r\n")) << chunk;
  EXPECT_TRUE(queue_->list().empty());
}

TEST_F(SessionTest, SmuggledMailIsRefusedWhole) {
  for (const char* end : {"\n.\r\n", "\r.\r\n", "\n.\n", "\r\n.\n", "\r\n.\r"}) {
    const auto said = talk(mx(), kEnvelope + "DATA\r\nSubject: a\r\n\r\nx" + end +
                                     "MAIL FROM:<evil@x>\r\nRCPT TO:<joe@us.example>\r\nDATA\r\ny\r\n.\r\nQUIT\r\n");
    EXPECT_TRUE(said.ends_with("550 5.6.11 Message holds CR or LF alone, which is refused\r\n221 2.0.0 Bye\r\n")) << said;
  }
  EXPECT_TRUE(queue_->list().empty());
}

TEST_F(SessionTest, ChunksMakeOneMessage) {
  const auto said = talk(mx(), kEnvelope + "BDAT 14\r\nSubject: a\r\n\r\nBDAT 3\r\n.\r\nBDAT 0 LAST\r\nQUIT\r\n");
  EXPECT_NE(said.find("250 2.0.0 Chunk received\r\n250 2.0.0 Chunk received\r\n250 2.0.0 Ok: queued as"), std::string::npos)
      << said;
  ASSERT_EQ(queue_->list().size(), 1u);
  EXPECT_TRUE(stored(*queue_->list()[0], queue::ContentReader::View::Deliver).ends_with("Subject: a\r\n\r\n.\r\n"));
}

TEST_F(SessionTest, ChunkOutOfOrderIsReadAndRefused) {
  const auto said = talk(mx(), "BDAT 6 LAST\r\nQUIT\r\nMAIL FROM:<a@b>\r\nBDAT 6\r\nQUIT\r\nRSET\r\nQUIT\r\n");
  EXPECT_EQ(said,
            "503 5.5.1 MAIL first\r\n250 2.1.0 Sender ok\r\n554 5.5.1 No valid recipients\r\n250 2.0.0 Ok, "
            "forgotten\r\n221 2.0.0 "
            "Bye\r\n");
  const auto uncountable = talk(mx(), kEnvelope + "BDAT x\r\nNOOP\r\n");
  EXPECT_TRUE(uncountable.ends_with("501 5.5.4 Syntax error in arguments\r\n")) << uncountable;
}

TEST_F(SessionTest, RecipientsErrorsAndHopsAreLimited) {
  settings_.max_recipients = 1;
  const auto many = talk(mx(), kEnvelope + "RCPT TO:<list@us.example>\r\nQUIT\r\n");
  EXPECT_NE(many.find("452 4.5.3 Too many recipients\r\n"), std::string::npos);
  std::string nonsense;
  for (int i = 0; i < 30; ++i) nonsense += "XYZZY\r\n";
  EXPECT_TRUE(talk(mx(), nonsense).ends_with("421 4.7.0 Too many errors, closing\r\n"));
  std::string hops;
  for (int i = 0; i < 101; ++i) hops += "Received: x\r\n";
  const auto loop = talk(mx(), kEnvelope + "DATA\r\n" + hops + "\r\nx\r\n.\r\nQUIT\r\n");
  EXPECT_NE(loop.find("554 5.4.6 Too many hops: mail loop\r\n"), std::string::npos) << loop;
}

TEST_F(SessionTest, TroubleBehindUsIsTemporary) {
  directory_.down = true;
  EXPECT_NE(talk(mx(), kEnvelope + "QUIT\r\n").find("451 4.3.0"), std::string::npos);
  EXPECT_NE(talk(submission(), "MAIL FROM:<joe@us.example>\r\nQUIT\r\n").find("451 4.3.0"), std::string::npos);
  directory_.down = false;
  store_->fail_commit(1, Errc::OverQuota);
  const auto full = talk(mx(), kEnvelope + "DATA\r\nA: b\r\n\r\nx\r\n.\r\nQUIT\r\n");
  EXPECT_NE(full.find("452 4.3.1 No space"), std::string::npos) << full;
  EXPECT_TRUE(queue_->list().empty());
}

TEST_F(SessionTest, PostmasterIsAlwaysThere) {
  EXPECT_NE(talk(mx(), "MAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\nQUIT\r\n").find("250 2.1.5"), std::string::npos);
}

TEST_F(SessionTest, SilenceEndsIn421) {
  settings_.command_time = net::Millis(20);
  EXPECT_EQ(talk(mx(), ""), "421 4.4.2 Timeout, closing\r\n");
  settings_.data_time = net::Millis(20);
  settings_.command_time = net::Millis(10'000);
  const auto said = talk(mx(), kEnvelope + "DATA\r\nhalf a li");
  EXPECT_TRUE(said.ends_with("421 4.4.2 Timeout, closing\r\n")) << said;
  EXPECT_TRUE(queue_->list().empty());
}

Task<void> wait_then_stop(net::Stream& peer, Session& session, std::string say, std::string until, std::string& got) {
  auto writing = peer.write_all(say, net::Deadline::in(net::Millis(10'000)));
  EXPECT_TRUE(co_await writing);
  char buffer[4096];
  bool stopped = false;
  while (true) {
    if (!stopped && got.find(until) != std::string::npos) {
      session.stop_soon();
      stopped = true;
      if (until == "250 2.1.0") {  // in a transaction: the next command tells it
        auto asking = peer.write_all("RCPT TO:<joe@us.example>\r\n", net::Deadline::in(net::Millis(10'000)));
        (void)co_await asking;
      }
    }
    auto reading = peer.read_some(buffer, net::Deadline::in(net::Millis(10'000)));
    const auto size = co_await reading;
    if (!size || *size == 0) co_return;
    got.append(buffer, *size);
  }
}

TEST_F(SessionTest, IdleSessionDoesNotHoldUpTheEnd) {
  for (const auto& [say, until] : {std::pair{"NOOP\r\n", "250 2.0.0"}, {"MAIL FROM:<a@x.example>\r\n", "250 2.1.0"}}) {
    auto fds = *net::socket_pair();
    net::Stream server(loop_, fds.first), peer(loop_, fds.second);
    const Services services{*queue_, directory_, clock_};
    Session session(server, settings_, mx(), services, "");
    std::string got;
    net::test::run_all(loop_, session.run(), wait_then_stop(peer, session, say, until, got));
    EXPECT_TRUE(got.starts_with(until)) << got;
    EXPECT_NE(got.find("\r\n421 4.3.2"), std::string::npos) << got;
  }
}

Task<void> send_then_end(net::Stream& peer, Session& session, std::string say, std::string until, std::string& got) {
  auto writing = peer.write_all(say, net::Deadline::in(net::Millis(10'000)));
  EXPECT_TRUE(co_await writing);
  char buffer[4096];
  while (true) {
    if (got.find(until) != std::string::npos) session.end(smtp::replies::kShutdown);
    auto reading = peer.read_some(buffer, net::Deadline::in(net::Millis(10'000)));
    const auto size = co_await reading;
    if (!size || *size == 0) co_return;
    got.append(buffer, *size);
  }
}

TEST_F(SessionTest, TheEndComesWith421AlsoInTheMiddleOfAMessage) {
  const std::string half = kEnvelope + "DATA\r\nSubject: half\r\n\r\n" + std::string(1000, 'x');
  for (const auto& [say, until] : {std::pair{half, "354 "}, {kEnvelope, "250 2.1.5"}, {std::string("NOOP\r\n"), "250 "}}) {
    auto fds = *net::socket_pair();
    net::Stream server(loop_, fds.first), peer(loop_, fds.second);
    const Services services{*queue_, directory_, clock_};
    Session session(server, settings_, mx(), services, "");
    std::string got;
    net::test::run_all(loop_, session.run(), send_then_end(peer, session, say, until, got));
    EXPECT_TRUE(got.ends_with("\r\n421 4.3.2 Service is going down, try again later\r\n")) << got;
    EXPECT_TRUE(queue_->list().empty()) << "half of a message is none";
  }
}

TEST_F(SessionTest, LargeMailStreamsThrough) {
  std::string body;
  for (int i = 0; i < 20'000; ++i) body += "line " + std::to_string(i) + " of a long message\r\n";
  const auto said = talk(mx(), kEnvelope + "DATA\r\nSubject: big\r\n\r\n" + body + ".\r\nQUIT\r\n");
  ASSERT_EQ(queue_->list().size(), 1u) << said;
  EXPECT_TRUE(stored(*queue_->list()[0], queue::ContentReader::View::Deliver).ends_with("Subject: big\r\n\r\n" + body));
}

}  // namespace
}  // namespace bz::smtpd
