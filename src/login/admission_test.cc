#include "login/admission.h"

#include <gtest/gtest.h>

#include "login/rig_test.h"

namespace bz::login {
namespace {

TEST(Networks, match_prefixes_of_both_families) {
  auto networks = Networks::parse({"127.0.0.0/8", "2001:db8::/33", "192.0.2.7"});
  ASSERT_TRUE(networks.has_value());
  EXPECT_TRUE(networks->contains("127.9.9.9"));
  EXPECT_TRUE(networks->contains("::ffff:127.0.0.1"));
  EXPECT_TRUE(networks->contains("2001:db8:7fff::1"));
  EXPECT_FALSE(networks->contains("2001:db8:8000::1"));
  EXPECT_TRUE(networks->contains("192.0.2.7"));
  EXPECT_FALSE(networks->contains("192.0.2.8"));
  EXPECT_FALSE(networks->contains("unix"));
  for (const char* bad : {"", "x", "1.2.3.4/33", "::/129", "1.2.3.4/-1", "1.2.3.4/"}) {
    EXPECT_FALSE(Networks::parse({bad}).has_value()) << bad;
  }
}

TEST(Admission, the_newest_of_one_address_goes_and_the_oldest_of_all) {
  Admission room({3, 2, *Networks::parse({"127.0.0.1"})});
  int shed = 0;
  auto enter = [&](const char* address, int mark) { return room.enter(address, [&shed, mark] { shed = mark; }); };
  auto a = enter("192.0.2.1", 1), b = enter("192.0.2.1", 2);
  EXPECT_FALSE(enter("192.0.2.1", 3).has_value());
  auto c = enter("2001:db8::1", 4);
  EXPECT_EQ(shed, 0);
  auto d = enter("2001:db8::2", 5);  // the same /64
  EXPECT_EQ(shed, 1);
  EXPECT_FALSE(enter("2001:db8::3", 6).has_value());
  a->reset();
  EXPECT_EQ(room.size(), 3u);
  auto e = enter("127.0.0.1", 7), f = enter("127.0.0.1", 8), g = enter("127.0.0.1", 9);  // trusted: not counted
  EXPECT_TRUE(g.has_value());
  EXPECT_EQ(room.shed_count(), 4u);
}

Task<void> crowd(test::Rig& rig) {
  Door door{"imap", wire::Service::Imap, TlsMode::None, {"PLAIN"}};
  auto first = rig.connect(door);
  auto second = rig.connect(door);
  auto third = rig.connect(door);
  auto hearing = test::hear(*first, "");
  std::string text = co_await std::move(hearing);  // ends: it was the oldest
  auto talking = test::talk(*third, "a NOOP\r\n", "a OK");
  text = co_await std::move(talking);
  EXPECT_THAT(text, testing::HasSubstr("a OK"));
  EXPECT_EQ(rig.gate->before_login(), 2u);
}
TEST(Gate, sheds_the_oldest_before_login) {
  test::Rig rig;
  rig.capacity.before_login.total = 2;
  rig.run(crowd(rig));
}

Task<void> silence(test::Rig& rig) {
  Door door{"imap", wire::Service::Imap, TlsMode::None, {"PLAIN"}};
  auto client = rig.connect(door);
  auto hearing = test::hear(*client, "");
  std::string text = co_await std::move(hearing);
  EXPECT_THAT(text, testing::HasSubstr("* BYE Login took too long"));
}
TEST(Gate, login_time_is_limited) {
  test::Rig rig;
  rig.settings->limits.login = Millis(20);
  rig.run(silence(rig));
}

TEST(Admission, knows_the_networks_nobody_logs_in_from) {
  Admission room({3, 2, {}, *Networks::parse({"192.0.2.0/24"})});
  EXPECT_TRUE(room.is_denied("192.0.2.9"));
  EXPECT_TRUE(room.is_denied("::ffff:192.0.2.9"));
  EXPECT_FALSE(room.is_denied("192.0.3.9"));
  EXPECT_FALSE(room.is_denied("unix"));
}

}  // namespace
}  // namespace bz::login
