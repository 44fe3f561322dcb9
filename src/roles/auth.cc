#include "roles/auth.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "crypto/hash_memory.h"
#include "ldap/session.h"
#include "roles/kerberos.h"

namespace bz::roles {
namespace {

constexpr size_t kPoolQueue = 1000;
constexpr size_t kSealKeySize = 32;
constexpr base::Millis kKeepHashMemory{1000};

authd::Routes routes_of(const Config& config) {
  authd::Routes routes;
  routes.own_host = config.host;
  for (const ServerConfig& server : config.servers) {
    authd::ForeignServer out;
    out.name = server.name;
    out.host = server.host;
    out.hosts = server.hosts;
    out.imap = server.imap_port != 0;
    out.pop3 = server.pop3_port != 0;
    out.submission = server.submission_port != 0;
    out.delivery = server.delivery_port != 0;
    out.by_master = server.login == "master";
    out.has_master = !server.master_user.empty();
    out.local_part = server.login_name == "local";
    out.sent_copy = server.sent_copy;
    routes.servers.push_back(std::move(out));
  }
  for (const RouteConfig& rule : config.routes)
    routes.rules.push_back({rule.account, rule.domain, rule.type, rule.server, rule.group, rule.attribute, rule.value});
  return routes;
}

Result<authd::CertificateRules> certificate_rules(const RoleHost& host) {
  using Name = authd::CertificateRules::Name;
  authd::CertificateRules rules;
  const Secret& ca = host.secret(secrets::kClientCa);
  if (ca.empty()) return rules;
  BZ_TRY(rules.authorities, crypto::ClientAuthorities::make(ca.reveal(), host.secret(secrets::kClientCrl).reveal()));
  for (const std::string& name : host.config().client_certificates.names)
    rules.names.push_back(name == "email" ? Name::Email : name == "upn" ? Name::Upn : Name::CommonName);
  return rules;
}

Result<authd::Options> options_of(const RoleHost& host) {
  const Config& config = host.config();
  authd::Options options;
  options.host = config.host;
  for (const ListenerConfig& listener : config.listeners) {
    for (const std::string& mechanism : listener.mechanisms) {
      auto kind = sasl::mechanism_of(mechanism);
      if (!kind) return fail(Errc::Invalid, "listener " + listener.name + ": mechanism " + mechanism);
      options.offers[listener.name].push_back(*kind);
    }
    // The configuration allows it on loopback and private addresses only.
    if (listener.tls == ListenerTls::None) options.cleartext.insert(listener.name);
  }
  options.secrets.cost.memory_kib = static_cast<uint32_t>(config.auth.argon2_memory >> 10);
  options.secrets.cost.passes = config.auth.argon2_passes;
  for (const std::string& name : config.auth.secrets) {
    BZ_TRY(auto kinds, directory::SecretKinds::parse(name));
    options.secrets.kinds.add(kinds);
  }
  options.secrets.digest_realm = config.auth.realm;
  for (const std::string& text : config.guard.trusted) {
    BZ_TRY(auto network, directory::Network::parse(text));
    options.guard.trusted.push_back(network);
  }
  for (const std::string& text : config.guard.denied) {
    BZ_TRY(auto network, directory::Network::parse(text));
    options.guard.denied.push_back(network);
  }
  options.guard.max_failures = config.guard.max_failures;
  // Where nobody else can lock an account, strangers make its logins slow and never impossible.
  const bool binds = std::any_of(config.directories.begin(), config.directories.end(),
                                 [](const DirectoryConfig& one) { return !one.reads_secrets; });
  options.guard.max_account_failures = binds || config.ntlm.on() ? config.guard.max_account_failures : 0;
  options.stale_life = config.guard.stale_time;
  options.guard.window = config.guard.window;
  options.guard.max_delay = config.guard.delay;
  options.cache_life = config.auth.cache_time;
  BZ_TRY(options.certificates, certificate_rules(host));
  BZ_TRY(options.kerberos, kerberos_rules(host));
  if (config.ntlm.on()) {
    for (const std::string& text : config.ntlm.domains) {
      BZ_TRY(auto rule, sasl::ntlm::DomainRule::parse(text));
      options.ntlm.domains.push_back(std::move(rule));
    }
  }
  options.ntlm.client_time = config.ntlm.client_time;
  options.routes = routes_of(config);
  return options;
}

authd::NtlmHelpers::Limits ntlm_limits(const Config& config) {
  authd::NtlmHelpers::Limits limits;
  limits.answer = config.ntlm.answer_time;
  return limits;
}

Result<Secret> seal_key(const RoleHost& host) {
  const Secret& text = host.secret(secrets::kAuthSecrets);
  if (text.empty()) return Secret();
  auto bytes = base::from_hex(base::trim(text.reveal()));
  if (!bytes || bytes->size() != kSealKeySize) return fail(Errc::Invalid, "auth.secrets_key_file: not 64 hex digits");
  return Secret(std::move(*bytes));
}

Task<void> sleep_for(net::Loop& loop, base::Millis span) {
  auto pause = loop.sleep(net::Deadline::in(span));
  co_await std::move(pause);
}

// What hashes work in stays with their threads while logins come.
Task<void> tidy_hash_memory(net::Loop& loop) {
  for (;;) {
    auto waiting = sleep_for(loop, kKeepHashMemory);
    co_await std::move(waiting);
    crypto::HashMemory::release_idle(kKeepHashMemory);
  }
}

Task<void> run_command(authd::Service& service, ControlCall call) {
  auto task = service.command(call.request());
  wire::ControlAnswer answer = co_await std::move(task);
  call.answer(std::move(answer));
}

}  // namespace

os::Policy AuthRole::policy(const RoleHost& host) const {
  os::Policy policy = Role::policy(host);
  if (!host.config().directories.empty() || asks_provider(host.config())) os::allow_outward(policy);
  return policy;
}

Result<void> AuthRole::prepare(RoleHost& host) {
  host_ = &host;
  if (!host.config().directories.empty()) ldap::init_library();  // before there are threads
  const bool may_connect = !host.config().directories.empty() || asks_provider(host.config());
  if (may_connect) {
    BZ_TRY_VOID(https::prepare());
  }
  tokens_ = std::make_unique<TokenJudges>(host, may_connect);
  gss::init_library(kKerberosSettings);
  pool_ = std::make_unique<net::BlockingPool>(host.config().auth.argon2_threads, kPoolQueue);
  gss_pool_ = std::make_unique<net::BlockingPool>(host.config().kerberos.threads, kPoolQueue);
  kv::RocksConfig config;
  config.block_cache_bytes = 16 << 20;
  config.write_buffer_bytes = 8 << 20;
  config.reader_threads = 1;
  config.on_fatal = [&host](const Error& error) { host.give_up(error); };
  BZ_TRY(store_, kv::open_rocks("db", config));
  return {};
}

Task<Result<void>> AuthRole::start(RoleHost& host) {
  BZ_CO_TRY(authd::Options options, options_of(host));
  BZ_CO_TRY(options.tokens, tokens_->make());
  directory::Options ours;
  ours.domains = host.config().domains;
  ours.cost = options.secrets.cost;
  BZ_CO_TRY(ours.seal_key, seal_key(host));
  auto opening =
      directory::Embedded::open(*store_, host.loop(), std::move(ours), base::system_clock(), base::system_random());
  auto opened = co_await std::move(opening);
  if (!opened) co_return std::move(opened).error().with_context("opening the directory");
  directory_ = std::move(*opened);
  others_ = std::make_unique<Directories>(host, *directory_);
  BZ_CO_TRY(directory::Chain::Sources sources, others_->make());
  chain_ = std::make_unique<directory::Chain>(*directory_, std::move(sources));
  auto send = [&host](const authd::PeerId& to, wire::Type type, std::string_view payload) -> Result<void> {
    Peer* peer = host.peer(to.role, to.index);
    if (!peer) return fail(Errc::Unavailable, to.role + " is not there");
    return peer->send(type, payload);
  };
  auto sleep = [&host](base::Millis span) { return sleep_for(host.loop(), span); };
  ntlm_ = std::make_unique<authd::NtlmHelpers>(host.loop(), ntlm_limits(host.config()));
  authd::World world{.loop = host.loop(),
                     .pool = *pool_,
                     .clock = base::system_clock(),
                     .random = base::system_random(),
                     .send = std::move(send),
                     .sleep = std::move(sleep),
                     .gss_pool = gss_pool_.get(),
                     .ntlm = ntlm_.get()};
  service_ = std::make_unique<authd::Service>(std::move(world), *directory_, *chain_, std::move(options));
  host.tasks().spawn(tidy_hash_memory(host.loop()));
  co_return Result<void>();
}

// The database and the key of sealed secrets are for the life of the process.
Result<void> AuthRole::reload(RoleHost& host) {
  BZ_TRY(auto options, options_of(host));
  BZ_TRY(options.tokens, tokens_->make());
  BZ_TRY(auto sources, others_->make());
  chain_->set_others(std::move(sources));
  pool_->resize(host.config().auth.argon2_threads);
  gss_pool_->resize(host.config().kerberos.threads);
  directory_->set_domains(host.config().domains);
  ntlm_->set_limits(ntlm_limits(host.config()));
  service_->reload(std::move(options));
  return {};
}

void AuthRole::helper_came(RoleHost& host) {
  for (net::OwnedFd& socket : host.take_helpers()) ntlm_->add(std::move(socket));
}

wire::Hello AuthRole::hello(const RoleHost& host) const {
  wire::Hello hello = Role::hello(host);
  hello.ticket_public_key = service_->ticket_public_key();
  return hello;
}

void AuthRole::peer_up(Peer& peer) { service_->peer_up({peer.role(), peer.index()}); }
void AuthRole::peer_down(Peer& peer) { service_->peer_down({peer.role(), peer.index()}); }
void AuthRole::message(Peer& from, net::Message message) {
  service_->message({from.role(), from.index()}, message.type, message.payload);
}
void AuthRole::control(ControlCall call) {
  const auto& words = call.request().arguments;
  bool check = !words.empty() && words[0] == "verify";
  host_->tasks().spawn(check ? verify(std::move(call)) : run_command(*service_, std::move(call)));
}

Task<void> AuthRole::verify(ControlCall call) {
  auto done = pool_->run<bool>(host_->loop(), [this]() -> Result<bool> {
    BZ_TRY_VOID(store_->verify());
    return true;
  });
  auto good = co_await done;
  if (good) {
    call.answer({0, "auth: the directory's database is good (checked online)\n", {}});
  } else {
    call.answer({1, {}, "auth: " + good.error().to_string() + "\n"});
  }
}

}  // namespace bz::roles
