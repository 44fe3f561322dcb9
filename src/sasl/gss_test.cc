// GSSAPI and GSS-SPNEGO: the order of the messages, with somebody else's answers for the calls.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sasl/mechanism.h"

namespace bz::sasl {
namespace {

using std::get;
using std::holds_alternative;
using testing::HasSubstr;
using Call = NeedGss::Call;
using namespace std::string_literals;

struct GssTest : testing::Test {
  base::ManualClock clock;
  base::SeededRandom random{7};
  std::unique_ptr<ServerMechanism> server(Kind kind = Kind::Gssapi) { return make_server(kind, {}, clock, random); }
  // Up to the choice of a layer.
  std::unique_ptr<ServerMechanism> at_choice() {
    auto m = server();
    (void)m->start(std::string_view("ticket"));
    (void)m->answered(GssAnswer{.bytes = "mutual", .complete = true});
    (void)m->next("");
    Step offer = m->answered(GssAnswer{.bytes = "wrapped"});
    EXPECT_EQ(get<Challenge>(offer).bytes, "wrapped");
    return m;
  }
  static void expect_call(const Step& step, Call call, std::string_view bytes) {
    ASSERT_TRUE(holds_alternative<NeedGss>(step));
    EXPECT_EQ(get<NeedGss>(step).call, call);
    EXPECT_EQ(get<NeedGss>(step).bytes, bytes);
  }
  static void expect_failure(const Step& step, Failure::Why why, std::string_view text) {
    ASSERT_TRUE(holds_alternative<Failure>(step));
    EXPECT_EQ(get<Failure>(step).why, why);
    EXPECT_THAT(get<Failure>(step).reason, HasSubstr(text));
  }
};

TEST_F(GssTest, a_whole_exchange_of_rfc4752) {
  auto m = server();
  EXPECT_EQ(get<Challenge>(m->start(std::nullopt)).bytes, "");
  expect_call(m->next("token 1"), Call::Accept, "token 1");
  EXPECT_EQ(get<Challenge>(m->answered(GssAnswer{.bytes = "token 2"})).bytes, "token 2");
  expect_call(m->next("token 3"), Call::Accept, "token 3");
  EXPECT_EQ(get<Challenge>(m->answered(GssAnswer{.bytes = "token 4", .complete = true})).bytes, "token 4");
  expect_call(m->next(""), Call::Wrap, "\1\0\0\0"s);
  EXPECT_EQ(get<Challenge>(m->answered(GssAnswer{.bytes = "wrapped offer"})).bytes, "wrapped offer");
  expect_call(m->next("wrapped choice"), Call::Unwrap, "wrapped choice");
  Step whose = m->answered(GssAnswer{.bytes = "\1\0\0\0ana@x.test"s});
  ASSERT_TRUE(holds_alternative<NeedPrincipal>(whose));
  EXPECT_EQ(get<NeedPrincipal>(whose).user, "ana@x.test");
  Step end = m->identified("ana@x.test");
  ASSERT_TRUE(holds_alternative<Done>(end));
  EXPECT_EQ(get<Done>(end).user, "ana@x.test");
  EXPECT_EQ(get<Done>(end).authzid, "ana@x.test");
  EXPECT_EQ(get<Done>(end).final_data, "");
}

TEST_F(GssTest, without_mutual_authentication_the_offer_comes_at_once) {
  auto m = server();
  (void)m->start(std::string_view("ticket"));
  expect_call(m->answered(GssAnswer{.complete = true}), Call::Wrap, "\1\0\0\0"s);
}

TEST_F(GssTest, negotiated_ends_with_the_last_token) {
  auto m = server(Kind::GssSpnego);
  expect_call(m->start(std::string_view("init")), Call::Accept, "init");
  ASSERT_TRUE(holds_alternative<NeedPrincipal>(m->answered(GssAnswer{.bytes = "accept-completed", .complete = true})));
  Step end = m->identified("ana");
  ASSERT_TRUE(holds_alternative<Done>(end));
  EXPECT_EQ(get<Done>(end).final_data, "accept-completed");
}

TEST_F(GssTest, what_the_client_may_choose) {
  struct {
    std::string choice, refusal;
  } const cases[] = {
      {"\1\0\0\0"s, ""},
      {"\1\xff\xff\xff"s, ""},
      {"\1\0\0\0ana"s, ""},
      {"", "layer"},
      {"\1\0\0"s, "layer"},
      {"\2\0\0\0"s, "not offered"},
      {"\0\0\0\0"s, "offered"},
      {"\3\0\0\0"s, "not offered"},
      {"\1\0\0\0a\0b"s, "identity"},
      {"\1\0\0\0\xff"s, "id"},
      {"\1\0\0\0"s + std::string(1025, 'a'), "id"},
  };
  for (const auto& c : cases) {
    auto m = at_choice();
    (void)m->next("wrapped");
    Step step = m->answered(GssAnswer{.bytes = c.choice});
    if (c.refusal.empty()) {
      EXPECT_TRUE(holds_alternative<NeedPrincipal>(step));
    } else {
      expect_failure(step, Failure::Why::Malformed, c.refusal);
    }
  }
}

TEST_F(GssTest, every_call_may_fail) {
  for (bool broken : {false, true}) {
    auto error = [&] { return Error(broken ? Errc::Invalid : Errc::Denied, "replay"); };
    auto why = broken ? Failure::Why::Malformed : Failure::Why::Refused;
    auto first = server();
    (void)first->start(std::string_view("t"));
    expect_failure(first->answered(error()), why, "replay");
    auto wrap = server();
    (void)wrap->start(std::string_view("t"));
    (void)wrap->answered(GssAnswer{.complete = true});
    expect_failure(wrap->answered(error()), why, "replay");
    auto unwrap = at_choice();
    (void)unwrap->next("wrapped");
    expect_failure(unwrap->answered(error()), why, "replay");
    EXPECT_TRUE(holds_alternative<Failure>(unwrap->answered(GssAnswer{.bytes = "\1\0\0\0"s}))) << "no life after the end";
  }
}

TEST_F(GssTest, nobody_s_principal_is_refused) {
  auto m = at_choice();
  (void)m->next("wrapped");
  (void)m->answered(GssAnswer{.bytes = "\1\0\0\0"s});
  expect_failure(m->identified(std::nullopt), Failure::Why::Refused, "nobody");
}

TEST_F(GssTest, limits) {
  expect_failure(server()->start(std::string_view("")), Failure::Why::Malformed, "no token");
  EXPECT_TRUE(holds_alternative<NeedGss>(server()->start(std::string(kMaxGssMessage, 'x'))));
  expect_failure(server()->start(std::string(kMaxGssMessage + 1, 'x')), Failure::Why::Malformed, "too long");
  auto endless = server();
  Step step = endless->start(std::string_view("t"));
  for (int i = 0; i < kMaxSteps - 1; ++i) {
    ASSERT_TRUE(holds_alternative<NeedGss>(step));
    (void)endless->answered(GssAnswer{.bytes = "more"});
    step = endless->next("t");
  }
  (void)endless->answered(GssAnswer{.bytes = "more"});
  expect_failure(endless->next("t"), Failure::Why::Malformed, "too many");
}

TEST_F(GssTest, a_token_after_the_last_one_is_malformed) {
  auto m = server();
  (void)m->start(std::string_view("ticket"));
  (void)m->answered(GssAnswer{.bytes = "mutual", .complete = true});
  expect_failure(m->next("another"), Failure::Why::Malformed, "after the last");
}

TEST_F(GssTest, calls_out_of_turn_end_the_exchange) {
  auto m = server();
  (void)m->start(std::string_view("ticket"));
  expect_failure(m->identified("ana"), Failure::Why::Malformed, "turn");
  auto early = server();
  expect_failure(early->answered(GssAnswer{.complete = true}), Failure::Why::Malformed, "turn");
}

}  // namespace
}  // namespace bz::sasl
