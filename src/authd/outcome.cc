// The end of an exchange: a ticket for the role that serves the session, or a refusal that tells nothing.
#include "authd/exchange.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/ticket.h"

namespace bz::authd {

namespace {

// The kinds of SaslFail.
constexpr uint8_t kRefused = kRefusedKind, kTemporary = kTemporaryKind, kNotOffered = kNotOfferedKind;
constexpr base::Millis kGrain{250};  // failures are answered at multiples of it: an unknown name takes as long as a
                                     // known one, whoever was asked about the password

// The role that serves the session; what the ticket is for.
std::string_view route_of(wire::Service service) {
  bool mail = service == wire::Service::Imap || service == wire::Service::Pop3;
  return mail ? "mailstore" : "mta";
}

}  // namespace

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
