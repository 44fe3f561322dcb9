#include "roles/egress.h"

#include "base/log.h"
#include "os/file.h"
#include "roles/leg.h"

namespace bz::roles {
namespace {

constexpr char kResolverFile[] = "resolver.conf";
constexpr size_t kPoolQueue = 1000;

egress::TlsUse use_of(ListenerTls tls) {
  return tls == ListenerTls::Implicit   ? egress::TlsUse::Implicit
         : tls == ListenerTls::StartTls ? egress::TlsUse::StartTls
                                        : egress::TlsUse::None;
}

egress::SendClient send_of(const std::string& word) {
  return word == "id"         ? egress::SendClient::Id
         : word == "xclient"  ? egress::SendClient::Xclient
         : word == "proxy"    ? egress::SendClient::Proxy
         : word == "proxy-v1" ? egress::SendClient::ProxyV1
                              : egress::SendClient::None;
}

Result<std::shared_ptr<const egress::Server>> server_of(const ServerConfig& config, const RoleHost& host) {
  auto server = std::make_shared<egress::Server>();
  server->name = config.name;
  server->tls_name = config.tls_name;
  server->imap = {config.imap_port, use_of(config.imap_tls)};
  server->pop3 = {config.pop3_port, use_of(config.pop3_tls)};
  server->submission = {config.submission_port, use_of(config.submission_tls)};
  server->master_user = config.master_user;
  server->master_password = host.secret(secrets::kServerMaster + config.name);
  server->master_style =
      config.master_style == "sasl-authzid" ? egress::MasterStyle::SaslAuthzid : egress::MasterStyle::UserStarMaster;
  server->send_client = send_of(config.send_client);
  server->sent_mailbox = config.sent_mailbox;
  crypto::TlsClientOptions options;
  options.ca_pem = host.secret(secrets::kServerCa + config.name).reveal();
  options.system_roots = options.ca_pem.empty();
  auto tls = crypto::make_tls_client(options);
  if (!tls) return std::move(tls).error().with_context("server " + config.name);
  server->tls = std::move(*tls);
  return std::shared_ptr<const egress::Server>(std::move(server));
}

Task<Result<std::unique_ptr<net::Stream>>> dial(net::Loop& loop, net::Endpoint to, net::Deadline deadline) {
  auto connecting = net::connect(loop, std::move(to), deadline);
  auto stream = co_await connecting;
  co_return std::move(stream);
}

}  // namespace

Result<std::shared_ptr<const egress::Settings>> egress_settings_of(const RoleHost& host) {
  auto settings = std::make_shared<egress::Settings>();
  const Config& config = host.config();
  settings->host = config.host;
  settings->connect_time = config.egress.connect_time;
  settings->login_time = config.egress.login_time;
  settings->idle_time = config.gateway.idle_time;
  settings->max_sessions = config.egress.max_sessions;
  settings->max_logins_per_host = config.egress.max_logins_per_host;
  for (const ServerConfig& server : config.servers) {
    BZ_TRY(settings->servers[server.name], server_of(server, host));
  }
  return std::shared_ptr<const egress::Settings>(std::move(settings));
}

Result<void> EgressRole::prepare(RoleHost& host) {
  host_ = &host;
  net::Dns::Config resolver;
  if (const Secret& text = host.secret(secrets::kDnsConfig); !text.empty()) {
    // The administrator's file may lie where we cannot go: the resolver reads our copy.
    BZ_TRY_VOID(os::write_file(os::kHere, kResolverFile, text.reveal(), 0600));
    resolver.config_file = kResolverFile;
  }
  BZ_TRY(dns_, net::make_dns(host.loop(), resolver));
  pool_ = std::make_unique<net::BlockingPool>(1, kPoolQueue);
  return {};
}

Task<Result<void>> EgressRole::start(RoleHost& host) {
  BZ_CO_TRY(auto settings, egress_settings_of(host));
  net::Loop* loop = &host.loop();
  outside_.reset(new egress::Outside{
      host.loop(), *pool_, base::system_random(), [this](std::string name) { return addresses(std::move(name)); },
      [loop](net::Endpoint to, net::Deadline deadline) { return dial(*loop, std::move(to), deadline); }});
  service_ = std::make_unique<egress::Service>(*outside_, base::system_clock(), std::move(settings),
                                               [this] { return verifier_.get(); });
  co_return Result<void>();
}

Task<Result<std::vector<std::string>>> EgressRole::addresses(std::string host) {
  if (net::is_numeric(host)) {
    std::vector<std::string> only;
    only.push_back(std::move(host));
    co_return only;
  }
  auto asking = dns_->addresses(std::move(host));
  auto answer = co_await asking;
  co_return std::move(answer);
}

// Sessions to come see the new servers; a refusal keeps what we have.
Result<void> EgressRole::reload(RoleHost& host) {
  BZ_TRY(auto settings, egress_settings_of(host));
  service_->set(std::move(settings));
  return {};
}

void EgressRole::peer_up(Peer& peer) {
  if (peer.role() != "auth") return;
  verifier_ = std::make_unique<crypto::TicketVerifier>(peer.hello().ticket_public_key, "egress", base::system_clock());
}

void EgressRole::message(Peer& from, net::Message message) {
  const auto type = static_cast<wire::Type>(message.type);
  Result<void> taken = fail(Errc::Invalid, "not for egress");
  if (type == wire::Type::Leg && from.role() == "gateway") {
    if (message.fds.size() == 1) {
      service_->accept(message.fds[0].release(), message.payload == kTakesSocket);
      taken = Result<void>();
    }
  } else if (type == wire::Type::ForeignLogin && from.role() == "auth") {
    auto record = wire::ForeignLogin::decode(message.payload);
    base::wipe(message.payload.data(), message.payload.size());
    if (record) {
      service_->credential(std::move(*record));
      return;
    }
    taken = std::move(record).error();
  } else if (type == wire::Type::EndSessions && from.role() == "auth") {
    auto order = wire::EndSessions::decode(message.payload);
    if (order) {
      const size_t ended = service_->end_sessions(AccountId(order->account_id), order->device, order->reason);
      log::event(log::Info, "end_sessions").field("account_id", order->account_id).field("sessions", ended);
      return;
    }
    taken = std::move(order).error();
  }
  if (type == wire::Type::FileSent && from.role() == "mta" && message.fds.size() == 1) {
    auto request = wire::FileSent::decode(message.payload);
    if (request) {
      service_->file_sent(std::move(*request), message.fds[0].release());
      return;
    }
    taken = std::move(request).error();
  }
  if (!taken) {
    log::event(log::Err, "message_refused").field("peer", from.role()).field("type", message.type).error(taken.error());
  }
}

void EgressRole::control(ControlCall call) {
  if (call.request().arguments != std::vector<std::string>{"servers"}) {
    return call.answer({2, {}, "egress knows servers\n"});
  }
  const auto now = base::system_clock().mono();
  std::string out = "sessions " + std::to_string(service_->sessions()) + "\n";
  for (const auto& [host, state] : service_->health().hosts()) {
    out += host + (state.failures == 0 ? " up" : " down, failures " + std::to_string(state.failures));
    if (state.failures > 0 && state.until > now) {
      const auto wait = std::chrono::duration_cast<net::Millis>(state.until - now).count();
      out += ", tried again in " + std::to_string(wait) + " ms";
    }
    out += ", logins under way " + std::to_string(state.logins) + "\n";
  }
  call.answer({0, std::move(out), {}});
}

Task<void> EgressRole::stop() {
  service_->end_all("The server is going down, please connect again");
  const auto deadline = net::Deadline::in(net::Millis(3'000));
  while (service_->sessions() > 0 && base::system_clock().mono() < deadline.at()) {
    co_await host_->loop().sleep(net::Deadline::in(net::Millis(20)));
  }
  service_.reset();
}

}  // namespace bz::roles
