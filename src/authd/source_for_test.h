// For tests: a directory of one user that checks his password itself.
#pragma once
#include <deque>
#include <set>

#include "authd/world_for_test.h"

namespace bz::authd {

struct BindSource : directory::Source {
  directory::Account account;
  std::set<std::string> other_names{};  // he logs in by them as well
  std::string password = "pencil";
  bool down = false, closed = false;
  int checks = 0;
  size_t of_strangers = 100;
  bool hold = false;  // checks do not end before end_checks()
  std::deque<base::Completion<bool>::Promise> held{};
  void end_checks() {
    hold = false;
    while (!held.empty()) {
      auto promise = std::move(held.front());
      held.pop_front();
      promise.set(true);
    }
  }
  bool answers_to(const std::string& user) const { return user == account.name || other_names.contains(user); }
  std::string_view name() const override { return "corp"; }
  Task<Result<directory::LoginRecord>> login(std::string user) override {
    directory::LoginRecord record;
    if (!answers_to(user)) {
      record.account.name = user;
      co_return std::move(record);
    }
    record.known = true;
    record.account = account;
    record.source = "corp";
    record.check = directory::LoginRecord::Check::Source;
    record.fresh = base::Millis(60'000);
    record.of_strangers = of_strangers;
    co_return std::move(record);
  }
  Task<Result<directory::PasswordVerdict>> check_password(directory::LoginRecord, Secret given) override {
    using directory::PasswordVerdict;
    ++checks;
    if (hold) {
      base::Completion<bool> end;
      held.push_back(end.promise());
      (void)co_await end;
    }
    if (down) co_return fail(Errc::Unavailable, "no server answers");
    if (closed) co_return PasswordVerdict::Closed;
    co_return given.equals(password) ? PasswordVerdict::Right : PasswordVerdict::Wrong;
  }
  Task<Result<directory::RecipientAnswer>> recipients(std::string) override { co_return directory::RecipientAnswer{}; }
  Task<Result<bool>> may_send_as(AccountId, std::string) override { co_return false; }
  Task<Result<directory::Account>> by_id(AccountId) override { co_return account; }
  Task<std::vector<directory::Finding>> explain(std::string user, std::optional<Secret> given) override {
    using directory::Finding;
    std::vector<Finding> out;
    bool right = !given || given->equals(password);
    if (answers_to(user)) out.push_back({right ? Finding::Kind::Good : Finding::Kind::Bad, "bind", "asked"});
    co_return std::move(out);
  }
};

// An auth server whose second directory knows cleo.
struct AuthdSourceTest : AuthdTest {
  std::shared_ptr<BindSource> corp = std::make_shared<BindSource>();
  AuthdSourceTest() {
    auto bound = base::run_now(directory->bind("corp", "id-1", "cleo@example.org"));
    EXPECT_TRUE(bound);
    corp->account.id = bound->account;
    corp->account.name = "cleo@example.org";
    chain.set_others({corp});
  }
  Type attempt(std::string_view password) { return plain("cleo@example.org", password).type; }
};

}  // namespace bz::authd
