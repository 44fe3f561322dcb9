#include "directory/chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/text.h"
#include "crypto/seal.h"
#include "kv/memory.h"

namespace bz::directory {
namespace {

using base::run_now;
using Kind = RecipientAnswer::Kind;
using testing::ElementsAre;

constexpr crypto::PasswordCost kCheap{64, 1, 1};

// A directory of one user that can be down.
struct OneUser : Source {
  OneUser(std::string n, std::string user, AccountId id) : name_(std::move(n)) {
    account.id = id;
    account.name = std::move(user);
  }
  std::string_view name() const override { return name_; }
  Error down_error() const { return Error(Errc::Unavailable, "down"); }
  Task<Result<LoginRecord>> login(std::string user) override {
    ++asked;
    if (down) co_return down_error();
    LoginRecord record;
    if (user == account.name) {
      record.known = true;
      record.account = account;
      record.source = name_;
      record.check = LoginRecord::Check::Source;
    }
    co_return std::move(record);
  }
  Task<Result<PasswordVerdict>> check_password(LoginRecord, Secret password) override {
    co_return password.equals("right") ? PasswordVerdict::Right : PasswordVerdict::Wrong;
  }
  Task<Result<RecipientAnswer>> recipients(std::string address) override {
    ++asked;
    if (down) co_return down_error();
    RecipientAnswer answer{Kind::NoSuchAddress, {}};
    if (address == account.name) answer = {Kind::Local, {{account.id, account.name, address}}};
    co_return std::move(answer);
  }
  Task<Result<bool>> may_send_as(AccountId id, std::string address) override {
    co_return id == account.id&& address == account.name;
  }
  Task<Result<Account>> by_id(AccountId id) override {
    if (down) co_return down_error();
    if (id != account.id) co_return fail(Errc::NotFound);
    co_return account;
  }
  Task<std::vector<Finding>> explain(std::string user, std::optional<Secret>) override {
    std::vector<Finding> out{{user == account.name ? Finding::Kind::Good : Finding::Kind::Note, "search", "looked"}};
    co_return std::move(out);
  }
  std::string name_;
  Account account;
  bool down = false;
  int asked = 0;
};

struct ChainTest : testing::Test {
  base::ManualClock clock;
  base::SeededRandom random{7};
  base::ManualExecutor executor;
  std::unique_ptr<kv::MemoryStore> store = kv::make_memory_store();
  std::unique_ptr<Embedded> embedded = open();
  std::shared_ptr<OneUser> corp, school;
  std::unique_ptr<Chain> chain;

  ChainTest() {
    corp = std::make_shared<OneUser>("corp", "cleo@example.org", bind("corp", "id-cleo", "cleo@example.org"));
    school = std::make_shared<OneUser>("school", "sam@example.org", bind("school", "id-sam", "sam@example.org"));
    chain = std::make_unique<Chain>(*embedded, Chain::Sources{corp, school});
    auto secrets = make_secrets("ana@example.org", Secret("pencil"), {.cost = kCheap}, random);
    EXPECT_TRUE(run_now(embedded->add({"ana"}, std::move(*secrets))));
  }
  std::unique_ptr<Embedded> open() {
    auto r = run_now(Embedded::open(*store, executor, {{"example.org"}, Secret(), kCheap}, clock, random));
    return r ? std::move(*r) : nullptr;
  }
  AccountId bind(std::string source, std::string id, std::string name) {
    auto r = run_now(embedded->bind(std::move(source), std::move(id), std::move(name)));
    EXPECT_TRUE(r);
    return r ? r->account : AccountId();
  }
};

TEST_F(ChainTest, a_name_is_answered_by_the_first_that_knows_it) {
  EXPECT_EQ(run_now(chain->login("ana"))->source, "embedded");
  EXPECT_EQ(corp->asked, 0);
  EXPECT_EQ(run_now(chain->login("cleo@example.org"))->source, "corp");
  EXPECT_EQ(school->asked, 0);
  auto sam = run_now(chain->login("sam@example.org"));
  ASSERT_TRUE(sam && sam->known);
  EXPECT_TRUE(sam->secrets.credentials.scram) << "a decoy";
  EXPECT_EQ(*run_now(chain->check_password(*sam, Secret("right"))), PasswordVerdict::Right);
  auto nobody = run_now(chain->login("nobody"));
  ASSERT_TRUE(nobody);
  EXPECT_FALSE(nobody->known);
  EXPECT_FALSE(nobody->secrets.argon2id.empty());
}

TEST_F(ChainTest, a_source_that_is_down_is_a_temporary_failure_and_never_no_such_user) {
  corp->down = true;
  EXPECT_EQ(run_now(chain->login("sam@example.org")).error().code(), Errc::Unavailable);
  EXPECT_EQ(run_now(chain->recipients("sam@example.org")).error().code(), Errc::Unavailable);
  EXPECT_TRUE(run_now(chain->login("ana"))->known) << "known before the one that is down";
  corp->down = false, school->down = true;
  EXPECT_TRUE(run_now(chain->login("cleo@example.org"))->known);
  EXPECT_FALSE(run_now(chain->by_id(school->account.id)));
  EXPECT_TRUE(run_now(chain->by_id(corp->account.id)));
}

TEST_F(ChainTest, recipients_of_all_and_the_catch_all_last) {
  EXPECT_EQ(run_now(chain->recipients("sam@example.org"))->recipients[0].account, school->account.id);
  EXPECT_EQ(run_now(chain->recipients("x@example.org"))->kind, Kind::NoSuchAddress);
  EXPECT_EQ(run_now(chain->recipients("x@elsewhere.test"))->kind, Kind::NotOurs);
  ASSERT_TRUE(run_now(embedded->alias_add("@example.org", {"ana"})));
  EXPECT_EQ(run_now(chain->recipients("sam@example.org"))->recipients[0].name, "sam@example.org");
  EXPECT_EQ(run_now(chain->recipients("x@example.org"))->recipients[0].name, "ana@example.org");
}

TEST_F(ChainTest, questions_by_number_go_to_the_accounts_home) {
  EXPECT_EQ(run_now(chain->by_id(corp->account.id))->name, "cleo@example.org");
  EXPECT_TRUE(*run_now(chain->may_send_as(corp->account.id, "cleo@example.org")));
  EXPECT_FALSE(*run_now(chain->may_send_as(corp->account.id, "sam@example.org")));
  EXPECT_FALSE(*run_now(chain->may_send_as(AccountId(999), "sam@example.org")));
  chain->set_others({corp});
  EXPECT_EQ(run_now(chain->by_id(school->account.id)).error().code(), Errc::NotFound);
  EXPECT_FALSE(*run_now(chain->may_send_as(school->account.id, "sam@example.org")));
}

TEST_F(ChainTest, an_explanation_ends_at_the_first_that_knows_the_name) {
  auto steps = [&](std::string user) {
    std::vector<std::string> out;
    for (const Finding& f : run_now(chain->explain(std::move(user), std::nullopt)))
      if (f.step == "directory") out.push_back(f.text);
    return out;
  };
  EXPECT_THAT(steps("ana"), ElementsAre("embedded"));
  EXPECT_THAT(steps("cleo@example.org"), ElementsAre("embedded", "corp"));
  EXPECT_THAT(steps("nobody"), ElementsAre("embedded", "corp", "school"));
}

TEST_F(ChainTest, a_binding_outlives_renaming_and_restarts_and_no_number_is_given_twice) {
  AccountId cleo = corp->account.id;
  EXPECT_EQ(bind("corp", "id-cleo", "cleopatra@example.org"), cleo);
  EXPECT_NE(bind("school", "id-cleo", "cleo@example.org"), cleo) << "another directory's";
  std::string dn = "uid=x,ou=" + std::string(400, 'o') + ",dc=example,dc=org";
  AccountId by_dn = bind("corp", dn, "x@example.org");
  embedded = open();
  EXPECT_EQ(bind("corp", "id-cleo", "cleopatra@example.org"), cleo);
  EXPECT_EQ(bind("corp", dn, "x@example.org"), by_dn);
  auto binding = run_now(embedded->binding(cleo));
  ASSERT_TRUE(binding);
  EXPECT_EQ(binding->name, "cleopatra@example.org");
  EXPECT_EQ(binding->source, "corp");
  auto eva = run_now(embedded->add({"eva"}, *make_secrets("eva@example.org", Secret("p"), {.cost = kCheap}, random)));
  ASSERT_TRUE(eva);
  EXPECT_GT(eva->id, by_dn);
  EXPECT_EQ(run_now(embedded->binding(eva->id)).error().code(), Errc::NotFound);
}

TEST_F(ChainTest, bindings_of_many_users_at_once_all_come_about) {
  store->set_delivery(kv::MemoryStore::Delivery::Posted);
  std::vector<Task<Result<Binding>>> tasks;
  for (int i = 0; i < 50; ++i) tasks.push_back(embedded->bind("corp", "many" + std::to_string(i), "u@example.org"));
  for (auto& task : tasks) task.start();
  tasks[20].reset();  // one goes away while it waits
  while (executor.run_one()) {
  }
  std::set<AccountId> ids;
  for (auto& task : tasks) {
    if (!task.valid()) continue;
    ASSERT_TRUE(task.done());
    auto bound = task.take();
    ASSERT_TRUE(bound);
    ids.insert(bound->account);
  }
  EXPECT_EQ(ids.size(), 49u);
}

TEST(Binding, lies_as_docs_keyspace_directory_says_and_every_cut_is_seen) {
  Binding b{AccountId(300), "corp", "\xbe\xef", "ana@x.test", 1};
  std::string bytes = b.encode();
  EXPECT_EQ(base::hex(bytes), "01ac0204636f727002beef0a616e6140782e746573740000000000000001");
  EXPECT_EQ(Binding::decode(bytes)->directory_id, "\xbe\xef");
  for (size_t i = 0; i < bytes.size(); ++i) EXPECT_FALSE(Binding::decode(bytes.substr(0, i)));
}

}  // namespace
}  // namespace bz::directory
