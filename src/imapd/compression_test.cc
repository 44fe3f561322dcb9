#include "imapd/compression.h"

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

TEST(Compress, is_offered_once_and_not_twice) {
  World world;
  Client phone(world);
  EXPECT_NE(phone.ask("a1 CAPABILITY").find(" COMPRESS=DEFLATE"), std::string::npos);
  EXPECT_EQ(phone.ask("a2 COMPRESS LZMA"), "a2 BAD Unknown compression algorithm\r\n");
  EXPECT_EQ(phone.ask("a3 COMPRESS"), "a3 BAD Syntax error\r\n");
  phone.compress();
  EXPECT_EQ(phone.ask("a4 compress deflate").find("a4 NO [COMPRESSIONACTIVE] "), 0u);
  EXPECT_EQ(phone.ask("a5 CAPABILITY").find(" COMPRESS=DEFLATE"), std::string::npos);
}

TEST(Compress, is_not_there_when_the_administrator_turns_it_off) {
  World world;
  world.session_config.compress_level = 0;
  Client phone(world);
  EXPECT_EQ(phone.ask("a1 CAPABILITY").find("COMPRESS"), std::string::npos);
  EXPECT_EQ(phone.ask("a2 COMPRESS DEFLATE"), "a2 BAD Unknown compression algorithm\r\n");
}

// What stands behind COMPRESS may be plain or compressed: the session stays in step with a client that says plain commands.
TEST(Compress, refuses_commands_that_did_not_wait) {
  World world;
  Client phone(world);
  phone.send("a1 COMPRESS DEFLATE\r\na2 NOOP\r\n");
  EXPECT_EQ(phone.until("a2"), "a1 BAD Nothing may follow COMPRESS before its response\r\na2 OK NOOP completed\r\n");
}

TEST(Compress, carries_commands_literals_and_idle) {
  World world;
  world.fill(20);
  Client phone(world), other(world);
  phone.compress();
  EXPECT_NE(phone.ask("a1 SELECT INBOX").find("* 20 EXISTS\r\n"), std::string::npos);
  EXPECT_NE(phone.ask("a2 FETCH 20 (BODY[])").find("hello 20\r\n"), std::string::npos);
  phone.send("a3 APPEND INBOX {5}\r\n");
  EXPECT_EQ(phone.until_line("+").substr(0, 2), "+ ");
  std::string packed;
  phone.deflater().compress("hello\r\na4 NOOP\r\na5 IDLE\r\n", packed);
  for (char c : packed) phone.send_raw(std::string(1, c));
  EXPECT_NE(phone.until("a3").find("a3 OK [APPENDUID "), std::string::npos);
  phone.until_line("+ idling");
  other.ask("b1 SELECT INBOX");
  other.ask("b2 STORE 1 +FLAGS (\\Flagged)");
  EXPECT_NE(phone.until_line("* 1 FETCH").find("\\Flagged"), std::string::npos);
  phone.send("DONE\r\na6 NOOP\r\n");
  EXPECT_NE(phone.until("a6").find("a5 OK IDLE completed\r\na6 OK"), std::string::npos);
}

// After some silence the session keeps a few octets instead of zlib's windows, and goes on as if nothing had been.
TEST(Compress, keeps_no_windows_while_the_client_idles) {
  World world;
  world.session_config.compress_rest = base::Millis(5);
  world.session_config.keepalive = base::Millis(60);
  world.fill(200);
  Client phone(world);
  phone.compress();
  phone.ask("a1 SELECT INBOX");
  phone.ask("a2 UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)");
  EXPECT_GT(phone.session().compression()->memory(), 150'000u);
  phone.send("a3 IDLE\r\n");
  phone.until_line("+ idling");
  phone.until_line("* OK Still here");  // far behind compress_rest, and said with new windows
  world.run([](World& w) -> Task<bool> {
    co_await w.loop.sleep(net::Deadline::in(base::Millis(30)));
    co_return true;
  }(world));
  EXPECT_LT(phone.session().compression()->memory(), 2000u);
  phone.send("DONE\r\n");
  EXPECT_NE(phone.until("a3").find("a3 OK"), std::string::npos);
  EXPECT_NE(phone.ask("a4 UID FETCH 200 (UID FLAGS)").find("* 200 FETCH (UID 200 FLAGS "), std::string::npos);
}

TEST(Compress, damage_ends_the_session_with_bye) {
  World world;
  Client phone(world);
  phone.compress();
  phone.send_raw(std::string(100, '\xff'));
  EXPECT_EQ(phone.rest(), "* BYE The compressed data are damaged\r\n");
}

// 64 MiB of "A" in 64 kB: refused by the framer's limits, in memory of its limits.
TEST(Compress, much_from_few_octets_meets_the_limits_of_the_framer) {
  World world;
  Client phone(world);
  phone.compress();
  std::string packed;
  phone.deflater().compress(std::string(size_t{64} << 20, 'A'), packed);
  EXPECT_LT(packed.size(), 300'000u);
  phone.send_raw(packed.substr(0, 8000));  // 8 MiB
  std::string said = phone.rest();
  EXPECT_NE(said.find("* BYE "), std::string::npos) << said;
}

// Commands without end from few octets: others get their turn meanwhile.
TEST(Compress, many_commands_from_few_octets_leave_the_lane_to_others) {
  World world;
  Client phone(world), other(world);
  phone.compress();
  std::string many, packed;
  for (int i = 0; i < 10'000; ++i) many += "a1 NOOP\r\n";
  phone.deflater().compress(many, packed);
  EXPECT_LT(packed.size(), 10'000u);
  phone.send_raw(packed);
  EXPECT_EQ(other.ask("b1 NOOP"), "b1 OK NOOP completed\r\n");
  EXPECT_EQ(phone.ask("a2 NOOP").substr(0, 6), "a1 OK ");
}

TEST(Compress, the_end_of_the_clients_data_is_the_end_of_the_session) {
  World world;
  Client phone(world);
  phone.compress();
  phone.send_raw(std::string("\x03\x00", 2));  // an empty last block
  EXPECT_EQ(phone.rest(), "");
}

}  // namespace
}  // namespace bz::imapd
