// Several directories as one: the embedded one first, then the others in the order of the configuration. A name is answered
// by the first that knows it. A source that is down is a temporary failure for every name that none before it knows: the
// user it might know must not be told that he does not exist, nor his mail be bounced.
//
// Only an address that the embedded directory knows by "@domain" alone is asked for in the others first.
#pragma once
#include <memory>
#include <vector>

#include "directory/embedded.h"

namespace bz::directory {

class Chain : public Source {
 public:
  using Sources = std::vector<std::shared_ptr<Source>>;  // shared with the questions under way when they are replaced
  explicit Chain(Embedded& embedded, Sources others = {}) : embedded_(embedded), others_(std::move(others)) {}
  void set_others(Sources others) { others_ = std::move(others); }
  const Sources& others() const { return others_; }

  std::string_view name() const override { return "chain"; }
  Task<Result<LoginRecord>> login(std::string user) override;
  Task<Result<PasswordVerdict>> check_password(LoginRecord record, Secret password) override;
  Task<Result<RecipientAnswer>> recipients(std::string address) override;
  Task<Result<bool>> may_send_as(AccountId account, std::string address) override;
  Task<Result<Account>> by_id(AccountId id) override;
  Task<std::vector<Finding>> explain(std::string user, std::optional<Secret> password) override;

 private:
  std::shared_ptr<Source> find(std::string_view name) const;
  // The source that knows the account; nullptr: the embedded one. NotFound: nobody.
  Task<Result<std::shared_ptr<Source>>> home_of(AccountId id);

  Embedded& embedded_;
  Sources others_;
};

}  // namespace bz::directory
