// Command lines of POP3: a keyword of three or four letters, then its arguments (RFC 1939 section 3; RFC 2449, 2595, 5034,
// 6856). What a command may say is decided here; whether it may be said now is decided by who reads it.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace bz::pop3 {

enum class Verb : uint8_t {
  Unknown,
  // before login
  Apop,
  Auth,
  Pass,
  Stls,
  User,
  Utf8,
  // after login
  Dele,
  List,
  Noop,
  Retr,
  Rset,
  Stat,
  Top,
  Uidl,
  // both
  Capa,
  Lang,
  Quit,
};
std::string_view name(Verb verb);

// Views into the line. Exactly the members that the verb has are set.
struct Command {
  Verb verb = Verb::Unknown;
  std::string_view refusal{};  // set: the line is not well-formed, and this is why
  std::string_view text{};     // USER, APOP: the name; PASS: all behind the space; AUTH: the mechanism; LANG: the range
  std::optional<std::string_view> second{};  // APOP: the digest; AUTH: the initial response, undecoded
  std::optional<uint32_t> message{};         // LIST, UIDL (may lack it), RETR, DELE, TOP: at least 1
  uint32_t lines = 0;                        // TOP; numbers beyond its range are its largest
};

Command parse_command(std::string_view line);

}  // namespace bz::pop3
