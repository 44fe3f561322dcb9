#include <gtest/gtest.h>

#include <map>

#include "base/log.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "delivery/worker.h"
#include "kv/memory.h"
#include "net/test_util.h"
#include "smtp/framer.h"
#include "wire/handoff.h"

namespace bz::delivery {
namespace {

net::Deadline soon() { return net::Deadline::in(net::Millis(10'000)); }

// A server that answers each verb from a table, and the end of a message once per answer in `end`.
struct Script {
  std::map<std::string, std::string> replies = {{"EHLO", "250-there\r\n250 PIPELINING\r\n"},
                                                {"LHLO", "250-store\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 XBUZON\r\n"},
                                                {"QUIT", "221 bye\r\n"},
                                                {"DATA", "354 go\r\n"}};
  std::string greeting = "220 there\r\n";
  std::string end = "250 2.0.0 taken\r\n";
  std::vector<std::string> lines;
  std::vector<std::string> bodies;
  int connections = 0;
  int close_after = 0;       // messages; 0: never
  crypto::TlsContext tls{};  // valid: STARTTLS works
  bool broken_tls = false;   // says 220 and leaves
  std::map<std::string, std::string> replies_under_tls{};
};

Task<void> serve(std::unique_ptr<net::Stream> stream, Script& script, bool with_handoff) {
  ++script.connections;
  int messages = 0;
  std::string in;
  if (with_handoff) {
    while (true) {
      auto parsed = wire::parse_handoff(in);
      if (!parsed) co_return;
      if (*parsed) {
        EXPECT_EQ((*parsed)->handoff.service, wire::Service::Lmtp);
        in.erase(0, (*parsed)->consumed);
        break;
      }
      char buffer[1000];
      auto reading = stream->read_some(buffer, soon());
      const auto size = co_await reading;
      if (!size || *size == 0) co_return;
      in.append(buffer, *size);
    }
  }
  std::string out = script.greeting, body;
  smtp::Framer framer({});
  while (true) {
    std::string_view rest = in;
    for (auto e = framer.next(rest); e.kind != smtp::Framer::Kind::NeedMore; e = framer.next(rest)) {
      if (e.kind == smtp::Framer::Kind::Chunk) body += e.bytes;
      if (e.kind == smtp::Framer::Kind::End) {
        script.bodies.push_back(std::exchange(body, {}));
        out += script.end;
        ++messages;
      }
      if (e.kind != smtp::Framer::Kind::Line) continue;
      const std::string line(e.bytes);
      script.lines.push_back(line);
      const auto found = script.replies.find(line);
      const auto verb = script.replies.find(line.substr(0, 4));
      const auto reply = found != script.replies.end()  ? found->second
                         : verb != script.replies.end() ? verb->second
                                                        : "250 ok\r\n";
      if (line.starts_with("BDAT ")) {
        framer.begin_message();
        framer.expect_bdat(std::stoull(line.substr(5)), true);
        continue;
      }
      if (line == "STARTTLS" && (script.tls.valid() || script.broken_tls)) {
        const std::string go = "220 go\r\n";
        auto writing = stream->write_all(go, soon());
        (void)co_await writing;
        if (script.broken_tls) co_return;
        auto shaking = stream->accept_tls(script.tls, soon());
        const auto tls = co_await shaking;
        if (!tls) co_return;
        script.lines.push_back("(TLS)");
        for (const auto& [key, value] : script.replies_under_tls) script.replies[key] = value;
        break;
      }
      out += reply;
      if (line == "DATA" && reply.starts_with("354")) framer.expect_data();
    }
    in.clear();
    auto writing = stream->write_all(out, soon());
    const auto written = co_await writing;
    if (!written) co_return;
    out.clear();
    if (script.close_after > 0 && messages >= script.close_after) co_return;
    char buffer[4096];
    auto reading = stream->read_some(buffer, soon());
    const auto size = co_await reading;
    if (!size || *size == 0) co_return;
    in.assign(buffer, *size);
  }
}

class FakeDirectory : public queue::Directory {
 public:
  Task<Result<queue::RecipientVerdict>> lookup_recipient(smtp::Address address) override {
    queue::RecipientVerdict verdict;
    if (address.domain == "us.example") {
      verdict.kind = queue::RecipientVerdict::Kind::Local;
      verdict.targets.push_back({AccountId(7), "joe@us.example", address});
    }
    co_return verdict;
  }
  Task<Result<bool>> may_send_as(AccountId, smtp::Address address) override { co_return !address.is_null(); }
  Task<Result<queue::MailboxPlace>> place_of(AccountId) override {
    ++asked;
    co_return place;
  }
  Result<queue::MailboxPlace> place = queue::MailboxPlace{};
  int asked = 0;
};

class FakeDns : public net::Dns {
 public:
  Task<Result<std::vector<Mx>>> mx(std::string name) override {
    const auto found = mxs.find(name);
    if (found == mxs.end()) co_return fail(Errc::NotFound, "no MX");
    co_return found->second;
  }
  Task<Result<std::vector<std::string>>> addresses(std::string host) override {
    const auto found = hosts.find(host);
    if (found == hosts.end()) co_return fail(Errc::NotFound, "no address");
    co_return found->second;
  }
  Task<Result<std::vector<std::string>>> txt(std::string) override { co_return fail(Errc::NotFound, "no text"); }
  std::map<std::string, std::vector<Mx>> mxs;
  std::map<std::string, std::vector<std::string>> hosts;
};

std::string logged;

class DeliveryTest : public testing::Test, public LegOpener {
 protected:
  DeliveryTest() {
    logged.clear();
    log::set_sink([](std::string_view line) { logged += line; });
    crypto::TlsClientOptions none;
    none.check = crypto::PeerCheck::None;
    settings_.opportunistic = *crypto::make_tls_client(none);
    settings_.verified = *crypto::make_tls_client({});
    settings_.host = "mx.us.example";
    settings_.route.mx_port = 0;
    auto fd = net::listen_tcp({"127.0.0.1", 0});
    listener_ = std::make_unique<net::Listener>(loop_, *fd, [this](int connection) {
      servers_.spawn(serve(std::make_unique<net::Stream>(loop_, connection), remote_, false));
    });
    settings_.route.mx_port = listener_->local().port;
    dns_.mxs["there.example"] = {{10, "mx.there.example"}};
    dns_.hosts["mx.there.example"] = {"127.0.0.1"};
    auto open = disk_->open({kv::kQueuePartition, 1}, true, executor_);
    auto partition = open.await_resume();
    queue::QueueConfig config;
    config.hostname = settings_.host;
    config.route = settings_.route;
    queue_ = std::make_unique<queue::Queue>(std::move(*partition), config, directory_, clock_, random_);
  }
  ~DeliveryTest() override { log::set_sink(nullptr); }

  Task<Result<std::unique_ptr<net::Stream>>> open_leg() override {
    if (store_down_) co_return fail(Errc::Unavailable, "down");
    auto fds = *net::socket_pair();
    servers_.spawn(serve(std::make_unique<net::Stream>(loop_, fds.second), store_, true));
    co_return std::make_unique<net::Stream>(loop_, fds.first);
  }

  Task<Result<std::unique_ptr<net::Stream>>> open_sent_leg(wire::FileSent request) override {
    filed_.push_back(request);
    if (egress_says_.empty()) co_return fail(Errc::Unavailable, "no egress");
    auto fds = *net::socket_pair();
    servers_.spawn(be_egress(std::make_unique<net::Stream>(loop_, fds.second), request.size));
    co_return std::make_unique<net::Stream>(loop_, fds.first);
  }
  Task<void> be_egress(std::unique_ptr<net::Stream> leg, size_t size) {
    if (egress_wants_) {
      const std::string go = "354 go\r\n";
      auto asking = leg->write_all(go, soon());
      (void)co_await asking;
      std::string body;
      while (body.size() < size) {
        char buffer[1000];
        auto reading = leg->read_some(buffer, soon());
        auto got = co_await reading;
        if (!got || *got == 0) break;
        body.append(buffer, *got);
      }
      sent_bodies_.push_back(body);
    }
    auto answering = leg->write_all(egress_says_, soon());
    (void)co_await answering;
  }

  QueueId put(const std::vector<std::pair<std::string, queue::RecipientClass>>& recipients,
              const char* from = "joe@us.example",
              const std::string& content = "Received: us\r\nSubject: hi\r\n\r\n.body\r\n") {
    queue::Envelope e;
    e.id = queue_->new_id();
    e.session = "s" + e.id;
    e.sender = *smtp::parse_address(from);
    e.smtputf8 = e.sender.needs_smtputf8();
    e.eight_bit = !base::is_ascii(content);
    e.size = content.size();
    e.header_size = content.find("\r\n\r\n") + 4;
    e.trace_size = 14;
    for (const auto& [address, cls] : recipients) {
      queue::Recipient r;
      r.rcpt.recipient = *smtp::parse_address(address);
      e.smtputf8 = e.smtputf8 || r.rcpt.recipient.needs_smtputf8();
      r.cls = cls;
      if (cls != queue::RecipientClass::Relay) r.rcpt.account = AccountId(7);
      r.rcpt.sent_copy = cls == queue::RecipientClass::SentCopy;
      if (cls != queue::RecipientClass::Relay) {
        r.server = at_.server;
        r.host = at_.host;
      }
      e.recipients.push_back(r);
    }
    auto spool = queue_->spool();
    EXPECT_TRUE(run_now(spool.write(content)));
    EXPECT_TRUE(run_now(queue_->enqueue(spool, e)));
    return e.id;
  }

  // Turns the loop until no delivery runs.
  Task<void> settle(Worker& worker) {
    for (int calm = 0; calm < 3;) {
      auto sleeping = loop_.sleep(net::Deadline::in(net::Millis(5)));
      co_await sleeping;
      calm = worker.running() == 0 ? calm + 1 : 0;
    }
  }
  void work() {
    Worker worker(loop_, *queue_, dns_, *this, settings_, clock_, random_);
    worker.start();
    net::test::run(loop_, settle(worker));
  }
  std::string said(const std::vector<std::string>& lines) {
    std::string all;
    for (const auto& line : lines) all += line + "|";
    return all;
  }

  net::Loop loop_;
  std::unique_ptr<kv::MemoryStore> disk_ = kv::make_memory_store();
  base::ManualExecutor executor_;
  base::ManualClock clock_;
  base::SeededRandom random_{1};
  FakeDirectory directory_;
  FakeDns dns_;
  Settings settings_;
  Script remote_, store_;
  bool store_down_ = false;
  queue::MailboxPlace at_{};  // of recipients that are put
  std::vector<wire::FileSent> filed_;
  std::string egress_says_ = "250 2.0.0 Filed\r\n";
  bool egress_wants_ = true;
  std::vector<std::string> sent_bodies_;
  net::TaskGroup servers_{loop_};
  std::unique_ptr<net::Listener> listener_;
  std::unique_ptr<queue::Queue> queue_;
};

constexpr auto kLocal = queue::RecipientClass::Local;
constexpr auto kRelay = queue::RecipientClass::Relay;
constexpr auto kSentCopy = queue::RecipientClass::SentCopy;

TEST_F(DeliveryTest, LocalMailGoesToTheStoreWithItsKey) {
  const auto id = put({{"joe@us.example", kLocal}});
  work();
  EXPECT_TRUE(queue_->list().empty());
  EXPECT_EQ(said(store_.lines), "LHLO mx.us.example|MAIL FROM:<joe@us.example> XBZQID=" + id + " XBZSID=s" + id +
                                    "|RCPT TO:<joe@us.example> XBZACCT=7|BDAT 36 LAST|");
  EXPECT_EQ(store_.bodies, std::vector<std::string>{"Received: us\r\nSubject: hi\r\n\r\n.body\r\n"});
}

TEST_F(DeliveryTest, SubmissionGoesOutAndToSent) {
  put({{"a@there.example", kRelay}, {"joe@us.example", kSentCopy}});
  work();
  EXPECT_TRUE(queue_->list().empty());
  EXPECT_EQ(said(remote_.lines), "EHLO mx.us.example|MAIL FROM:<joe@us.example>|RCPT TO:<a@there.example>|DATA|");
  EXPECT_EQ(remote_.bodies, std::vector<std::string>{"Received: us\r\nSubject: hi\r\n\r\n.body\r\n"});
  EXPECT_NE(said(store_.lines).find("XBZACCT=7 XBZSENT=1|"), std::string::npos);
  EXPECT_EQ(store_.bodies, std::vector<std::string>{"Subject: hi\r\n\r\n.body\r\n"});
}

TEST_F(DeliveryTest, ConnectionsAreUsedAgainAndStaleOnesReplaced) {
  put({{"a@there.example", kRelay}});
  Worker worker(loop_, *queue_, dns_, *this, settings_, clock_, random_);
  worker.start();
  net::test::run(loop_, settle(worker));
  put({{"b@there.example", kRelay}});
  net::test::run(loop_, settle(worker));
  EXPECT_EQ(remote_.connections, 1);
  EXPECT_EQ(remote_.bodies.size(), 2u);
  remote_.close_after = 3;  // the server leaves after the next one
  put({{"c@there.example", kRelay}});
  net::test::run(loop_, settle(worker));
  put({{"d@there.example", kRelay}});
  net::test::run(loop_, settle(worker));
  EXPECT_EQ(remote_.connections, 2);
  EXPECT_EQ(remote_.bodies.size(), 4u);
  EXPECT_TRUE(queue_->list().empty());
}

TEST_F(DeliveryTest, RefusalBouncesToTheLocalSender) {
  remote_.replies["RCPT"] = "550 5.1.1 no such user\r\n";
  put({{"a@there.example", kRelay}});
  work();
  EXPECT_TRUE(queue_->list().empty());
  ASSERT_EQ(store_.bodies.size(), 1u);
  EXPECT_NE(store_.bodies[0].find(
                "Final-Recipient: rfc822; a@there.example\r\nAction: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; "
                "mx.there.example\r\n"),
            std::string::npos)
      << store_.bodies[0];
  EXPECT_NE(said(store_.lines).find("MAIL FROM:<> "), std::string::npos);
}

TEST_F(DeliveryTest, BusyServerIsTriedLater) {
  remote_.end = "451 4.3.0 busy\r\n";
  put({{"a@there.example", kRelay}});
  work();
  ASSERT_EQ(queue_->list().size(), 1u);
  EXPECT_EQ(queue_->list()[0]->envelope.recipients[0].last_reply.to_string(), "451 4.3.0 busy");
  EXPECT_EQ(queue_->next_due(), clock_.unix_millis() + 300'000);
  remote_.end = "250 ok\r\n";
  clock_.advance(base::Millis(300'000));
  work();
  EXPECT_TRUE(queue_->list().empty());
}

TEST_F(DeliveryTest, NextHostWhenTheFirstCannotBeReached) {
  dns_.mxs["there.example"] = {{5, "dead.there.example"}, {10, "mx.there.example"}};
  put({{"a@there.example", kRelay}});
  work();
  EXPECT_TRUE(queue_->list().empty());
  EXPECT_EQ(remote_.bodies.size(), 1u);
}

TEST_F(DeliveryTest, NullMxUnknownDomainAndOurselvesBounce) {
  dns_.mxs["null.example"] = {{0, ""}};
  settings_.route.own_names = {"mx.us.example"};
  dns_.mxs["ours.example"] = {{10, "mx.us.example"}};
  put({{"a@null.example", kRelay}, {"b@nowhere.example", kRelay}, {"c@ours.example", kRelay}});
  work();
  EXPECT_TRUE(queue_->list().empty());
  std::string all;
  for (const auto& body : store_.bodies) all += body;
  for (const char* status : {"Status: 5.1.10\r\n", "Status: 5.1.2\r\n", "Status: 5.4.6\r\n"}) {
    EXPECT_NE(all.find(status), std::string::npos) << status;
  }
  EXPECT_TRUE(remote_.lines.empty());
}

// RFC 6152 section 3
TEST_F(DeliveryTest, EightBitContentIsConvertedForAServerWithout8BitMime) {
  const std::string head = "Received: us\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n";
  const std::string content = head + "Content-Transfer-Encoding: 8bit\r\n\r\n.ma\u00F1ana por la ma\u00F1ana\r\n";
  put({{"a@there.example", kRelay}}, "joe@us.example", content);
  work();
  EXPECT_TRUE(queue_->list().empty());
  EXPECT_EQ(remote_.bodies, std::vector<std::string>{head + "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
                                                            ".ma=C3=B1ana por la ma=C3=B1ana\r\n"});
  EXPECT_EQ(said(remote_.lines), "EHLO mx.us.example|MAIL FROM:<joe@us.example>|RCPT TO:<a@there.example>|DATA|");
}

TEST_F(DeliveryTest, EightBitContentIsConvertedForChunkingToo) {
  remote_.replies["EHLO"] = "250-there\r\n250-SIZE 1000000\r\n250 CHUNKING\r\n";
  put({{"a@there.example", kRelay}}, "joe@us.example", "Received: us\r\nSubject: x\r\n\r\nma\u00F1ana\r\n");
  work();
  EXPECT_TRUE(queue_->list().empty());
  ASSERT_EQ(remote_.bodies.size(), 1u);
  EXPECT_TRUE(base::is_ascii(remote_.bodies[0]));
  EXPECT_NE(remote_.bodies[0].find("charset=UNKNOWN-8BIT"), std::string::npos) << remote_.bodies[0];
}

TEST_F(DeliveryTest, EightBitContentGoesAsItIsWhere8BitMimeIsOffered) {
  remote_.replies["EHLO"] = "250-there\r\n250 8BITMIME\r\n";
  const std::string content = "Received: us\r\nSubject: ma\u00F1ana\r\n\r\nma\u00F1ana\r\n";
  put({{"a@there.example", kRelay}}, "joe@us.example", content);
  work();
  EXPECT_EQ(remote_.bodies, std::vector<std::string>{content});
  EXPECT_NE(said(remote_.lines).find("MAIL FROM:<joe@us.example> BODY=8BITMIME|"), std::string::npos);
}

TEST_F(DeliveryTest, ASignedEightBitMessageBouncesRatherThanLosingItsSignature) {
  put({{"a@there.example", kRelay}}, "joe@us.example",
      "Received: us\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\u00F1\r\n--b--\r\n");
  work();
  EXPECT_TRUE(queue_->list().empty());
  EXPECT_TRUE(remote_.bodies.empty());
  ASSERT_EQ(store_.bodies.size(), 1u);
  EXPECT_NE(store_.bodies[0].find("Status: 5.6.3\r\n"), std::string::npos) << store_.bodies[0];
}

// RFC 6531 section 3.2: where SMTPUTF8 is missing, a domain has its A-labels.
TEST_F(DeliveryTest, InternationalizedDomainsGoAsALabels) {
  dns_.mxs["xn--mnchen-3ya.example"] = {{10, "mx.there.example"}};
  put({{"a@M\u00FCnchen.example", kRelay}, {"b@xn--mnchen-3ya.example", kRelay}}, "joe@us.example");
  work();
  EXPECT_TRUE(queue_->list().empty());
  EXPECT_EQ(remote_.connections, 1) << "one destination, however it is written";
  EXPECT_EQ(said(remote_.lines),
            "EHLO mx.us.example|MAIL FROM:<joe@us.example>|RCPT TO:<a@xn--mnchen-3ya.example>|RCPT "
            "TO:<b@xn--mnchen-3ya.example>|DATA|");
  remote_.lines.clear();
  remote_.replies["EHLO"] = "250-there\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n";
  put({{"a@m\u00FCnchen.example", kRelay}}, "joe@us.example");
  work();
  EXPECT_NE(said(remote_.lines).find("SMTPUTF8|RCPT TO:<a@m\u00FCnchen.example>|"), std::string::npos)
      << said(remote_.lines);
}

TEST_F(DeliveryTest, WhatHasNoAsciiFormNeedsSmtpUtf8) {
  dns_.mxs["xn--mnchen-3ya.example"] = {{10, "mx.there.example"}};
  put({{"jos\u00E9@m\u00FCnchen.example", kRelay}});
  work();
  put({{"a@m\u00FCnchen.example", kRelay}}, "joe@us.example", "Received: us\r\nSubject: \u00F1\r\n\r\nx\r\n");
  work();
  EXPECT_TRUE(remote_.bodies.empty());
  put({{"a@\u00FC\u200D.example", kRelay}});
  work();
  EXPECT_TRUE(queue_->list().empty());
  ASSERT_EQ(store_.bodies.size(), 3u);
  EXPECT_NE(store_.bodies[0].find("Status: 5.6.7\r\n"), std::string::npos) << store_.bodies[0];
  EXPECT_NE(store_.bodies[1].find("Status: 5.6.7\r\n"), std::string::npos) << store_.bodies[1];
  EXPECT_NE(store_.bodies[2].find("Status: 5.1.2\r\n"), std::string::npos) << store_.bodies[2];
}

TEST_F(DeliveryTest, AStoreThatIsDownLosesNothing) {
  store_down_ = true;
  put({{"joe@us.example", kLocal}});
  work();
  EXPECT_EQ(queue_->list().size(), 1u);
  store_down_ = false;
  clock_.advance(base::Millis(300'000));
  work();
  EXPECT_TRUE(queue_->list().empty());
  EXPECT_EQ(store_.bodies.size(), 1u);
}

// Mailboxes on another server.
class ElsewhereTest : public DeliveryTest {
 protected:
  ElsewhereTest() {
    MailServer server;
    server.port = settings_.route.mx_port;
    server.tls = MailServer::Tls::None;
    settings_.servers["old"] = std::move(server);
    at_ = there();
    directory_.place = there();
  }
  static queue::MailboxPlace there() {
    queue::MailboxPlace place;
    place.server = "old";
    place.host = "127.0.0.1";
    place.user = "joe";
    return place;
  }
  void later() {
    clock_.advance(base::Millis(300'000));
    work();
  }
};

TEST_F(ElsewhereTest, SentCopyGoesThereByEgress) {
  put({{"joe@us.example", kSentCopy}});
  work();
  EXPECT_TRUE(queue_->list().empty());
  ASSERT_EQ(filed_.size(), 1u);
  EXPECT_EQ(filed_[0].server, "old");
  EXPECT_EQ(filed_[0].host, "127.0.0.1");
  EXPECT_EQ(filed_[0].user, "joe");
  EXPECT_EQ(filed_[0].body_sha256, crypto::sha256(".body\r\n"));
  EXPECT_EQ(sent_bodies_, std::vector<std::string>{"Subject: hi\r\n\r\n.body\r\n"});
  EXPECT_EQ(filed_[0].size, sent_bodies_[0].size());
  EXPECT_TRUE(store_.lines.empty());
}

TEST_F(ElsewhereTest, SentCopyThatIsThereAlreadyIsNotSent) {
  egress_wants_ = false;
  put({{"joe@us.example", kSentCopy}});
  work();
  EXPECT_TRUE(queue_->list().empty());
  EXPECT_TRUE(sent_bodies_.empty());
}

TEST_F(ElsewhereTest, SentCopyIsTriedUntilItIsFiledAndBouncesToNobody) {
  put({{"joe@us.example", kSentCopy}});
  for (const char* words : {"", "451 4.4.1 away\r\n", "554 5.0.0 no\r\n", "nonsense\r\n", "35"}) {
    egress_says_ = words;
    later();
    ASSERT_EQ(queue_->list().size(), 1u) << words;
  }
  clock_.advance(base::Millis(10LL * 24 * 3600 * 1000));  // far over the lifetime of mail
  work();
  ASSERT_EQ(queue_->list().size(), 1u);
  egress_says_ = "250 2.0.0 Filed\r\n";
  clock_.advance(base::Millis(24LL * 3600 * 1000));
  work();
  EXPECT_TRUE(queue_->list().empty());
  EXPECT_TRUE(store_.bodies.empty());
}

TEST_F(ElsewhereTest, SentCopyIsGivenUpAfterItsOwnTimeAndBouncesToNobody) {
  put({{"joe@us.example", kSentCopy}});
  egress_says_ = "451 4.4.1 away\r\n";
  for (int day = 0; day < 14; ++day) {
    later();
    ASSERT_EQ(queue_->list().size(), 1u) << day;
    clock_.advance(base::Millis(24LL * 3600 * 1000));
  }
  later();
  EXPECT_TRUE(queue_->list().empty());
  EXPECT_TRUE(store_.bodies.empty());
}

TEST_F(ElsewhereTest, SentCopyEndsWithTheAccountOrTheMasterUser) {
  directory_.place->takes_sent_copy = false;
  put({{"joe@us.example", kSentCopy}});
  work();
  EXPECT_TRUE(queue_->list().empty());
  directory_.place = queue::MailboxPlace{};
  directory_.place->gone = true;
  put({{"joe@us.example", kSentCopy}});
  work();
  EXPECT_TRUE(queue_->list().empty());
  EXPECT_TRUE(filed_.empty());
}

TEST_F(ElsewhereTest, QueuedMailFollowsAnAccountThatMoves) {
  remote_.end = "451 4.3.0 busy\r\n";
  put({{"joe@us.example", kLocal}});
  egress_says_ = "";
  put({{"joe@us.example", kSentCopy}});
  work();
  EXPECT_EQ(queue_->list().size(), 2u);
  EXPECT_EQ(remote_.bodies.size(), 1u);
  directory_.place = queue::MailboxPlace{};  // home
  later();
  EXPECT_TRUE(queue_->list().empty());
  EXPECT_EQ(remote_.bodies.size(), 1u);
  EXPECT_EQ(store_.bodies.size(), 2u);
  EXPECT_NE(said(store_.lines).find("XBZSENT=1"), std::string::npos);
  // And the other way round.
  at_ = {};
  directory_.place = there();
  remote_.end = "250 ok\r\n";
  put({{"joe@us.example", kLocal}});
  work();
  EXPECT_TRUE(queue_->list().empty());
  EXPECT_EQ(remote_.bodies.size(), 2u);
}

TEST_F(ElsewhereTest, MailWaitsWhileNobodyKnowsWhere) {
  directory_.place = fail(Errc::Unavailable, "down");
  put({{"joe@us.example", kLocal}});
  work();
  ASSERT_EQ(queue_->list().size(), 1u);
  EXPECT_EQ(queue_->list()[0]->envelope.recipients[0].last_reply.status, "4.3.0");
  directory_.place = there();
  directory_.place->takes_mail = false;
  later();
  ASSERT_EQ(queue_->list().size(), 1u);
  EXPECT_EQ(queue_->list()[0]->envelope.recipients[0].last_reply.status, "4.3.5");
  EXPECT_EQ(remote_.connections, 0);
}

TEST_F(DeliveryTest, NobodyIsAskedWhereWhileThereIsOnePlace) {
  put({{"joe@us.example", kLocal}, {"joe@us.example", kSentCopy}, {"a@there.example", kRelay}});
  work();
  EXPECT_TRUE(queue_->list().empty());
  EXPECT_EQ(directory_.asked, 0);
}

class SmartHostTest : public DeliveryTest {
 protected:
  SmartHostTest() {
    const auto authority = *crypto::make_authority("test", base::system_clock(), random_);
    crypto::CertificateRequest request;
    request.names = {"relay.example"};
    auto certificate = *crypto::issue_server_certificate(authority, request, base::system_clock(), random_);
    crypto::TlsServerOptions server;
    server.hosts.push_back({std::move(certificate)});
    server_tls_ = *crypto::make_tls_server(server);
    crypto::TlsClientOptions client;
    client.ca_pem = authority.chain_pem;
    client.system_roots = false;
    settings_.verified = *crypto::make_tls_client(client);
    settings_.smart_host_login = smtp::ClientCredentials{"user", Secret("secret")};
    remote_.replies["EHLO"] = "250-there\r\n250-PIPELINING\r\n250 STARTTLS\r\n";
    remote_.replies_under_tls["EHLO"] = "250-there\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN\r\n";
    remote_.replies["AUTH"] = "235 2.7.0 ok\r\n";
  }
  void use(const std::string& name) {
    settings_.route.smart_host = name;
    settings_.route.smart_host_port = settings_.route.mx_port;
    dns_.hosts[name] = {"127.0.0.1"};
    auto open = disk_->open({kv::kQueuePartition, 2}, true, executor_);
    auto partition = open.await_resume();
    queue::QueueConfig config;
    config.hostname = settings_.host;
    config.route = settings_.route;
    queue_ = std::make_unique<queue::Queue>(std::move(*partition), config, directory_, clock_, random_);
    put({{"a@there.example", kRelay}});
  }
  const queue::Recipient& waiting() { return queue_->list().at(0)->envelope.recipients.at(0); }
  crypto::TlsContext server_tls_;
};

TEST_F(SmartHostTest, TakesMailOverTlsAfterLogin) {
  remote_.tls = server_tls_;
  use("relay.example");
  work();
  EXPECT_TRUE(queue_->list().empty());
  EXPECT_EQ(
      said(remote_.lines),
      "EHLO mx.us.example|STARTTLS|(TLS)|EHLO mx.us.example|AUTH PLAIN AHVzZXIAc2VjcmV0|MAIL FROM:<joe@us.example>|RCPT "
      "TO:<a@there.example>|DATA|");
  EXPECT_EQ(remote_.bodies.size(), 1u);
  // The path of a message can be read from the log.
  EXPECT_NE(logged.find("delivered qid="), std::string::npos) << logged;
  EXPECT_NE(logged.find("class=relay attempts=1 relay=relay.example tls=TLSv1.3 cipher=TLS_AES_"), std::string::npos)
      << logged;
}

TEST_F(SmartHostTest, UsesScramWhereItIsOffered) {
  remote_.tls = server_tls_;
  remote_.replies_under_tls["EHLO"] = "250-there\r\n250 AUTH PLAIN SCRAM-SHA-256\r\n";
  use("relay.example");
  work();
  // This server says yes to everything and proves nothing.
  EXPECT_NE(said(remote_.lines).find("|AUTH SCRAM-SHA-256 biwsbj11c2Vy"), std::string::npos) << said(remote_.lines);
  EXPECT_EQ(waiting().last_reply.status, "4.7.8");
  EXPECT_TRUE(remote_.bodies.empty());
}

TEST_F(SmartHostTest, WithAnotherNameInItsCertificateGetsNothing) {
  remote_.tls = server_tls_;
  use("impostor.example");
  work();
  EXPECT_EQ(waiting().last_reply.status, "4.7.5");
  EXPECT_EQ(said(remote_.lines), "EHLO mx.us.example|STARTTLS|");
}

TEST_F(SmartHostTest, WithoutTlsGetsNothing) {
  remote_.replies["EHLO"] = "250 there\r\n";
  use("relay.example");
  work();
  EXPECT_EQ(said(remote_.lines), "EHLO mx.us.example|QUIT|");
  EXPECT_EQ(waiting().last_reply.status, "4.7.4");
}

TEST_F(SmartHostTest, RefusingOurLoginIsTemporary) {
  remote_.tls = server_tls_;
  remote_.replies["AUTH"] = "535 5.7.8 no\r\n";
  use("relay.example");
  work();
  EXPECT_EQ(waiting().last_reply.status, "4.7.8");
  EXPECT_TRUE(waiting().waiting());
}

// Opportunistic TLS (RFC 7435): any certificate will do, and a broken handshake is followed by a plain connection.
TEST_F(SmartHostTest, MxHostsAreTakenAsTheyAre) {
  remote_.tls = server_tls_;
  put({{"a@there.example", kRelay}});
  work();
  EXPECT_TRUE(queue_->list().empty());
  EXPECT_EQ(remote_.lines.at(2), "(TLS)");
  remote_.lines.clear();
  remote_.tls = {};
  remote_.replies["EHLO"] = "250-there\r\n250 STARTTLS\r\n";
  remote_.broken_tls = true;
  put({{"b@there.example", kRelay}});
  work();
  EXPECT_TRUE(queue_->list().empty());
  EXPECT_EQ(remote_.bodies.size(), 2u);
}

}  // namespace
}  // namespace bz::delivery
