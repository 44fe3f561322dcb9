#include <gtest/gtest.h>

#include "base/coding.h"
#include "base/env.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/task.h"
#include "base/text.h"

namespace bz::base {
namespace {

Result<int> positive(int v) {
  if (v < 0) return fail(Errc::Invalid, "negative");
  return v;
}
Result<int> doubled(int v) {
  BZ_TRY(int x, positive(v));
  return 2 * x;
}
TEST(Result, try_passes_value_and_error_on) {
  EXPECT_EQ(*doubled(4), 8);
  auto r = doubled(-1);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().to_string(), "Invalid: negative");
}

Task<int> leaf(int v) { co_return v; }
Task<Result<int>> sum(int n) {
  int total = 0;
  for (int i = 0; i < n; ++i) total += co_await leaf(i);
  co_return total;
}
TEST(Task, deep_await_chain_needs_no_stack) { EXPECT_EQ(*run_now(sum(10'000)), 49'995'000); }

Task<void> wait_for(Completion<int> done, int* out) {
  auto r = co_await done;
  *out = r ? *r : -1;
}
TEST(Task, completion_resumes_waiter_once_and_dropped_promise_cancels) {
  int got = 0;
  {
    Completion<int> c;
    auto p = c.promise();
    auto s = Spawned::run(wait_for(std::move(c), &got));
    EXPECT_EQ(got, 0);
    p.set(7);
    EXPECT_EQ(got, 7);
    p.set(8);
    EXPECT_EQ(got, 7);
  }
  {
    Completion<int> c;
    auto p = std::make_unique<Completion<int>::Promise>(c.promise());
    auto s = Spawned::run(wait_for(std::move(c), &got));
    p.reset();
    EXPECT_EQ(got, -1);
  }
}
TEST(Task, destroying_a_suspended_task_makes_its_completion_harmless) {
  int got = 0;
  Completion<int> c;
  auto p = c.promise();
  {
    auto s = Spawned::run(wait_for(std::move(c), &got));
  }
  p.set(5);
  EXPECT_EQ(got, 0);
}

TEST(Text, base64_is_strict) {
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(from_base64("Zm9vYg=="), "foob");
  EXPECT_EQ(from_base64(""), "");
  for (auto bad : {"Zm9vYg=", "Zm9vYh==", "Zm9 vYg=", "=m9v", "Zm9v\n", "Zm=v"}) EXPECT_FALSE(from_base64(bad)) << bad;
}
TEST(Text, utf8_refuses_overlong_surrogates_and_cut_sequences) {
  EXPECT_TRUE(is_utf8("a\xC3\xB1\xE2\x82\xAC\xF0\x9F\x98\x80"));
  for (std::string_view bad : {"\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\x80"})
    EXPECT_FALSE(is_utf8(bad));
}
TEST(Text, numbers_refuse_sign_rest_and_overflow) {
  EXPECT_EQ(parse_number<uint32_t>("4294967295"), 4294967295u);
  for (auto bad : {"", "-1", "+1", "1x", "4294967296"}) EXPECT_FALSE(parse_number<uint32_t>(bad)) << bad;
}

TEST(Coding, varint_round_trip_and_every_cut_fails_cleanly) {
  for (uint64_t v : {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{1} << 35, ~uint64_t{0}}) {
    std::string s;
    put_varint(s, v);
    Reader r(s);
    EXPECT_EQ(r.varint(), v);
    EXPECT_TRUE(r.finished());
    for (size_t cut = 0; cut < s.size(); ++cut) {
      Reader c(std::string_view(s).substr(0, cut));
      c.varint();
      EXPECT_FALSE(c.ok());
    }
  }
}
TEST(Coding, length_beyond_end_is_refused) {
  std::string s;
  put_varint(s, 1'000'000'000'000);
  s += "abc";
  Reader r(s);
  EXPECT_EQ(r.bytes(), "");
  EXPECT_FALSE(r.ok());
}
TEST(Coding, big_endian_keys_sort_like_numbers) {
  std::string a, b;
  put_be64(a, 255);
  put_be64(b, 256);
  EXPECT_LT(a, b);
}

std::string g_line;
TEST(Log, a_hostile_value_stays_on_one_line) {
  log::set_sink([](std::string_view line) { g_line = line; });
  log::event(log::Info, "x").field("v", "a\r\nfake \"q\"").field("n", 5);
  log::set_sink(nullptr);
  EXPECT_NE(g_line.find(" x v=\"a\\x0d\\x0afake \\\"q\\\"\" n=5\n"), std::string::npos) << g_line;
}

TEST(Secret, compares_and_clears) {
  Secret s(std::string("pw"));
  EXPECT_TRUE(s.equals("pw"));
  EXPECT_FALSE(s.equals("px"));
  Secret t = std::move(s);
  EXPECT_TRUE(s.empty());  // NOLINT: that is the point
  EXPECT_TRUE(t.equals("pw"));
}

}  // namespace
}  // namespace bz::base
