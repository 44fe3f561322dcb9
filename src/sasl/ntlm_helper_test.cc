#include "sasl/ntlm_helper.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "sasl/mechanism.h"
#include "sasl/ntlm_names.h"

namespace bz::sasl::ntlm {
namespace {

using Kind = HelperAnswer::Kind;

// The answer to one request, the helper's bytes coming in pieces of `size`.
Result<std::optional<HelperAnswer>> hear(std::string_view bytes, bool verdict, size_t size = 1 << 20) {
  HelperTalk talk;
  (void)(verdict ? talk.authenticate("m") : talk.negotiate("m"));
  Result<std::optional<HelperAnswer>> last = std::optional<HelperAnswer>();
  for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
    last = talk.take(bytes.substr(0, size));
    if (!last) return last;
  }
  return last;
}

TEST(NtlmHelper, asks_one_line_at_a_time) {
  HelperTalk talk;
  EXPECT_EQ(talk.negotiate("NTLMSSP"), "YR TlRMTVNTUA==\n");
  EXPECT_TRUE(talk.waiting());
  auto challenge = talk.take("TT YWJj\n");
  ASSERT_TRUE(challenge && *challenge);
  EXPECT_EQ((*challenge)->kind, Kind::Challenge);
  EXPECT_EQ((*challenge)->text, "abc");
  EXPECT_FALSE(talk.waiting());
  EXPECT_EQ(talk.authenticate("abc"), "KK YWJj\n");
  auto verdict = talk.take("AF OFFICE\\ana\n");
  ASSERT_TRUE(verdict && *verdict);
  EXPECT_EQ((*verdict)->kind, Kind::Accepted);
  EXPECT_EQ((*verdict)->text, "OFFICE\\ana");
}

TEST(NtlmHelper, a_line_may_come_in_any_pieces) {
  struct {
    std::string_view line;
    bool verdict;
    Kind kind;
    std::string_view text;
  } rows[] = {
      {"TT YWJj\n", false, Kind::Challenge, "abc"},
      {"TT YWJj\r\n", false, Kind::Challenge, "abc"},
      {"BH NT_STATUS_ACCESS_DENIED\n", false, Kind::Unavailable, "NT_STATUS_ACCESS_DENIED"},
      {"BH\n", true, Kind::Unavailable, "no reason given"},
      {"AF DOMÄNE\\änne\n", true, Kind::Accepted, "DOMÄNE\\änne"},
      {"NA NT_STATUS_WRONG_PASSWORD\n", true, Kind::Refused, "NT_STATUS_WRONG_PASSWORD"},
      {"NA\n", true, Kind::Refused, "no reason given"},
      {"NA a\tb\x1b\n", true, Kind::Refused, "a?b?"},
      {"NA NT_STATUS_NO_LOGON_SERVERS\n", true, Kind::Unavailable, "NT_STATUS_NO_LOGON_SERVERS"},
      {"NA NT_STATUS_INVALID_PARAMETER\n", false, Kind::Refused, "NT_STATUS_INVALID_PARAMETER"},
  };
  for (const auto& row : rows)
    for (size_t size : {1u, 2u, 3u, 100u}) {
      auto heard = hear(row.line, row.verdict, size);
      ASSERT_TRUE(heard && *heard) << row.line;
      EXPECT_EQ((*heard)->kind, row.kind) << row.line;
      EXPECT_EQ((*heard)->text, row.text) << row.line;
    }
  auto half = hear("TT YWJ", false);
  ASSERT_TRUE(half);
  EXPECT_FALSE(half->has_value());
}

TEST(NtlmHelper, believes_nothing_that_was_not_asked_for) {
  for (std::string_view line : {"AF OFFICE\\ana\n", "TT\n", "TT *\n", "TT not base64!\n", "OK\n", "\n", "tt YWJj\n"})
    EXPECT_FALSE(hear(line, false).has_value()) << line;
  for (std::string_view line : {"TT YWJj\n", "AF\n", "AF \n", "AF a\x01\n", "AF \xff\n", "AFOFFICE\\ana\n", "LD\n"})
    EXPECT_FALSE(hear(line, true).has_value()) << line;
  EXPECT_FALSE(hear("NA no\nAF OFFICE\\ana\n", true).has_value()) << "two answers";
  EXPECT_FALSE(hear("AF " + std::string(kMaxField + 1, 'a') + "\n", true).has_value());
  HelperTalk talk;
  EXPECT_TRUE(talk.take("").has_value());
  EXPECT_FALSE(talk.take("BH late\n").has_value()) << "unasked";
  EXPECT_FALSE(talk.take("").has_value()) << "broken for good";
}

TEST(NtlmHelper, lines_are_bounded) {
  EXPECT_TRUE(hear("NA " + std::string(kMaxHelperLine - 3, 'x') + "\n", true).has_value());
  for (size_t size : {1u, 1000u, 1u << 20}) {
    EXPECT_FALSE(hear("NA " + std::string(kMaxHelperLine - 2, 'x') + "\n", true, size).has_value());
    EXPECT_FALSE(hear("NA " + std::string(kMaxHelperLine, 'x'), true, size).has_value()) << "an end is not waited for";
  }
  auto largest = hear("TT " + base::base64(std::string(kMaxMessage, 'x')) + "\n", false);
  ASSERT_TRUE(largest && *largest);
  EXPECT_EQ((*largest)->text.size(), kMaxMessage);
  EXPECT_FALSE(hear("TT " + base::base64(std::string(kMaxMessage + 1, 'x')) + "\n", false).has_value());
}

TEST(NtlmNames, a_rule_names_a_domain_and_what_stands_behind_the_at_sign) {
  EXPECT_EQ(*DomainRule::parse("OFFICE"), (DomainRule{"OFFICE", ""}));
  EXPECT_EQ(*DomainRule::parse(" OFFICE = Example.ORG "), (DomainRule{"OFFICE", "example.org"}));
  EXPECT_EQ(*DomainRule::parse("OFFICE="), (DomainRule{"OFFICE", ""}));
  for (const char* bad : {"", "=", "=example.org", "OFF ICE", "OFFICE\\", "OFFICE=a b", "OFFICE=a=b"})
    EXPECT_FALSE(DomainRule::parse(bad).has_value()) << bad;
}

TEST(NtlmNames, clients_and_winbind_mean_the_same_people) {
  const std::vector<DomainRule> rules = {{"OFFICE", ""}, {"SALES", "sales.test"}};
  struct {
    const char *domain, *user, *login;
  } said[] = {
      {"", "ana", "ana"},
      {"OFFICE", "ana", "ana"},
      {"office", "Ana.M", "Ana.M"},
      {"SALES", "ana", "ana@sales.test"},
      {"sales.test", "ana", "ana@sales.test"},
      {"", "ana@office.test", "ana@office.test"},
      {"ELSEWHERE", "ana@office.test", "ana@office.test"},
  };
  for (const auto& row : said) EXPECT_EQ(login_of(row.domain, row.user, rules).value_or(""), row.login) << row.user;
  EXPECT_EQ(login_of_account("OFFICE\\ana", rules).value_or(""), "ana");
  EXPECT_EQ(login_of_account("office+ana", rules).value_or(""), "ana");
  EXPECT_EQ(login_of_account("SALES/ana", rules).value_or(""), "ana@sales.test");
  EXPECT_EQ(login_of_account("ana", rules).value_or(""), "ana");
}

TEST(NtlmNames, nobody_else_is_anybody_here) {
  const std::vector<DomainRule> rules = {{"OFFICE", ""}};
  for (auto [domain, user] : {std::pair{"OTHER", "ana"},
                              {"OFFICE", ""},
                              {"", "OFFICE\\ana"},
                              {"", "@"},
                              {"", "ana@"},
                              {"", "@office.test"},
                              {"", "a@b@c"},
                              {"", "a\x01@b"},
                              {"OFFICE", "a\x7f"},
                              {"OFFICE", "MAIL$*"},
                              {"\xff", "ana"}})
    EXPECT_FALSE(login_of(domain, user, rules).has_value()) << domain << " " << user;
  for (const char* account : {"OTHER\\ana", "\\ana", "OFFICE\\", "OFFICE\\a\\b", "ana@office.test", ""})
    EXPECT_FALSE(login_of_account(account, rules).has_value()) << account;
  EXPECT_FALSE(login_of("", "ana", {}).has_value());
  EXPECT_FALSE(login_of_account("ana", {}).has_value());
  EXPECT_EQ(login_of("", "my secret]", rules).error().text().find("secret"), std::string::npos);
}

}  // namespace
}  // namespace bz::sasl::ntlm
