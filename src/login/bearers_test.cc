#include "login/bearers.h"

#include <unistd.h>

#include "login/rig_test.h"
#include "net/passing.h"

namespace bz::login::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Door kOpen{"imap", wire::Service::Imap, TlsMode::None, {"PLAIN", "SCRAM-SHA-256"}};

TEST(Bearers, account_and_device_select) {
  net::Loop loop;
  auto pair = net::socket_pair();
  ASSERT_TRUE(pair.has_value());
  net::Stream stream(loop, pair->first), other(loop, pair->second);
  Bearers table;
  Bearers::Entry phone(table, stream), tablet(table, other);
  EXPECT_THAT(table.of(7, ""), IsEmpty());
  phone.name(7, "phone");
  tablet.name(7, "tablet");
  EXPECT_THAT(table.of(7, ""), SizeIs(2));
  EXPECT_THAT(table.of(7, "tablet"), SizeIs(1));
  EXPECT_THAT(table.of(8, ""), IsEmpty());
  EXPECT_THAT(table.of(6, ""), IsEmpty());
  EXPECT_THAT(table.devices(7, 100), testing::ElementsAre("phone", "tablet"));
  EXPECT_THAT(table.devices(7, 1), testing::ElementsAre("phone"));
  EXPECT_THAT(table.devices(6, 100), IsEmpty());
  const auto before = table.of(7, "phone");
  phone.name(8, "phone");  // logged in anew, as somebody else: what was meant before is not there any more
  EXPECT_FALSE(table.close(7, before.at(0)));
  tablet.clear();
  EXPECT_THAT(table.of(7, ""), IsEmpty());
  EXPECT_THAT(table.of(8, ""), SizeIs(1));
}

// Logs in as the account of that number; the back end answers.
Task<std::unique_ptr<net::Stream>> logged_in(Rig& rig, uint64_t account, std::string device) {
  rig.on_start = [&rig, account, device](const wire::SaslStart& s) {
    wire::SaslDone done = Rig::done(s.id, "mailstore");
    done.account_id = account;
    done.device = device;
    rig.answer(wire::Type::SaslDone, done.encode());
  };
  auto phone = rig.connect(kOpen);
  const size_t before = rig.legs.size();
  auto written = co_await phone->write_all("a LOGIN u p\r\n", soon());
  EXPECT_TRUE(written.has_value());
  while (rig.legs.size() == before) co_await rig.loop.sleep(net::Deadline::in(Millis(1)));
  auto& leg = rig.legs.back().second;
  auto taking = take(*leg);
  Taken taken = co_await std::move(taking);
  EXPECT_EQ(taken.header.device, device);
  auto answered = co_await leg->write_all("a OK in\r\n", soon());
  EXPECT_TRUE(answered.has_value());
  auto hearing = hear(*phone, "a OK in\r\n");
  std::string text = co_await std::move(hearing);
  EXPECT_THAT(text, HasSubstr("a OK in"));
  co_return phone;
}

Task<void> back_end_that_does_not_end(Rig& rig) {
  auto opening = logged_in(rig, 7, "phone");
  auto phone = co_await std::move(opening);
  auto next = logged_in(rig, 7, "tablet");
  auto tablet = co_await std::move(next);
  auto last = logged_in(rig, 8, "phone");
  auto other = co_await std::move(last);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(rig.gate->end_sessions(9, ""), 0u);
  EXPECT_EQ(rig.gate->end_sessions(7, "phone"), 1u);
  auto ending = hear(*phone, "");
  std::string rest = co_await std::move(ending);
  EXPECT_EQ(rest, "");
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(1));
  // The leg is closed with it, and the others are not touched.
  auto leg_end = hear(*rig.legs[0].second, "");
  rest = co_await std::move(leg_end);
  EXPECT_EQ(rest, "");
  for (size_t i : {1, 2}) {
    auto& from = i == 1 ? tablet : other;
    auto talking = from->write_all("NOOP\r\n", soon());
    auto said = co_await std::move(talking);
    EXPECT_TRUE(said.has_value());
    auto hearing = hear(*rig.legs[i].second, "NOOP\r\n");
    rest = co_await std::move(hearing);
    EXPECT_EQ(rest, "NOOP\r\n");
  }
  EXPECT_EQ(rig.gate->end_sessions(7, ""), 1u);
  auto gone = hear(*tablet, "");
  rest = co_await std::move(gone);
  EXPECT_EQ(rig.gate->sessions(), 1u);
}
TEST(EndSessions, closes_what_a_back_end_does_not_end) {
  Rig rig;
  rig.run(back_end_that_does_not_end(rig));
}

// SCRAM: auth has said yes, and the client has not acknowledged the server's last message yet.
Task<void> between_yes_and_the_hand_over(Rig& rig) {
  rig.on_start = [&](const wire::SaslStart& s) {
    wire::SaslDone done = Rig::done(s.id, "mailstore");
    done.account_id = 7;
    done.final_data = "v=x";
    rig.answer(wire::Type::SaslDone, done.encode());
  };
  auto phone = rig.connect(kOpen);
  auto talking = talk(*phone, "a AUTHENTICATE SCRAM-SHA-256 eA==\r\n", "+ dj14\r\n");
  co_await std::move(talking);
  EXPECT_EQ(rig.gate->end_sessions(7, ""), 1u);
  auto ending = hear(*phone, "");
  std::string rest = co_await std::move(ending);
  EXPECT_EQ(rest, "");
  EXPECT_TRUE(rig.legs.empty());
}
TEST(EndSessions, reach_a_login_that_is_not_handed_over_yet) {
  Rig rig;
  rig.run(between_yes_and_the_hand_over(rig));
}

Task<void> later_ones_stay(Rig& rig) {
  auto opening = logged_in(rig, 7, "phone");
  auto old = co_await std::move(opening);
  EXPECT_EQ(rig.gate->end_sessions(7, ""), 1u);
  auto again = logged_in(rig, 7, "phone");  // with the new password, before the old session is closed
  auto fresh = co_await std::move(again);
  auto ending = hear(*old, "");
  co_await std::move(ending);
  auto talking = fresh->write_all("NOOP\r\n", soon());
  auto said = co_await std::move(talking);
  EXPECT_TRUE(said.has_value());
  auto hearing = hear(*rig.legs[1].second, "NOOP\r\n");
  std::string rest = co_await std::move(hearing);
  EXPECT_EQ(rest, "NOOP\r\n");
}
TEST(EndSessions, spare_who_came_after_the_order) {
  Rig rig;
  rig.run(later_ones_stay(rig));
}

// egress sends another server's socket with its answer: the session goes on there, and ends politely by order.
Task<std::unique_ptr<net::Stream>> handed_back(Rig& rig, net::Stream& phone, std::string words,
                                               std::string role = "egress") {
  rig.on_start = [&rig, role](const wire::SaslStart& s) {
    wire::SaslDone done = Rig::done(s.id, role);
    done.account_id = 7;
    rig.answer(wire::Type::SaslDone, done.encode());
  };
  auto written = co_await phone.write_all(words, soon());
  EXPECT_TRUE(written.has_value());
  while (rig.legs.empty()) co_await rig.loop.sleep(net::Deadline::in(Millis(1)));
  auto& leg = rig.legs.back().second;
  auto taking = take(*leg);
  Taken taken = co_await std::move(taking);
  EXPECT_EQ(taken.header.ticket, "ticket");
  auto pair = net::socket_pair();
  auto ours = std::make_unique<net::Stream>(rig.loop, pair->first);
  auto sent = net::send_with(*leg, "a OK in\r\n", pair->second);
  EXPECT_TRUE(sent.has_value());
  ::close(pair->second);
  co_return ours;
}

Task<void> goes_on_at_the_server(Rig& rig) {
  auto phone = rig.connect(kOpen);
  auto handing = handed_back(rig, *phone, "a LOGIN u p\r\n");
  auto server = co_await std::move(handing);
  auto first = hear(*phone, "a OK in\r\n");
  std::string text = co_await std::move(first);
  EXPECT_THAT(text, HasSubstr("a OK in\r\n"));
  auto asking = phone->write_all("b NOOP\r\n", soon());
  (void)co_await std::move(asking);
  auto hearing = hear(*server, "b NOOP\r\n");
  text = co_await std::move(hearing);
  EXPECT_EQ(text, "b NOOP\r\n");
  auto answering = server->write_all("* 1 EXISTS\r\nb OK done\r\n", soon());
  (void)co_await std::move(answering);
  auto answer = hear(*phone, "b OK done\r\n");
  text = co_await std::move(answer);
  EXPECT_EQ(text, "* 1 EXISTS\r\nb OK done\r\n");
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(rig.gate->end_sessions(7, "", "the mailbox has moved"), 1u);
  auto ending = hear(*phone, "* BYE the mailbox has moved\r\n");
  text = co_await std::move(ending);
  EXPECT_EQ(text, "* BYE the mailbox has moved\r\n");
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(400)) << "before it is cut";
  auto end = hear(*server, "");
  text = co_await std::move(end);
  EXPECT_EQ(text, "") << "the server hears the end";
  auto token = hear(*rig.legs.back().second, "");
  text = co_await std::move(token);
  EXPECT_EQ(text, "") << "and so does egress";
}
TEST(HandedBack, goes_on_at_the_server_and_is_told_why_it_ends) {
  Rig rig;
  rig.run(goes_on_at_the_server(rig));
}

Task<void> ends_within_a_message(Rig& rig) {
  auto phone = rig.connect(kOpen);
  auto handing = handed_back(rig, *phone, "a LOGIN u p\r\n");
  auto server = co_await std::move(handing);
  auto answering = server->write_all("* 1 FETCH (BODY[] {100}\r\nSubject: x\r\n", soon());
  (void)co_await std::move(answering);
  auto hearing = hear(*phone, "Subject: x\r\n");
  std::string text = co_await std::move(hearing);
  EXPECT_THAT(text, HasSubstr("Subject: x\r\n"));
  rig.gate->end_sessions(7, "", "moved");
  auto end = hear(*phone, "");
  text = co_await std::move(end);
  EXPECT_EQ(text, "");
}
TEST(HandedBack, ends_without_a_word_in_the_middle_of_a_message) {
  Rig rig;
  rig.run(ends_within_a_message(rig));
}

// The order comes while egress is logging in; the socket is on its way already.
Task<void> ordered_before_it_came(Rig& rig) {
  auto phone = rig.connect(kOpen);
  rig.on_start = [&rig](const wire::SaslStart& s) {
    wire::SaslDone done = Rig::done(s.id, "egress");
    done.account_id = 7;
    rig.answer(wire::Type::SaslDone, done.encode());
  };
  auto written = co_await phone->write_all("a LOGIN u p\r\n", soon());
  EXPECT_TRUE(written.has_value());
  while (rig.legs.empty()) co_await rig.loop.sleep(net::Deadline::in(Millis(1)));
  EXPECT_EQ(rig.gate->end_sessions(7, "", "moved"), 1u);
  auto pair = net::socket_pair();
  net::Stream server(rig.loop, pair->first);
  EXPECT_TRUE(net::send_with(*rig.legs.back().second, "a OK in\r\n", pair->second).has_value());
  ::close(pair->second);
  auto hearing = hear(*phone, "* BYE moved\r\n");
  std::string text = co_await std::move(hearing);
  EXPECT_THAT(text, testing::EndsWith("a OK in\r\n* BYE moved\r\n"));
  auto end = hear(server, "");
  text = co_await std::move(end);
  EXPECT_EQ(text, "");
}
TEST(HandedBack, hears_of_an_order_that_came_before_it) {
  Rig rig;
  rig.run(ordered_before_it_came(rig));
}

// From a role that has none to give.
Task<void> from_another_role(Rig& rig) {
  auto phone = rig.connect(kOpen);
  auto handing = handed_back(rig, *phone, "a LOGIN u p\r\n", "mailstore");
  auto server = co_await std::move(handing);
  auto end = hear(*server, "");
  std::string text = co_await std::move(end);
  EXPECT_EQ(text, "") << "the kernel has closed it";
}
TEST(HandedBack, is_not_taken_from_another_role) {
  Rig rig;
  rig.run(from_another_role(rig));
}

}  // namespace
}  // namespace bz::login::test
