// One SASL exchange: from SaslStart to SaslDone or SaslFail. See the rules in service.h.
#include "authd/exchange.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/password_scheme.h"
#include "crypto/ticket.h"

namespace bz::authd {

namespace {

// The kinds of SaslFail.
constexpr uint8_t kRefused = 0, kTemporary = 1, kMalformed = 2, kNotOffered = 3;
constexpr size_t kMaxExchanges = 50'000;      // open ones of all gateways
constexpr size_t kMaxAtWorkPerAddress = 100;  // being judged at the same time; trusted networks are not counted

// The role that serves the session; what the ticket is for.
std::string_view route_of(wire::Service service) {
  bool mail = service == wire::Service::Imap || service == wire::Service::Pop3;
  return mail ? "mailstore" : "mta";
}

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
  bool trusted = guard_.is_trusted(start.client_address);
  uint8_t refusal = kRefused;
  std::string reason;
  if (!kind || !offers(options_, start.listener, *kind)) {
    refusal = kNotOffered, reason = "mechanism not offered";
  } else if (start.tls_version.empty() && !options_.cleartext.contains(start.listener)) {
    refusal = kNotOffered, reason = "no TLS";
  } else if (guard_.refuses(start.client_address)) {
    refusal = kTemporary, reason = "too many failures of this address";
  } else if (!trusted && at_work_[start.client_address] >= kMaxAtWorkPerAddress) {
    refusal = kTemporary, reason = "too many logins of this address at the same time";
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
        if (x->detail.empty()) {
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

// Every attempt costs one Argon2id, whoever is meant by it; only what was right within the last hour costs a hash.
Task<sasl::Step> Service::judge_password(ExchangePtr x, sasl::NeedPassword need) {
  x->know_user(directory_.login_name(need.user));
  x->delay = guard_.delay(x->start.client_address, x->user);
  if (!options_.routes.empty()) x->password = need.password;
  x->fingerprint = cache_.fingerprint(x->user, need.password);
  auto looking = source_.login(need.user);
  auto record = co_await std::move(looking);
  if (!record) co_return x->fail_for_now(record.error());
  x->account = record->account;
  x->known = record->known;
  x->source = record->source;
  std::optional<base::Millis> age;
  if (x->known) age = cache_.age(x->account.id, x->account.verifier_version, need.password);
  if (age && *age <= record->fresh) {
    x->cached = true;
    co_return x->machine->verified(x->account.state == directory::State::Active);
  }
  Result<bool> right = false;
  if (record->check == directory::LoginRecord::Check::Source) {
    auto checking = check_by_source(x, *record, need.password, age);
    right = co_await std::move(checking);
  } else {
    auto verifying = world_.pool.run<bool>(world_.loop, verification(*record, need.password));
    right = co_await verifying;
  }
  if (!right) co_return x->fail_for_now(right.error());
  if (*right && x->known && !x->cached) cache_.remember(x->account.id, x->account.verifier_version, need.password);
  co_return x->machine->verified(*right && x->known && x->account.state == directory::State::Active);
}

// A directory that does not answer does not shut out those whose password it found right not long ago.
Task<Result<bool>> Service::check_by_source(ExchangePtr x, directory::LoginRecord record, Secret password,
                                            std::optional<base::Millis> age) {
  AccountId account = record.account.id;
  std::string decoy = record.secrets.argon2id;
  auto checking = source_.check_password(std::move(record), password);
  auto right = co_await std::move(checking);
  if (!right && age) {
    x->cached = true;
    co_return true;
  }
  if (!right || *right) co_return std::move(right);
  if (age) cache_.forget(account);
  directory::LoginRecord nobody;
  nobody.secrets.argon2id = std::move(decoy);
  auto spending = world_.pool.run<bool>(world_.loop, verification(nobody, password));
  auto spent = co_await spending;
  if (!spent) co_return std::move(spent);
  co_return false;
}

std::function<Result<bool>()> verification(const directory::LoginRecord& record, const Secret& password) {
  using Check = directory::LoginRecord::Check;
  BZ_CHECK(record.check != Check::Source, "its source checks this password");
  std::vector<Secret> stored;
  if (record.check == Check::Stored) stored = record.stored;
  return [argon2id = record.secrets.argon2id, stored = std::move(stored), password]() -> Result<bool> {
    for (const Secret& value : stored)
      if (crypto::verify_stored_password(value.reveal(), password)) return true;
    return directory::password_opens(argon2id, password);
  };
}

Task<sasl::Step> Service::supply_credentials(ExchangePtr x, std::string user) {
  x->know_user(directory_.login_name(user));
  x->delay = guard_.delay(x->start.client_address, x->user);
  auto looking = source_.login(std::move(user));
  auto record = co_await std::move(looking);
  if (!record) co_return x->fail_for_now(record.error());
  x->account = record->account;
  x->known = record->known;
  x->source = record->source;
  sasl::Credentials& credentials = record->secrets.credentials;
  credentials.known = record->known && record->account.state == directory::State::Active;
  co_return x->machine->supply(credentials);
}

Task<void> Service::accept(ExchangePtr x, sasl::Done done) {
  // Another directory may call the account by another name than the one it logs in with.
  std::string wanted = directory_.login_name(done.authzid);
  if (!done.authzid.empty() && wanted != x->account.name && wanted != x->user) {
    auto refusing = refuse(x, kRefused, "may not act as somebody else");
    co_await std::move(refusing);
    co_return;
  }
  if (x->delay.count() > 0) {
    auto waiting = world_.sleep(x->delay);
    co_await std::move(waiting);
  }
  auto looking = source_.by_id(x->account.id);
  auto now = co_await std::move(looking);
  bool unchanged = now && now->state == directory::State::Active && now->verifier_version == x->account.verifier_version;
  std::string route(route_of(x->start.service));
  Place place;
  if (unchanged) {
    auto placed = place_session(*x, *now);
    if (auto* refusal = std::get_if<Refusal>(&placed)) {
      x->delay = base::Millis(0);
      auto refusing = refuse(x, refusal->kind, refusal->reason);
      co_await std::move(refusing);
      co_return;
    }
    place = std::get<Place>(std::move(placed));
  }
  if (place.server != nullptr) route = "egress";
  crypto::Ticket ticket;
  ticket.audience = route;
  ticket.service = wire::name(x->start.service);
  ticket.account = x->account.id;
  ticket.account_name = x->account.name;
  ticket.mechanism = base::upper(x->start.mechanism);
  ticket.session = x->start.session_id;
  ticket.client_address = x->start.client_address;
  auto signed_ticket = crypto::issue_ticket(key_.private_key, std::move(ticket), world_.clock, world_.random);
  if (unchanged && signed_ticket && place.server != nullptr) {
    if (auto told = tell_egress(*x, place, *signed_ticket); !told) signed_ticket = std::move(told).error();
  }
  if (!unchanged || !signed_ticket) {
    std::string reason = !now         ? now.error().to_string()
                         : !unchanged ? "the account was changed meanwhile"
                                      : signed_ticket.error().to_string();
    x->delay = base::Millis(0);
    auto refusing = refuse(x, kTemporary, std::move(reason));
    co_await std::move(refusing);
    co_return;
  }
  guard_.succeeded(x->start.client_address, x->user);
  std::string where = x->source == directory_.name() ? "embedded directory" : "directory " + x->source;
  std::string verdict = where + ": account " + std::to_string(x->account.id.value()) + ", " +
                        std::string(directory::name(x->account.state)) + (x->cached ? ", password known" : "");
  if (place.server != nullptr) verdict += ", mailbox on server " + place.server->name + " at " + place.host;
  log_end(*x, verdict, "");
  wire::SaslDone answer;
  answer.id = x->start.id;
  answer.account = x->account.name;
  answer.account_id = x->account.id.value();
  answer.ticket = std::move(*signed_ticket);
  answer.final_data = std::move(done.final_data);
  answer.verdict = std::move(verdict);
  answer.route = std::move(route);
  if (!x->abandoned) send(x->peer, wire::Type::SaslDone, answer.encode());
}

std::variant<Place, Service::Refusal> Service::place_session(const Exchange& x, const directory::Account& account) const {
  if (options_.routes.empty() && account.mail_host.empty()) return Place{};
  auto place = options_.routes.place_of(account);
  if (!place) return Refusal{kTemporary, place.error().text()};
  if (place->server == nullptr) return *place;
  const ForeignServer& server = *place->server;
  const wire::Service service = x.start.service;
  if (!server.serves(service)) {
    // Who submits through us although his mailbox is elsewhere is our mta's customer.
    if (service == wire::Service::Submission) return Place{};
    return Refusal{kTemporary, "server " + server.name + " has no " + std::string(wire::name(service))};
  }
  if (!server.has_master && x.password.empty())
    return Refusal{kNotOffered, "server " + server.name + " needs the password itself: PLAIN or LOGIN"};
  return *place;
}

// On egress's own channel, before the gateway hears of the ticket: what passes the gateway opens nothing at the server.
Result<void> Service::tell_egress(Exchange& x, const Place& place, std::string_view ticket) {
  wire::ForeignLogin login;
  login.ticket_sha256 = crypto::sha256(ticket);
  login.server = place.server->name;
  login.host = place.host;
  login.user = options_.routes.login_name(*place.server, x.account);
  if (!place.server->by_master) login.password = x.password.reveal();
  std::string payload = login.encode();
  auto sent = world_.send({"egress", 0}, wire::Type::ForeignLogin, payload);
  base::wipe(payload.data(), payload.size());
  base::wipe(login.password.data(), login.password.size());
  x.password.clear();
  if (!sent) return std::move(sent).error().with_context("egress");
  return {};
}

Task<void> Service::refuse(ExchangePtr x, uint8_t kind, std::string reason) {
  if (kind == kRefused && !x->detail.empty()) reason = std::move(x->detail);
  // An account's state is for the log alone: to the client it is a refusal like any other.
  if (kind == kRefused && x->known && x->account.state != directory::State::Active)
    reason = "account " + std::string(directory::name(x->account.state));
  if (kind == kRefused && !x->user.empty()) guard_.failed(x->start.client_address, x->user, x->fingerprint);
  log_end(*x, kind == kTemporary ? "not now" : "refused", reason);
  if (x->delay.count() > 0) {
    auto waiting = world_.sleep(x->delay);
    co_await std::move(waiting);
  }
  std::string shown = kind == kRefused ? "authentication failed" : std::move(reason);
  if (!x->abandoned) send(x->peer, wire::Type::SaslFail, wire::SaslFail{x->start.id, kind, shown}.encode());
}

void Service::log_end(const Exchange& x, std::string_view verdict, std::string_view reason) {
  using namespace std::chrono;
  bool good = reason.empty();
  log::Event event(good ? log::Info : log::Warn, "login");
  event.field("sid", x.start.session_id).field("service", wire::name(x.start.service));
  event.field("mech", base::upper(x.start.mechanism)).field("peer", x.start.client_address);
  if (directory::normal_address(x.user)) event.field("user", x.user);
  if (x.known) event.field("account", x.account.name).field("id", x.account.id.value());
  event.field("verdict", verdict);
  if (!good) event.field("reason", reason);
  if (x.delay.count() > 0) event.field("delay_ms", x.delay.count());
  event.field("ms", duration_cast<milliseconds>(world_.clock.mono() - x.began).count());
}

}  // namespace bz::authd
