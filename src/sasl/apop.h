// APOP (RFC 1939 section 7): POP3's own login with MD5(timestamp + password). The greeting shows a timestamp; the command
// "APOP name digest" is judged as an exchange of Kind::Apop in one message, whose start takes an ApopAnswer as its initial
// response:
//   std::string banner = make_timestamp(host, clock, random);            // "<...@host>", once per connection, in the
//   greeting start.mechanism = "APOP"; start.initial = ApopAnswer{banner, name, digest}.encode();
// The banner is the word of whoever greeted: a gateway that was taken over can repeat an answer it has seen.
#pragma once
#include <string>
#include <string_view>

#include "base/env.h"
#include "base/result.h"

namespace bz::sasl {

// A message-id nobody has seen before: 128 random bits and the time; also CRAM-MD5's challenge.
std::string make_timestamp(std::string_view host, const base::Clock& clock, base::Random& random);

struct ApopAnswer {
  std::string timestamp, user;
  std::string digest;  // 32 hex digits, as the client sent them
  std::string encode() const;
  static Result<ApopAnswer> decode(std::string_view bytes);
};

}  // namespace bz::sasl
