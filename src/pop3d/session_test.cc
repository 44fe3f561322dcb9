#include "pop3d/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pop3d/world_for_test.h"

namespace bz::pop3d {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Session, first_sync_of_a_phone) {
  World w;
  w.fill(2);
  const std::string validity = std::to_string(w.inbox()->info().uid_validity.value());
  const std::string size = std::to_string(World::mail(1).size());
  Client c(w);
  EXPECT_EQ(c.lines(), "+OK Logged in, messages: 2\r\n");
  EXPECT_THAT(c.ask_all("CAPA"), HasSubstr("\r\nEXPIRE NEVER\r\n"));
  EXPECT_EQ(c.ask("STAT"), "+OK 2 " + std::to_string(2 * World::mail(1).size()) + "\r\n");
  EXPECT_EQ(c.ask_all("LIST"), "+OK Messages: 2\r\n1 " + size + "\r\n2 " + size + "\r\n.\r\n");
  EXPECT_EQ(c.ask_all("UIDL"), "+OK Messages: 2\r\n1 " + validity + ".1\r\n2 " + validity + ".2\r\n.\r\n");
  EXPECT_EQ(c.ask("LIST 2"), "+OK 2 " + size + "\r\n");
  EXPECT_EQ(c.ask("UIDL 2"), "+OK 2 " + validity + ".2\r\n");
  EXPECT_EQ(c.ask_all("RETR 1"),
            "+OK " + size + " octets\r\nFrom: a@example.org\r\nSubject: number 1\r\n\r\nhello\r\n..dot\r\n.\r\n");
  EXPECT_EQ(c.ask_all("TOP 2 0"), "+OK The top follows\r\nFrom: a@example.org\r\nSubject: number 2\r\n\r\n.\r\n");
  EXPECT_EQ(c.ask_all("TOP 2 1"), "+OK The top follows\r\nFrom: a@example.org\r\nSubject: number 2\r\n\r\nhello\r\n.\r\n");
  EXPECT_THAT(c.ask_all("TOP 2 4294967295"), EndsWith("\r\n\r\nhello\r\n..dot\r\n.\r\n"));
  EXPECT_EQ(c.ask("NOOP"), "+OK Done\r\n");
  EXPECT_EQ(c.ask("QUIT"), "+OK Goodbye\r\n");
  EXPECT_EQ(c.rest(), "");
  EXPECT_EQ(w.messages(), 2u);
}

TEST(Session, numbers_that_are_not_there_and_commands_out_of_place) {
  World w;
  w.fill(1);
  Client c(w,
           "RETR 2\r\nTOP 2 0\r\nDELE 9\r\nLIST 2\r\nUIDL 4294967295\r\nUSER x\r\nPASS x\r\nAUTH PLAIN\r\nSTLS\r\nAPOP a "
           "b\r\nUTF8\r\n"
           "XYZ\r\nRETR\r\nLANG\r\nLANG xx\r\nST");
  EXPECT_THAT(c.lines(6), EndsWith("-ERR No such message\r\n-ERR No such message\r\n-ERR No such message\r\n"
                                   "-ERR No such message\r\n-ERR No such message\r\n"));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(c.lines(), "-ERR Already logged in\r\n");
  EXPECT_EQ(c.lines(5),
            "-ERR Unknown command\r\n-ERR A message number is expected\r\n+OK Languages follow\r\nen English\r\n.\r\n");
  EXPECT_THAT(c.lines(), StartsWith("-ERR That language"));
  c.send("AT\r\n");
  EXPECT_THAT(c.lines(), StartsWith("+OK 1 "));
}

TEST(Session, dele_is_undone_by_rset_and_by_every_end_but_quit) {
  World w;
  w.fill(3);
  {
    Client c(w);
    c.lines();
    EXPECT_EQ(c.ask("DELE 2"), "+OK Marked\r\n");
    for (const char* again : {"DELE 2", "RETR 2", "TOP 2 0", "LIST 2", "UIDL 2"})
      EXPECT_EQ(c.ask(again), "-ERR No such message\r\n") << again;
    EXPECT_EQ(c.ask("STAT"), "+OK 2 " + std::to_string(2 * World::mail(1).size()) + "\r\n");
    EXPECT_EQ(c.ask_all("LIST").find("\r\n2 "), std::string::npos);
    EXPECT_THAT(c.ask_all("UIDL"), HasSubstr("\r\n3 "));
    EXPECT_EQ(c.ask("RSET"), "+OK Nothing is marked\r\n");
    EXPECT_THAT(c.ask("STAT"), StartsWith("+OK 3 "));
    EXPECT_EQ(c.ask("DELE 1"), "+OK Marked\r\n");
    c.hang_up();
  }
  {
    Client c(w);
    EXPECT_EQ(c.lines(), "+OK Logged in, messages: 3\r\n");
    c.ask("DELE 1");
    c.session().stop();
    EXPECT_EQ(c.rest(), "");  // nothing unasked for
  }
  w.session_config.idle_timeout = base::Millis(20);
  Client c(w, "DELE 1\r\n");
  EXPECT_THAT(c.rest(), EndsWith("+OK Marked\r\n"));
  EXPECT_EQ(w.messages(), 3u);
}

TEST(Session, quit_removes_what_was_marked_and_gives_the_lock_back_first) {
  World w;
  w.fill(4);
  auto lock = std::make_shared<int>(1);
  std::weak_ptr<int> held = lock;
  Client c(w, "DELE 1\r\nDELE 3\r\nQUIT\r\nNOOP\r\n", std::move(lock));
  EXPECT_EQ(c.lines(4), "+OK Logged in, messages: 4\r\n+OK Marked\r\n+OK Marked\r\n+OK Goodbye\r\n");
  EXPECT_TRUE(held.expired());
  EXPECT_EQ(c.rest(), "");
  w.crash();  // what was answered is durable
  EXPECT_EQ(w.messages(), 2u);
  Client after(w);
  after.lines();
  EXPECT_THAT(after.ask_all("UIDL"), testing::ContainsRegex("\n1 [0-9]+[.]2\r\n2 [0-9]+[.]4\r\n"));
}

TEST(Session, a_removal_that_fails_is_said_and_removes_nothing) {
  World w;
  w.fill(2);
  Client c(w);
  c.lines();
  c.ask("DELE 1");
  w.store->fail_commit(1);
  EXPECT_THAT(c.ask("QUIT"), StartsWith("-ERR [SYS/TEMP]"));
  EXPECT_EQ(c.rest(), "");
  w.crash();
  EXPECT_EQ(w.messages(), 2u);
}

TEST(Session, a_crash_before_the_answer_to_quit_removes_all_or_nothing) {
  for (size_t kept : {0u, 1u}) {
    World w;
    w.fill(3);
    w.session_config.marks_seen = false;
    Client c(w);
    c.lines();
    c.ask("DELE 1");
    c.ask("DELE 3");
    w.store->set_delivery(kv::MemoryStore::Delivery::Held);
    c.send("QUIT\r\n");
    while (w.store->held() == 0) w.pause(base::Millis(2));
    w.group.cancel();
    w.account.reset();
    w.store->power_cut(kept);
    w.store->set_delivery(kv::MemoryStore::Delivery::Posted);
    w.open();
    EXPECT_THAT(w.messages(), testing::AnyOf(1u, 3u)) << kept;
  }
}

TEST(Session, retrieved_messages_are_seen_after_quit_if_so_configured) {
  for (bool marks : {true, false}) {
    World w;
    w.fill(3);
    w.session_config.marks_seen = marks;
    Client c(w, "RETR 1\r\nTOP 2 9\r\nRETR 3\r\nDELE 3\r\nQUIT\r\n");
    EXPECT_THAT(c.rest(), EndsWith("+OK Goodbye\r\n"));
    EXPECT_EQ(w.account->find("INBOX")->messages, 2u);
    EXPECT_EQ(w.account->find("INBOX")->unseen, marks ? 1u : 2u);
  }
}

TEST(Session, what_imap_expunges_meanwhile_keeps_its_number_and_what_arrives_has_none) {
  World w;
  w.fill(3);
  Client c(w);
  c.lines();
  auto inbox = w.inbox();
  ASSERT_TRUE(w.run(w.account->erase(inbox, UidSet::of({{2, 2}}))).has_value());
  w.append(World::mail(4));
  for (const char* command : {"RETR 2", "TOP 2 0"})
    EXPECT_EQ(c.ask(command), "-ERR Another client has removed the message\r\n");
  EXPECT_THAT(c.ask_all("RETR 3"), HasSubstr("number 3\r\n"));
  EXPECT_THAT(c.ask("STAT"), StartsWith("+OK 3 "));
  EXPECT_EQ(c.ask("RETR 4"), "-ERR No such message\r\n");
  EXPECT_EQ(c.ask("DELE 2"), "+OK Marked\r\n");
  EXPECT_EQ(c.ask("DELE 3"), "+OK Marked\r\n");
  EXPECT_EQ(c.ask("QUIT"), "+OK Goodbye\r\n");
  EXPECT_EQ(w.messages(), 2u);
}

TEST(Session, the_same_answers_however_the_input_is_cut) {
  World w;
  w.fill(2);
  const std::string input = "STAT\r\nUIDL\r\nTOP 1 1\nRETR 2\r\nLIST 1\r\nDELE 2\r\nRSET\r\nXX\r\nNOOP\r\nQUIT\r\n";
  Client whole(w, input);
  const std::string expected = whole.rest();
  EXPECT_THAT(expected, EndsWith("+OK Goodbye\r\n"));
  for (size_t cut = 1; cut < input.size(); ++cut) {
    Client c(w, input.substr(0, cut));
    c.send(input.substr(cut));
    EXPECT_EQ(c.rest(), expected) << "cut at " << cut;
  }
  Client bytewise(w);
  for (char byte : input) bytewise.send(std::string(1, byte));
  EXPECT_EQ(bytewise.rest(), expected);
}

TEST(Session, octets_are_shown_as_they_are_stored) {
  World w;
  const std::string big = "Subject: big\r\n\r\n" + std::string(300'000, '.') + "\r\n" + [] {
    std::string lines;
    for (int i = 0; i < 30'000; ++i) lines += ".line " + std::to_string(i) + "\r\n";
    return lines;
  }();
  const std::string odd("Subject: odd\r\n\r\n8 bit \xff, bare LF\n.\nand no end", 45);
  w.append(big);
  w.append(odd);
  Client c(w);
  c.lines();
  std::string text = c.ask_all("RETR 1");
  std::string body = text.substr(text.find("\r\n") + 2);
  body.resize(body.size() - 3);
  for (size_t at = 0; (at = body.find("\n.", at)) != std::string::npos; ++at) body.erase(at + 1, 1);
  EXPECT_TRUE(body == big);
  EXPECT_EQ(text.substr(0, text.find("\r\n")), "+OK " + std::to_string(big.size()) + " octets");
  EXPECT_EQ(c.ask_all("RETR 2"), "+OK 45 octets\r\nSubject: odd\r\n\r\n8 bit \xff, bare LF\n..\nand no end\r\n.\r\n");
}

TEST(Session, thousands_of_messages_in_one_flight) {
  World w;
  for (int i = 0; i < 3000; ++i) w.append("\r\nx\r\n");
  Client c(w, "UIDL\r\nLIST\r\nSTAT\r\n");
  std::string text = c.lines(1 + 3002 + 3002 + 1);
  EXPECT_THAT(text, HasSubstr("\r\n3000 5\r\n.\r\n+OK 3000 15000\r\n"));
  for (int i = 1; i <= 3000; ++i) c.send("DELE " + std::to_string(i) + "\r\n");
  EXPECT_EQ(c.ask("QUIT", 3001).substr(3000 * 12), "+OK Goodbye\r\n");
  EXPECT_EQ(w.messages(), 0u);
}

TEST(Session, a_client_that_does_not_read_is_bounded_and_dropped) {
  World w;
  w.append("\r\n" + std::string(8 << 20, 'x') + "\r\n");
  w.session_config.write_timeout = base::Millis(50);
  auto lock = std::make_shared<int>(1);
  std::weak_ptr<int> held = lock;
  Client c(w, "RETR 1\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n", std::move(lock));
  while (!held.expired()) w.pause(base::Millis(2));
  EXPECT_EQ(w.messages(), 1u);
}

TEST(Session, hostile_lines_end_the_session) {
  World w;
  w.session_config.max_bad = 3;
  Client c(w, "A\rB\r\nX\r\nNOOP\r\nX\r\nX\r\nX\r\nNOOP\r\n");
  EXPECT_THAT(c.rest(), EndsWith("+OK Done\r\n-ERR Unknown command\r\n-ERR Unknown command\r\n-ERR Unknown command\r\n"));
  Client endless(w, std::string(100'000, 'x'));
  EXPECT_THAT(endless.rest(), EndsWith("-ERR Line too long\r\n"));
}

}  // namespace
}  // namespace bz::pop3d
