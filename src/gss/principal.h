// Whose login name a Kerberos principal is. Realms are taken by name only: a trust between realms lets strangers get
// tickets for our services, which is no reason to let them in. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bz::gss {

// "EXAMPLE.ORG": ana@EXAMPLE.ORG is "ana@example.org", as Active Directory's userPrincipalName has it.
// "EXAMPLE.ORG=example.com": she is "ana@example.com".  "EXAMPLE.ORG=": she is "ana", which the directories complete or
// find as uid or sAMAccountName.
struct RealmRule {
  std::string realm;   // as Kerberos has it: case counts
  std::string domain;  // lower case; empty: the realm is stripped
  static Result<RealmRule> parse(std::string_view text);
  bool operator==(const RealmRule&) const = default;
};

// `principal` as gss_display_name writes it (RFC 1964 2.1.1, with backslashes). Denied: of another realm, with an instance
// ("ana/admin", "host/x"), with quoted or control characters, or too long; the text is for the log.
Result<std::string> login_of(std::string_view principal, const std::vector<RealmRule>& rules);

}  // namespace bz::gss
