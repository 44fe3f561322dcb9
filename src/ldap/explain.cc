// `buzon directory test`: a look-up told step by step. Asks the directory itself, never the memory, and changes nothing.
#include "crypto/password_scheme.h"
#include "ldap/source.h"

namespace bz::ldap {

namespace {

using directory::Finding;
using directory::State;
using enum Finding::Kind;

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& item : list) out += (out.empty() ? "" : ", ") + item;
  return out;
}

// What Active Directory means by "data 532" in its answer to a bind.
std::string_view meaning_of(std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> kMeanings[] = {
      {"data 525", "no such user"},          {"data 52e", "wrong password"},
      {"data 530", "not at this time"},      {"data 531", "not from this computer"},
      {"data 532", "the password expired"},  {"data 533", "the account is disabled"},
      {"data 701", "the account expired"},   {"data 773", "the password must be changed first"},
      {"data 775", "the account is locked"},
  };
  for (const auto& [code, meaning] : kMeanings)
    if (text.find(code) != text.npos) return meaning;
  return {};
}

std::string mechanisms_of(const Person& person) {
  std::vector<std::string> out;
  bool usable = false;
  for (const Secret& password : person.passwords)
    usable = usable || crypto::is_known_scheme(crypto::password_scheme(password.reveal()));
  if (usable) out = {"PLAIN", "LOGIN"};
  if (person.scram) out.emplace_back("SCRAM-SHA-256");
  if (!person.nt_hash.empty()) out.emplace_back("NTLM");
  return out.empty() ? "none: no secret that we know could be read" : joined(out);
}

}  // namespace

Task<std::vector<Finding>> Source::explain(std::string user, std::optional<Secret> password) {
  Findings out;
  auto filter = login_filter(user);
  if (!filter) {
    out.push_back({Note, "name", user.substr(0, 254) + " can be no login name here: not asked for"});
    co_return std::move(out);
  }
  if (const auto address = address_of(user); !is_ours(*address))
    out.push_back({Note, "name",
                   "no mail of " + std::string(directory::domain_part(*address)) +
                       " is ours: looked for as a login name (" + joined(options_.schema.of(Field::Login)) +
                       "), not as an address"});
  net::Deadline deadline = net::Deadline::in(options_.time);
  Search search = person_search(std::move(*filter));
  out.push_back({Note, "search", "below \"" + search.base + "\" for " + search.filter});
  auto searching = asker_->search(std::move(search), deadline);
  auto found = co_await std::move(searching);
  if (!found) {
    out.push_back({Bad, "search", found.error().to_string() + "; servers: " + asker_->state()});
    co_return std::move(out);
  }
  out.push_back({Note, "server", found->server});
  if (found->entries.empty()) {
    out.push_back({Note, "entry", "none matches"});
    co_return std::move(out);
  }
  for (const Entry& entry : found->entries) out.push_back({found->entries.size() > 1 ? Bad : Good, "entry", entry.dn});
  if (found->entries.size() > 1) {
    out.push_back({Bad, "entry", "more than one matches: make user_filter narrower"});
    co_return std::move(out);
  }
  auto person = person_of(found->entries[0], options_.schema, options_.domains, clock_.unix_seconds());
  if (!person) {
    out.push_back({Bad, "entry", person.error().text()});
    co_return std::move(out);
  }
  auto rest = explain_person(out, *person, std::move(password), deadline);
  co_await std::move(rest);
  co_return std::move(out);
}

Task<void> Source::explain_person(Findings& out, const Person& person, std::optional<Secret> password,
                                  net::Deadline deadline) {
  out.push_back({Good, "account", person.account.name});
  out.push_back({Note, "addresses", joined(person.addresses)});
  if (!person.account.send_as.empty()) out.push_back({Note, "send-as", joined(person.account.send_as)});
  if (const directory::Quota& quota = person.account.quota; quota.bytes != 0 || quota.messages != 0)
    out.push_back({Note, "quota",
                   (quota.bytes == 0 ? "" : std::to_string(quota.bytes) + " bytes ") +
                       (quota.messages == 0 ? "" : std::to_string(quota.messages) + " messages")});
  bool active = person.account.state == State::Active;
  out.push_back({active ? Good : Bad, "state", active ? "active" : "disabled: " + person.why_not_active});
  if (!options_.require_group.empty()) {
    auto asking = is_member(options_.require_group, person.dn, person.login, deadline);
    auto member = co_await std::move(asking);
    if (!member) {
      out.push_back({Bad, "group", member.error().to_string()});
    } else {
      out.push_back(
          {*member ? Good : Bad, "group", (*member ? "member of " : "not a member of ") + options_.require_group});
    }
  }
  for (const std::string& group : options_.route_groups) {
    auto asking = is_member(group, person.dn, person.login, deadline);
    auto member = co_await std::move(asking);
    if (!member) {
      out.push_back({Bad, "route", "group " + group + ": " + member.error().to_string()});
    } else {
      out.push_back({Note, "route", (*member ? "member of " : "not a member of ") + group});
    }
  }
  for (const auto& [name, value] : person.account.attributes) out.push_back({Note, "route", name + " is " + value});
  std::string type = person.account.server_type.empty() ? "" : " (" + person.account.server_type + ")";
  out.push_back(
      {Note, "route",
       person.account.mail_host.empty() ? "our own mail store" : "the server " + person.account.mail_host + type});
  bool binds = options_.mode == SourceOptions::Mode::Bind;
  out.push_back({Note, "mechanisms", binds ? "PLAIN, LOGIN (checked by a bind)" : mechanisms_of(person)});
  if (!password) co_return;
  if (binds) {
    auto checking = asker_->check(person.dn, *password, deadline);
    auto verdict = co_await std::move(checking);
    if (!verdict) {
      out.push_back({Bad, "bind", verdict.error().to_string()});
      co_return;
    }
    std::string text = verdict->text + (verdict->server.empty() ? "" : " at " + verdict->server);
    std::string_view meaning = meaning_of(verdict->text);
    if (!meaning.empty()) text += ": " + std::string(meaning);
    out.push_back({verdict->right ? Good : Bad, "bind", std::move(text)});
    co_return;
  }
  // Checking a hash is slow on purpose; whoever asked does that on the pool.
  out.push_back({Note, "password", "kept as " + joined(person.account.secret_kinds)});
}

}  // namespace bz::ldap
