#include "lmtpd/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/log.h"
#include "kv/memory.h"

namespace bz::lmtpd {
namespace {

using store::Account;

// Accounts of the session's own thread.
class LocalInlet final : public Inlet {
 public:
  explicit LocalInlet(std::shared_ptr<Account> account)
      : account_(std::move(account)), appender_(account_->begin_append()) {}
  Task<Result<void>> write(std::string bytes) override {
    auto writing = appender_->write(bytes);
    auto written = co_await std::move(writing);
    co_return std::move(written);
  }
  Task<Result<store::Appended>> finish(store::Delivery delivery) override {
    return account_->deliver(std::move(appender_), std::move(delivery));
  }

 private:
  std::shared_ptr<Account> account_;
  std::unique_ptr<store::Appender> appender_;
};

Task<void> serve(Session& session, net::Loop& loop) {
  auto running = session.run();
  co_await std::move(running);
  loop.stop();
}
// Sends piece by piece, giving way in between, then ends its side and reads to the end.
Task<void> talk(net::Stream& stream, std::string text, size_t piece, std::string& answers) {
  for (size_t at = 0; at < text.size(); at += piece) {
    std::string part = text.substr(at, piece);
    auto writing = stream.write_all(part, net::Deadline::in(base::Millis(10'000)));
    auto written = co_await std::move(writing);
    if (!written) break;
    auto pausing = stream.loop().sleep(net::Deadline::in(base::Millis(0)));
    co_await std::move(pausing);
  }
  auto ending = stream.shutdown(net::Deadline::in(base::Millis(10'000)));
  (void)co_await std::move(ending);
  for (char buffer[4096];;) {
    auto reading = stream.read_some(buffer, net::Deadline::in(base::Millis(10'000)));
    auto got = co_await std::move(reading);
    if (!got || *got == 0) break;
    answers.append(buffer, *got);
  }
}

class Lmtp : public ::testing::Test, public Accounts {
 protected:
  Lmtp() { store->set_delivery(kv::MemoryStore::Delivery::Posted); }
  ~Lmtp() override {
    accounts.clear();
    loop.post([this] { loop.stop(); });
    loop.run();
  }
  Task<Result<std::unique_ptr<Inlet>>> open(AccountId id, Expected expected) override {
    if (id.value() >= 100) co_return fail(Errc::NotFound, "no such account");
    auto& account = accounts[id.value()];
    if (!account) {
      auto opening = store::open_account(*store, id, "ana", account_config, loop, clock, random);
      auto opened = co_await std::move(opening);
      BZ_CO_TRY(account, std::move(opened));
    }
    auto asking = account->takes_delivery(std::move(expected.delivery), expected.size);
    auto room = co_await std::move(asking);
    BZ_CO_TRY_VOID(std::move(room));
    co_return std::unique_ptr<Inlet>(new LocalInlet(account));
  }
  Task<Result<std::unique_ptr<Inlet>>> open_address(smtp::Address address, Expected expected) override {
    const auto text = address.to_string();
    if (text == "gone@here.test") co_return fail(Errc::Denied, "disabled");
    if (text != "ana@here.test") co_return fail(Errc::NotFound, "no such address");
    auto opening = open(AccountId(1), std::move(expected));
    auto opened = co_await std::move(opening);
    co_return std::move(opened);
  }
  std::string say(const std::string& text, size_t piece = 100'000) {
    auto ends = net::socket_pair();
    BZ_CHECK(ends, "socket_pair");
    net::Stream client(loop, ends->second);
    Session session(std::make_unique<net::Stream>(loop, ends->first), *this, config, "sid", "");
    std::string answers;
    {
      net::TaskGroup group(loop);
      group.spawn(talk(client, text, piece, answers));
      group.spawn(serve(session, loop));
      loop.run();
      for (int i = 0; i < 20 && group.size() > 0; ++i) {
        loop.post([this] { loop.stop(); });
        loop.run();
      }
    }
    return answers;
  }
  // The codes of all answers, in order.
  static std::string codes(const std::string& answers) {
    std::string out;
    for (size_t at = 0; at < answers.size(); at = answers.find('\n', at) + 1) {
      if (answers[at + 3] == ' ') out += (out.empty() ? "" : " ") + answers.substr(at, 3);
      if (answers.find('\n', at) == std::string::npos) break;
    }
    return out;
  }
  uint32_t messages(uint64_t account, const char* mailbox = "INBOX") {
    auto found = accounts.find(account);
    return found == accounts.end() ? 0 : found->second->find(mailbox)->messages;
  }

  net::Loop loop;
  std::unique_ptr<kv::MemoryStore> store = kv::make_memory_store();
  base::ManualClock clock;
  base::SeededRandom random{1};
  store::AccountConfig account_config;
  SessionConfig config{.hostname = "mail.example.org"};
  std::map<uint64_t, std::shared_ptr<Account>> accounts;
};

const std::string kMail = "MAIL FROM:<bob@example.net> XBZQID=Q1\r\n";
const std::string kAna = "RCPT TO:<ana@example.org> XBZACCT=1\r\n", kEva = "RCPT TO:<eva@example.org> XBZACCT=2\r\n";

TEST_F(Lmtp, each_recipient_gets_the_message_and_an_answer_of_its_own) {
  const std::string text = "LHLO mta\r\n" + kMail + kAna + kEva + "DATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n";
  for (size_t piece : {size_t{1}, size_t{7}, size_t{100'000}}) {
    SCOPED_TRACE(piece);
    accounts.clear();
    store = kv::make_memory_store();
    store->set_delivery(kv::MemoryStore::Delivery::Posted);
    EXPECT_EQ(codes(say(text, piece)), "220 250 250 250 250 354 250 250 221");
    EXPECT_EQ(messages(1), 1u);
    EXPECT_EQ(messages(2), 1u);
    EXPECT_EQ(accounts[1]->find("INBOX")->size,
              std::string("Return-Path: <bob@example.net>\r\nSubject: x\r\n\r\n.dot\r\n").size());
  }
}

TEST_F(Lmtp, the_greeting_tells_of_our_extension) {
  const std::string answers = say("LHLO mta\r\nQUIT\r\n");
  EXPECT_NE(answers.find("XBUZON"), std::string::npos);
  EXPECT_NE(answers.find("CHUNKING"), std::string::npos);
  EXPECT_NE(answers.find("PIPELINING"), std::string::npos);
}

TEST_F(Lmtp, the_same_queue_id_and_recipient_are_delivered_once) {
  const std::string once = kMail + kAna + "DATA\r\nSubject: x\r\n\r\nx\r\n.\r\n";
  EXPECT_EQ(codes(say("LHLO mta\r\n" + once + once + "QUIT\r\n")), "220 250 250 250 354 250 250 250 354 250 221");
  EXPECT_EQ(codes(say("LHLO mta\r\n" + once)), "220 250 250 250 354 250");
  EXPECT_EQ(messages(1), 1u);
}

// The mta keeps its connection for the next message, which another session brought.
TEST_F(Lmtp, the_log_names_the_session_and_queue_id_of_each_message) {
  static std::vector<std::string> logged;
  logged.clear();
  log::set_sink([](std::string_view line) {
    if (line.find(" delivered ") != line.npos) logged.emplace_back(line);
  });
  const auto one = [](const std::string& parameters) {
    return "MAIL FROM:<b@x>" + parameters + "\r\n" + kAna + "DATA\r\nSubject: x\r\n\r\nx\r\n.\r\n";
  };
  const auto answers = say("LHLO mta\r\n" + one(" XBZQID=Q1 XBZSID=S1") + one(" XBZQID=Q2 XBZSID=S2") + one(" XBZQID=Q3"));
  log::set_sink(nullptr);
  EXPECT_EQ(codes(answers), "220 250 250 250 354 250 250 250 354 250 250 250 354 250");
  ASSERT_EQ(logged.size(), 3u);
  EXPECT_NE(logged[0].find(" sid=S1 qid=Q1 "), std::string::npos) << logged[0];
  EXPECT_NE(logged[1].find(" sid=S2 qid=Q2 "), std::string::npos) << logged[1];
  EXPECT_NE(logged[2].find(" sid=sid qid=Q3 "), std::string::npos) << logged[2];
}

TEST_F(Lmtp, the_sent_copy_goes_to_sent_beside_the_message_to_oneself) {
  EXPECT_EQ(codes(say("LHLO mta\r\n" + kMail + kAna + "RCPT TO:<ana@example.org> XBZACCT=1 XBZSENT=1\r\n" +
                      "DATA\r\nMessage-ID: <1@x>\r\n\r\nx\r\n.\r\nQUIT\r\n")),
            "220 250 250 250 250 354 250 250 221");
  EXPECT_EQ(messages(1), 1u);
  EXPECT_EQ(messages(1, "Sent"), 1u);
  EXPECT_EQ(accounts[1]->find("Sent")->unseen, 0u);
}

TEST_F(Lmtp, bdat_answers_for_each_recipient_at_the_last_chunk) {
  EXPECT_EQ(
      codes(say("LHLO mta\r\n" + kMail + kAna + kEva + "BDAT 12\r\nSubject: x\r\nBDAT 8 LAST\r\n\r\n.\r\nx\r\nQUIT\r\n")),
      "220 250 250 250 250 250 250 250 221");
  EXPECT_EQ(messages(1), 1u);
  EXPECT_EQ(messages(2), 1u);
}

TEST_F(Lmtp, unknown_accounts_are_refused_at_rcpt) {
  EXPECT_EQ(
      codes(say("LHLO mta\r\n" + kMail + "RCPT TO:<x@example.org> XBZACCT=100\r\nRCPT TO:<y@example.org>\r\nDATA\r\n")),
      "220 250 250 550 550 554");
}

TEST_F(Lmtp, a_full_mailbox_is_told_at_its_end_and_hurts_nobody_else) {
  account_config.quota_bytes = 60;
  const std::string again = "LHLO mta\r\nMAIL FROM:<b@x> XBZQID=Q2\r\n" + kAna + kEva + "DATA\r\nS: 2\r\n\r\nx\r\n.\r\n";
  EXPECT_EQ(codes(say("LHLO mta\r\n" + kMail + kAna + "DATA\r\nS: 1\r\n\r\nx\r\n.\r\n")), "220 250 250 250 354 250");
  std::string answers = say(again);
  EXPECT_EQ(codes(answers), "220 250 250 250 250 354 552 250");
  EXPECT_THAT(answers, ::testing::HasSubstr("552 5.2.2 Mailbox full\r\n"));
  config.when_full = WhenFull::Defer;
  answers = say(again);
  EXPECT_EQ(codes(answers), "220 250 250 250 250 354 452 250");
  EXPECT_THAT(answers, ::testing::HasSubstr("452 4.2.2 Mailbox full\r\n"));
}

TEST_F(Lmtp, a_message_that_has_no_room_is_refused_before_it_comes) {
  account_config.quota_bytes = 1000;
  EXPECT_EQ(codes(say("LHLO mta\r\nMAIL FROM:<b@x> SIZE=1001 XBZQID=Q1\r\n" + kAna)), "220 250 250 552");
  account_config.quota_messages = 1;
  const std::string first =
      "LHLO mta\r\n" + kMail + "RCPT TO:<eva@example.org> XBZACCT=2\r\n" + "DATA\r\nS: 1\r\n\r\nx\r\n.\r\n";
  EXPECT_EQ(codes(say(first)), "220 250 250 250 354 250");
  EXPECT_EQ(codes(say("LHLO mta\r\nMAIL FROM:<b@x> XBZQID=Q2\r\nRCPT TO:<eva@example.org> XBZACCT=2\r\n")),
            "220 250 250 552");
  config.when_full = WhenFull::Defer;
  EXPECT_EQ(codes(say("LHLO mta\r\nMAIL FROM:<b@x> XBZQID=Q2\r\nRCPT TO:<eva@example.org> XBZACCT=2\r\n")),
            "220 250 250 452");
  // Its answer was lost: the mailbox is full of it, and it is delivered all the same.
  EXPECT_EQ(codes(say(first)), "220 250 250 250 354 250");
  EXPECT_EQ(messages(2), 1u);
}

TEST_F(Lmtp, a_sent_copy_waits_for_room) {
  account_config.quota_messages = 1;
  EXPECT_EQ(codes(say("LHLO mta\r\n" + kMail + kAna + "DATA\r\nS: 1\r\n\r\nx\r\n.\r\n")), "220 250 250 250 354 250");
  EXPECT_EQ(codes(say("LHLO mta\r\nMAIL FROM:<ana@example.org> XBZQID=Q3\r\n"
                      "RCPT TO:<ana@example.org> XBZACCT=1 XBZSENT=1\r\nDATA\r\nS: 2\r\n\r\nx\r\n.\r\n")),
            "220 250 250 250 354 452");
}

TEST_F(Lmtp, a_full_disk_is_nobodys_quota) {
  EXPECT_EQ(codes(say("LHLO mta\r\n" + kMail + kAna)), "220 250 250 250");
  store->fail_commit(1, Errc::OverQuota);
  EXPECT_EQ(codes(say("LHLO mta\r\n" + kMail + kAna + "DATA\r\nS: 1\r\n\r\nx\r\n.\r\n")), "220 250 250 250 354 451");
}

TEST_F(Lmtp, content_with_bare_newlines_or_too_much_of_it_is_refused_for_everybody) {
  EXPECT_EQ(codes(say("LHLO mta\r\n" + kMail + kAna + kEva + "DATA\r\nS: 1\r\n\nx\r\n.\r\nNOOP\r\n")),
            "220 250 250 250 250 354 550 550 250");
  config.max_message = 1000;
  EXPECT_EQ(codes(say("LHLO mta\r\n" + kMail + kAna + "DATA\r\n" + std::string(1500, 'x') + "\r\n.\r\nNOOP\r\n")),
            "220 250 250 250 354 552 250");
  EXPECT_EQ(codes(say("LHLO mta\r\nMAIL FROM:<b@x> SIZE=1001\r\n")), "220 250 552");
  EXPECT_EQ(codes(say("LHLO mta\r\n" + kMail + kAna + "BDAT 4\r\nx\ny\nBDAT 2 LAST\r\nab")), "220 250 250 250 550 503");
  EXPECT_EQ(messages(1), 0u);
}

TEST_F(Lmtp, a_connection_that_ends_in_a_message_delivers_nothing) {
  EXPECT_EQ(codes(say("LHLO mta\r\n" + kMail + kAna + "DATA\r\nSubject: x\r\n\r\nhalf")), "220 250 250 250 354");
  EXPECT_EQ(messages(1), 0u);
}

TEST_F(Lmtp, commands_out_of_order_are_refused_and_too_many_end_it) {
  EXPECT_EQ(codes(say("EHLO mta\r\nMAIL FROM:<a@b>\r\nDATA\r\nLHLO x\r\nDATA\r\nRSET\r\nVRFY a\r\nNOOP\r\nQUIT\r\n")),
            "220 500 503 503 250 503 250 252 250 221");
  std::string junk;
  for (int i = 0; i < 30; ++i) junk += "JUNK\r\n";
  const std::string answers = codes(say(junk));
  EXPECT_EQ(answers.substr(answers.size() - 3), "421");
  EXPECT_EQ(codes(say("LHLO x\r\nBDAT zz\r\nNOOP\r\n")), "220 250 501") << "nobody knows what follows a bad BDAT";
}

TEST_F(Lmtp, a_stranger_names_addresses_and_nothing_of_ours) {
  config.from_mta = false;
  const auto answers =
      say("LHLO x\r\nMAIL FROM:<s@out.test>\r\nRCPT TO:<ana@here.test> XBZACCT=7\r\nRCPT TO:<nobody@here.test>\r\n"
          "RCPT TO:<gone@here.test>\r\nRCPT TO:<ana@here.test>\r\nDATA\r\nSubject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n");
  EXPECT_EQ(codes(answers), "220 250 250 555 550 550 250 354 250 221") << answers;
  EXPECT_EQ(answers.find("XBUZON"), answers.npos);
  EXPECT_EQ(messages(1), 1u);
  EXPECT_EQ(messages(7), 0u);
}
TEST_F(Lmtp, nul_in_content_is_refused) {
  config.from_mta = false;
  using namespace std::string_literals;
  const auto answers = say("LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<ana@here.test>\r\nDATA\r\na\0b\r\n.\r\nQUIT\r\n"s);
  EXPECT_EQ(codes(answers), "220 250 250 250 354 550 221") << answers;
  EXPECT_EQ(messages(1), 0u);
}
TEST_F(Lmtp, a_store_that_fails_is_temporary) {
  EXPECT_EQ(codes(say("LHLO mta\r\n" + kMail + kAna + "QUIT\r\n")), "220 250 250 250 221");
  store->fail_commit(1);
  EXPECT_EQ(codes(say("LHLO mta\r\n" + kMail + kAna + "DATA\r\nS: 1\r\n\r\nx\r\n.\r\nQUIT\r\n")),
            "220 250 250 250 354 451 221");
}

}  // namespace
}  // namespace bz::lmtpd
