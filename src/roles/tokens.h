// auth's judge of bearer tokens: made of the settings, kept over a reload that does not change them, and the threads on
// which it asks the identity provider. One thread but for those.
#pragma once
#include <atomic>
#include <memory>

#include "authd/tokens.h"
#include "roles/role.h"

namespace bz::roles {

// Does auth ask an identity provider? Then its sandbox must let it, from its start on.
bool asks_provider(const Config& config);

class TokenJudges {
 public:
  TokenJudges(RoleHost& host, bool may_connect);
  ~TokenJudges();  // ends requests under way
  // nullptr: no tokens. Denied: it would have to connect, and may not before a restart.
  Result<std::shared_ptr<authd::Tokens>> make();

 private:
  Task<Result<https::Reply>> fetch(https::Request request, std::shared_ptr<const Secret> roots);
  RoleHost& host_;
  bool may_connect_;
  std::shared_ptr<authd::Tokens> current_;   // shared with the service
  std::shared_ptr<std::atomic<bool>> stop_;  // shared with the pool's threads
  std::unique_ptr<net::BlockingPool> pool_;  // made when it is first needed
};

}  // namespace bz::roles
