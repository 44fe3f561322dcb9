#include "crypto/ticket.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "crypto/sign.h"

namespace bz::crypto {
namespace {

struct TicketTest : testing::Test {
  base::ManualClock clock;
  base::SeededRandom random{11};
  SignKeyPair key = make_sign_key(random);
  TicketVerifier verifier{key.public_key, "mailstore", clock};
  Ticket ticket{.audience = "mailstore",
                .service = "imap",
                .account = AccountId(42),
                .account_name = "ana@example.org",
                .device = "",
                .mechanism = "PLAIN",
                .session = "abcdefghjkmn",
                .client_address = "192.0.2.7",
                .issued_ms = 0,
                .expires_ms = 0,
                .nonce = ""};
  std::string issue(const Ticket& t) { return *issue_ticket(key.private_key, t, clock, random); }
  Result<Ticket> take(std::string_view bytes) { return verifier.verify(bytes, "abcdefghjkmn", "192.0.2.7"); }
  std::string refusal(Result<Ticket> r) { return r ? "taken" : r.error().text(); }
};

TEST_F(TicketTest, carries_its_facts_and_works_once) {
  std::string bytes = issue(ticket);
  auto got = take(bytes);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->account, AccountId(42));
  EXPECT_EQ(got->account_name, "ana@example.org");
  EXPECT_EQ(got->service, "imap");
  EXPECT_EQ(got->mechanism, "PLAIN");
  EXPECT_EQ(got->expires_ms - got->issued_ms, 10'000);
  EXPECT_EQ(refusal(take(bytes)), "ticket used before");
}

TEST_F(TicketTest, expires_after_ten_seconds_and_its_nonce_is_forgotten_then) {
  std::string used = issue(ticket), late = issue(ticket);
  ASSERT_TRUE(take(used));
  clock.advance(base::Millis(9'999));
  ASSERT_TRUE(take(issue(ticket)));
  clock.advance(base::Millis(1));
  EXPECT_EQ(refusal(take(late)), "ticket expired, or clocks differ");
  EXPECT_EQ(refusal(take(used)), "ticket expired, or clocks differ");
  EXPECT_EQ(verifier.remembered(), 1u);
}

TEST_F(TicketTest, of_another_audience_session_or_client_is_denied) {
  Ticket other = ticket;
  other.audience = "mta";
  EXPECT_EQ(refusal(take(issue(other))), "ticket for mta");
  EXPECT_FALSE(verifier.verify(issue(ticket), "zzzzzzzzzzzz", "192.0.2.7"));
  EXPECT_FALSE(verifier.verify(issue(ticket), "abcdefghjkmn", "192.0.2.8"));
}

TEST_F(TicketTest, issued_before_the_verifier_started_is_denied) {
  std::string bytes = issue(ticket);
  clock.advance(base::Millis(1));
  TicketVerifier restarted(key.public_key, "mailstore", clock);
  EXPECT_EQ(refusal(restarted.verify(bytes, "abcdefghjkmn", "192.0.2.7")), "ticket older than this process");
}

TEST_F(TicketTest, of_another_signer_or_changed_anywhere_is_denied) {
  SignKeyPair stranger = make_sign_key(random);
  EXPECT_FALSE(take(*issue_ticket(stranger.private_key, ticket, clock, random)));
  std::string bytes = issue(ticket);
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] ^= 4;
    EXPECT_FALSE(take(changed)) << at;
    EXPECT_FALSE(take(std::string_view(bytes).substr(0, at))) << at;
  }
  EXPECT_TRUE(take(bytes));
}

TEST_F(TicketTest, lies_as_docs_keyspace_directory_says) {
  Secret golden_key(std::string(32, '\x01'));
  Ticket golden;
  golden.audience = "mailstore";
  golden.service = "imap";
  golden.account = AccountId(300);
  golden.account_name = "a@b";
  golden.mechanism = "PLAIN";
  golden.session = "s1";
  golden.client_address = "::1";
  base::SeededRandom golden_random(1);
  std::string bytes = *issue_ticket(golden_key, golden, clock, golden_random);
  EXPECT_EQ(base::hex(bytes),
            "425a5431b271f2ae1c2a3638a7daaa89090903bb92d9a1148b2f68d89d10e4d3be6e64e6a9acea4fa7600e37bec9ca5a2b034184f64e42"
            "04809cd71305a17e129f0cf102096d61696c73746f726504696d6170ac02036140620005504c41494e027331033a3a31000001a1ee565e"
            "00000001a1ee56851010c1675e0bb980a575a89661fec08aa83b");
}

TEST_F(TicketTest, fields_over_255_bytes_are_not_issued) {
  ticket.account_name.assign(256, 'a');
  EXPECT_EQ(issue_ticket(key.private_key, ticket, clock, random).error().code(), Errc::Invalid);
}

}  // namespace
}  // namespace bz::crypto
