// The embedded directory: accounts and addresses in one kv partition. Runs on the executor it was opened for; every write
// is one commit, guarded by the records it read, so that of two writers at the same time one gets Conflict.
//
// Errors: NotFound (no such account or address), Exists, Invalid (an address that is none, a domain that is not ours),
// Denied (the state does not allow it), Conflict, Limit, Corrupt (a record, or the key file is another one), and what the
// store says. Texts are for the administrator.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "base/task.h"
#include "directory/devices.h"
#include "directory/source.h"
#include "kv/partition.h"

namespace bz::directory {

struct Options {
  std::vector<std::string> domains;  // ours, lower case; the first completes login names without "@"
  Secret seal_key;                   // 32 bytes; empty: no secrets that need_seal(), others lie unsealed
  crypto::PasswordCost cost{};       // of the decoy for unknown users
};

struct NewAccount {
  std::string name, display_name{};
  Quota quota{};
  std::vector<std::string> send_as{};
};
struct Alias {
  std::string address;
  std::vector<std::string> accounts;  // login names
};

class Embedded : public Source, public Bindings {
 public:
  static Task<Result<std::unique_ptr<Embedded>>> open(kv::Store& store, base::Executor& executor, Options options,
                                                      const base::Clock& clock, base::Random& random);
  void set_domains(std::vector<std::string> domains) { options_.domains = std::move(domains); }
  bool is_our_domain(std::string_view domain) const;
  bool can_seal() const { return !options_.seal_key.empty(); }

  // Source. Unknown users get a decoy: see decoy().
  std::string_view name() const override { return "embedded"; }
  Task<Result<LoginRecord>> login(std::string user) override;
  Task<Result<PasswordVerdict>> check_password(LoginRecord record, Secret password) override;
  Task<Result<RecipientAnswer>> recipients(std::string address) override;
  Task<Result<bool>> may_send_as(AccountId account, std::string address) override;
  Task<Result<Account>> by_id(AccountId id) override;
  Task<std::vector<Finding>> explain(std::string user, std::optional<Secret> password) override;

  // A login name as the directory calls it: lower case, with our first domain where it has none.
  std::string login_name(std::string_view user) const;
  // Secrets nobody opens, the same each time for one name.
  Secrets decoy(std::string_view name) const;

  // Bindings (embedded_bindings.cc). bind() runs one at a time.
  Task<Result<Binding>> bind(std::string source, std::string directory_id, std::string name) override;
  Task<Result<Binding>> binding(AccountId account) override;

  // Of all accounts, those of other directories too.
  Devices& devices() { return *devices_; }

  // Administration.
  Task<Result<Account>> by_name(std::string name);
  Task<Result<Account>> add(NewAccount account, Secrets secrets);
  Task<Result<Account>> set_secrets(std::string name, Secrets secrets);  // not of a removed account
  Task<Result<Account>> set_state(std::string name, State state);        // Active, Disabled or Removed
  Task<Result<Account>> set_quota(std::string name, Quota quota);
  Task<Result<Account>> set_send_as(std::string name, std::vector<std::string> addresses);
  // Where the mailbox is: a server's name or host, empty for what the administrator's rules say. Invalid: too long.
  Task<Result<Account>> set_route(std::string name, std::string mail_host, std::string server_type);
  // Only a removed account: frees its name and aliases, forgets its secrets and devices. Its mail is the mail store's to
  // drop.
  Task<Result<Account>> purge(std::string name);
  Task<Result<std::vector<Account>>> list(bool with_purged = false);
  Task<Result<Alias>> alias_add(std::string address, std::vector<std::string> accounts);  // adds to what is there
  // Empty `account`: the whole alias.
  Task<Result<void>> alias_remove(std::string address, std::string account);
  Task<Result<std::vector<Alias>>> aliases();

 private:
  Embedded(Options options, const base::Clock& clock, base::Random& random);
  struct Header {
    uint64_t next_id = 1;
    std::string fake_key;
    std::string encode() const;
    static Result<Header> decode(std::string_view bytes);
  };
  struct Stored {  // an account and the bytes it was read from, for the guard
    Account account;
    std::string bytes;
  };
  Result<std::string> our_address(std::string_view text) const;
  Result<std::string> seal_secrets(AccountId id, const Secrets& secrets);
  Result<Secrets> open_secrets(AccountId id, std::string_view bytes) const;
  Task<Result<std::optional<Name>>> find_name(std::string address);
  Task<Result<std::optional<Name>>> find_recipient(std::string address);
  Task<Result<Stored>> load(AccountId id);
  Task<Result<Stored>> load_by_name(std::string name);
  Task<Result<void>> save(Stored stored, kv::Batch batch);
  Task<Result<void>> drop_aliases(AccountId id);
  struct BindTurn;
  Task<Result<Binding>> bind_alone(std::string source, std::string directory_id, std::string name);
  Task<Result<Binding>> make_binding(std::string key, Binding wanted);

  Options options_;
  const base::Clock& clock_;
  base::Random& random_;
  std::unique_ptr<kv::Partition> partition_;
  std::unique_ptr<Devices> devices_;
  Secret fake_key_;
  std::string decoy_verifier_;
  bool binding_now_ = false;
  std::vector<base::Completion<bool>::Promise> binding_next_;
};

}  // namespace bz::directory
