// Address lists of RFC 5322 section 3.4 with groups, comments, routes and the obsolete forms of section 4.4, read the way
// clients need it: nothing is refused, what is no address becomes the best that can be shown. Encoded words (RFC 2047) stay
// encoded, also those with bare quotes inside that some phones write. Paths of SMTP are stricter and not read here.
// No I/O, any thread; the cost is linear in the text and the list is bounded.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bz::mime {

struct Address {
  enum class Kind : unsigned char { Mailbox, GroupStart, GroupEnd };
  Kind kind = Kind::Mailbox;
  std::string name;     // display name, unquoted; of a GroupStart the group's name; else the last comment, if any
  std::string route;    // obsolete source route "@a,@b", mostly empty
  std::string mailbox;  // local part, unquoted
  std::string host;     // domain; empty: the text had none
  bool operator==(const Address&) const = default;
};

inline constexpr size_t kMaxAddresses = 5000;

// `value` may be folded. At most `limit` entries; what follows is dropped (open groups are closed).
std::vector<Address> parse_address_list(std::string_view value, size_t limit = kMaxAddresses);

// An addr-spec alone: local part (quoted-string or dot-atom, 8-bit allowed, RFC 6532) and domain (dot-atom or [literal]).
// nullopt unless the whole text is one. The local part comes back unquoted.
struct AddrSpec {
  std::string local;
  std::string domain;
};
std::optional<AddrSpec> parse_addr_spec(std::string_view text);

// The way back: local part quoted if it must be (RFC 5322 section 3.4.1).
std::string format_addr_spec(std::string_view local, std::string_view domain);
// `"Name" <local@domain>`; the name is quoted or encoded (RFC 2047) as needed.
std::string format_mailbox(std::string_view name_utf8, std::string_view local, std::string_view domain);

}  // namespace bz::mime
