// What the mail transfer needs to know of accounts. The role that composes it answers through its channel to `auth`; tests
// answer by themselves.
#pragma once
#include <string>
#include <vector>

#include "base/task.h"
#include "model/ids.h"
#include "smtp/address.h"

namespace bz::queue {

struct LocalTarget {
  AccountId account;
  std::string account_name;
  smtp::Address address;         // to which it is delivered
  std::string server{}, host{};  // where the mailbox is, by the administrator's [[server]]s; empty: our mail store
};

struct RecipientVerdict {
  enum class Kind : uint8_t {
    Elsewhere,  // not a domain of ours
    Local,      // targets: one account, or more for a list
    Unknown,    // our domain, no such address
    Disabled,
  };
  Kind kind = Kind::Elsewhere;
  std::vector<LocalTarget> targets;
};

// Where an account's mailbox is.
struct MailboxPlace {
  bool gone = false;                     // there is no such account any more
  std::string server{}, host{}, user{};  // a [[server]] and the login name there; server empty: our mail store
  bool takes_mail = true;                // from us
  bool takes_sent_copy = true;
};

class Directory {
 public:
  virtual ~Directory() = default;
  // Errors are temporary.
  virtual Task<Result<RecipientVerdict>> lookup_recipient(smtp::Address address) = 0;
  // The null address asks: as anybody, the null sender included? True for hosts whose mail is relayed, not for people.
  virtual Task<Result<bool>> may_send_as(AccountId account, smtp::Address address) = 0;
  // As of now: people move. Errors are temporary; a mail host that is not allowed is one.
  virtual Task<Result<MailboxPlace>> place_of(AccountId) { co_return MailboxPlace{}; }
};

}  // namespace bz::queue
