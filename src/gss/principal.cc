#include "gss/principal.h"

#include <algorithm>

#include "base/text.h"

namespace bz::gss {

namespace {

constexpr size_t kMaxPrincipal = 320;

bool is_realm(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
    return base::is_alpha(c) || base::is_digit(c) || c == '.' || c == '-' || c == '_';
  });
}

}  // namespace

Result<RealmRule> RealmRule::parse(std::string_view text) {
  size_t equals = text.find('=');
  RealmRule rule;
  rule.realm = base::trim(text.substr(0, equals));
  if (!is_realm(rule.realm)) return fail(Errc::Invalid, "\"" + std::string(text) + "\": no realm");
  if (equals == text.npos) {
    rule.domain = base::lower(rule.realm);
    return rule;
  }
  rule.domain = base::lower(base::trim(text.substr(equals + 1)));
  if (!rule.domain.empty() && !is_realm(rule.domain))
    return fail(Errc::Invalid, "\"" + std::string(text) + "\": no domain");
  return rule;
}

Result<std::string> login_of(std::string_view principal, const std::vector<RealmRule>& rules) {
  auto denied = [](std::string_view why) { return fail(Errc::Denied, "principal: " + std::string(why)); };
  if (principal.size() > kMaxPrincipal || !base::is_utf8(principal)) return denied("too long, or not UTF-8");
  // What Kerberos has to quote could look like something else after a careless reading: no account is called so.
  if (principal.find('\\') != principal.npos) return denied("quoted characters");
  size_t at = principal.rfind('@');
  if (at == principal.npos || at == 0 || principal.find('@') != at) return denied("not name@REALM");
  std::string_view name = principal.substr(0, at), realm = principal.substr(at + 1);
  auto is_control = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; };
  if (std::any_of(name.begin(), name.end(), is_control)) return denied("control characters");
  if (name.find('/') != name.npos) return denied(std::string(name) + " has an instance");
  auto rule = std::find_if(rules.begin(), rules.end(), [&](const RealmRule& r) { return r.realm == realm; });
  if (rule == rules.end()) return denied("realm " + std::string(realm) + " is not in kerberos.realms");
  return rule->domain.empty() ? std::string(name) : std::string(name) + "@" + rule->domain;
}

}  // namespace bz::gss
