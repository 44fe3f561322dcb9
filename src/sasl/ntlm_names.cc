#include "sasl/ntlm_names.h"

#include <algorithm>

#include "base/text.h"
#include "sasl/mechanism.h"

namespace bz::sasl::ntlm {

namespace {

// No sAMAccountName has any of them ([MS-SAMR] 3.1.1.8.4); '@' has been dealt with before.
constexpr std::string_view kForbidden = "\"/\\[]:;|=,+*?<>@";
constexpr std::string_view kSeparators = "\\/+";  // "winbind separator" is one of these in practice

bool is_domain(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
    return base::is_alpha(c) || base::is_digit(c) || c == '.' || c == '-' || c == '_';
  });
}

Error denied(const std::string& why) { return fail(Errc::Denied, "NTLM: " + why); }

bool has_controls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

Result<std::string> login_by(const DomainRule& rule, std::string_view user) {
  if (user.empty() || user.size() > kMaxField || !base::is_utf8(user) || has_controls(user) ||
      user.find_first_of(kForbidden) != user.npos)
    return denied("no name of a user");
  return rule.domain.empty() ? std::string(user) : std::string(user) + "@" + rule.domain;
}

Error unknown_domain(std::string_view domain) {
  return denied("domain " + (is_domain(domain) ? std::string(domain) : "of an odd name") + " is not in ntlm.domains");
}

}  // namespace

Result<DomainRule> DomainRule::parse(std::string_view text) {
  const size_t equals = text.find('=');
  DomainRule rule;
  rule.name = base::trim(text.substr(0, equals));
  if (!is_domain(rule.name)) return fail(Errc::Invalid, "\"" + std::string(text) + "\": no name of a domain");
  if (equals != text.npos) rule.domain = base::lower(base::trim(text.substr(equals + 1)));
  if (!rule.domain.empty() && !is_domain(rule.domain))
    return fail(Errc::Invalid, "\"" + std::string(text) + "\": no domain behind the \"=\"");
  return rule;
}

Result<std::string> login_of(std::string_view domain, std::string_view user, const std::vector<DomainRule>& rules) {
  if (rules.empty()) return denied("ntlm.domains is empty");
  if (const size_t at = user.find('@'); at != user.npos) {
    if (at == 0 || at + 1 == user.size() || user.size() > kMaxField || !base::is_utf8(user) || has_controls(user) ||
        user.find('@', at + 1) != user.npos)
      return denied("no name of a user");
    return std::string(user);
  }
  if (domain.empty()) return login_by(rules.front(), user);
  auto named = [&](const DomainRule& r) {
    return base::iequals(r.name, domain) || (!r.domain.empty() && base::iequals(r.domain, domain));
  };
  auto rule = std::find_if(rules.begin(), rules.end(), named);
  if (rule == rules.end()) return unknown_domain(domain);
  return login_by(*rule, user);
}

Result<std::string> login_of_account(std::string_view account, const std::vector<DomainRule>& rules) {
  if (rules.empty()) return denied("ntlm.domains is empty");
  const size_t separator = account.find_first_of(kSeparators);
  if (separator == account.npos) return login_by(rules.front(), account);
  const std::string_view domain = account.substr(0, separator);
  auto rule = std::find_if(rules.begin(), rules.end(), [&](const DomainRule& r) { return base::iequals(r.name, domain); });
  if (rule == rules.end()) return unknown_domain(domain);
  return login_by(*rule, account.substr(separator + 1));
}

}  // namespace bz::sasl::ntlm
