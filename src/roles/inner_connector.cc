#include "roles/inner_connector.h"

#include <algorithm>

#include "base/log.h"
#include "crypto/node_certificate.h"
#include "net/begin_connect.h"

namespace bz::roles {
namespace {

constexpr net::Millis kDialTime{4'000};  // under gateway.back_end_time: the client hears it from the gateway
constexpr net::Millis kFirstWait{100}, kLongestWait{5'000};

}  // namespace

Result<crypto::TlsContext> ConnectorRole::make_context(const RoleHost& host) const {
  crypto::TlsClientOptions options;
  options.ca_pem = host.secret(secrets::kInnerCa).reveal();
  options.system_roots = false;
  options.profile = crypto::TlsProfile::Modern;
  options.client_certificate.push_back({std::string(host.secret(secrets::kInnerCertificate).reveal()),
                                        Secret(std::string(host.secret(secrets::kInnerKey).reveal()))});
  return crypto::make_tls_client(options);
}

Result<void> ConnectorRole::prepare(RoleHost& host) {
  host_ = &host;
  BZ_TRY(tls_, make_context(host));
  return {};
}

Task<Result<void>> ConnectorRole::start(RoleHost& host) {
  renewal_ = std::make_unique<NodeRenewal>(host, [this] { return dial("enroll"); });
  renewal_->look();
  co_return Result<void>();
}

// Connections that are there go on.
Result<void> ConnectorRole::reload(RoleHost& host) {
  BZ_TRY(tls_, make_context(host));
  renewal_->look();
  return {};
}

void ConnectorRole::supervisor_said(const wire::Done& done) { renewal_->settle(done); }

Peer* ConnectorRole::channel(const Worker& worker, InnerTarget target) {
  return host_->peer("gateway", connector_index(worker.number, target));
}

void ConnectorRole::peer_up(Peer& peer) {
  const uint32_t number = peer.index() / 8;
  auto& worker = workers_[number];
  if (!worker) {
    worker = std::make_unique<Worker>();
    worker->number = number;
  }
  const auto target = static_cast<InnerTarget>(peer.index() % 8);
  if (auto hello = worker->hellos.find(target); hello != worker->hellos.end())
    pass_on(*worker, target, wire::Type::Hello, hello->second);
  if (target == InnerTarget::Auth && !std::exchange(worker->running, true)) host_->tasks().spawn(keep_link(*worker));
}

// Logins of a worker that has gone are over: the inside hears it by the end of the link.
void ConnectorRole::peer_down(Peer& peer) {
  if (static_cast<InnerTarget>(peer.index() % 8) != InnerTarget::Auth) return;
  auto worker = workers_.find(peer.index() / 8);
  if (worker != workers_.end() && worker->second->link) worker->second->link->close();
}

void ConnectorRole::message(Peer& from, net::Message message) {
  const auto target = static_cast<InnerTarget>(from.index() % 8);
  const auto type = static_cast<wire::Type>(message.type);
  auto worker = workers_.find(from.index() / 8);
  if (target != InnerTarget::Auth && type == wire::Type::Leg && message.fds.size() == 1) {
    host_->tasks().spawn(carry(target, std::move(message.fds[0])));
  } else if (target == InnerTarget::Auth && worker != workers_.end() &&
             (type == wire::Type::SaslStart || type == wire::Type::SaslStep || type == wire::Type::SaslAbort ||
              type == wire::Type::AccountSessions)) {
    if (worker->second->link) worker->second->link->send(type, message.payload);
    base::wipe(message.payload.data(), message.payload.size());
  } else {
    log::event(log::Err, "message_refused").field("peer", from.role()).field("type", message.type);
  }
}

// --- connections

// `role`: one inside, or "enroll". A literal.
Task<Result<std::unique_ptr<net::Stream>>> ConnectorRole::dial(std::string_view role) {
  const auto deadline = net::Deadline::in(kDialTime);
  base::Completion<net::OwnedFd> done;
  const uint32_t number = ++last_dial_;
  dials_.emplace(number, done.promise());
  auto asked = host_->ask_supervisor(wire::Type::Connect, wire::Peer{std::string(role), number}.encode());
  if (!asked) {
    dials_.erase(number);
    co_return std::move(asked).error();
  }
  auto given = co_await done;
  BZ_CO_TRY(auto fd, std::move(given));
  net::notice_silence(fd.get());
  net::Endpoint to{host_->config().inner.connect, 0};
  auto finishing = net::finish_connect(host_->loop(), std::move(fd), std::move(to), deadline);
  auto connected = co_await std::move(finishing);
  BZ_CO_TRY(auto stream, std::move(connected));
  auto shaking = stream->connect_tls(tls_, crypto::kInnerName, deadline);
  auto shaken = co_await std::move(shaking);
  if (!shaken) co_return std::move(shaken).error();
  co_return std::move(stream);
}

void ConnectorRole::answered(net::Message message) {
  auto answer = wire::Peer::decode(message.payload);
  auto asked = answer ? dials_.extract(answer->index) : decltype(dials_)::node_type();
  if (asked.empty()) return;
  if (message.fds.size() == 1) return asked.mapped().set(std::move(message.fds[0]));
  asked.mapped().set(fail(Errc::Unavailable, "the inside cannot be reached"));
}

// For as long as the worker lives: connects, and again when the connection has gone, with back-off.
Task<void> ConnectorRole::keep_link(Worker& worker) {
  net::Millis wait = kFirstWait;
  for (;;) {
    Peer* peer = channel(worker, InnerTarget::Auth);
    if (!peer || !peer->up()) break;
    auto dialing = dial(name(InnerTarget::Auth));
    auto stream = co_await std::move(dialing);
    Error why = fail(Errc::Closed);
    if (stream) {
      worker.link = std::make_unique<InnerLink>(
          std::move(*stream), [this, &worker](wire::Frame frame) { return from_inside(worker, std::move(frame)); });
      auto running = worker.link->run();
      why = co_await std::move(running);
      // Who was let in has heard of somebody inside: the way is good, and the next try may come at once.
      if (!worker.hellos.empty()) wait = kFirstWait;
      worker.link.reset();
      withdraw(worker);
    } else {
      why = stream.error();
    }
    log::event(log::Warn, "inside_away").field("worker", worker.number).field("in_ms", wait.count()).error(why);
    auto sleeping = host_->loop().sleep(net::Deadline::in(wait));
    co_await std::move(sleeping);
    wait = std::min(wait * 2, kLongestWait);
  }
  worker.running = false;
}

Result<void> ConnectorRole::from_inside(Worker& worker, wire::Frame frame) {
  const auto type = static_cast<wire::Type>(frame.type);
  switch (type) {
    case wire::Type::Hello: {
      BZ_TRY(auto hello, wire::Hello::decode(frame.payload));
      auto target = inner_target(hello.role);
      if (!target) return fail(Errc::Invalid, "Hello of " + hello.role);
      if (*target == InnerTarget::Auth) log::event(log::Info, "inside_there").field("worker", worker.number);
      // Who comes again was away between.
      if (worker.hellos.contains(*target)) pass_on(worker, *target, wire::Type::Away, {});
      worker.hellos[*target] = frame.payload;
      pass_on(worker, *target, wire::Type::Hello, frame.payload);
      return {};
    }
    case wire::Type::PeerGone: {
      BZ_TRY(auto gone, wire::Peer::decode(frame.payload));
      auto target = inner_target(gone.role);
      if (target && worker.hellos.erase(*target) > 0) pass_on(worker, *target, wire::Type::Away, {});
      return {};
    }
    case wire::Type::SaslChallenge:
    case wire::Type::SaslDone:
    case wire::Type::SaslFail:
    case wire::Type::EndSessions:
    case wire::Type::AskSessions:
      pass_on(worker, InnerTarget::Auth, type, frame.payload);
      return {};
    case wire::Type::TicketKeys:
      return take_tickets(std::move(frame.payload));
    default:
      return fail(Errc::Invalid, "a frame of type " + std::to_string(frame.type));
  }
}

// Each worker's link brings them; the supervisor gives them to all workers, so that it hears each ring from us once.
Result<void> ConnectorRole::take_tickets(std::string payload) {
  Secret given(std::move(payload));
  if (std::exchange(ticket_keys_, given).equals(given.reveal())) return {};
  return host_->ask_supervisor(wire::Type::TicketKeys, given.reveal());
}

void ConnectorRole::withdraw(Worker& worker) {
  for (auto& [target, hello] : std::exchange(worker.hellos, {})) pass_on(worker, target, wire::Type::Away, {});
}

void ConnectorRole::pass_on(Worker& worker, InnerTarget target, wire::Type type, std::string_view payload) {
  Peer* peer = channel(worker, target);
  if (!peer || !peer->up()) return;
  auto sent = peer->send(type, payload);
  if (!sent) log::event(log::Warn, "worker_unreachable").field("worker", worker.number).error(sent.error());
}

// A session: what the gateway says on its leg goes on inside. When the inside cannot be had, the leg ends and the gateway
// tells its client.
Task<void> ConnectorRole::carry(InnerTarget target, net::OwnedFd fd) {
  struct Count {
    size_t& legs;
    explicit Count(size_t& l) : legs(l) { ++legs; }
    ~Count() { --legs; }
  } count(legs_);
  net::Stream leg(host_->loop(), fd.release());
  auto dialing = dial(name(target));
  auto inside = co_await std::move(dialing);
  if (!inside) {
    log::event(log::Warn, "leg_refused").field("peer", name(target)).error(inside.error());
    co_return;
  }
  auto moving = net::splice(leg, **inside, host_->config().gateway.idle_time);
  auto end = co_await std::move(moving);
  log::event(log::Debug, "leg_ended").field("peer", name(target)).field("why", end.reason);
}

void ConnectorRole::control(ControlCall call) {
  if (call.request().arguments != std::vector<std::string>{"links"}) {
    return call.answer({2, {}, "the connector knows links\n"});
  }
  std::string out = "sessions " + std::to_string(legs_) + "\n";
  for (const auto& [number, worker] : workers_) {
    out += "worker " + std::to_string(number) + (worker->hellos.empty() ? " away" : " linked to");
    for (const auto& [target, hello] : worker->hellos) out += " " + std::string(name(target));
    out += "\n";
  }
  call.answer({0, std::move(out), {}});
}

}  // namespace bz::roles
