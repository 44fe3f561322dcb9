#include "queue/schedule.h"

#include <gtest/gtest.h>

#include "queue/route.h"

namespace bz::queue {
namespace {

constexpr int64_t kMinute = 60'000;

Envelope message(const char* id, std::initializer_list<const char*> recipients, int64_t due = 0) {
  Envelope e;
  e.id = id;
  e.sender = *smtp::parse_address("s@x");
  for (const char* r : recipients) {
    Recipient to;
    to.rcpt.recipient = *smtp::parse_address(r);
    to.next_try = due;
    e.recipients.push_back(to);
  }
  return e;
}

std::string by_domain(const Recipient& r) { return "mx:" + r.rcpt.recipient.domain; }

TEST(Schedule, GroupsByDestinationAndHoldsItsLimit) {
  ScheduleConfig config;
  config.per_destination = 1;
  Schedule schedule(config, by_domain);
  schedule.add(message("m1", {"a@x", "b@y", "c@x"}));
  schedule.add(message("m2", {"d@x"}));
  std::vector<Job> jobs;
  while (auto job = schedule.next(0)) jobs.push_back(*job);
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[0], (Job{"m1", "mx:x", {0, 2}}));
  EXPECT_EQ(jobs[1], (Job{"m1", "mx:y", {1}}));
  schedule.finish(jobs[1]);
  EXPECT_FALSE(schedule.next(0)) << "x is still busy";
  schedule.finish(jobs[0]);
  EXPECT_EQ(schedule.next(0)->id, "m2");
}

TEST(Schedule, WaitsForTheTimeAndTellsIt) {
  Schedule schedule({}, by_domain);
  EXPECT_FALSE(schedule.next_due());
  schedule.add(message("m1", {"a@x"}, 500));
  EXPECT_EQ(schedule.next_due(), 500);
  EXPECT_FALSE(schedule.next(499));
  EXPECT_TRUE(schedule.next(500));
  EXPECT_FALSE(schedule.next_due());
}

TEST(Schedule, DestinationsTakeTurns) {
  ScheduleConfig config;
  config.per_destination = 2;
  config.total = 3;
  Schedule schedule(config, by_domain);
  for (const char* id : {"a1", "a2", "a3"}) schedule.add(message(id, {"u@a"}));
  schedule.add(message("b1", {"u@b"}));
  std::vector<std::string> ids;
  while (auto job = schedule.next(0)) ids.push_back(job->id);
  EXPECT_EQ(ids, (std::vector<std::string>{"a1", "b1", "a2"}));
}

TEST(Schedule, ManyRecipientsAreSplitAndTheSentCopyStandsAlone) {
  ScheduleConfig config;
  config.recipients_per_job = 2;
  Schedule schedule(config, [](const Recipient&) { return "local"; });
  auto e = message("m1", {"a@x", "b@x", "c@x", "d@x"});
  e.recipients[3].cls = RecipientClass::SentCopy;
  schedule.add(e);
  std::vector<std::vector<size_t>> jobs;
  while (auto job = schedule.next(0)) jobs.push_back(job->recipients);
  std::sort(jobs.begin(), jobs.end());
  EXPECT_EQ(jobs, (std::vector<std::vector<size_t>>{{0, 1}, {2}, {3}}));
}

TEST(Schedule, FlushAndForget) {
  Schedule schedule({}, by_domain);
  schedule.add(message("m1", {"a@x"}, 5000));
  schedule.add(message("m2", {"a@y"}, 5000));
  schedule.add(message("m3", {"a@x"}, 0));
  schedule.flush("mx:x", 10);
  schedule.forget("m3");
  EXPECT_EQ(schedule.next(10)->id, "m1");
  EXPECT_FALSE(schedule.next(10));
  schedule.flush({}, 10);
  EXPECT_EQ(schedule.next(10)->id, "m2");
  EXPECT_FALSE(schedule.next(10));
  Schedule ready({}, by_domain);
  ready.add(message("m1", {"a@x"}));
  ready.add(message("m2", {"b@x"}));
  const auto job = ready.next(0);
  ready.forget("m2");
  EXPECT_FALSE(ready.next(0));
  ready.finish(*job);
  EXPECT_FALSE(ready.next(0));
}

TEST(Schedule, NewLimitsHoldAtOnce) {
  ScheduleConfig config;
  config.per_destination = 1;
  Schedule schedule(config, by_domain);
  for (const char* id : {"m1", "m2", "m3", "m4"}) schedule.add(message(id, {"u@x"}));
  const auto first = schedule.next(0);
  EXPECT_FALSE(schedule.next(0));
  config.per_destination = 3;
  schedule.set_config(config);
  const auto second = schedule.next(0), third = schedule.next(0);
  ASSERT_TRUE(first && second && third);
  EXPECT_FALSE(schedule.next(0));
  config.per_destination = 1;
  schedule.set_config(config);
  schedule.finish(*first);
  schedule.finish(*second);
  EXPECT_FALSE(schedule.next(0)) << "one still runs";
  schedule.finish(*third);
  EXPECT_EQ(schedule.next(0)->id, "m4");
}

TEST(Schedule, AnotherRouteTakesWhatWaitsAlong) {
  std::map<std::string, Envelope> messages;
  for (const char* id : {"m1", "m2", "m3"}) messages.emplace(id, message(id, {"a@x", "b@y", "c@x"}, 700));
  std::string smart_host = "host:relay:587";
  ScheduleConfig config;
  config.per_destination = 2;
  Schedule schedule(config, [&](const Recipient& r) { return smart_host.empty() ? by_domain(r) : smart_host; });
  for (const auto& [id, e] : messages) schedule.add(e);
  schedule.flush({}, 10);
  const auto running = schedule.next(10);  // m1 runs and keeps its destination; the others are ready
  ASSERT_TRUE(running);
  const auto find = [&](const QueueId& id) -> const Envelope& { return messages.at(id); };
  smart_host.clear();
  schedule.reroute(find);
  std::vector<Job> jobs;
  while (auto job = schedule.next(10)) jobs.push_back(*job);
  EXPECT_EQ(jobs,
            (std::vector<Job>{{"m2", "mx:x", {0, 2}}, {"m2", "mx:y", {1}}, {"m3", "mx:x", {0, 2}}, {"m3", "mx:y", {1}}}));
  EXPECT_EQ(running->destination, "host:relay:587");
  schedule.finish(*running);
  for (const Job& job : jobs) schedule.finish(job);
  EXPECT_EQ(schedule.running(), 0u);
  // What waits for its time keeps it.
  schedule.add(messages.at("m3"));
  smart_host = "host:other:465";
  schedule.reroute(find);
  EXPECT_EQ(schedule.next_due(), 700);
  EXPECT_FALSE(schedule.next(699));
  EXPECT_EQ(schedule.next(700)->destination, "host:other:465");
}

TEST(Schedule, BackOffDoublesToItsMaximum) {
  const ScheduleConfig config;
  const int64_t expected[] = {5, 10, 20, 40, 80, 160, 240, 240};
  for (uint32_t i = 0; i < std::size(expected); ++i) EXPECT_EQ(retry_at(config, i + 1, 0), expected[i] * kMinute);
  EXPECT_EQ(retry_at(config, 4'000'000'000u, 7), 7 + 240 * kMinute);
  auto e = message("m", {"a@x"});
  EXPECT_FALSE(expired(config, e, 5 * 24 * 60 * kMinute - 1));
  EXPECT_TRUE(expired(config, e, 5 * 24 * 60 * kMinute));
  e.sender = {};
  EXPECT_TRUE(expired(config, e, 24 * 60 * kMinute));
}

TEST(Route, Destinations) {
  RouteConfig config;
  Recipient r;
  r.rcpt.recipient = *smtp::parse_address("a@x.example");
  EXPECT_EQ(destination_of(r, config), "mx:x.example");
  EXPECT_EQ(std::get<ByMx>(target_of("mx:x.example")).domain, "x.example");
  config.smart_host = "relay.example";
  EXPECT_EQ(destination_of(r, config), "host:relay.example:587");
  EXPECT_EQ(std::get<SmartHost>(target_of("host:relay.example:587")).port, 587);
  r.cls = RecipientClass::SentCopy;
  EXPECT_EQ(destination_of(r, config), "local");
  EXPECT_TRUE(std::holds_alternative<std::monostate>(target_of("local")));
  r.cls = RecipientClass::Local;
  r.server = "old";
  r.host = "2001:db8::1";
  EXPECT_EQ(destination_of(r, config), "server:old:2001:db8::1");
  EXPECT_EQ(std::get<AtServer>(target_of("server:old:2001:db8::1")).server, "old");
  EXPECT_EQ(std::get<AtServer>(target_of("server:old:2001:db8::1")).host, "2001:db8::1");
}

using Mx = std::vector<MxAnswer>;
using Hosts = std::vector<std::string>;
size_t never_swap(size_t n) { return n - 1; }

TEST(Route, MxOrderNullMxAndFallback) {
  RouteConfig config;
  config.own_names = {"mx.us"};
  const auto plan = [&](Result<Mx> answer) { return plan_mx("d", answer, config, never_swap); };
  EXPECT_EQ(std::get<Hosts>(plan(Mx{{20, "b"}, {10, "a"}, {20, "c"}})), (Hosts{"a", "b", "c"}));
  EXPECT_EQ(std::get<Hosts>(plan_mx("d", Mx{{20, "b"}, {20, "c"}}, config, [](size_t) { return 0; })), (Hosts{"c", "b"}));
  EXPECT_EQ(std::get<Hosts>(plan(fail(Errc::NotFound))), Hosts{"d"});
  EXPECT_EQ(std::get<Hosts>(plan(Mx{})), Hosts{"d"});
  EXPECT_EQ(std::get<smtp::Reply>(plan(Mx{{0, ""}})).status, "5.1.10");
  EXPECT_EQ(std::get<Hosts>(plan(Mx{{0, ""}, {10, "a"}})), Hosts{"a"});
  EXPECT_TRUE(std::get<smtp::Reply>(plan(fail(Errc::Unavailable))).temporary());
}

TEST(Route, NeverToOurselvesNorToAWorseServer) {
  RouteConfig config;
  config.own_names = {"mx.us"};
  config.own_addresses = {"192.0.2.1"};
  EXPECT_EQ(std::get<Hosts>(plan_mx("d", Mx{{10, "a"}, {20, "MX.us"}, {20, "b"}, {30, "c"}}, config, never_swap)),
            Hosts{"a"});
  EXPECT_EQ(std::get<smtp::Reply>(plan_mx("d", Mx{{10, "mx.us"}, {20, "b"}}, config, never_swap)).status, "5.4.6");
  EXPECT_EQ(std::get<smtp::Reply>(plan_mx("mx.us", fail(Errc::NotFound), config, never_swap)).status, "5.4.6");
  EXPECT_EQ(without_own({"192.0.2.1", "192.0.2.2"}, config), Hosts{"192.0.2.2"});
  EXPECT_EQ(literal_address("[ipv6:2001:db8::1]"), "2001:db8::1");
  EXPECT_EQ(literal_address("[192.0.2.9]"), "192.0.2.9");
  EXPECT_FALSE(literal_address("x.example"));
}

}  // namespace
}  // namespace bz::queue
