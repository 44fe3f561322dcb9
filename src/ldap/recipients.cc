// Addresses that take mail: people, and groups with an address as distribution lists.
#include <algorithm>
#include <set>

#include "base/log.h"
#include "ldap/source.h"

namespace bz::ldap {

namespace {
using directory::Recipient;
using directory::RecipientAnswer;
using directory::State;
using Kind = RecipientAnswer::Kind;

constexpr size_t kUidsPerSearch = 50;
}  // namespace

// A group on its way to its members. What was seen is not seen again: groups may hold each other.
struct Source::Expansion {
  std::string address;
  RecipientAnswer answer{};
  std::set<std::string> seen{};  // DNs, lower case
  std::set<AccountId> taken{};
  size_t read = 0;
};

Task<Result<RecipientAnswer>> Source::recipients(std::string text) {
  RecipientAnswer none;
  auto address = address_of(text);
  none.kind = Kind::NoSuchAddress;
  if (!address || !is_ours(*address) || text.find('@') == text.npos) co_return std::move(none);
  net::Deadline deadline = net::Deadline::in(options_.time);
  auto hit = recipients_.find(*address, options_.cache);
  auto is_none = [](const RecipientAnswer& answer) { return answer.kind == Kind::NoSuchAddress; };
  if (hit.value) {
    bool usable = is_none(*hit.value) ? recipients_.find(*address, {options_.negative, {}}).fresh : hit.fresh;
    if (usable) co_return *hit.value;
  }
  auto finding = find_recipients(*address, deadline);
  auto merging = asked_recipients_.merge(*address, std::move(finding));
  auto answer = co_await std::move(merging);
  if (answer) co_return std::move(answer);
  hit = recipients_.find(*address, options_.cache);
  if (!hit.value || is_none(*hit.value)) co_return std::move(answer);
  log_stale(answer.error());
  co_return *hit.value;
}

// The address, then the one without its tag; what is found is kept.
Task<Result<RecipientAnswer>> Source::find_recipients(std::string address, net::Deadline deadline) {
  RecipientAnswer found;
  found.kind = Kind::NoSuchAddress;
  const std::vector<std::string> candidates{address, directory::untagged(address)};
  for (const std::string& candidate : candidates) {
    if (candidate.empty() || found.kind != Kind::NoSuchAddress) continue;
    auto asking = ask_recipients(candidate, deadline);
    BZ_CO_TRY(found, co_await std::move(asking));
  }
  for (Recipient& r : found.recipients) r.address = address;
  recipients_.put(address, found);
  co_return std::move(found);
}

Task<Result<RecipientAnswer>> Source::ask_recipients(std::string address, net::Deadline deadline) {
  auto asking = ask_person(person_search(options_.address_filter.fill({address, address})), deadline);
  BZ_CO_TRY(Found found, co_await std::move(asking));
  if (!found) {
    auto grouping = ask_group(std::move(address), deadline);
    auto answer = co_await std::move(grouping);
    co_return std::move(answer);
  }
  RecipientAnswer answer;
  answer.kind = found->account.state == State::Active ? Kind::Local : Kind::Disabled;
  if (answer.kind == Kind::Local) answer.recipients.push_back({found->account.id, found->account.name, address});
  co_return std::move(answer);
}

Task<Result<RecipientAnswer>> Source::ask_group(std::string address, net::Deadline deadline) {
  Expansion expansion{std::move(address)};
  expansion.answer.kind = Kind::NoSuchAddress;
  if (options_.group_filter.empty()) co_return std::move(expansion.answer);
  Search search{options_.group_base, Search::Scope::Subtree,
                options_.group_filter.fill({expansion.address, expansion.address}),
                options_.schema.wanted(Schema::Secrets::No), 2};
  auto searching = asker_->search(std::move(search), deadline);
  BZ_CO_TRY(Client::Found found, co_await std::move(searching));
  if (found.entries.empty()) co_return std::move(expansion.answer);
  if (found.entries.size() > 1) co_return fail(Errc::Conflict, "more than one group has the address " + expansion.address);
  std::string dn = found.entries[0].dn;
  Task<Result<void>> expanding;
  if (options_.schema.in_chain) {
    expanding = expand_in_chain(expansion, dn, deadline);
  } else {
    expanding = expand(expansion, std::move(found.entries[0]), deadline);
  }
  BZ_CO_TRY_VOID(co_await std::move(expanding));
  // A list without anybody to take the mail: somebody should hear of it.
  expansion.answer.kind = expansion.answer.recipients.empty() ? Kind::Disabled : Kind::Local;
  co_return std::move(expansion.answer);
}

// Active Directory follows groups of groups itself.
Task<Result<void>> Source::expand_in_chain(Expansion& expansion, std::string group, net::Deadline deadline) {
  Search search = person_search("(&(objectClass=user)(memberOf:1.2.840.113556.1.4.1941:=" + escape_filter(group) + "))");
  search.max_entries = options_.max_group_members;
  auto searching = asker_->search(std::move(search), deadline);
  BZ_CO_TRY(Client::Found found, co_await std::move(searching));
  for (const Entry& entry : found.entries) {
    auto taking = take_member(expansion, entry);
    BZ_CO_TRY_VOID(co_await std::move(taking));
  }
  co_return Result<void>();
}

Task<Result<void>> Source::expand(Expansion& expansion, Entry group, net::Deadline deadline) {
  std::vector<Entry> level{std::move(group)};
  expansion.seen.insert(base::lower(level[0].dn));
  for (size_t depth = 0; !level.empty(); ++depth) {
    if (depth >= options_.max_group_depth) {
      log::event(log::Warn, "group_too_deep").field("directory", options_.name).field("address", expansion.address);
      break;
    }
    std::vector<Entry> next;
    for (const Entry& one : level) {
      auto reading = read_members(expansion, one, next, deadline);
      BZ_CO_TRY_VOID(co_await std::move(reading));
    }
    level = std::move(next);
  }
  co_return Result<void>();
}

Task<Result<void>> Source::read_members(Expansion& expansion, const Entry& group, std::vector<Entry>& groups,
                                        net::Deadline deadline) {
  std::vector<Search> searches;
  for (const std::string& dn : group.values(options_.schema, Field::Member)) {
    if (!expansion.seen.insert(base::lower(dn)).second) continue;
    Search search = person_search("(objectClass=*)");
    search.base = dn;
    search.scope = Search::Scope::Base;
    searches.push_back(std::move(search));
  }
  auto uids = group.values(options_.schema, Field::MemberUid);
  const auto& logins = options_.schema.of(Field::Login);
  for (size_t i = 0; i < uids.size() && !logins.empty(); i += kUidsPerSearch) {
    std::string filter = "(|";
    for (size_t j = i; j < std::min(uids.size(), i + kUidsPerSearch); ++j)
      filter += "(" + logins[0] + "=" + escape_filter(uids[j]) + ")";
    Search search = person_search(filter + ")");
    search.max_entries = 2 * kUidsPerSearch;
    searches.push_back(std::move(search));
    expansion.read += kUidsPerSearch - 1;
  }
  expansion.read += searches.size();
  if (expansion.read > options_.max_group_members)
    co_return fail(Errc::Limit, "the group " + expansion.address + " has more than " +
                                    std::to_string(options_.max_group_members) + " members (max_group_members)");
  for (Search& search : searches) {
    auto searching = asker_->search(std::move(search), deadline);
    BZ_CO_TRY(Client::Found found, co_await std::move(searching));
    for (Entry& entry : found.entries) {
      if (is_group(entry)) {
        groups.push_back(std::move(entry));
        continue;
      }
      auto taking = take_member(expansion, entry);
      BZ_CO_TRY_VOID(co_await std::move(taking));
    }
  }
  co_return Result<void>();
}

// Who is no account of ours, or not an active one, gets nothing.
Task<Result<void>> Source::take_member(Expansion& expansion, const Entry& entry) {
  auto person = person_of(entry, options_.schema, options_.domains, clock_.unix_seconds());
  if (!person || person->account.state != State::Active) co_return Result<void>();
  auto numbering = give_number(*person);
  BZ_CO_TRY_VOID(co_await std::move(numbering));
  if (expansion.taken.insert(person->account.id).second)
    expansion.answer.recipients.push_back({person->account.id, person->account.name, expansion.address});
  co_return Result<void>();
}

}  // namespace bz::ldap
