// What knows accounts and addresses: the embedded directory (embedded.h), an LDAP server (src/ldap), or several in order
// (chain.h). Logins and mail ask through this one interface; administration is the embedded directory's own.
//
// One thread: the loop's. Errors of every question are temporary (the source is down, slow or broken): a name that is not
// known is an answer, never an error. by_id alone says NotFound.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "directory/entry.h"

namespace bz::directory {

// What a login needs. Unknown users get one too, of the same cost: `known` is false and nothing in it opens.
struct LoginRecord {
  // Who tells whether a password is right.
  enum class Check : uint8_t {
    Argon2id,  // secrets.argon2id
    Stored,    // any of `stored` (crypto/password_scheme.h)
    Source,    // the source itself, by check_password()
  };
  bool known = false;
  Account account{};  // unknown: only the name as normalised
  Secrets secrets{};
  Check check = Check::Argon2id;
  std::vector<Secret> stored{};
  std::string source{};                      // name of the source that knows the account
  base::Millis fresh = base::Millis::max();  // Check::Source: a right password needs no new check for so long
  std::string subject{};                     // Check::Source: who this is over there, a DN
  base::MonoTime until{};                    // Check::Source: the login's own time ends then
  size_t of_strangers = 1;                   // Check::Source: so many passwords of theirs may be checked at the same time
};

// What a source says of a password.
enum class PasswordVerdict : uint8_t {
  Wrong,
  Right,
  Closed,  // the account is locked or its password has expired: refused whatever the password is
};

struct Recipient {
  AccountId account;
  std::string name;     // login name
  std::string address;  // the address asked for, normalised
};
struct RecipientAnswer {
  enum class Kind : uint8_t { NotOurs = 0, Local = 1, NoSuchAddress = 2, Disabled = 4 };
  Kind kind = Kind::NotOurs;
  std::vector<Recipient> recipients{};  // Local only
  bool catch_all = false;               // only "@domain" knew it: a source that has the address itself goes first
};

// One step of a look-up in plain words, for the administrator. Never holds a secret.
struct Finding {
  enum class Kind : uint8_t { Note, Good, Bad };
  Kind kind = Kind::Note;
  std::string step;  // one word: "search", "group", "bind"
  std::string text;
};

class Source {
 public:
  virtual ~Source() = default;
  virtual std::string_view name() const = 0;  // unique in one system
  // `user` as the client wrote it. An account that is known but may not log in is known, with another state than Active.
  virtual Task<Result<LoginRecord>> login(std::string user) = 0;
  // Of a record of this source with Check::Source. An empty password is never right (RFC 4513 5.1.2).
  virtual Task<Result<PasswordVerdict>> check_password(LoginRecord record, Secret password) = 0;
  // Order: the address, the address without "+tag", "@domain".
  virtual Task<Result<RecipientAnswer>> recipients(std::string address) = 0;
  // An address of the account (with any +tag) or one of its send-as list. The empty address asks for more: may it send as
  // anybody, the null sender included ("*" in the list)?
  virtual Task<Result<bool>> may_send_as(AccountId account, std::string address) = 0;
  virtual Task<Result<Account>> by_id(AccountId id) = 0;
  // The look-up and, with a password, the login, told step by step. Changes nothing.
  virtual Task<std::vector<Finding>> explain(std::string user, std::optional<Secret> password) = 0;
};

// The local number of an account whose home is another directory: given at the first look-up, kept for ever, so that a
// renamed user keeps his mail. `directory_id` does not change there: entryUUID, objectGUID, or the DN where there is
// neither.
struct Binding {
  AccountId account;
  std::string source, directory_id;
  std::string name;     // login name when last seen
  int64_t created = 0;  // Unix seconds
  std::string encode() const;
  static Result<Binding> decode(std::string_view bytes);
};
class Bindings {
 public:
  virtual ~Bindings() = default;
  // Finds the binding or makes it; a new name is written down.
  virtual Task<Result<Binding>> bind(std::string source, std::string directory_id, std::string name) = 0;
  virtual Task<Result<Binding>> binding(AccountId account) = 0;  // NotFound
};

// "ana" of "ana+shop@x.test"; empty: there is no tag.
std::string untagged(std::string_view address);

}  // namespace bz::directory
