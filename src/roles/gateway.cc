#include "roles/gateway.h"

#include <algorithm>
#include <map>

#include "base/log.h"
#include "crypto/tls_tickets.h"
#include "imap/capability.h"
#include "roles/leg.h"
#include "roles/served_keys.h"

namespace bz::roles {
namespace {

constexpr net::Millis kDrainStep{200};
constexpr size_t kMaxToldSessions = 1000;  // what a list of the wire holds

wire::Service service_of(Front front) {
  switch (front) {
    case Front::Imap:
      return wire::Service::Imap;
    case Front::Pop3:
      return wire::Service::Pop3;
    case Front::Submission:
      return wire::Service::Submission;
    case Front::Mx:
      return wire::Service::Mx;
    case Front::Lmtp:
      return wire::Service::Lmtp;
  }
  return wire::Service::Imap;
}

login::TlsMode tls_of(ListenerTls tls) {
  switch (tls) {
    case ListenerTls::Implicit:
      return login::TlsMode::Implicit;
    case ListenerTls::StartTls:
      return login::TlsMode::StartTls;
    case ListenerTls::None:
      return login::TlsMode::None;
  }
  return login::TlsMode::Implicit;
}

crypto::ClientCertificates certificates_of(ClientCertificates wanted) {
  switch (wanted) {
    case ClientCertificates::Off:
      return crypto::ClientCertificates::Off;
    case ClientCertificates::Optional:
      return crypto::ClientCertificates::Optional;
    case ClientCertificates::Required:
      return crypto::ClientCertificates::Required;
  }
  return crypto::ClientCertificates::Off;
}

// What the door shows before login: with other people's servers behind it only what any of them can do.
void promise(login::Door& door, const ListenerConfig& listener, const Config& config) {
  const auto any = [&](uint16_t ServerConfig::* port) {
    return std::any_of(config.servers.begin(), config.servers.end(), [&](const auto& server) { return server.*port != 0; });
  };
  door.capabilities = listener.imap_capabilities;
  if (door.capabilities.empty() && any(&ServerConfig::imap_port)) door.capabilities = imap::kCapabilitiesOfAnyServer;
  door.any_server = any(door.service == wire::Service::Pop3 ? &ServerConfig::pop3_port : &ServerConfig::submission_port);
}

crypto::TlsProfile profile_of(TlsProfile profile) {
  switch (profile) {
    case TlsProfile::Modern:
      return crypto::TlsProfile::Modern;
    case TlsProfile::Intermediate:
      return crypto::TlsProfile::Intermediate;
    case TlsProfile::Legacy:
      return crypto::TlsProfile::Legacy;
  }
  return crypto::TlsProfile::Intermediate;
}

}  // namespace

Result<crypto::TlsServerOptions> GatewayRole::make_tls_options(const RoleHost& host) {
  crypto::TlsServerOptions options;
  options.hosts =
      as_hosts(served_keys(host.config(), [&](std::string_view name) -> const Secret& { return host.secret(name); }));
  BZ_TRY(options.ticket_keys, crypto::parse_ticket_keys(host.secret(secrets::kTicketKeys)));
  return options;
}

Result<std::vector<std::shared_ptr<const login::Door>>> GatewayRole::make_doors(const RoleHost& host) const {
  const Config& config = host.config();
  BZ_TRY(auto options, make_tls_options(host));
  if (const Secret& ca = host.secret(secrets::kClientCa); !ca.empty()) {
    BZ_TRY(options.client_authorities,
           crypto::ClientAuthorities::make(ca.reveal(), host.secret(secrets::kClientCrl).reveal()));
  }
  std::map<std::tuple<TlsProfile, ClientCertificates, bool>, crypto::TlsContext> contexts;
  std::vector<std::shared_ptr<const login::Door>> doors;
  for (const ListenerConfig& listener : config.listeners) {
    if (!listener.node.empty()) continue;  // another host's
    auto door = std::make_shared<login::Door>();
    door->name = listener.name;
    door->service = service_of(listener.front);
    door->tls = tls_of(listener.tls);
    door->mechanisms = listener.mechanisms;
    BZ_TRY(door->balancers, login::Networks::parse(listener.proxy_protocol_from));
    promise(*door, listener, config);
    const TlsProfile profile = listener.tls_profile.value_or(config.tls.profile);
    const bool proves = config.acme.on() && listener.name == config.acme.tls_alpn_listener;
    if (proves || profile != config.tls.profile || listener.client_certificates != ClientCertificates::Off) {
      crypto::TlsContext& context = contexts[{profile, listener.client_certificates, proves}];
      if (!context.valid()) {
        options.challenges = proves ? challenges_ : nullptr;
        options.profile = profile_of(profile);
        options.client_certificates = certificates_of(listener.client_certificates);
        BZ_TRY(context, crypto::make_tls_server(options));
      }
      door->own_tls = context;
    }
    doors.push_back(std::move(door));
  }
  return doors;
}

Result<std::shared_ptr<const login::Settings>> GatewayRole::make_settings(const RoleHost& host) {
  const Config& config = host.config();
  BZ_TRY(auto options, make_tls_options(host));
  options.profile = profile_of(config.tls.profile);
  auto settings = std::make_shared<login::Settings>();
  BZ_TRY(settings->tls, crypto::make_tls_server(options));
  settings->host = config.host;
  settings->max_message = config.mta.max_message;
  const GatewayConfig& g = config.gateway;
  settings->limits = {.handshake = g.handshake_time,
                      .proxy_header = g.proxy_header_time,
                      .login = g.login_time,
                      .tls_sniff = g.tls_sniff,
                      .idle = g.idle_time,
                      .back_end = g.back_end_time,
                      .foreign = g.foreign_time,
                      .auth = g.auth_time,
                      .login_tries = g.max_login_tries,
                      .bad_commands = g.max_bad_commands};
  return std::shared_ptr<const login::Settings>(std::move(settings));
}

Result<login::Gate::Capacity> GatewayRole::make_capacity(const RoleHost& host) {
  BZ_TRY(auto trusted, login::Networks::parse(host.config().guard.trusted));
  BZ_TRY(auto denied, login::Networks::parse(host.config().guard.denied));
  const GatewayConfig& g = host.config().gateway;
  return login::Gate::Capacity{{g.max_pre_login, g.max_pre_login_per_address, std::move(trusted), std::move(denied)},
                               g.max_sessions};
}

Result<void> GatewayRole::prepare(RoleHost& host) {
  BZ_TRY(settings_, make_settings(host));
  BZ_TRY(auto capacity, make_capacity(host));
  auth_ = std::make_unique<login::AuthLink>(host.loop(), [&host](wire::Type type, const std::string& payload) {
    Peer* auth = host.peer("auth");
    return auth ? auth->send(type, payload) : Result<void>(fail(Errc::Unavailable, "auth is not there"));
  });
  services_.reset(new login::Services{host.loop(), base::system_random(), *auth_,
                                      [this, &host](std::string_view role) { return open_leg(host, role); }});
  gate_ = std::make_unique<login::Gate>(*services_, settings_, std::move(capacity));
  return {};
}

Result<GatewayRole::Doors> GatewayRole::open_doors(RoleHost& host) {
  BZ_TRY(auto made, make_doors(host));
  Doors doors;
  for (auto& door : made) {
    int fd = host.take_listener(door->name);
    if (fd < 0) return fail(Errc::NotFound, "no descriptor for listener " + door->name);
    auto open = std::make_unique<OpenDoor>();
    open->door = std::move(door);
    open->listener = std::make_unique<net::Listener>(
        host.loop(), fd, [this, raw = open.get()](int connection) { gate_->accept(raw->door, connection); });
    doors.push_back(std::move(open));
  }
  return doors;
}

// Who has connected already is served, though the listener goes.
void GatewayRole::close_doors() {
  for (auto& door : doors_) door->listener->take_waiting();
  doors_.clear();
}

Task<Result<void>> GatewayRole::start(RoleHost& host) {
  auto doors = open_doors(host);
  if (!doors) co_return std::move(doors).error();
  doors_ = std::move(*doors);
  co_return Result<void>();
}

// Listeners, certificates, limits and mechanisms of connections to come; those that are there keep what they began with.
Result<void> GatewayRole::reload(RoleHost& host) {
  BZ_TRY(auto settings, make_settings(host));
  BZ_TRY(auto capacity, make_capacity(host));
  BZ_TRY(auto doors, open_doors(host));
  settings_ = std::move(settings);
  gate_->set(settings_, std::move(capacity));
  close_doors();
  doors_ = std::move(doors);
  return {};
}

Task<void> GatewayRole::drain(RoleHost& host) {
  close_doors();
  const net::Deadline patience = net::Deadline::in(host.config().gateway.drain_time);
  while (gate_->sessions() > 0 && std::chrono::steady_clock::now() < patience.at()) {
    auto waiting = host.loop().sleep(net::Deadline::in(kDrainStep));
    co_await std::move(waiting);
  }
  log::event(log::Info, "drained").field("sessions_left", gate_->sessions());
}

Result<std::unique_ptr<net::Stream>> GatewayRole::open_leg(RoleHost& host, std::string_view role) {
  if (role != "mailstore" && role != "mta" && role != "egress")
    return fail(Errc::Denied, "no sessions go to " + std::string(role));
  Peer* peer = host.peer(role);
  if (!peer || !peer->up()) return fail(Errc::Unavailable, std::string(role) + " is not there");
  BZ_TRY(auto ends, net::socket_pair());
  auto ours = std::make_unique<net::Stream>(host.loop(), ends.first);
  std::vector<net::OwnedFd> fds;
  fds.emplace_back(ends.second);
  const bool takes_socket = role == "egress" && host.config().inner.connect.empty();
  BZ_TRY_VOID(peer->send(wire::Type::Leg, takes_socket ? kTakesSocket : std::string_view(), std::move(fds)));
  return ours;
}

void GatewayRole::peer_down(Peer& peer) {
  if (peer.role() == "auth") auth_->on_down();
}

void GatewayRole::message(Peer& from, net::Message message) {
  Result<void> taken = fail(Errc::Invalid, "not for a gateway");
  if (from.role() == "auth") {
    if (message.type == static_cast<uint8_t>(wire::Type::AskSessions)) {
      taken = tell_sessions(from, message.payload);
    } else {
      const bool order = message.type == static_cast<uint8_t>(wire::Type::EndSessions);
      taken = order ? end_sessions(message.payload) : auth_->on_message(message.type, message.payload);
    }
  } else if (from.role() == "admin" && message.type == static_cast<uint8_t>(wire::Type::ShowChallenge)) {
    taken = show_challenge(from, message.payload);
  }
  if (!taken) {
    log::event(log::Err, "message_refused").field("peer", from.role()).field("type", message.type).error(taken.error());
  }
}

Result<void> GatewayRole::show_challenge(Peer& admin, std::string_view payload) {
  BZ_TRY(auto challenge, wire::ShowChallenge::decode(payload));
  Result<void> shown;
  if (challenge.chain_pem.empty()) {
    challenges_->remove(challenge.name);
  } else {
    shown = challenges_->set(challenge.name, {challenge.chain_pem, Secret(challenge.key_pem)});
  }
  return admin.send(wire::Type::Done, wire::Done{challenge.id, shown ? std::string() : shown.error().text()});
}

Result<void> GatewayRole::end_sessions(std::string_view payload) {
  BZ_TRY(auto order, wire::EndSessions::decode(payload));
  if (order.account_id == 0) return fail(Errc::Invalid, "no account");
  size_t ending = gate_->end_sessions(order.account_id, order.device, order.reason);
  log::event(log::Info, "end_sessions").field("account_id", order.account_id).field("sessions", ending);
  return {};
}

Result<void> GatewayRole::tell_sessions(Peer& auth, std::string_view payload) {
  BZ_TRY(auto question, wire::AskSessions::decode(payload));
  // A label has forty bytes at most: as many fit one datagram with room to spare.
  return auth.send(wire::Type::AccountSessions,
                   wire::AccountSessions{question.id, gate_->devices_of(question.account_id, kMaxToldSessions)}.encode());
}

void GatewayRole::control(ControlCall call) {
  if (call.request().arguments != std::vector<std::string>{"sessions"}) {
    return call.answer({2, {}, "the gateway knows sessions\n"});
  }
  call.answer(
      {0,
       "sessions " + std::to_string(gate_->sessions()) + "\nbefore_login " + std::to_string(gate_->before_login()) + "\n",
       {}});
}

// The back ends have ended their sessions by now; who is left has not logged in.
Task<void> GatewayRole::stop() {
  doors_.clear();
  gate_.reset();
  co_return;
}

}  // namespace bz::roles
