// An LDAP directory as a source of accounts: people who log in, addresses that take mail, groups as distribution lists.
//
// Who asks what is being asked already waits for that answer (flights.h). Answers are kept: `fresh` saves the question,
// `stale` stands in while the directory does not answer, so that mail flows on. That somebody is not there is kept for
// `negative` only and never stands in. Passwords of binds are remembered by authd, not here.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "directory/source.h"
#include "ldap/cache.h"
#include "ldap/client.h"
#include "ldap/filter.h"
#include "ldap/flights.h"

namespace bz::ldap {

struct SourceOptions {
  std::string name;  // unique; part of the bindings' keys
  enum class Mode : uint8_t {
    Bind,     // passwords are checked by a bind as the user
    Secrets,  // the service account reads userPassword and the like
  } mode = Mode::Bind;
  std::vector<std::string> domains;  // ours; the first completes login names
  std::string base, group_base;
  Schema schema;
  FilterTemplate user_filter, address_filter, group_filter;  // of the schema, parsed
  std::string require_group{};                               // DN; empty: anybody
  std::vector<std::string> route_groups{};                   // DNs: which of them a person is in, for Account::groups
  base::Millis time{3000};                                   // one login: look-up and bind together
  CacheTimes cache{};
  base::Millis negative{10'000};
  size_t stranger_binds = 1;  // at the same time
  size_t max_cached = 100'000;
  size_t max_group_members = 1000, max_group_depth = 5;
};

// What the source asks; the seam for tests.
class Asker {
 public:
  virtual ~Asker() = default;
  virtual Task<Result<Client::Found>> search(Search search, net::Deadline deadline) = 0;
  virtual Task<Result<Client::Verdict>> check(std::string dn, Secret password, net::Deadline deadline) = 0;
  virtual std::string state() const = 0;
};

class Source : public directory::Source {
 public:
  Source(std::unique_ptr<Asker> asker, SourceOptions options, directory::Bindings& bindings, const base::Clock& clock);

  std::string_view name() const override { return options_.name; }
  Task<Result<directory::LoginRecord>> login(std::string user) override;
  Task<Result<directory::PasswordVerdict>> check_password(directory::LoginRecord record, Secret password) override;
  Task<Result<directory::RecipientAnswer>> recipients(std::string address) override;
  Task<Result<bool>> may_send_as(AccountId account, std::string address) override;
  Task<Result<directory::Account>> by_id(AccountId id) override;
  Task<std::vector<directory::Finding>> explain(std::string user, std::optional<Secret> password) override;

 private:
  using Found = std::optional<Person>;
  using Findings = std::vector<directory::Finding>;
  std::string complete(std::string_view user) const;
  // What could be an address, complete and normalised; nullopt: nothing to ask a directory for.
  std::optional<std::string> address_of(std::string_view user) const;
  bool is_ours(std::string_view address) const;
  std::optional<std::string> login_filter(std::string_view user) const;  // nullopt: no name an entry could have

  // source.cc: one person. With a cache before it, and without.
  Task<Result<Found>> find_login(std::string user, net::Deadline deadline);
  Task<Result<Found>> find_id(AccountId id, net::Deadline deadline);
  Task<Result<Found>> ask_and_keep(std::string key, Search search, net::Deadline deadline);
  Task<Result<Found>> ask_person(Search search, net::Deadline deadline);
  Task<Result<void>> check_group(Person& person, net::Deadline deadline);
  Task<Result<void>> find_groups(Person& person, net::Deadline deadline);
  Task<Result<bool>> is_member(std::string group, std::string dn, std::string uid, net::Deadline deadline);
  Task<Result<void>> give_number(Person& person);
  Search person_search(std::string filter) const;
  void log_stale(const Error& why);

  // recipients.cc
  struct Expansion;
  Task<Result<directory::RecipientAnswer>> find_recipients(std::string address, net::Deadline deadline);
  Task<Result<directory::RecipientAnswer>> ask_recipients(std::string address, net::Deadline deadline);
  Task<Result<directory::RecipientAnswer>> ask_group(std::string address, net::Deadline deadline);
  Task<Result<void>> expand_in_chain(Expansion& expansion, std::string group, net::Deadline deadline);
  Task<Result<void>> expand(Expansion& expansion, Entry group, net::Deadline deadline);
  Task<Result<void>> read_members(Expansion& expansion, const Entry& group, std::vector<Entry>& groups,
                                  net::Deadline deadline);
  Task<Result<void>> take_member(Expansion& expansion, const Entry& entry);

  // explain.cc
  Task<void> explain_person(Findings& out, const Person& person, std::optional<Secret> password, net::Deadline deadline);

  std::unique_ptr<Asker> asker_;
  SourceOptions options_;
  directory::Bindings& bindings_;
  const base::Clock& clock_;
  Cache<Found> persons_;  // "u" login name, "n" number
  Cache<directory::RecipientAnswer> recipients_;
  Flights<Found> asked_persons_;  // by the keys of persons_
  Flights<directory::RecipientAnswer> asked_recipients_;
  base::MonoTime stale_logged_{};
};

// The real one.
std::unique_ptr<Asker> make_asker(net::Loop& loop, ClientOptions options);

}  // namespace bz::ldap
