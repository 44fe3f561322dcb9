#include "roles/mta.h"

#include "base/log.h"
#include "os/file.h"
#include "roles/queue_listing.h"

namespace bz::roles {
namespace {

constexpr char kResolverFile[] = "resolver.conf";
constexpr size_t kPoolQueue = 100;
constexpr net::Millis kRetireStep{500};  // how often a worker with old settings is looked at

queue::RouteConfig route_of(const Config& config) {
  queue::RouteConfig route;
  route.smart_host = config.mta.smart_host.host;
  route.smart_host_port = config.mta.smart_host.port;
  route.mx_port = config.mta.mx_port;
  route.own_names = {config.host};
  for (const ListenerConfig& listener : config.listeners) {
    if (listener.front == Front::Mx && listener.port == config.mta.mx_port) route.own_addresses.push_back(listener.address);
  }
  return route;
}

queue::QueueConfig queue_config_of(const Config& config) {
  const MtaConfig& m = config.mta;
  queue::QueueConfig out;
  out.schedule.retry.clear();
  for (int64_t wait = m.first_retry.count(); wait < m.max_retry.count(); wait *= 2) out.schedule.retry.push_back(wait);
  out.schedule.retry.push_back(m.max_retry.count());
  out.schedule.max_age = m.lifetime.count();
  out.schedule.bounce_max_age = m.bounce_lifetime.count();
  out.schedule.sent_max_age = m.sent_lifetime.count();
  out.schedule.per_destination = m.max_deliveries_per_host;
  out.schedule.total = m.max_deliveries;
  out.route = route_of(config);
  out.hostname = config.host;
  return out;
}

std::shared_ptr<const smtpd::Settings> smtpd_settings_of(const Config& config) {
  auto settings = std::make_shared<smtpd::Settings>();
  settings->host = config.host;
  settings->mail_domain = config.domains.empty() ? config.host : config.domains.front();
  settings->max_message = config.mta.max_message;
  settings->max_recipients = config.mta.max_recipients;
  settings->sent_wait = config.mta.sent_wait;
  return settings;
}

wire::ControlAnswer refused(const Error& error) { return {1, {}, error.text() + "\n"}; }

Result<delivery::Settings> delivery_settings_of(const RoleHost& host) {
  const SmartHostConfig& smart = host.config().mta.smart_host;
  delivery::Settings settings;
  settings.host = host.config().host;
  settings.route = route_of(host.config());
  settings.smart_host_implicit_tls = smart.implicit_tls;
  if (!smart.user.empty())
    settings.smart_host_login.emplace(smtp::ClientCredentials{smart.user, host.secret(secrets::kSmartHostPassword)});
  crypto::TlsClientOptions verified;
  verified.ca_pem = host.secret(secrets::kSmartHostCa).reveal();
  verified.system_roots = verified.ca_pem.empty();
  for (const ServerConfig& server : host.config().servers) {
    crypto::TlsClientOptions options;
    options.ca_pem = host.secret(secrets::kServerCa + server.name).reveal();
    options.system_roots = options.ca_pem.empty();
    using Tls = delivery::MailServer::Tls;
    delivery::MailServer out;
    out.port = server.delivery_port;
    out.tls = server.delivery_tls == ListenerTls::Implicit   ? Tls::Implicit
              : server.delivery_tls == ListenerTls::StartTls ? Tls::StartTls
                                                             : Tls::None;
    out.lmtp = server.lmtp;
    out.tls_name = server.tls_name;
    BZ_TRY(out.context, crypto::make_tls_client(options));
    settings.servers[server.name] = std::move(out);
  }
  BZ_TRY(settings.verified, crypto::make_tls_client(verified));
  crypto::TlsClientOptions opportunistic;
  opportunistic.check = crypto::PeerCheck::None;
  BZ_TRY(settings.opportunistic, crypto::make_tls_client(opportunistic));
  return settings;
}

}  // namespace

Result<void> MtaRole::prepare(RoleHost& host) {
  host_ = &host;
  net::Dns::Config resolver;
  if (const Secret& text = host.secret(secrets::kDnsConfig); !text.empty()) {
    // The administrator's file may lie where we cannot go: the resolver reads our copy.
    BZ_TRY_VOID(os::write_file(os::kHere, kResolverFile, text.reveal(), 0600));
    resolver.config_file = kResolverFile;
  }
  BZ_TRY(dns_, net::make_dns(host.loop(), resolver));
  pool_ = std::make_unique<net::BlockingPool>(1, kPoolQueue);
  kv::RocksConfig config;
  config.block_cache_bytes = 16 << 20;
  config.on_fatal = [&host](const Error& error) { host.give_up(error); };
  BZ_TRY(store_, kv::open_rocks("db", config));
  return {};
}

Task<Result<void>> MtaRole::start(RoleHost& host) {
  directory_ = std::make_unique<DirectoryLink>(host.loop(), [&host](wire::Type type, const std::string& payload) {
    Peer* auth = host.peer("auth");
    return auth ? auth->send(type, payload) : Result<void>(fail(Errc::Unavailable, "auth is not there"));
  });
  auto partition = co_await store_->open({kv::kQueuePartition, 1}, true, host.loop());
  if (!partition) co_return std::move(partition).error().with_context("opening the queue");
  queue_ = std::make_unique<queue::Queue>(std::move(*partition), queue_config_of(host.config()), *directory_,
                                          base::system_clock(), base::system_random());
  queue_->on_broken([&host](const Error& error) { host.give_up(error); });
  auto reading = queue_->start();
  auto read = co_await std::move(reading);
  if (!read) co_return std::move(read).error().with_context("reading the queue");
  BZ_CO_TRY(auto settings, delivery_settings_of(host));
  delivery_ = make_delivery(std::move(settings));
  retiring_ = std::make_unique<net::TaskGroup>(host.loop());
  services_.reset(new smtpd::Services{*queue_, *directory_, base::system_clock()});
  smtpd_ = std::make_unique<smtpd::Service>(host.loop(), smtpd_settings_of(host.config()), *services_,
                                            [this] { return verifier_.get(); });
  upkeep_ = std::make_unique<Upkeep>(host, *store_, *pool_, base::system_clock());
  delivery_->worker->start();
  co_return Result<void>();
}

// Sessions to come see the new limits. Deliveries under way end as they began, by a worker with the old settings; all
// others, waiting ones too, go by the new ones. The resolver is for the life of the process.
Result<void> MtaRole::reload(RoleHost& host) {
  BZ_TRY(auto settings, delivery_settings_of(host));
  smtpd_->set(smtpd_settings_of(host.config()));
  upkeep_->reload();
  delivery_->worker->pause();
  auto old = std::exchange(delivery_, make_delivery(std::move(settings)));
  delivery_->worker->start();
  queue_->set_config(queue_config_of(host.config()));
  retiring_->spawn(retire(std::move(old)));
  return {};
}

std::unique_ptr<MtaRole::Delivery> MtaRole::make_delivery(delivery::Settings settings) {
  auto made = std::make_unique<Delivery>(Delivery{std::move(settings)});
  delivery::LegOpener& legs = *this;
  made->worker = std::make_unique<delivery::Worker>(host_->loop(), *queue_, *dns_, legs, made->settings,
                                                    base::system_clock(), base::system_random());
  return made;
}

Task<void> MtaRole::retire(std::unique_ptr<Delivery> delivery) {
  struct Count {
    size_t& all;
    size_t own = 0;
    void set(size_t now) {
      all += now - own;
      own = now;
    }
    ~Count() { set(0); }
  } count{retired_running_};
  for (count.set(delivery->worker->running()); count.own > 0; count.set(delivery->worker->running())) {
    auto waiting = host_->loop().sleep(net::Deadline::in(kRetireStep));
    co_await std::move(waiting);
  }
}

wire::Hello MtaRole::hello(const RoleHost& host) const {
  wire::Hello hello = Role::hello(host);
  smtp::EhloFacts facts;
  facts.max_message = host.config().mta.max_message;
  hello.capabilities = smtp::ehlo_keywords(smtp::ServerMode::Submission, facts);
  hello.capabilities_mx = smtp::ehlo_keywords(smtp::ServerMode::Mx, facts);
  return hello;
}

void MtaRole::peer_up(Peer& peer) {
  // What waits for our mail store only waited for this.
  if (peer.role() == "mailstore") queue_->flush(std::string(queue::Schedule::kLocal));
  if (peer.role() != "auth") return;
  verifier_ = std::make_unique<crypto::TicketVerifier>(peer.hello().ticket_public_key, "mta", base::system_clock());
}

void MtaRole::peer_down(Peer& peer) {
  if (peer.role() == "auth") directory_->on_down();
}

void MtaRole::message(Peer& from, net::Message message) {
  auto type = static_cast<wire::Type>(message.type);
  Result<void> taken = fail(Errc::Invalid, "not for mta");
  if (type == wire::Type::Leg && from.role() == "gateway") {
    if (message.fds.size() == 1) {
      smtpd_->accept(message.fds[0].release());
      taken = Result<void>();
    }
  } else if (type == wire::Type::EndSessions && from.role() == "auth") {
    auto order = wire::EndSessions::decode(message.payload);
    if (order) {
      size_t ended = smtpd_->end_sessions(AccountId(order->account_id), order->device);
      log::event(log::Info, "end_sessions").field("account_id", order->account_id).field("sessions", ended);
      taken = Result<void>();
    }
  } else if (from.role() == "auth") {
    taken = directory_->on_message(message.type, message.payload);
  }
  if (!taken) {
    log::event(log::Err, "message_refused").field("peer", from.role()).field("type", message.type).error(taken.error());
  }
}

Task<Result<std::unique_ptr<net::Stream>>> MtaRole::open_leg() {
  Peer* mailstore = host_->peer("mailstore");
  if (!mailstore || !mailstore->up()) co_return fail(Errc::Unavailable, "the mail store is not there");
  BZ_CO_TRY(auto ends, net::socket_pair());
  auto ours = std::make_unique<net::Stream>(host_->loop(), ends.first);
  std::vector<net::OwnedFd> fds;
  fds.emplace_back(ends.second);
  auto sent = mailstore->send(wire::Type::Leg, std::string_view(), std::move(fds));
  if (!sent) co_return std::move(sent).error();
  co_return std::move(ours);
}

Task<Result<std::unique_ptr<net::Stream>>> MtaRole::open_sent_leg(wire::FileSent request) {
  Peer* egress = host_->peer("egress");
  if (!egress || !egress->up()) co_return fail(Errc::Unavailable, "egress is not there");
  BZ_CO_TRY(auto ends, net::socket_pair());
  auto ours = std::make_unique<net::Stream>(host_->loop(), ends.first);
  std::vector<net::OwnedFd> fds;
  fds.emplace_back(ends.second);
  auto sent = egress->send(wire::Type::FileSent, request.encode(), std::move(fds));
  if (!sent) co_return std::move(sent).error();
  co_return std::move(ours);
}

void MtaRole::control(ControlCall call) {
  std::vector<std::string> words = call.request().arguments;
  bool json = std::erase(words, "--json") > 0;
  if (words == std::vector<std::string>{"verify"}) return host_->tasks().spawn(verify(std::move(call)));
  if (words == std::vector<std::string>{"maintain"}) return upkeep_->control(std::move(call));
  if (words.size() == 2 && words[0] == "queue" && words[1] == "list") {
    return call.answer({0, queue_listing(queue_->list(), json, base::system_clock().unix_millis()), {}});
  }
  if (words.size() >= 2 && words.size() <= 3 && words[0] == "queue" && words[1] == "flush") {
    queue_->flush(words.size() == 3 ? words[2] : "");
    return call.answer({0, json ? "{}\n" : "", {}});
  }
  if (words.size() >= 3 && words[0] == "queue" && words[1] == "remove") {
    words.erase(words.begin(), words.begin() + 2);
    return host_->tasks().spawn(remove(std::move(call), std::move(words)));
  }
  call.answer({2, {}, "usage: buzon queue list | flush [DESTINATION] | remove ID...\n"});
}

Task<void> MtaRole::remove(ControlCall call, std::vector<std::string> ids) {
  for (const std::string& id : ids) {
    auto removing = queue_->remove(id);
    auto removed = co_await std::move(removing);
    if (!removed) {
      call.answer(refused(std::move(removed).error().with_context(id)));
      co_return;
    }
    log::event(log::Info, "removed").field("qid", id).field("why", "by the administrator");
  }
  call.answer({0, {}, {}});
}

Task<void> MtaRole::verify(ControlCall call) {
  auto done = pool_->run<bool>(host_->loop(), [this]() -> Result<bool> {
    BZ_TRY_VOID(store_->verify());
    return true;
  });
  auto good = co_await done;
  if (good) {
    call.answer({0, "mta: the queue's database is good (checked online)\n", {}});
  } else {
    call.answer({1, {}, "mta: " + good.error().to_string() + "\n"});
  }
}

// No new jobs, 421 at each session's next command, and in the end to all that are left; what is queued stays.
Task<void> MtaRole::stop() {
  delivery_->worker->pause();
  smtpd_->stop_soon();
  net::Deadline deadline = net::Deadline::in(net::Millis(5'000));
  auto busy = [this] { return delivery_->worker->running() + retired_running_ + smtpd_->sessions() > 0; };
  while (busy() && base::system_clock().mono() < deadline.at()) {
    co_await host_->loop().sleep(net::Deadline::in(net::Millis(20)));
  }
  smtpd_->stop_now();
  deadline = net::Deadline::in(net::Millis(500));
  while (smtpd_->sessions() > 0 && base::system_clock().mono() < deadline.at()) {
    co_await host_->loop().sleep(net::Deadline::in(net::Millis(20)));
  }
  smtpd_.reset();
  retiring_.reset();
  delivery_.reset();
  queue_.reset();
}

}  // namespace bz::roles
