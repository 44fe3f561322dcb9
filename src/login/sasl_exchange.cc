#include "login/sasl_exchange.h"

#include "base/log.h"

namespace bz::login {
namespace {

using Kind = SaslOutcome::Kind;

SaslOutcome lost(const Error& error) {
  Kind kind = error.code() == Errc::Cancelled ? Kind::Cancelled
              : error.code() == Errc::Invalid ? Kind::Malformed
                                              : Kind::Lost;
  return {kind, {}, error.to_string()};
}

SaslOutcome failed(const wire::SaslFail& answer) {
  constexpr Kind kKinds[] = {Kind::Failed, Kind::Temporary, Kind::Malformed, Kind::NotOffered, Kind::NotAllowed};
  return {answer.kind < std::size(kKinds) ? kKinds[answer.kind] : Kind::Temporary, {}, answer.reason};
}

Task<SaslOutcome> exchange(Client& client, wire::SaslStart& start, Prompter& prompter) {
  AuthLink& auth = client.services.auth;
  Millis wait = client.settings->limits.auth;
  auto answer = co_await auth.start(start, net::Deadline::in(wait));
  while (answer && std::holds_alternative<wire::SaslStep>(*answer)) {
    std::string challenge = std::move(std::get<wire::SaslStep>(*answer).data);
    auto response = co_await prompter.ask(challenge);
    if (!response) {
      auth.abort(start.id);
      co_return lost(response.error());
    }
    answer = co_await auth.step(start.id, *response, net::Deadline::in(wait));
  }
  if (!answer) {
    auth.abort(start.id);
    co_return SaslOutcome{Kind::Temporary, {}, answer.error().to_string()};
  }
  if (auto* refusal = std::get_if<wire::SaslFail>(&*answer)) co_return failed(*refusal);
  wire::SaslDone done = std::move(std::get<wire::SaslDone>(*answer));
  client.bearer.name(done.account_id, done.device);
  if (!done.final_data.empty()) {
    // The server's last message travels as a challenge; the client acknowledges it with an empty response (RFC 4422 5).
    auto response = co_await prompter.ask(done.final_data);
    if (!response || !response->empty()) client.bearer.clear();
    if (!response) co_return lost(response.error());
    if (!response->empty()) co_return SaslOutcome{Kind::Malformed, {}, "a response after the server's last message"};
  }
  co_return SaslOutcome{Kind::Done, std::move(done), {}};
}

}  // namespace

Task<SaslOutcome> sasl_exchange(Client& client, wire::SaslStart start, Prompter& prompter) {
  log::event(log::Info, "sasl").field("sid", client.sid).field("mech", start.mechanism);
  SaslOutcome outcome = co_await exchange(client, start, prompter);
  if (outcome.kind == Kind::Done) {
    log::event(log::Info, "verdict")
        .field("sid", client.sid)
        .field("result", "ok")
        .field("account", outcome.done.account)
        .field("device", outcome.done.device)
        .field("verdict", outcome.done.verdict);
  } else {
    log::event(log::Info, "verdict").field("sid", client.sid).field("result", "refused").field("reason", outcome.reason);
  }
  co_return outcome;
}

}  // namespace bz::login
