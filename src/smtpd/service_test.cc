#include "smtpd/service.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "crypto/sign.h"
#include "kv/memory.h"
#include "net/test_util.h"
#include "wire/handoff.h"

namespace bz::smtpd {
namespace {

class NoDirectory : public Directory {
 public:
  Task<Result<RecipientVerdict>> lookup_recipient(smtp::Address) override { co_return RecipientVerdict{}; }
  Task<Result<bool>> may_send_as(AccountId, smtp::Address address) override { co_return !address.is_null(); }
};

Task<void> client(net::Stream& stream, std::string input, size_t piece, std::string& got,
                  Service* end_when_greeted = nullptr) {
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
    if (end_when_greeted == nullptr) continue;
    EXPECT_EQ(end_when_greeted->end_sessions(AccountId(8), ""), 0u);
    EXPECT_EQ(end_when_greeted->end_sessions(AccountId(7), "other phone"), 0u);
    EXPECT_EQ(end_when_greeted->end_sessions(AccountId(7), "phone"), 1u);
    end_when_greeted = nullptr;
  }
}

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() {
    log::set_sink([](std::string_view) {});
    auto key = crypto::make_sign_key(random_);
    private_key_ = key.private_key;
    verifier_ = std::make_unique<crypto::TicketVerifier>(key.public_key, "mta", clock_);
    auto settings = std::make_shared<Settings>();
    settings->host = "mx.us.example";
    auto open = store_->open({kv::kQueuePartition, 1}, true, executor_);
    auto partition = open.await_resume();
    queue_ = std::make_unique<queue::Queue>(std::move(*partition), queue::QueueConfig{}, directory_, clock_, random_);
    service_ = std::make_unique<Service>(loop_, settings, Services{*queue_, directory_, clock_},
                                         [this] { return verifier_.get(); });
    clock_.advance(base::Millis(10));
  }
  ~ServiceTest() override { log::set_sink(nullptr); }

  wire::Handoff handoff(wire::Service service) {
    wire::Handoff h;
    h.service = service;
    h.session_id = "abcdef012345";
    h.peer_address = "192.0.2.9";
    h.local_address = "192.0.2.1";
    h.ehlo = "phone.example";
    return h;
  }
  wire::Handoff with_ticket(std::string service = "submission") {
    auto h = handoff(wire::Service::Submission);
    crypto::Ticket ticket;
    ticket.audience = "mta";
    ticket.service = std::move(service);
    ticket.account = AccountId(7);
    ticket.account_name = "joe@us.example";
    ticket.device = "phone";
    ticket.session = h.session_id;
    ticket.client_address = h.peer_address;
    h.ticket = *crypto::issue_ticket(private_key_, ticket, clock_, random_);
    return h;
  }
  std::string talk(const std::string& bytes, size_t piece = 1 << 20, bool end = false) {
    auto fds = *net::socket_pair();
    net::Stream peer(loop_, fds.second);
    service_->accept(fds.first);
    std::string got;
    net::test::run(loop_, client(peer, bytes, piece, got, end ? service_.get() : nullptr));
    return got;
  }

  net::Loop loop_;
  base::ManualClock clock_;
  base::SeededRandom random_{1};
  Secret private_key_;
  std::unique_ptr<crypto::TicketVerifier> verifier_;
  std::unique_ptr<kv::MemoryStore> store_ = kv::make_memory_store();
  base::ManualExecutor executor_;
  NoDirectory directory_;
  std::unique_ptr<queue::Queue> queue_;
  std::unique_ptr<Service> service_;
};

constexpr char kRefused[] = "454 4.7.0 Authentication is not possible now\r\n";

TEST_F(ServiceTest, TakesOverAStrangersSessionUnread) {
  for (const size_t piece : {1ul, 5ul, 1000ul}) {
    EXPECT_EQ(talk(handoff(wire::Service::Mx).encode() + "MAIL FROM:<a@b>\r\nQUIT\r\n", piece),
              "250 2.1.0 Sender ok\r\n221 2.0.0 Bye\r\n");
  }
}

TEST_F(ServiceTest, ATicketMakesASubmission) {
  EXPECT_EQ(talk(with_ticket().encode() + "EHLO phone.example\r\nMAIL FROM:<a@b>\r\nQUIT\r\n", 7).substr(0, 38),
            "235 2.7.0 Authentication successful\r\n2");
}

TEST_F(ServiceTest, NoTicketNoSubmission) {
  EXPECT_EQ(talk(handoff(wire::Service::Submission).encode() + "MAIL FROM:<a@b>\r\n"), kRefused);
  EXPECT_EQ(talk(with_ticket("imap").encode()), kRefused);
  auto stolen = with_ticket();
  stolen.peer_address = "192.0.2.66";
  EXPECT_EQ(talk(stolen.encode()), kRefused);
  const auto once = with_ticket().encode() + "QUIT\r\n";
  EXPECT_EQ(talk(once).substr(0, 3), "235");
  EXPECT_EQ(talk(once), kRefused) << "a ticket works once";
  verifier_.reset();
  EXPECT_EQ(talk(with_ticket().encode()), kRefused) << "auth is not known yet";
}

TEST_F(ServiceTest, WhatIsNoHandOverIsRefused) {
  EXPECT_EQ(talk("EHLO I am the client myself\r\n"), kRefused);
  EXPECT_EQ(talk(handoff(wire::Service::Imap).encode()), kRefused);
}

TEST_F(ServiceTest, SessionsOfAnAccountEndAtOnceAndAreToldSo) {
  constexpr char kWords[] = "\r\n421 4.7.0 Session ended by the administrator\r\n";
  for (const char* said :
       {"", "MAIL FR", "NOOP\r\n", "MAIL FROM:<joe@us.example>\r\n", "MAIL FROM:<joe@us.example>\r\nBDAT 1000\r\nhalf"}) {
    const std::string got = talk(with_ticket().encode() + said, 1 << 20, true);
    EXPECT_TRUE(got.starts_with("235 2.7.0 ") && got.ends_with(kWords)) << got;
    EXPECT_EQ(service_->sessions(), 0u);
  }
}

}  // namespace
}  // namespace bz::smtpd
