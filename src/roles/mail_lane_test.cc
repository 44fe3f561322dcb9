// Lanes as they run: threads, sessions over socket pairs, accounts on several lanes.
#include "roles/mail_lane.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <mutex>

#include "kv/memory.h"
#include "roles/blocking_client_for_test.h"
#include "roles/mail_inlet.h"
#include "roles/mailstore_verify.h"

namespace bz::roles {
namespace {

Task<void> lmtp(int fd, MailLane& lane, LaneAccounts& accounts, bool from_mta) {
  lmtpd::SessionConfig config;
  config.hostname = "mail";
  config.from_mta = from_mta;
  lmtpd::Session session(std::make_unique<net::Stream>(lane.loop(), fd), accounts, std::move(config), "lmtp", "");
  auto running = session.run();
  co_await std::move(running);
}

class Lanes : public ::testing::Test {
 protected:
  void SetUp() override {
    store = kv::make_memory_store();
    store->set_delivery(kv::MemoryStore::Delivery::Posted);
    for (int i = 0; i < 2; ++i) {
      lanes.push_back(std::make_unique<MailLane>(*store, config, [this](base::Executor& home, AccountId id) {
        base::Completion<AccountFacts> done;
        Ferry<AccountFacts> ferry(home, done.promise());
        if (id.value() >= 100)
          ferry.send(fail(Errc::NotFound, "no such account"));
        else
          ferry.send(AccountFacts{"user" + std::to_string(id.value()), 0, message_quota.load(), 0});
        return done;
      }));
      lanes.back()->set_push([this](PushOrder order) {
        const std::lock_guard lock(pushed_mutex);
        pushed.push_back(std::move(order));
      });
      accounts.push_back(std::make_unique<LaneAccounts>(lanes, lanes.back()->loop(), ask_recipient));
    }
  }
  // both@here.test stands for the accounts 1 and 2, which live on different lanes.
  static base::Completion<queue::RecipientVerdict> ask_recipient(base::Executor& home, const smtp::Address& address) {
    base::Completion<queue::RecipientVerdict> done;
    Ferry<queue::RecipientVerdict> ferry(home, done.promise());
    queue::RecipientVerdict verdict;
    verdict.kind = queue::RecipientVerdict::Kind::Unknown;
    if (address.to_string() == "both@here.test") {
      verdict.kind = queue::RecipientVerdict::Kind::Local;
      for (uint64_t id : {1, 2}) verdict.targets.push_back({AccountId(id), "user", address});
    }
    ferry.send(std::move(verdict));
    return done;
  }
  void TearDown() override {
    for (auto& lane : lanes) lane->stop();
    base::ManualExecutor executor;
    auto report = verify_store(*store, executor);
    ASSERT_TRUE(report.has_value());
    EXPECT_EQ(report->findings.size(), 0u) << report->to_text();
    store.reset();
    for (auto& lane : lanes) lane->drain();
  }
  std::unique_ptr<Client> imap(uint64_t account, std::string tag, std::string device = "phone", std::string address = "") {
    auto ends = net::socket_pair();
    BZ_CHECK(ends, "socket_pair");
    MailLane& lane = lane_of(lanes, AccountId(account));
    lane.post([&lane, fd = ends->first, account, tag, device, address] {
      lane.start_imap({fd, AccountId(account), "user", device, address, {"sid", tag, "", {}}});
    });
    return std::make_unique<Client>(ends->second);
  }
  std::unique_ptr<Client> pop3(uint64_t account, std::string input = "", std::string device = "phone") {
    auto ends = net::socket_pair();
    BZ_CHECK(ends, "socket_pair");
    MailLane& lane = lane_of(lanes, AccountId(account));
    lane.post([&lane, fd = ends->first, account, input, device] {
      lane.start_pop3({fd, AccountId(account), "user", device, {"sid", input, {"PLAIN"}, nullptr}});
    });
    return std::make_unique<Client>(ends->second);
  }
  std::unique_ptr<Client> mta(size_t index, bool from_mta = true) {
    auto ends = net::socket_pair();
    BZ_CHECK(ends, "socket_pair");
    MailLane& lane = *lanes[index];
    lane.post([&lane, fd = ends->first, accounts = accounts[index].get(), from_mta] {
      lane.spawn(lmtp(fd, lane, *accounts, from_mta));
    });
    return std::make_unique<Client>(ends->second);
  }
  MailLaneConfig config;
  std::atomic<uint64_t> message_quota{0};  // of everybody, as the directory says
  std::vector<PushOrder> pushes() {
    const std::lock_guard lock(pushed_mutex);
    return pushed;
  }
  std::mutex pushed_mutex;
  std::vector<PushOrder> pushed;
  std::unique_ptr<kv::MemoryStore> store;
  MailLanes lanes;
  std::vector<std::unique_ptr<LaneAccounts>> accounts;
};

TEST_F(Lanes, a_delivery_to_accounts_of_two_lanes_reaches_their_idling_sessions) {
  auto ana = imap(1, "a1"), eva = imap(2, "e1");
  for (auto* client : {ana.get(), eva.get()}) {
    EXPECT_NE(client->hear("\r\n").find("OK [CAPABILITY"), std::string::npos);
    client->say("a SELECT INBOX\r\n");
    EXPECT_NE(client->hear("a OK").find("* 0 EXISTS"), std::string::npos);
    client->hear("\r\n");
    client->say("b IDLE\r\n");
    client->hear("+ ");
  }
  auto queue = mta(0);
  queue->say(
      "LHLO mta\r\nMAIL FROM:<b@x> XBZQID=Q1\r\nRCPT TO:<ana@x> XBZACCT=1\r\nRCPT TO:<eva@x> XBZACCT=2\r\n"
      "RCPT TO:<nobody@x> XBZACCT=100\r\nDATA\r\n");
  std::string answers = queue->hear("354 ");
  EXPECT_NE(answers.find("550 5.1.1"), std::string::npos);
  queue->say("Subject: x\r\n\r\n" + std::string(300'000, 'x') + "\r\n.\r\nQUIT\r\n");
  answers = queue->hear("221 ");
  EXPECT_NE(answers.find("250 2.0.0 Delivered\r\n250 2.0.0 Delivered\r\n"), std::string::npos) << answers;
  for (auto* client : {ana.get(), eva.get()}) {
    EXPECT_NE(client->hear("EXISTS\r\n").find("* 1 EXISTS"), std::string::npos);
    client->say("DONE\r\nc LOGOUT\r\n");
    EXPECT_NE(client->hear("").find("c OK"), std::string::npos);
  }
}

TEST_F(Lanes, an_lmtp_client_that_is_not_mta_names_addresses) {
  auto stranger = mta(0, false);
  stranger->say("LHLO x\r\nMAIL FROM:<b@x>\r\nRCPT TO:<nobody@here.test>\r\nRCPT TO:<both@here.test>\r\nDATA\r\n");
  EXPECT_NE(stranger->hear("354 ").find("550 5.1.1"), std::string::npos);
  stranger->say("Subject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n");
  EXPECT_NE(stranger->hear("221 ").find("250 2.0.0 Delivered\r\n"), std::string::npos);
  for (uint64_t account : {1, 2}) {
    auto client = imap(account, "a");
    client->hear("\r\n");
    client->say("b SELECT INBOX\r\n");
    EXPECT_NE(client->hear("b OK").find("* 1 EXISTS"), std::string::npos);
    client->say("c LOGOUT\r\n");
    client->hear("");
  }
}

TEST_F(Lanes, a_session_is_held_to_a_quota_that_was_changed_while_it_runs) {
  message_quota = 3;
  auto phone = imap(1, "a1");
  phone->hear("\r\n");
  phone->say("a GETQUOTA \"\"\r\n");
  EXPECT_NE(phone->hear("a OK").find(" (MESSAGE 0 3 MAILBOX 6 10000)"), std::string::npos);
  message_quota = 9;
  MailLane& lane = lane_of(lanes, AccountId(1));
  lane.post([&lane] { lane.account_changed(AccountId(1)); });
  std::string heard;
  for (int i = 0; i < 1000 && heard.find("(MESSAGE 0 9 ") == std::string::npos; ++i) {
    phone->say("b GETQUOTA \"\"\r\n");
    heard = phone->hear("b OK");
  }
  EXPECT_NE(heard.find("(MESSAGE 0 9 "), std::string::npos);
}

TEST_F(Lanes, sessions_are_ended_by_account_and_device) {
  auto phone = imap(1, "a1", "phone"), laptop = imap(1, "a2", "laptop"), other = imap(3, "a3", "phone");
  for (auto* client : {phone.get(), laptop.get(), other.get()}) client->hear("\r\n");
  MailLane& lane = lane_of(lanes, AccountId(1));
  lane.post([&lane] { lane.end_sessions(AccountId(1), "phone", "The device was revoked"); });
  EXPECT_NE(phone->hear("").find("BYE"), std::string::npos);
  lane.post([&lane] { lane.end_sessions(AccountId(1), "", "The account was disabled"); });
  EXPECT_NE(laptop->hear("").find("* BYE"), std::string::npos);
  other->say("x NOOP\r\n");
  EXPECT_NE(other->hear("x OK").find("x OK"), std::string::npos);
}

TEST_F(Lanes, what_cannot_be_opened_is_refused_in_the_clients_words) {
  auto nobody = imap(100, "a1");
  EXPECT_EQ(nobody->hear("").substr(0, 20), "a1 NO [UNAVAILABLE] ");
  EXPECT_EQ(pop3(100)->hear("").substr(0, 16), "-ERR [SYS/TEMP] ");
}

TEST_F(Lanes, a_maildrop_has_one_pop3_session_and_imap_beside_it) {
  auto first = pop3(1), other = pop3(2);
  for (auto* client : {first.get(), other.get()}) EXPECT_EQ(client->hear("\r\n"), "+OK Logged in, messages: 0\r\n");
  EXPECT_EQ(pop3(1, "STAT\r\n")->hear("").substr(0, 14), "-ERR [IN-USE] ");
  auto phone = imap(1, "a1");
  EXPECT_NE(phone->hear("\r\n").find("a1 OK"), std::string::npos);
  first->say("QUIT\r\n");
  EXPECT_EQ(first->hear("\r\n"), "+OK Goodbye\r\n");
  first = pop3(1, "NOOP\r\n");  // at once
  EXPECT_NE(first->hear("Done\r\n").find("+OK"), std::string::npos);
  first.reset();  // without QUIT: a moment later
  MailLane& lane = lane_of(lanes, AccountId(1));
  while (lane.sessions() > 1) std::this_thread::yield();
  EXPECT_EQ(pop3(1)->hear("\r\n"), "+OK Logged in, messages: 0\r\n");
}

TEST_F(Lanes, a_half_dead_pop3_client_does_not_hold_the_maildrop) {
  auto with = [this](base::Millis limit) {
    config.pop3_take_over = limit;
    for (auto& lane : lanes) lane->post([this, lane = lane.get()] { lane->set_config(config); });
  };
  with(base::Millis(3'600'000));
  auto dead = pop3(1), other = pop3(2);
  for (auto* client : {dead.get(), other.get()}) EXPECT_EQ(client->hear("\r\n"), "+OK Logged in, messages: 0\r\n");
  EXPECT_EQ(pop3(1)->hear("").substr(0, 14), "-ERR [IN-USE] ") << "it has said nothing for a moment only";
  with(base::Millis(1));
  std::unique_ptr<Client> next;
  std::string heard = "-ERR";
  while (heard.starts_with("-ERR")) heard = (next = pop3(1))->hear("\r\n");  // within the first millisecond it is too early
  EXPECT_EQ(heard, "+OK Logged in, messages: 0\r\n");
  EXPECT_EQ(dead->hear(""), "") << "ended without a word";
  next->say("NOOP\r\n");
  EXPECT_EQ(next->hear("\r\n"), "+OK Done\r\n");
  other->say("NOOP\r\n");
  EXPECT_EQ(other->hear("\r\n"), "+OK Done\r\n") << "another account's";
  with(base::Millis(0));
  EXPECT_EQ(pop3(1)->hear("").substr(0, 14), "-ERR [IN-USE] ") << "never";
}

TEST_F(Lanes, pop3_sessions_are_ended_by_account_and_device) {
  auto phone = pop3(1, "", "phone"), other = pop3(3, "", "phone");
  for (auto* client : {phone.get(), other.get()}) client->hear("\r\n");
  MailLane& lane = lane_of(lanes, AccountId(1));
  lane.post([&lane] { lane.end_sessions(AccountId(1), "laptop", "The device was revoked"); });
  phone->say("NOOP\r\n");
  EXPECT_EQ(phone->hear("\r\n"), "+OK Done\r\n");
  lane.post([&lane] { lane.end_sessions(AccountId(1), "", "The account was disabled"); });
  EXPECT_EQ(phone->hear(""), "");
  other->say("NOOP\r\n");
  EXPECT_EQ(other->hear("\r\n"), "+OK Done\r\n");
  lane.post([&lane] { lane.end_all("The server stops"); });
  EXPECT_EQ(other->hear(""), "");
}

TEST_F(Lanes, an_account_has_only_so_many_sessions) {
  config.max_sessions_per_account = 2;
  for (auto& lane : lanes) lane->post([this, lane = lane.get()] { lane->set_config(config); });
  auto one = imap(1, "a1"), two = imap(1, "a2");
  one->hear("\r\n");
  two->hear("\r\n");
  EXPECT_EQ(imap(1, "a3")->hear("").substr(0, 14), "a3 NO [LIMIT] ");
  one->say("x LOGOUT\r\n");
  one->hear("");
  MailLane& lane = lane_of(lanes, AccountId(1));
  while (lane.sessions() > 1) std::this_thread::yield();
  EXPECT_NE(imap(1, "a4")->hear("\r\n").find("a4 OK"), std::string::npos);
}

TEST_F(Lanes, an_account_has_only_so_many_sessions_from_one_address) {
  config.max_sessions_per_address = 2;
  config.trusted = {*directory::Network::parse("127.0.0.0/8")};
  for (auto& lane : lanes) lane->post([this, lane = lane.get()] { lane->set_config(config); });
  auto session = [&](uint64_t account, const std::string& address) {
    auto phone = imap(account, "a", "phone", address);
    EXPECT_EQ(phone->hear("\r\n").substr(0, 4), "a OK") << address;
    return phone;
  };
  auto one = session(1, "2001:db8::1"), two = session(1, "2001:db8::2");  // the same /64
  EXPECT_EQ(imap(1, "a3", "phone", "2001:db8::3")->hear("").substr(0, 13), "a3 NO [LIMIT]");
  auto elsewhere = session(1, "192.0.2.1"), colleague = session(2, "2001:db8::4");
  std::vector<std::unique_ptr<Client>> webmail;
  for (int i = 0; i < 5; ++i) webmail.push_back(session(1, "127.0.0.1"));
  one->say("x LOGOUT\r\n");
  one->hear("");
  MailLane& lane = lane_of(lanes, AccountId(1));
  while (lane.sessions() > 7) std::this_thread::yield();
  auto again = session(1, "2001:db8::5");
}

TEST_F(Lanes, a_device_that_registered_for_push_is_told_of_deliveries_until_it_is_gone) {
  const auto deliver = [&](int number, int account) {
    auto queue = mta(0);
    queue->say("LHLO mta\r\nMAIL FROM:<b@x> XBZQID=P" + std::to_string(number) +
               "\r\nRCPT TO:<u@x> XBZACCT=" + std::to_string(account) + "\r\nDATA\r\nS: 1\r\n\r\nx\r\n.\r\nQUIT\r\n");
    EXPECT_NE(queue->hear("").find("Delivered"), std::string::npos);
  };
  const std::string token(64, 'a');
  const auto registers = [&](uint64_t account) {
    auto phone = imap(account, "a");
    phone->hear("\r\n");
    phone->say("b XAPPLEPUSHSERVICE aps-version 2 aps-account-id ID aps-device-token " + token +
               " aps-subtopic com.apple.mobilemail mailboxes (INBOX)\r\nc LOGOUT\r\n");
    return phone->hear("");
  };
  EXPECT_NE(registers(1).find("b BAD"), std::string::npos) << "no topic, no push";
  config.imap.push_topic = "com.apple.mail.x";
  for (auto& lane : lanes) lane->post([this, lane = lane.get()] { lane->set_config(config); });
  for (uint64_t account : {1, 2}) EXPECT_NE(registers(account).find("b OK"), std::string::npos);
  for (int i = 0; i < 5; ++i) deliver(i, 1);
  while (pushes().empty()) std::this_thread::yield();
  EXPECT_EQ(pushes(), (std::vector<PushOrder>{{AccountId(1), token, "ID"}})) << "five are one";
  MailLane& lane = lane_of(lanes, AccountId(2));
  lane.post([&lane, token] { lane.spawn(lane.forget_push(AccountId(2), token, -1)); });
  deliver(5, 2);  // of the same lane, behind it
  deliver(6, 3);
  EXPECT_NE(registers(4).find("b OK"), std::string::npos);
  deliver(7, 4);
  const auto told = [&](uint64_t account) {
    const auto all = pushes();
    return std::any_of(all.begin(), all.end(), [&](const PushOrder& order) { return order.account == AccountId(account); });
  };
  while (!told(4)) std::this_thread::yield();
  EXPECT_FALSE(told(2)) << "it has gone";
  EXPECT_FALSE(told(3)) << "it never asked";
}

TEST_F(Lanes, many_accounts_are_opened_and_let_go) {
  config.max_accounts = 4;
  for (auto& lane : lanes) lane->post([this, lane = lane.get()] { lane->set_config(config); });
  for (int i = 1; i < 60; ++i) {
    auto queue = mta(static_cast<size_t>(i % 2));
    queue->say("LHLO mta\r\nMAIL FROM:<b@x> XBZQID=Q" + std::to_string(i) +
               "\r\nRCPT TO:<u@x> XBZACCT=" + std::to_string(i % 20 + 1) + "\r\nDATA\r\nS: 1\r\n\r\nx\r\n.\r\nQUIT\r\n");
    EXPECT_NE(queue->hear("").find("Delivered"), std::string::npos);
  }
  EXPECT_LE(lanes[0]->accounts(), 5u);
}

TEST_F(Lanes, a_lane_that_stops_in_the_middle_of_deliveries_leaves_whole_accounts) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(mta(static_cast<size_t>(i % 2)));
    clients.back()->say("LHLO mta\r\nMAIL FROM:<b@x>\r\nRCPT TO:<a@x> XBZACCT=1\r\nRCPT TO:<e@x> XBZACCT=2\r\nDATA\r\n" +
                        std::string(50'000, 'x') + "\r\n.\r\n");
  }
  clients[3]->hear("250 2.0.0");
}

TEST(MailstoreVerify, a_running_database_is_checked_on_a_copy) {
  const std::string folder = ::testing::TempDir() + "buzon-verify-" + base::system_random().id(8);
  std::filesystem::create_directory(folder);
  {
    base::ManualExecutor lane;
    auto store = kv::open_rocks(folder + "/db");
    ASSERT_TRUE(store.has_value());
    auto opened = base::run_on(
        lane, store::open_account(**store, AccountId(5), "ana", {}, lane, base::system_clock(), base::system_random()));
    ASSERT_TRUE(opened.has_value());
    auto appender = (*opened)->begin_append();
    ASSERT_TRUE(base::run_on(lane, appender->write("Subject: x\r\n\r\nx\r\n")));
    ASSERT_TRUE(base::run_on(lane, (*opened)->deliver(std::move(appender), {"Q1", "ana", ""})));
    auto report = verify_checkpoint(**store, folder);
    ASSERT_TRUE(report.has_value()) << report.error().to_string();
    EXPECT_EQ(report->accounts, 1u);
    EXPECT_EQ(report->to_text(), "mail: 1 accounts, 0 findings (checked online, on a checkpoint)\n");
    EXPECT_EQ(report->to_json(), "{\"role\":\"mailstore\",\"online\":true,\"accounts\":1,\"findings\":[]}\n");
    ASSERT_FALSE((*opened)->broken());
    opened->reset();
    lane.run();
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1) << "the copy is gone";
    store->reset();
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace bz::roles
