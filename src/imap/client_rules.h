// What a client gets otherwise than the rest, by what it calls itself with ID (RFC 2971): one table, each row with its
// reason. RFC 2971 wants ID to change nothing; a phone that shows an empty mailbox for a minute is the worse evil
// (docs/decisions/0018). A hidden capability is left out of CAPABILITY and cannot be enabled; its commands still work.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bz::imap {

using IdFields = std::vector<std::pair<std::string, std::string>>;

struct ClientRule {
  std::string name;               // the field "name" of the ID, whole; "Foo*": anything that begins so. No case.
  std::string version;            // the field "version", likewise; empty: any
  std::vector<std::string> hide;  // capabilities: "THREAD=REFS", or "APPENDLIMIT" with any value
  std::vector<std::string> show;  // what a rule further down hides
  std::string reason;
};

// To whom a capability is offered that a rule may have to hide. Phones log in before they send ID and have read the list by
// then, so no rule can keep a client from it that has not said what it is.
enum class Offer : unsigned char { Never, ToNamed, Always };

std::span<const ClientRule> our_client_rules();

// The administrator's rules, then ours. Of several that fit, the first that names a capability decides about it.
class ClientRules {
 public:
  ClientRules() : ClientRules({}, true) {}
  ClientRules(std::vector<ClientRule> own, bool with_ours);
  // Empty fields: an unknown client, to which nothing of this applies.
  std::vector<std::string> hidden_from(const IdFields& id) const;
  std::span<const ClientRule> rules() const { return rules_; }

 private:
  std::vector<ClientRule> rules_;
};

// `capabilities`, separated by blanks, without what `hidden` names.
std::string without(std::string_view capabilities, std::span<const std::string> hidden);
bool is_hidden(std::string_view capability, std::span<const std::string> hidden);

}  // namespace bz::imap
