// Questions to `auth` and their answers, over the channel between the two roles (wire/schema: Sasl*). Each exchange has an
// id of ours; an answer with an id nobody waits for is dropped. One thread. Errors: Unavailable (auth is down), Timeout,
// Cancelled (auth went away).
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "net/loop.h"
#include "wire/schema.h"

namespace bz::login {

using SaslAnswer = std::variant<wire::SaslStep, wire::SaslDone, wire::SaslFail>;

class AuthLink {
 public:
  using Send = std::function<Result<void>(wire::Type, const std::string& payload)>;
  AuthLink(net::Loop& loop, Send send) : loop_(loop), send_(std::move(send)) {}

  // The start's id is given here.
  Task<Result<SaslAnswer>> start(wire::SaslStart& start, net::Deadline deadline);
  Task<Result<SaslAnswer>> step(uint64_t id, std::string_view data, net::Deadline deadline);
  void abort(uint64_t id);

  // From the channel. Invalid: not a record of the schema.
  Result<void> on_message(uint8_t type, std::string_view payload);
  void on_down();
  size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    base::Completion<SaslAnswer>::Promise promise;
    std::unique_ptr<net::Loop::Timer> timer;
  };
  Task<Result<SaslAnswer>> ask(uint64_t id, wire::Type type, std::string payload, net::Deadline deadline);
  void settle(uint64_t id, Result<SaslAnswer> answer);

  net::Loop& loop_;
  Send send_;
  uint64_t last_id_ = 0;
  std::map<uint64_t, Waiting> waiting_;
};

}  // namespace bz::login
