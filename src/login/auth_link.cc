#include "login/auth_link.h"

namespace bz::login {
namespace {

template <class Record>
Result<SaslAnswer> decode(std::string_view payload, uint64_t& id) {
  BZ_TRY(auto record, Record::decode(payload));
  id = record.id;
  return SaslAnswer(std::move(record));
}

}  // namespace

Task<Result<SaslAnswer>> AuthLink::start(wire::SaslStart& start, net::Deadline deadline) {
  start.id = ++last_id_;
  return ask(start.id, wire::Type::SaslStart, start.encode(), deadline);
}

Task<Result<SaslAnswer>> AuthLink::step(uint64_t id, std::string_view data, net::Deadline deadline) {
  return ask(id, wire::Type::SaslStep, wire::SaslStep{id, std::string(data)}.encode(), deadline);
}

void AuthLink::abort(uint64_t id) {
  // Nothing to be done when it fails: a peer that is gone has forgotten the exchange.
  auto sent = send_(wire::Type::SaslAbort, wire::SaslAbort{id}.encode());
  (void)sent.has_value();
}

Task<Result<SaslAnswer>> AuthLink::ask(uint64_t id, wire::Type type, std::string payload, net::Deadline deadline) {
  base::Completion<SaslAnswer> answer;
  auto timer = std::make_unique<net::Loop::Timer>(loop_, [this, id] {
    // Posted: settling destroys the timer, which must not happen within its own callback.
    loop_.post([this, id] { settle(id, fail(Errc::Timeout, "auth does not answer")); });
  });
  timer->arm(deadline);
  waiting_.insert_or_assign(id, Waiting{answer.promise(), std::move(timer)});
  if (auto sent = send_(type, payload); !sent) {
    waiting_.erase(id);
    co_return std::move(sent).error();
  }
  auto result = co_await answer;
  co_return result;
}

void AuthLink::settle(uint64_t id, Result<SaslAnswer> answer) {
  auto it = waiting_.find(id);
  if (it == waiting_.end()) return;
  auto waiting = std::move(it->second);
  waiting_.erase(it);
  waiting.promise.set(std::move(answer));
}

Result<void> AuthLink::on_message(uint8_t type, std::string_view payload) {
  uint64_t id = 0;
  Result<SaslAnswer> answer = fail(Errc::Invalid, "not an answer of auth");
  switch (static_cast<wire::Type>(type)) {
    case wire::Type::SaslChallenge:
      answer = decode<wire::SaslStep>(payload, id);
      break;
    case wire::Type::SaslDone:
      answer = decode<wire::SaslDone>(payload, id);
      break;
    case wire::Type::SaslFail:
      answer = decode<wire::SaslFail>(payload, id);
      break;
    default:
      break;
  }
  if (!answer) return std::move(answer).error();
  settle(id, std::move(answer));
  return {};
}

void AuthLink::on_down() {
  while (!waiting_.empty()) settle(waiting_.begin()->first, fail(Errc::Cancelled, "auth went away"));
}

}  // namespace bz::login
