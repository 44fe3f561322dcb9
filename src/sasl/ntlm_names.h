// Whose login name a user of a Windows domain is. Domains are taken by name only: a trust between domains lets strangers'
// passwords be checked, which is no reason to let them in. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bz::sasl::ntlm {

// "OFFICE": OFFICE\ana is "ana", which the directories complete or find as sAMAccountName. "OFFICE=example.org": she is
// "ana@example.org".
struct DomainRule {
  std::string name;    // as the domain calls itself, mostly its NetBIOS name; case does not count
  std::string domain;  // lower case; empty: the name alone
  static Result<DomainRule> parse(std::string_view text);
  bool operator==(const DomainRule&) const = default;
};

// As a client names itself in AUTHENTICATE: an address as the name stands for itself, whatever the domain; a rule's name or
// domain is that rule; no domain is the first rule, as winbind has it. Denied: another domain, or a name no account has
// there; the text is for the log and does not hold the name.
Result<std::string> login_of(std::string_view domain, std::string_view user, const std::vector<DomainRule>& rules);
// As winbind names who has proved himself: "OFFICE\ana" with any of winbind's separators, or "ana" where it leaves its own
// domain out ("winbind use default domain").
Result<std::string> login_of_account(std::string_view account, const std::vector<DomainRule>& rules);

}  // namespace bz::sasl::ntlm
