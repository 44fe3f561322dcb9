#include "authd/world_for_test.h"

namespace bz::authd {
namespace {

TEST_F(AuthdTest, a_role_asks_only_what_is_its_own_to_ask) {
  size_t before = sent.size();
  service->message(gateway, static_cast<uint8_t>(Type::LookupRecipient),
                   wire::LookupRecipient{1, "ana@example.org"}.encode());
  service->message(gateway, static_cast<uint8_t>(Type::EndSessions), wire::EndSessions{1, "", "x"}.encode());
  service->message(mta, static_cast<uint8_t>(Type::SaslStart), begin("PLAIN").encode());
  service->message(PeerId{"admin", 0}, 255, "");
  EXPECT_EQ(sent.size(), before);
  EXPECT_EQ(service->exchanges(), 0u);
}

TEST_F(AuthdTest, lookups) {
  ASSERT_EQ(command({"alias", "add", "info@example.org", "ana", "eva"}).exit_status, 0u);
  auto recipient = [&](std::string address) {
    return *wire::RecipientVerdict::decode(
        ask(mta, Type::LookupRecipient, wire::LookupRecipient{5, std::move(address)}).payload);
  };
  auto verdict = recipient("info@example.org");
  EXPECT_EQ(verdict.id, 5u);
  EXPECT_EQ(verdict.kind, 1);
  ASSERT_EQ(verdict.recipients.size(), 2u);
  EXPECT_EQ(verdict.recipients[1].account, "eva@example.org");
  EXPECT_EQ(recipient("nobody@example.org").kind, 2);
  EXPECT_EQ(recipient("x@elsewhere.test").kind, 0);
  auto may = [&](uint64_t id, std::string address) {
    return wire::SendAsVerdict::decode(ask(mta, Type::MaySendAs, wire::MaySendAs{1, id, std::move(address)}).payload)->kind;
  };
  EXPECT_EQ(may(1, "info@example.org"), 1);
  EXPECT_EQ(may(1, "eva@example.org"), 0);
  ASSERT_EQ(command({"account", "quota", "ana", "2G"}).exit_status, 0u);
  auto info = *wire::AccountInfo::decode(ask(mailstore, Type::LookupAccount, wire::LookupAccount{9, 1}).payload);
  EXPECT_EQ(info.kind, 1);
  EXPECT_EQ(info.account, "ana@example.org");
  EXPECT_EQ(info.quota_bytes, uint64_t{2} << 30);
  EXPECT_EQ(info.quota_messages, 0u);
  EXPECT_EQ(count(Type::AccountChanged), 1u);
  ASSERT_EQ(command({"account", "quota", "ana", "--messages", "100", "--mailboxes", "20"}).exit_status, 0u);
  info = *wire::AccountInfo::decode(ask(mailstore, Type::LookupAccount, wire::LookupAccount{9, 1}).payload);
  EXPECT_EQ(info.quota_bytes, uint64_t{2} << 30) << "what is not named stays";
  EXPECT_EQ(info.quota_messages, 100u);
  EXPECT_EQ(info.quota_mailboxes, 20u);
  EXPECT_EQ(count(Type::AccountChanged), 2u);
  EXPECT_EQ(wire::AccountInfo::decode(ask(mailstore, Type::LookupAccount, wire::LookupAccount{9, 77}).payload)->kind, 0);
}

}  // namespace
}  // namespace bz::authd
