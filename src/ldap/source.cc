#include "ldap/source.h"

#include <algorithm>

#include "base/log.h"
#include "intl/idna.h"

namespace bz::ldap {

namespace {

using directory::LoginRecord;
using directory::State;

class ClientAsker : public Asker {
 public:
  ClientAsker(net::Loop& loop, ClientOptions options) : client_(loop, std::move(options)) {}
  Task<Result<Client::Found>> search(Search search, net::Deadline deadline) override {
    return client_.search(std::move(search), deadline);
  }
  Task<Result<Client::Verdict>> check(std::string dn, Secret password, net::Deadline deadline) override {
    return client_.check(std::move(dn), std::move(password), deadline);
  }
  std::string state() const override { return client_.state(); }

 private:
  Client client_;
};

constexpr base::Millis kLogEvery{60'000};

}  // namespace

std::unique_ptr<Asker> make_asker(net::Loop& loop, ClientOptions options) {
  return std::make_unique<ClientAsker>(loop, std::move(options));
}

Source::Source(std::unique_ptr<Asker> asker, SourceOptions options, directory::Bindings& bindings, const base::Clock& clock)
    : asker_(std::move(asker)),
      options_(std::move(options)),
      bindings_(bindings),
      clock_(clock),
      persons_(clock, options_.max_cached),
      recipients_(clock, options_.max_cached) {}

// Names ---------------------------------------------------------------------------------------------------------------

std::string Source::complete(std::string_view user) const {
  std::string name = directory::normal_login(user);
  if (name.find('@') == name.npos && !options_.domains.empty()) name += "@" + options_.domains[0];
  return name;
}

bool Source::is_ours(std::string_view address) const {
  return std::any_of(options_.domains.begin(), options_.domains.end(),
                     [&](const std::string& domain) { return intl::same_domain(domain, directory::domain_part(address)); });
}

// A directory that passes over spaces or case would otherwise give one account many names.
std::optional<std::string> Source::address_of(std::string_view user) const {
  auto address = directory::normal_address(complete(user));
  if (address && address->starts_with('@')) address.reset();
  return address;
}

// In a domain whose mail is not ours a name must be what the entry calls its login, as a user principal name is: a private
// mail address that stands there as well was never meant as one.
std::optional<std::string> Source::login_filter(std::string_view user) const {
  const auto address = address_of(user);
  if (!address) return std::nullopt;
  std::string filter = options_.user_filter.fill({directory::normal_login(user), *address});
  if (is_ours(*address)) return filter;
  std::string names;
  for (const std::string& name : options_.schema.of(Field::Login))
    names += "(" + name + "=" + escape_filter(*address) + ")";
  if (names.empty()) return std::nullopt;
  return "(&" + filter + "(|" + names + "))";
}

// One person ------------------------------------------------------------------------------------------------------------

Search Source::person_search(std::string filter) const {
  auto secrets = options_.mode == SourceOptions::Mode::Secrets ? Schema::Secrets::Yes : Schema::Secrets::No;
  return {options_.base, Search::Scope::Subtree, std::move(filter), options_.schema.wanted(secrets), 2};
}

Task<Result<Source::Found>> Source::ask_person(Search search, net::Deadline deadline) {
  std::string filter = search.filter;
  auto searching = asker_->search(std::move(search), deadline);
  auto found = co_await std::move(searching);
  if (!found) co_return std::move(found).error();
  if (found->entries.empty()) co_return Found();
  if (found->entries.size() > 1)
    co_return fail(Errc::Conflict,
                   "more than one entry matches " + filter + ": " + found->entries[0].dn + " and " + found->entries[1].dn);
  auto person = person_of(found->entries[0], options_.schema, options_.domains, clock_.unix_seconds());
  if (!person) {
    log::event(log::Warn, "directory_entry_refused").field("directory", options_.name).error(person.error());
    co_return Found();
  }
  auto checking = check_group(*person, deadline);
  BZ_CO_TRY_VOID(co_await std::move(checking));
  auto grouping = find_groups(*person, deadline);
  BZ_CO_TRY_VOID(co_await std::move(grouping));
  auto numbering = give_number(*person);
  BZ_CO_TRY_VOID(co_await std::move(numbering));
  co_return Found(std::move(*person));
}

Task<Result<Source::Found>> Source::ask_and_keep(std::string key, Search search, net::Deadline deadline) {
  auto asking = ask_person(std::move(search), deadline);
  auto found = co_await std::move(asking);
  if (!found) co_return std::move(found);
  persons_.put(key, *found);
  if (*found) persons_.put("n" + std::to_string((*found)->account.id.value()), *found);
  co_return std::move(found);
}

Task<Result<void>> Source::give_number(Person& person) {
  auto binding = bindings_.bind(options_.name, person.directory_id, person.account.name);
  BZ_CO_TRY(directory::Binding bound, co_await std::move(binding));
  person.account.id = bound.account;
  person.account.created = bound.created;
  co_return Result<void>();
}

Task<Result<bool>> Source::is_member(std::string group, std::string dn, std::string uid, net::Deadline deadline) {
  Search search;
  search.scope = Search::Scope::Base;
  search.attributes = {"1.1"};  // none (RFC 4511 4.5.1.8)
  if (options_.schema.in_chain) {
    search.base = dn;
    search.filter = "(memberOf:1.2.840.113556.1.4.1941:=" + escape_filter(group) + ")";
  } else {
    search.base = group;
    search.filter = "(|";
    for (const std::string& name : options_.schema.of(Field::Member))
      search.filter += "(" + name + "=" + escape_filter(dn) + ")";
    for (const std::string& name : options_.schema.of(Field::MemberUid))
      if (!uid.empty()) search.filter += "(" + name + "=" + escape_filter(uid) + ")";
    search.filter += ")";
  }
  auto searching = asker_->search(std::move(search), deadline);
  BZ_CO_TRY(Client::Found found, co_await std::move(searching));
  co_return !found.entries.empty();
}

Task<Result<void>> Source::check_group(Person& person, net::Deadline deadline) {
  if (options_.require_group.empty() || person.account.state != State::Active) co_return Result<void>();
  auto asking = is_member(options_.require_group, person.dn, person.login, deadline);
  BZ_CO_TRY(bool member, co_await std::move(asking));
  if (member) co_return Result<void>();
  person.account.state = State::Disabled;
  person.why_not_active = "not a member of " + options_.require_group;
  ++person.account.verifier_version;
  co_return Result<void>();
}

// A group that cannot be asked about is an error: to guess would bring mail to two places.
Task<Result<void>> Source::find_groups(Person& person, net::Deadline deadline) {
  for (const std::string& group : options_.route_groups) {
    auto asking = is_member(group, person.dn, person.login, deadline);
    BZ_CO_TRY(bool member, co_await std::move(asking));
    if (member) person.account.groups.push_back(group);
  }
  co_return Result<void>();
}

void Source::log_stale(const Error& why) {
  auto now = clock_.mono();
  if (stale_logged_ != base::MonoTime{} && now - stale_logged_ < kLogEvery) return;
  stale_logged_ = now;
  log::event(log::Warn, "directory_answers_from_memory").field("directory", options_.name).error(why);
}

Task<Result<Source::Found>> Source::find_login(std::string user, net::Deadline deadline) {
  auto filter = login_filter(user);
  if (!filter) co_return Found();
  std::string key = "u" + directory::normal_login(user);
  auto hit = persons_.find(key, options_.cache);
  if (hit.value && (*hit.value ? hit.fresh : persons_.find(key, {options_.negative, {}}).fresh)) co_return *hit.value;
  auto asking = ask_and_keep(key, person_search(std::move(*filter)), deadline);
  auto merging = asked_persons_.merge(key, std::move(asking));
  auto found = co_await std::move(merging);
  if (found) co_return std::move(found);
  hit = persons_.find(key, options_.cache);
  if (!hit.value || !*hit.value) co_return std::move(found);
  log_stale(found.error());
  co_return *hit.value;
}

Task<Result<Source::Found>> Source::find_id(AccountId id, net::Deadline deadline) {
  std::string key = "n" + std::to_string(id.value());
  auto hit = persons_.find(key, options_.cache);
  if (hit.value && hit.fresh) co_return *hit.value;
  auto looking = bindings_.binding(id);
  BZ_CO_TRY(directory::Binding binding, co_await std::move(looking));
  if (binding.source != options_.name) co_return Found();
  const auto& names = options_.schema.of(Field::Id);
  Search search = person_search("");
  // A DN is the id where there is no better one: it cannot be a UUID.
  if (names.empty() || (!options_.schema.binary_id && binding.directory_id.find('=') != std::string::npos)) {
    search.base = binding.directory_id;
    search.scope = Search::Scope::Base;
    search.filter = "(objectClass=*)";
  } else {
    search.filter = "(" + names[0] + "=" + escape_filter(binding.directory_id) + ")";
  }
  auto asking = ask_and_keep(key, std::move(search), deadline);
  auto merging = asked_persons_.merge(key, std::move(asking));
  auto found = co_await std::move(merging);
  if (found) co_return std::move(found);
  hit = persons_.find(key, options_.cache);
  if (!hit.value || !*hit.value) co_return std::move(found);
  log_stale(found.error());
  co_return *hit.value;
}

// Questions -------------------------------------------------------------------------------------------------------------

Task<Result<LoginRecord>> Source::login(std::string user) {
  LoginRecord record;
  record.account.name = complete(user);
  net::Deadline deadline = net::Deadline::in(options_.time);
  auto finding = find_login(std::move(user), deadline);
  BZ_CO_TRY(Found found, co_await std::move(finding));
  if (!found) co_return std::move(record);
  record.known = true;
  record.source = options_.name;
  record.account = found->account;
  record.until = deadline.at();
  if (options_.mode == SourceOptions::Mode::Bind) {
    record.check = LoginRecord::Check::Source;
    record.subject = found->dn;
    record.fresh = options_.cache.fresh;
    record.of_strangers = options_.stranger_binds;
    co_return std::move(record);
  }
  record.check = LoginRecord::Check::Stored;
  record.stored = found->passwords;
  record.secrets.credentials.scram = found->scram;
  if (!found->nt_hash.empty()) record.secrets.credentials.nt_hash = Secret(found->nt_hash);
  co_return std::move(record);
}

Task<Result<directory::PasswordVerdict>> Source::check_password(LoginRecord record, Secret password) {
  if (record.check != LoginRecord::Check::Source || record.subject.empty())
    co_return fail(Errc::Internal, "not a record of a bind");
  net::Deadline deadline(std::min(record.until, net::Deadline::in(options_.time).at()));
  auto checking = asker_->check(record.subject, std::move(password), deadline);
  BZ_CO_TRY(Client::Verdict verdict, co_await std::move(checking));
  using directory::PasswordVerdict;
  if (verdict.right) co_return PasswordVerdict::Right;
  co_return is_closed_account(verdict.text) ? PasswordVerdict::Closed : PasswordVerdict::Wrong;
}

Task<Result<bool>> Source::may_send_as(AccountId account, std::string text) {
  auto finding = find_id(account, net::Deadline::in(options_.time));
  BZ_CO_TRY(Found found, co_await std::move(finding));
  auto address = directory::normal_address(text);
  if (!found || found->account.state != State::Active || !address || address->starts_with('@')) co_return false;
  auto has = [](const std::vector<std::string>& list, const std::string& one) {
    return std::find(list.begin(), list.end(), one) != list.end();
  };
  co_return has(found->account.send_as, *address) || has(found->addresses, *address) ||
      has(found->addresses, directory::untagged(*address));
}

Task<Result<directory::Account>> Source::by_id(AccountId id) {
  auto finding = find_id(id, net::Deadline::in(options_.time));
  BZ_CO_TRY(Found found, co_await std::move(finding));
  if (!found) co_return fail(Errc::NotFound, "account " + std::to_string(id.value()) + " is not in " + options_.name);
  co_return std::move(found->account);
}

}  // namespace bz::ldap
