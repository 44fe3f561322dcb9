// Names of strangers in search filters and distinguished names. What a client typed reaches a filter through
// FilterTemplate only, and a DN that a server gave reaches one through escape_filter(): there is no other way in.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bz::ldap {

// RFC 4515 section 3: every byte but letters, digits and a few harmless marks as "\hh"; bytes above 0x7f too.
std::string escape_filter(std::string_view value);
// RFC 4514 section 2.4, for the value of one attribute of a DN.
std::string escape_dn(std::string_view value);
// Equal as DNs as far as spelling goes: case, spaces around "=", "," and "+". Enough for values of one server.
bool same_dn(std::string_view a, std::string_view b);

// Who is looked for.
struct Asked {
  std::string user;     // as typed
  std::string address;  // complete and lower case: "ana@example.org"
};

// "(|(uid={user})(mail={address}))": {user}, {address}, {local} and {domain} (the halves of the address), each escaped.
class FilterTemplate {
 public:
  FilterTemplate() = default;  // empty: asks for nothing
  // Invalid: unbalanced parentheses, an unknown name in braces, over 2,000 bytes.
  static Result<FilterTemplate> parse(std::string_view text);
  std::string fill(const Asked& asked) const;
  bool empty() const { return pieces_.empty(); }

 private:
  struct Piece {
    enum class Kind : uint8_t { Text, User, Address, Local, Domain } kind;
    std::string text;
  };
  std::vector<Piece> pieces_;
};

}  // namespace bz::ldap
