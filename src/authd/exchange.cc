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
constexpr uint8_t kRefused = kRefusedKind, kTemporary = kTemporaryKind, kMalformed = 2, kNotOffered = 3;
constexpr size_t kMaxExchanges = 50'000;      // open ones of all gateways
constexpr size_t kMaxAtWorkPerAddress = 100;  // being judged at the same time; trusted networks are not counted
constexpr size_t kMaxInLine = 20;             // for one account
constexpr size_t kMaxAtDirectory = 2000;      // strangers waiting for one; after a restart everybody is one
constexpr size_t kSuspiciousAtWork = 5;       // so many strangers of one address at the same time wait for one another
constexpr base::Millis kGrain{250};  // failures are answered at multiples of it: an unknown name takes as long as a
                                     // known one, whoever was asked about the password

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

// The guard's word about who says he is `user`. A step: he is sent away unread.
std::optional<sasl::Step> Service::admit(Exchange& x, std::string user) {
  using Verdict = directory::Guard::Verdict;
  x.know_user(std::move(user));
  const directory::Guard::Judgement judgement = guard_.judge(x.attempt());
  x.delay = judgement.delay;
  auto at_work = at_work_.find(x.start.client_address);
  const bool crowd = at_work != at_work_.end() && at_work->second > kSuspiciousAtWork;
  x.stranger = judgement.stranger;
  x.suspect = judgement.suspect || (x.stranger && crowd);
  x.from_memory = judgement.verdict == Verdict::FromMemory;
  if (judgement.verdict == Verdict::Pass || x.from_memory) return std::nullopt;
  if (judgement.verdict == Verdict::TooMany) log_closed(x);
  return x.fail_for_now(Error(Errc::Limit, judgement.verdict == Verdict::Denied ? "no logins from this network"
                                                                                : "too many failures of this address"));
}

// Waits in the lines that are there for one who comes from there, and hears the guard's word again: what was counted
// meanwhile counts for him, too. A step: he is sent away.
Task<std::optional<sasl::Step>> Service::wait_turn(ExchangePtr x, bool remembered) {
  using Sent = std::optional<sasl::Step>;
  if (x->stranger && !remembered && options_.guard.max_account_failures != 0) {
    auto& line = lines_[x->user];
    if (!line) line = std::make_shared<Turnstile>(1, kMaxInLine);
    x->line = line;
    auto entering = line->enter();
    auto turn = co_await std::move(entering);
    if (!turn) co_return Sent(x->fail_for_now(turn.error()));
    x->turn = std::move(*turn);
  }
  if (x->suspect) {
    auto entering = suspects_.enter();
    auto place = co_await std::move(entering);
    if (!place) co_return Sent(x->fail_for_now(place.error()));
    x->place = std::move(*place);
  }
  if (!x->turn && !x->place) co_return Sent();
  if (x->abandoned) co_return Sent(x->fail_for_now(Error(Errc::Cancelled, "the client went away")));
  const base::Millis before = x->delay;
  auto refusal = admit(*x, x->user);
  x->delay = std::max(x->delay, before);
  co_return refusal;
}

// When the failure, if it was one, has been counted.
void Service::end_turn(Exchange& x) {
  auto line = std::move(x.line);
  x.place.reset();
  x.turn.reset();
  if (line && line.use_count() == 2) lines_.erase(x.user);  // nobody else is in it
}

// Every attempt costs one Argon2id, whoever is meant by it; only what was right within the last hour costs a hash.
Task<sasl::Step> Service::judge_password(ExchangePtr x, sasl::NeedPassword need) {
  need.user = choose_device(*x, need.user);
  if (auto refusal = admit(*x, directory_.login_name(need.user))) co_return std::move(*refusal);
  if (!options_.routes.empty()) x->password = need.password;
  x->fingerprint = cache_.fingerprint(x->user, need.password);
  auto looking = source_.login(need.user);
  auto record = co_await std::move(looking);
  if (!record) co_return x->fail_for_now(record.error());
  x->account = record->account;
  x->known = record->known;
  x->source = record->source;
  auto trying = try_devices(x, *record, need.password);
  auto opened = co_await std::move(trying);
  if (!opened) co_return x->fail_for_now(opened.error());
  if (*opened) co_return x->machine->verified(x->account.state == directory::State::Active);
  auto remembered = [&]() -> std::optional<base::Millis> {
    if (!x->known) return std::nullopt;
    return cache_.age(x->account.id, x->account.verifier_version, need.password);
  };
  std::optional<base::Millis> age = remembered();
  if (!age || *age > record->fresh) {
    const base::MonoTime before = world_.clock.mono();
    auto waiting = wait_turn(x, age.has_value());
    auto refusal = co_await std::move(waiting);
    record->until += world_.clock.mono() - before;  // the directory's time is not spent in our lines
    if (refusal) co_return std::move(*refusal);
    age = remembered();  // those before may have learnt it
  }
  if (age && *age <= record->fresh) {
    x->cached = true;
    co_return x->machine->verified(x->account.state == directory::State::Active);
  }
  if (x->from_memory && !age) {
    x->guess = true;
    co_return x->fail_for_now(Error(Errc::Limit, "many guess at this account, and this password is not known to be right"));
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
  if (*right && x->known && !x->cached) {
    cache_.remember(x->account.id, x->account.verifier_version, need.password);
    stale_.right(x->account.id, need.password);
  }
  if (!*right && x->known && record->check != directory::LoginRecord::Check::Source) note_wrong(*x, need.password, false);
  co_return x->machine->verified(*right && x->known && x->account.state == directory::State::Active);
}

// Behind other strangers where he is one: they hold only some of the directory's connections, and only while it is asked.
Task<Result<directory::PasswordVerdict>> Service::ask_source(ExchangePtr x, directory::LoginRecord record, Secret password,
                                                             bool remembered) {
  Turnstile::PlacePtr place;
  if ((x->stranger || x->suspect) && !remembered) {
    const base::MonoTime before = world_.clock.mono();
    Turnstile& line = strangers_.try_emplace(record.source, record.of_strangers, kMaxAtDirectory).first->second;
    line.resize(record.of_strangers);
    auto entering = line.enter();
    auto entered = co_await std::move(entering);
    if (!entered) co_return std::move(entered).error();
    place = std::move(*entered);
    if (x->abandoned) co_return fail(Errc::Cancelled, "the client went away");
    record.until += world_.clock.mono() - before;
  }
  auto checking = source_.check_password(std::move(record), std::move(password));
  auto verdict = co_await std::move(checking);
  co_return std::move(verdict);
}

// A directory that does not answer does not shut out those whose password it found right not long ago.
Task<Result<bool>> Service::check_by_source(ExchangePtr x, directory::LoginRecord record, Secret password,
                                            std::optional<base::Millis> age) {
  AccountId account = record.account.id;
  std::string decoy = record.secrets.argon2id;
  using directory::PasswordVerdict;
  Result<PasswordVerdict> verdict = PasswordVerdict::Wrong;
  const auto refused = stale_.refused(account, x->account.verifier_version, password);
  if (refused) {
    x->detail = record.source + " refused this password " + std::to_string(refused->count() / 60'000) +
                " min ago, it is not asked again";
  } else {
    auto checking = ask_source(x, std::move(record), password, age.has_value());
    verdict = co_await std::move(checking);
  }
  if (!verdict && age) {
    x->cached = true;
    co_return true;
  }
  if (!verdict) co_return std::move(verdict).error();
  if (*verdict == PasswordVerdict::Right) co_return true;
  if (*verdict == PasswordVerdict::Closed) x->detail = "the directory has closed the account";
  if (*verdict == PasswordVerdict::Wrong) note_wrong(*x, password, !refused);
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
  user = choose_device(*x, user);
  if (auto refusal = admit(*x, directory_.login_name(user))) co_return std::move(*refusal);
  auto looking = source_.login(std::move(user));
  auto record = co_await std::move(looking);
  if (!record) co_return x->fail_for_now(record.error());
  x->account = record->account;
  x->known = record->known;
  x->source = record->source;
  auto taking = take_device_keys(x, *record);
  auto taken = co_await std::move(taking);
  if (!taken) co_return x->fail_for_now(taken.error());
  sasl::Credentials& credentials = record->secrets.credentials;
  credentials.known = record->known && record->account.state == directory::State::Active;
  co_return x->machine->supply(credentials);
}

Task<void> Service::accept(ExchangePtr x, sasl::Done done) {
  end_turn(*x);
  // Another directory may call the account by another name than the one it logs in with.
  std::string wanted = directory_.login_name(directory::chosen_device(done.authzid).user);
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
    auto checking = check_device(x);
    auto objection = co_await std::move(checking);
    if (objection) {
      x->delay = base::Millis(0);
      auto refusing = refuse(x, objection->kind, objection->reason);
      co_await std::move(refusing);
      co_return;
    }
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
  ticket.device = x->own_device.label;
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
  guard_.succeeded(x->attempt());
  std::string where = x->source == directory_.name() ? "embedded directory" : "directory " + x->source;
  std::string verdict = where + ": account " + std::to_string(x->account.id.value()) + ", " +
                        std::string(directory::name(x->account.state)) + (x->cached ? ", password known" : "");
  if (x->own_device.number != 0) verdict += ", device " + x->own_device.label;
  if (place.server != nullptr) verdict += ", mailbox on server " + place.server->name + " at " + place.host;
  log_end(*x, verdict, "");
  note_device_use(*x);
  wire::SaslDone answer;
  answer.id = x->start.id;
  answer.account = x->account.name;
  answer.account_id = x->account.id.value();
  answer.device = x->own_device.label;
  answer.ticket = std::move(*signed_ticket);
  answer.final_data = std::move(done.final_data);
  answer.verdict = std::move(verdict);
  answer.route = std::move(route);
  if (!x->abandoned) send(x->peer, wire::Type::SaslDone, answer.encode());
}

std::variant<Place, Service::Refusal> Service::place_session(const Exchange& x, const directory::Account& account) const {
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
  const bool judged = (kind == kRefused && !x->user.empty()) || x->guess;
  if (judged) count_failure(*x);
  end_turn(*x);
  log_end(*x, kind == kTemporary ? "not now" : "refused", reason);
  if (judged && !x->trusted) {
    auto spent = std::chrono::duration_cast<base::Millis>(world_.clock.mono() - x->began) % kGrain;
    if (spent.count() > 0) x->delay += kGrain - spent;
  }
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
