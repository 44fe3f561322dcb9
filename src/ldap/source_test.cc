#include "ldap/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "directory/embedded.h"
#include "kv/memory.h"

namespace bz::ldap {
namespace {

using base::run_now;
using directory::Finding;
using directory::State;
using Kind = directory::RecipientAnswer::Kind;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

// A directory of entries by DN. Understands just enough: a base search gives the entry (or, for "(member=DN)", tells
// whether the DN is a member), any other the entries that match a filter of ands, ors and equalities.
struct FakeAsker : Asker {
  std::map<std::string, Entry> entries;
  bool down = false;
  int searches = 0, checks = 0;
  std::string last_filter;
  bool hold = false;  // searches do not end before end_searches()
  std::vector<base::Completion<bool>::Promise> held;
  void end_searches() {
    hold = false;
    for (auto& promise : std::exchange(held, {})) promise.set(true);
  }

  Task<Result<Client::Found>> search(Search search, net::Deadline) override {
    ++searches;
    last_filter = search.filter;
    if (hold) {
      base::Completion<bool> end;
      held.push_back(end.promise());
      (void)co_await end;
    }
    if (down) co_return fail(Errc::Unavailable, "down");
    Client::Found found{"ldap://fake", {}};
    if (search.scope == Search::Scope::Base) {
      auto it = entries.find(search.base);
      bool asks_member = search.filter.starts_with("(|(member=");
      if (it != entries.end() && (!asks_member || has_value(it->second, "member", search.filter)))
        found.entries.push_back(it->second);
      co_return std::move(found);
    }
    for (const auto& [dn, entry] : entries) {
      std::string_view filter = search.filter;
      if (matches(entry, filter)) found.entries.push_back(entry);
    }
    if (found.entries.size() > search.max_entries) co_return fail(Errc::Limit, "too many");
    co_return std::move(found);
  }
  // RFC 4515 section 3; the rest of `filter` is left. Values are compared as escaped, whatever their case.
  static bool matches(const Entry& entry, std::string_view& filter) {
    filter.remove_prefix(1);
    bool matched = filter[0] == '&';
    if (const bool all = matched; all || filter[0] == '|') {
      for (filter.remove_prefix(1); filter[0] == '(';) {
        const bool one = matches(entry, filter);
        matched = all ? matched && one : matched || one;
      }
    } else {
      const std::string_view item = filter.substr(0, filter.find(')'));
      const size_t equals = item.find('=');
      auto it = entry.attributes.find(std::string(item.substr(0, equals)));
      if (it != entry.attributes.end())
        for (const std::string& value : it->second)
          matched = matched || base::iequals(escape_filter(value), item.substr(equals + 1));
      filter.remove_prefix(item.size());
    }
    filter.remove_prefix(1);
    return matched;
  }
  static bool has_value(const Entry& entry, const char* attribute, const std::string& filter) {
    auto it = entry.attributes.find(attribute);
    if (it == entry.attributes.end()) return false;
    for (const std::string& value : it->second)
      if (filter.find("(" + std::string(attribute) + "=" + escape_filter(value) + ")") != std::string::npos) return true;
    return false;
  }
  Task<Result<Client::Verdict>> check(std::string dn, Secret password, net::Deadline) override {
    ++checks;
    if (down) co_return fail(Errc::Unavailable, "down");
    co_return Client::Verdict{password.equals("pw of " + dn), "ldap://fake", "as the server says"};
  }
  std::string state() const override { return "ldap://fake down"; }
};

struct LdapSourceTest : testing::Test {
  base::ManualClock clock;
  base::SeededRandom random{5};
  base::ManualExecutor executor;
  std::unique_ptr<kv::MemoryStore> store = kv::make_memory_store();
  std::unique_ptr<directory::Embedded> embedded = open();
  FakeAsker* fake = nullptr;
  std::unique_ptr<Source> source = make({});

  std::unique_ptr<directory::Embedded> open() {
    auto r = run_now(directory::Embedded::open(*store, executor, {{"example.org"}, Secret(), {64, 1, 1}}, clock, random));
    return r ? std::move(*r) : nullptr;
  }
  std::unique_ptr<Source> make(std::function<void(SourceOptions&)> change) {
    SourceOptions o;
    o.name = "corp";
    o.domains = {"example.org"};
    o.base = o.group_base = "dc=example,dc=org";
    o.schema = *preset("openldap");
    o.user_filter = *FilterTemplate::parse(o.schema.user_filter);
    o.address_filter = *FilterTemplate::parse(o.schema.address_filter);
    o.group_filter = *FilterTemplate::parse(o.schema.group_filter);
    o.max_group_members = 10;
    o.max_group_depth = 3;
    if (change) change(o);
    auto asker = std::make_unique<FakeAsker>();
    if (fake) asker->entries = fake->entries;
    fake = asker.get();
    if (fake->entries.empty())
      for (const char* name : {"ana", "eva", "leo"}) add(name);
    return std::make_unique<Source>(std::move(asker), std::move(o), *embedded, clock);
  }
  Entry& add(std::string uid) {
    std::string dn = dn_of(uid);
    return fake->entries[dn] = {dn,
                                {{"objectClass", {"inetOrgPerson"}},
                                 {"entryUUID", {"id-" + uid}},
                                 {"uid", {uid}},
                                 {"mail", {uid + "@example.org"}}}};
  }
  void group(std::string name, std::vector<std::string> members) {
    std::string dn = "cn=" + name + ",dc=example,dc=org";
    fake->entries[dn] = {
        dn, {{"objectClass", {"groupOfNames"}}, {"mail", {name + "@example.org"}}, {"member", std::move(members)}}};
  }
  static std::string dn_of(std::string_view uid) { return "uid=" + std::string(uid) + ",dc=example,dc=org"; }
  directory::LoginRecord login(std::string user) {
    auto r = run_now(source->login(std::move(user)));
    EXPECT_TRUE(r) << (r ? "" : r.error().to_string());
    return r ? std::move(*r) : directory::LoginRecord{};
  }
  std::vector<std::string> names(std::string address) {
    auto r = run_now(source->recipients(std::move(address)));
    std::vector<std::string> out;
    if (!r) return {r.error().to_string()};
    for (auto& x : r->recipients) out.push_back(x.name);
    return out;
  }
};

TEST_F(LdapSourceTest, a_login_is_found_by_name_or_address_and_checked_by_a_bind) {
  auto record = login("ana");
  ASSERT_TRUE(record.known);
  EXPECT_EQ(record.account.name, "ana@example.org");
  EXPECT_EQ(record.check, directory::LoginRecord::Check::Source);
  EXPECT_TRUE(record.account.id.is_set());
  EXPECT_EQ(login("ANA@example.org").account.id, record.account.id);
  EXPECT_EQ(*run_now(source->check_password(record, Secret("pw of " + dn_of("ana")))), directory::PasswordVerdict::Right);
  EXPECT_EQ(*run_now(source->check_password(record, Secret("crayon"))), directory::PasswordVerdict::Wrong);
  EXPECT_FALSE(login("nobody").known);
}

TEST_F(LdapSourceTest, odd_names_are_not_even_asked_for) {
  for (std::string name : {"", "a b", "ana ", "ana b@elsewhere.test", "(uid=*", "@example.org", "ana@", "@corp.test"})
    EXPECT_FALSE(login(name).known) << name;
  EXPECT_EQ(fake->searches, 0);
  EXPECT_FALSE(login("*").known);
  EXPECT_THAT(fake->last_filter, HasSubstr("(uid=\\2a)"));
}

// The domain of an Active Directory is seldom that of its mail.
struct LdapPrincipalNameTest : LdapSourceTest {
  LdapPrincipalNameTest() {
    source = make([](SourceOptions& o) { take_schema(o, *preset("ad")); });
    fake->entries.clear();
    for (const char* name : {"ana", "eva"}) add_user(name);
  }
  static void take_schema(SourceOptions& o, Schema schema) {
    o.schema = std::move(schema);
    o.user_filter = *FilterTemplate::parse(o.schema.user_filter);
  }
  Entry& add_user(const std::string& name) {
    const std::string dn = "CN=" + name + ",CN=Users,DC=corp,DC=test";
    return fake->entries[dn] = {dn,
                                {{"objectClass", {"user"}},
                                 {"objectGUID", {"guid of " + name}},
                                 {"sAMAccountName", {name}},
                                 {"userPrincipalName", {name + "@CORP.test"}},
                                 {"mail", {name + "@example.org"}}}};
  }
};

TEST_F(LdapPrincipalNameTest, a_user_principal_name_is_found_although_no_mail_of_its_domain_is_ours) {
  const auto ana = login("ana@corp.test");
  ASSERT_TRUE(ana.known);
  EXPECT_EQ(ana.account.name, "ana@example.org");
  for (const char* name : {"ANA@corp.test", "ana", "ana@example.org"}) EXPECT_EQ(login(name).account.id, ana.account.id);
  EXPECT_FALSE(login("nobody@corp.test").known);
  EXPECT_FALSE(login("ana@other.test").known);
  EXPECT_EQ(names("ana@corp.test"), std::vector<std::string>{}) << "no address that takes mail";
}

TEST_F(LdapPrincipalNameTest, a_private_mail_address_that_stands_in_the_entry_is_no_login_name) {
  fake->entries.begin()->second.attributes["mail"] = {"ana@example.org", "ana@home.test"};
  fake->entries.begin()->second.attributes["proxyAddresses"] = {"smtp:shared@home.test"};
  add_user("leo").attributes["mail"] = {"leo@example.org", "ana@home.test"};
  EXPECT_FALSE(login("ana@home.test").known) << "nor two entries that one must not tell from none";
  EXPECT_FALSE(login("shared@home.test").known);
  EXPECT_TRUE(login("ana@corp.test").known);
}

TEST_F(LdapPrincipalNameTest, a_directory_without_a_login_attribute_is_not_asked_for_other_domains) {
  source = make([](SourceOptions& o) {
    take_schema(o, *preset("ad"));
    ASSERT_TRUE(replace_attributes(o.schema, "login="));
  });
  EXPECT_FALSE(login("ana@corp.test").known);
  EXPECT_EQ(fake->searches, 0);
  EXPECT_TRUE(login("ana@example.org").known);
}

TEST_F(LdapPrincipalNameTest, the_administrator_is_told_how_such_a_name_was_looked_for) {
  auto steps = run_now(source->explain("ana@corp.test", std::nullopt));
  ASSERT_GE(steps.size(), 2u);
  EXPECT_EQ(
      steps[0].text,
      "no mail of corp.test is ours: looked for as a login name (userPrincipalName, sAMAccountName), not as an address");
  EXPECT_TRUE(std::any_of(steps.begin(), steps.end(), [](const Finding& f) {
    return f.kind == Finding::Kind::Good && f.step == "account" && f.text == "ana@example.org";
  }));
}

TEST_F(LdapSourceTest, a_renamed_user_keeps_his_number) {
  AccountId id = login("ana").account.id;
  Entry moved = fake->entries[dn_of("ana")];
  fake->entries.erase(dn_of("ana"));
  moved.dn = dn_of("anna");
  moved.attributes["uid"] = {"anna"};
  moved.attributes["mail"] = {"anna@example.org"};
  fake->entries[moved.dn] = moved;
  EXPECT_EQ(login("anna").account.id, id);
  clock.advance(base::Millis(61'000));
  EXPECT_EQ(run_now(source->by_id(id))->name, "anna@example.org");
  EXPECT_EQ(run_now(source->by_id(AccountId(77))).error().code(), Errc::NotFound);
}

TEST_F(LdapSourceTest, answers_are_fresh_for_a_while_stale_while_the_directory_is_down_and_then_gone) {
  AccountId id = login("ana").account.id;
  ASSERT_THAT(names("eva@example.org"), ElementsAre("eva@example.org"));
  int before = fake->searches;
  login("ana");
  EXPECT_TRUE(run_now(source->by_id(id)));
  EXPECT_EQ(fake->searches, before) << "fresh";
  fake->down = true;
  clock.advance(base::Millis(61'000));
  EXPECT_TRUE(login("ana").known);
  EXPECT_TRUE(run_now(source->by_id(id)));
  EXPECT_TRUE(*run_now(source->may_send_as(id, "ana+x@example.org")));
  EXPECT_THAT(names("eva@example.org"), ElementsAre("eva@example.org"));
  EXPECT_EQ(run_now(source->login("leo")).error().code(), Errc::Unavailable) << "never asked for before";
  EXPECT_FALSE(run_now(source->recipients("leo@example.org")));
  clock.advance(base::Millis(3'600'000));
  EXPECT_EQ(run_now(source->login("ana")).error().code(), Errc::Unavailable);
  EXPECT_FALSE(run_now(source->recipients("eva@example.org")));
}

template <class T>
Task<void> keep(Task<Result<T>> task, std::vector<Result<T>>& out) {
  auto result = co_await std::move(task);
  out.push_back(std::move(result));
}

// All devices of a user come back at once.
TEST_F(LdapSourceTest, look_ups_of_the_same_name_that_are_under_way_are_one) {
  fake->hold = true;
  std::vector<Result<directory::LoginRecord>> logins;
  std::vector<Task<void>> tasks;
  for (int i = 0; i < 50; ++i) {
    tasks.push_back(keep(source->login(i % 2 ? "ana" : "ANA"), logins));
    tasks.back().start();
  }
  tasks.push_back(keep(source->login("eva"), logins));
  tasks.back().start();
  EXPECT_EQ(fake->searches, 2) << "one for each name";
  fake->end_searches();
  ASSERT_EQ(logins.size(), 51u);
  for (size_t i = 0; i < 50; ++i) {
    ASSERT_TRUE(logins[i]);
    EXPECT_EQ(logins[i]->account.name, "ana@example.org");
    EXPECT_EQ(logins[i]->account.id, logins[0]->account.id);
  }
  EXPECT_EQ(logins[50]->account.name, "eva@example.org");
  fake->hold = true;
  std::vector<Result<directory::RecipientAnswer>> answers;
  for (int i = 0; i < 10; ++i) {
    tasks.push_back(keep(source->recipients("ana+shop@example.org"), answers));
    tasks.back().start();
  }
  const int before = fake->searches;
  fake->end_searches();
  ASSERT_EQ(answers.size(), 10u);
  for (const auto& answer : answers) EXPECT_EQ(answer->kind, Kind::Local);
  EXPECT_LE(fake->searches - before, 3) << "the address, its groups, and the one without the tag: once";
}

TEST_F(LdapSourceTest, who_waits_for_anothers_look_up_shares_its_failure_and_outlives_its_end) {
  fake->hold = fake->down = true;
  std::vector<Result<directory::LoginRecord>> logins;
  std::vector<Task<void>> tasks;
  for (int i = 0; i < 3; ++i) {
    tasks.push_back(keep(source->login("ana"), logins));
    tasks.back().start();
  }
  fake->end_searches();
  ASSERT_EQ(logins.size(), 3u);
  for (const auto& login : logins) EXPECT_EQ(login.error().code(), Errc::Unavailable);
  EXPECT_EQ(fake->searches, 1);
  fake->hold = true, fake->down = false;
  logins.clear();
  for (int i = 0; i < 3; ++i) {
    tasks.push_back(keep(source->login("ana"), logins));
    tasks.back().start();
  }
  EXPECT_EQ(fake->searches, 2);
  tasks[3].reset();  // who asked has gone
  EXPECT_EQ(fake->searches, 3) << "the next one asks";
  fake->end_searches();
  ASSERT_EQ(logins.size(), 2u);
  for (const auto& login : logins) EXPECT_TRUE(login && login->known);
  EXPECT_EQ(fake->searches, 3);
}

TEST_F(LdapSourceTest, that_somebody_is_not_there_is_forgotten_soon_and_never_stands_in) {
  EXPECT_FALSE(login("new").known);
  add("new");
  EXPECT_FALSE(login("new").known);
  clock.advance(base::Millis(10'001));
  EXPECT_TRUE(login("new").known);
  EXPECT_THAT(names("late@example.org"), ElementsAre());
  clock.advance(base::Millis(10'001));
  fake->down = true;
  EXPECT_FALSE(run_now(source->recipients("late@example.org"))) << "temporary, not \"no such address\"";
  EXPECT_FALSE(run_now(source->login("late")));
}

TEST_F(LdapSourceTest, two_entries_for_one_name_are_nobody_and_temporary) {
  add("twin").attributes["mail"] = {"ana@example.org"};
  EXPECT_EQ(run_now(source->login("ana")).error().code(), Errc::Conflict);
}

TEST_F(LdapSourceTest, the_required_group_lets_in_its_members_only) {
  group("mail", {dn_of("ana")});
  source = make([](SourceOptions& o) { o.require_group = "cn=mail,dc=example,dc=org"; });
  EXPECT_EQ(login("ana").account.state, State::Active);
  EXPECT_EQ(login("eva").account.state, State::Disabled);
  EXPECT_EQ(run_now(source->recipients("eva@example.org"))->kind, Kind::Disabled);
  EXPECT_FALSE(*run_now(source->may_send_as(login("eva").account.id, "eva@example.org")));
}

TEST_F(LdapSourceTest, what_routes_ask_about_comes_with_the_account) {
  group("sales", {dn_of("ana")});
  source = make([](SourceOptions& o) {
    o.schema.routed = {"departmentNumber", "site"};
    o.route_groups = {"cn=sales,dc=example,dc=org", "cn=none,dc=example,dc=org"};
  });
  add("ana").attributes["DEPARTMENTNUMBER"] = {"42", "7", std::string(300, 'x')};
  auto ana = run_now(source->login("ana"));
  ASSERT_TRUE(ana && ana->known);
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(ana->account.attributes, (Pairs{{"departmentNumber", "42"}, {"departmentNumber", "7"}}));
  EXPECT_EQ(ana->account.groups, std::vector<std::string>{"cn=sales,dc=example,dc=org"});
  EXPECT_EQ(run_now(source->by_id(ana->account.id))->groups, ana->account.groups);
  auto eva = run_now(source->login("eva"));
  ASSERT_TRUE(eva && eva->known);
  EXPECT_TRUE(eva->account.groups.empty() && eva->account.attributes.empty());
}

TEST_F(LdapSourceTest, mail_by_alias_tag_and_group_of_groups) {
  fake->entries[dn_of("ana")].attributes["mailAlternateAddress"] = {"office@example.org"};
  group("inner", {dn_of("eva"), dn_of("ana"), "cn=all,dc=example,dc=org"});
  group("all", {dn_of("ana"), "cn=inner,dc=example,dc=org", "cn=gone,dc=example,dc=org"});
  fake->entries[dn_of("leo")].attributes["accountStatus"] = {"disabled"};
  EXPECT_THAT(names("office@example.org"), ElementsAre("ana@example.org"));
  EXPECT_THAT(names("ana+shop@example.org"), ElementsAre("ana@example.org"));
  EXPECT_THAT(names("all@example.org"), UnorderedElementsAre("ana@example.org", "eva@example.org"));
  EXPECT_EQ(run_now(source->recipients("all@example.org"))->recipients[0].address, "all@example.org");
  EXPECT_EQ(run_now(source->recipients("leo@example.org"))->kind, Kind::Disabled);
  EXPECT_EQ(run_now(source->recipients("nobody@example.org"))->kind, Kind::NoSuchAddress);
}

TEST_F(LdapSourceTest, groups_are_bounded_in_count_and_depth) {
  std::vector<std::string> many;
  for (int i = 0; i < 11; ++i) many.push_back(add("u" + std::to_string(i)).dn);
  group("many", many);
  EXPECT_EQ(run_now(source->recipients("many@example.org")).error().code(), Errc::Limit);
  many.pop_back();
  group("ten", many);
  EXPECT_EQ(names("ten@example.org").size(), 10u);
  group("d1", {dn_of("ana"), "cn=d2,dc=example,dc=org"});
  group("d2", {dn_of("eva"), "cn=d3,dc=example,dc=org"});
  group("d3", {"cn=d4,dc=example,dc=org"});
  group("d4", {dn_of("leo")});
  EXPECT_THAT(names("d1@example.org"), UnorderedElementsAre("ana@example.org", "eva@example.org"));
  group("empty", {});
  EXPECT_EQ(run_now(source->recipients("empty@example.org"))->kind, Kind::Disabled);
}

TEST_F(LdapSourceTest, stored_secrets_are_handed_over_in_that_mode_only) {
  std::string b64 = base::base64(std::string(32, 'k'));
  auto& attributes = fake->entries[dn_of("ana")].attributes;
  attributes["userPassword"] = {"{CLEARTEXT}x"};
  attributes["sambaNTPassword"] = {"ABABABABABABABABABABABABABABABAB"};
  attributes["authPassword"] = {"SCRAM-SHA-256$4096:c2FsdA==$" + b64 + ":" + b64};
  source = make([](SourceOptions& o) { o.mode = SourceOptions::Mode::Secrets; });
  auto record = login("ana");
  EXPECT_EQ(record.check, directory::LoginRecord::Check::Stored);
  EXPECT_EQ(record.stored.size(), 1u);
  EXPECT_TRUE(record.secrets.credentials.scram);
  ASSERT_TRUE(record.secrets.credentials.nt_hash) << "NTLM";
  EXPECT_EQ(record.secrets.credentials.nt_hash->reveal(), std::string(16, '\xab'));
  EXPECT_EQ(login("eva").stored.size(), 0u);
  EXPECT_FALSE(login("eva").secrets.credentials.nt_hash);
}

TEST_F(LdapSourceTest, an_explanation_names_each_step_and_changes_nothing) {
  auto steps = [&](std::string user, std::optional<Secret> password) {
    std::vector<std::string> out;
    for (const Finding& f : run_now(source->explain(std::move(user), std::move(password))))
      out.push_back((f.kind == Finding::Kind::Bad ? "!" : "") + f.step);
    return out;
  };
  EXPECT_THAT(steps("ana", Secret("pw of " + dn_of("ana"))),
              ElementsAre("search", "server", "entry", "account", "addresses", "state", "route", "mechanisms", "bind"));
  EXPECT_EQ(run_now(embedded->binding(AccountId(1))).error().code(), Errc::NotFound);
  EXPECT_THAT(steps("ana", Secret("wrong")), Contains("!bind"));
  fake->entries[dn_of("eva")].attributes["accountStatus"] = {"locked"};
  EXPECT_THAT(steps("eva", std::nullopt), Contains("!state"));
  EXPECT_THAT(steps("nobody", std::nullopt), ElementsAre("search", "server", "entry"));
  fake->down = true;
  EXPECT_THAT(steps("ana", std::nullopt), ElementsAre("search", "!search"));
}

}  // namespace
}  // namespace bz::ldap
