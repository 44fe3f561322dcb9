// Mailboxes of other accounts (RFC 2342, RFC 4314; docs/decisions/0026-acl.md): where a name of a mailbox leads, and what
// the session's user may do there. Everything on the session's lane: an account that lives on another one comes as a
// store::Account that looks like any other.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/account.h"

namespace bz::imapd {

class Session;

inline constexpr std::string_view kOthersRoot = "Other Users";     // itself no mailbox
inline constexpr std::string_view kOthersPrefix = "Other Users/";  // then the owner's address, "/", the owner's name for it

// What sessions of one lane may ask about other accounts. Outlives them.
class OtherUsers {
 public:
  virtual ~OtherUsers() = default;
  // The one account of this address, or alias. NotFound: there is none whose mail is here.
  virtual Task<Result<store::Identity>> identify(std::string address) = 0;
  virtual Task<Result<std::shared_ptr<store::Account>>> open(AccountId owner) = 0;
  // Who has ever given something to the user, or to anyone of the user's domain; not the user.
  virtual Task<Result<std::vector<store::Identity>>> owners(store::Identity user) = 0;
  // Durable when done. `with` not set: anyone. To be called before the entry is made, so that owners() misses none.
  virtual Task<Result<void>> shares(store::Identity owner, AccountId with) = 0;
};

// Where a name leads.
struct Place {
  std::shared_ptr<store::Account> account;
  std::string name;    // in that account
  std::string prefix;  // before it in what the client says; empty: the user's own account
  bool own() const { return prefix.empty(); }
};
// NotFound: no such owner.
Task<Result<Place>> reach(Session& s, std::string name);

store::Identity identity_of(const store::Account& account);
store::Rights rights_in(Session& s, const store::Account& account, const store::MailboxInfo& info);
// The mailbox of a place, if the user has all of `needed`. Else Denied, or NotFound where the user may not even know that
// it is there (RFC 4314 section 6).
Result<const store::MailboxInfo*> permitted(Session& s, const Place& place, store::Rights needed);
// The same with any one of `any_of`.
Result<const store::MailboxInfo*> permitted_any(Session& s, const Place& place, store::Rights any_of);
// For a mailbox that is to be made: the nearest parent that is there must let the user create below it (section 4).
Result<void> may_create(Session& s, const Place& place);
// Which flags may be set or taken away with these rights (section 4, STORE).
FlagBits system_flags_for(store::Rights rights);
// Those of `flags` that may be.
FlagList only_permitted(FlagList flags, store::Rights rights);

}  // namespace bz::imapd
