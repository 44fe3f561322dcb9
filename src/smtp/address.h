// RFC 5321 "Mailbox", here Address: the form in which the envelope knows a person. Local part without its quotes, domain in
// lower case (ASCII letters only; U-labels stay as written, RFC 6531 3.3). "Strict but real": RFC 5321 4.1.2 plus what is
// seen on the Internet and does no harm: stray dots in a local part (they are quoted again on the way out), underscores in
// a domain.
#pragma once
#include <string>
#include <string_view>

#include "base/result.h"

namespace bz::smtp {

inline constexpr size_t kMaxLocal = 64, kMaxDomain = 255, kMaxPath = 1024;  // RFC 5321 4.5.3.1; a path may hold a route

struct Address {
  std::string local;   // empty together with domain: the null reverse-path
  std::string domain;  // "example.org", "[192.0.2.1]", "[ipv6:2001:db8::1]"; empty also for <Postmaster>

  bool is_null() const { return local.empty() && domain.empty(); }
  bool is_literal() const { return !domain.empty() && domain.front() == '['; }
  bool is_postmaster() const;  // any domain, RFC 5321 4.5.1
  bool needs_smtputf8() const;
  std::string to_string() const;  // local@domain, local part quoted when it must be
  std::string to_path() const { return "<" + to_string() + ">"; }
  bool operator==(const Address&) const = default;
};

// "local@domain" as a whole, without angle brackets, or "postmaster". Errc::Invalid otherwise.
Result<Address> parse_address(std::string_view text);

// A path in angle brackets at the front of `text`, which is advanced behind it. Source routes are dropped (RFC 5321 4.1.2,
// F.2). `<>` gives the null address; whether that is allowed the caller knows.
Result<Address> take_path(std::string_view& text);

// Domain (RFC 5321 2.3.5, with underscores and UTF-8) or address literal (4.1.3).
bool is_domain(std::string_view text);
bool is_address_literal(std::string_view text);

// RFC 3461 4: xtext. from_xtext refuses bad hex and signs that must be encoded.
std::string to_xtext(std::string_view text);
Result<std::string> from_xtext(std::string_view text);

}  // namespace bz::smtp
