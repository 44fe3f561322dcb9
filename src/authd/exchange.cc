// One SASL exchange: from SaslStart to SaslDone or SaslFail. See the rules in service.h.
#include "authd/exchange.h"

#include <algorithm>

namespace bz::authd {

namespace {

// The kinds of SaslFail.
constexpr uint8_t kRefused = kRefusedKind, kTemporary = kTemporaryKind, kMalformed = 2, kNotOffered = kNotOfferedKind;
constexpr size_t kMaxExchanges = 50'000;      // open ones of all gateways
constexpr size_t kMaxAtWorkPerAddress = 100;  // being judged at the same time; trusted networks are not counted

bool offers(const Options& options, std::string_view listener, sasl::Kind kind) {
  auto it = options.offers.find(listener);
  return it != options.offers.end() && std::find(it->second.begin(), it->second.end(), kind) != it->second.end();
}

// A SCRAM client that says "you offer no -PLUS" is wrong when we do and the connection has something to bind to.
bool offers_plus(const Options& options, std::string_view listener, const sasl::ChannelBindings& bindings) {
  auto it = options.offers.find(listener);
  return it != options.offers.end() && bindings.any() && std::any_of(it->second.begin(), it->second.end(), sasl::is_plus);
}

}  // namespace

std::string_view sasl_service(wire::Service service) {
  return service == wire::Service::Imap ? "imap" : service == wire::Service::Pop3 ? "pop" : "smtp";
}

void Service::sasl_start(const PeerId& from, std::string_view payload) {
  auto start = wire::SaslStart::decode(payload);
  if (!start) return drop_message(from, "SaslStart", start.error());
  ExchangeKey key{from, start->id};
  if (exchanges_.contains(key)) return drop_message(from, "SaslStart", Error(Errc::Exists, "the id is in use"));
  if (exchanges_.size() >= kMaxExchanges) {
    send(from, wire::Type::SaslFail, wire::SaslFail{start->id, kTemporary, "too many exchanges"}.encode());
    return;
  }
  auto exchange = std::make_shared<Exchange>();
  exchange->peer = from;
  exchange->start = std::move(*start);
  exchange->began = world_.clock.mono();
  exchange->device = device_of(exchange->start);
  exchange->trusted = guard_.is_trusted(exchange->start.client_address);
  exchanges_.emplace(key, exchange);
  tasks_.spawn(run_exchange(exchange));
}

void Service::sasl_step(const PeerId& from, std::string_view payload) {
  auto step = wire::SaslStep::decode(payload);
  if (!step) return drop_message(from, "SaslStep", step.error());
  auto it = exchanges_.find({from, step->id});
  if (it == exchanges_.end()) return;  // ended meanwhile
  ExchangePtr exchange = it->second;
  // A response nobody asked for: the gateway is at fault, the exchange goes on without it.
  if (!exchange->waiting) return drop_message(from, "SaslStep", Error(Errc::Invalid, "out of turn"));
  auto promise = *std::exchange(exchange->waiting, std::nullopt);
  promise.set(std::move(step->data));
}

void Service::sasl_abort(const PeerId& from, std::string_view payload) {
  auto abort = wire::SaslAbort::decode(payload);
  if (!abort) return drop_message(from, "SaslAbort", abort.error());
  auto it = exchanges_.find({from, abort->id});
  if (it != exchanges_.end()) it->second->abandon();
}

Task<void> Service::run_exchange(ExchangePtr x) {
  const wire::SaslStart& start = x->start;
  auto kind = sasl::mechanism_of(start.mechanism);
  const bool trusted = x->trusted;
  uint8_t refusal = kRefused;
  std::string reason;
  if (!kind || !offers(options_, start.listener, *kind)) {
    refusal = kNotOffered, reason = "mechanism not offered";
  } else if (start.tls_version.empty() && !options_.cleartext.contains(start.listener)) {
    refusal = kNotOffered, reason = "no TLS";
  } else if (guard_.is_denied(start.client_address)) {
    refusal = kRefused, reason = "no logins from this network";
    x->delay = options_.guard.max_delay;
  } else if (!trusted && at_work_[start.client_address] >= kMaxAtWorkPerAddress) {
    refusal = kTemporary, reason = "too many logins of this address at the same time";
    x->delay = options_.guard.max_delay;
  }
  if (!reason.empty()) {
    auto refusing = refuse(x, refusal, reason);
    co_await std::move(refusing);
    exchanges_.erase({x->peer, x->start.id});
    co_return;
  }
  AtWork at_work(at_work_, trusted ? std::string() : start.client_address);
  sasl::ChannelBindings bindings{start.channel_binding, start.tls_unique, start.tls_server_end_point};
  bool plus = offers_plus(options_, start.listener, bindings);
  sasl::ServerOptions options{.host = options_.host,
                              .service = std::string(sasl_service(start.service)),
                              .realm = options_.secrets.digest_realm,
                              .bindings = std::move(bindings),
                              .nonce = {},
                              .ntlm_elsewhere = !options_.ntlm.domains.empty(),
                              .offers_plus = plus};
  x->machine = sasl::make_server(*kind, std::move(options), world_.clock, world_.random);
  std::optional<std::string_view> initial;
  if (start.has_initial) initial = start.initial;
  sasl::Step step = x->machine->start(initial);
  base::wipe(x->start.initial.data(), x->start.initial.size());  // PLAIN: a password
  for (;;) {
    if (auto* challenge = std::get_if<sasl::Challenge>(&step)) {
      auto asking = next_response(x, challenge->bytes);
      auto response = co_await std::move(asking);
      if (!response) {
        // A client may leave instead of acknowledging what RFC 7628 3.2.3 told it: it was refused all the same.
        if (response.error().code() == Errc::Timeout) {
          auto refusing = refuse(x, kTemporary, response.error().text());
          co_await std::move(refusing);
        } else if (x->detail.empty()) {
          log_end(*x, "abandoned", response.error().text());
        } else {
          auto refusing = refuse(x, kRefused, x->detail);
          co_await std::move(refusing);
        }
        break;
      }
      step = x->machine->next(*response);
    } else if (auto* password = std::get_if<sasl::NeedPassword>(&step)) {
      auto judging = judge_password(x, std::move(*password));
      step = co_await std::move(judging);
    } else if (auto* credentials = std::get_if<sasl::NeedCredentials>(&step)) {
      auto supplying = supply_credentials(x, credentials->user);
      step = co_await std::move(supplying);
    } else if (auto* token = std::get_if<sasl::NeedToken>(&step)) {
      auto judging = judge_token(x, std::move(*token));
      step = co_await std::move(judging);
    } else if (auto* certificate = std::get_if<sasl::NeedCertificate>(&step)) {
      auto judging = judge_certificate(x, std::move(*certificate));
      step = co_await std::move(judging);
    } else if (auto* call = std::get_if<sasl::NeedGss>(&step)) {
      auto calling = call_gss(x, std::move(*call));
      step = co_await std::move(calling);
    } else if (auto* ntlm = std::get_if<sasl::NeedNtlm>(&step)) {
      auto asking = ask_domain(x, std::move(*ntlm));
      step = co_await std::move(asking);
    } else if (auto* principal = std::get_if<sasl::NeedPrincipal>(&step)) {
      auto judging = judge_principal(x, std::move(*principal));
      step = co_await std::move(judging);
    } else if (auto* done = std::get_if<sasl::Done>(&step)) {
      auto accepting = accept(x, std::move(*done));
      co_await std::move(accepting);
      break;
    } else {
      auto& failure = std::get<sasl::Failure>(step);
      uint8_t why = failure.why == sasl::Failure::Why::Malformed ? kMalformed : kRefused;
      if (x->temporary) why = kTemporary;
      auto refusing = refuse(x, why, failure.reason);
      co_await std::move(refusing);
      break;
    }
  }
  end_turn(*x);
  exchanges_.erase({x->peer, x->start.id});
}

Task<Result<std::string>> Service::next_response(ExchangePtr x, std::string challenge) {
  if (x->abandoned) co_return fail(Errc::Cancelled, "the client went away");
  base::Completion<std::string> response;
  x->waiting = response.promise();
  send(x->peer, wire::Type::SaslChallenge, wire::SaslStep{x->start.id, std::move(challenge)}.encode());
  auto result = co_await response;
  co_return std::move(result);
}

}  // namespace bz::authd
