#include "delivery/smtp_agent.h"

#include "base/log.h"
#include "base/text.h"
#include "intl/saslprep.h"
#include "sasl/client.h"

namespace bz::delivery {
namespace {

std::string key_of(const std::string& name, uint16_t port) { return name + ":" + std::to_string(port); }

bool is_numeric(const std::string& name) {
  return smtp::is_address_literal("[" + name + "]") || smtp::is_address_literal("[IPv6:" + name + "]");
}

class SaslLogin : public smtp::LoginExchange {
 public:
  explicit SaslLogin(std::unique_ptr<sasl::ClientMechanism> mechanism) : mechanism_(std::move(mechanism)) {}
  std::optional<std::string> initial() override { return mechanism_->initial(); }
  Result<std::string> next(std::string_view challenge) override { return mechanism_->next(challenge); }
  bool may_succeed() const override { return mechanism_->may_succeed(); }

 private:
  std::unique_ptr<sasl::ClientMechanism> mechanism_;
};

std::unique_ptr<smtp::LoginExchange> sasl_login(std::string_view mechanism, const smtp::ClientCredentials& who,
                                                base::Random& random) {
  const auto kind = sasl::mechanism_of(mechanism);
  if (!kind) return nullptr;
  sasl::ClientOptions options;
  options.user = who.user;
  // RFC 5802 2.2: the keys are made from the prepared password. PLAIN and LOGIN send it as it was given to us.
  options.password = sasl::is_scram(*kind) ? intl::password_text(who.password.reveal()) : who.password;
  auto machine = sasl::make_client(*kind, std::move(options), random);
  if (!machine) return nullptr;
  return std::make_unique<SaslLogin>(std::move(machine));
}

}  // namespace

using LinkOrReply = std::variant<std::unique_ptr<Link>, smtp::Reply>;

Task<queue::MxPlan> SmtpAgent::plan(queue::ByMx target) {
  if (auto literal = queue::literal_address(target.domain)) {
    std::vector<std::string> only(1, std::move(*literal));
    co_return queue::MxPlan(std::move(only));
  }
  if (!base::is_ascii(target.domain)) {
    // queue::destination_of has found no A-labels for it.
    co_return queue::MxPlan(smtp::Reply(550, "5.1.2", "The domain " + target.domain + " is not valid (IDNA)"));
  }
  auto asking = dns_.mx(target.domain);
  auto answer = co_await asking;
  Result<std::vector<queue::MxAnswer>> hosts = std::vector<queue::MxAnswer>();
  if (answer) {
    for (auto& mx : *answer) hosts->push_back({mx.preference, std::move(mx.host)});
  } else {
    hosts = std::move(answer).error();
  }
  const auto random = [this](size_t n) { return static_cast<size_t>(random_.u64() % n); };
  co_return queue::plan_mx(target.domain, hosts, settings_.route, random);
}

Task<std::vector<queue::Attempt>> SmtpAgent::deliver(queue::Job job, const queue::Entry& entry, queue::Queue& queue) {
  const auto target = queue::target_of(job.destination);
  std::vector<Host> hosts;
  if (const auto* smart = std::get_if<queue::SmartHost>(&target)) {
    hosts.push_back({smart->host, smart->port, true});
  } else if (const auto* at = std::get_if<queue::AtServer>(&target)) {
    auto server = settings_.servers.find(at->server);
    if (server == settings_.servers.end() || server->second.port == 0) {
      const smtp::Reply gone(451, "4.3.5", "Server " + at->server + " is not in the configuration, or takes no mail");
      co_return same_for_all(job.recipients.size(), gone, at->host);
    }
    hosts.push_back({at->host, server->second.port, false, &server->second});
  } else if (const auto* mx = std::get_if<queue::ByMx>(&target)) {
    auto planning = plan(*mx);
    const auto planned = co_await planning;
    if (const auto* reply = std::get_if<smtp::Reply>(&planned)) co_return same_for_all(job.recipients.size(), *reply, "");
    for (const auto& name : std::get<0>(planned)) {
      if (hosts.size() < settings_.max_hosts) hosts.push_back({name, settings_.route.mx_port, false});
    }
  }
  auto delivering = deliver_to(std::move(hosts), std::move(job), entry, queue);
  co_return co_await delivering;
}

Task<std::vector<queue::Attempt>> SmtpAgent::deliver_to(std::vector<Host> hosts, queue::Job job, const queue::Entry& entry,
                                                        queue::Queue& queue) {
  smtp::Reply why(451, "4.4.1", "No server could be reached");
  std::string who;
  bool hope = false;  // a host failed in a way that may pass: then no other host's permanent failure counts
  for (const auto& host : hosts) {
    const auto key = key_of(host.name, host.port);
    auto link = pool_.take(key);
    for (int round = 0; round < 2; ++round) {
      if (!link) {
        auto linking = link_to(host);
        auto linked = co_await linking;
        if (auto* reply = std::get_if<smtp::Reply>(&linked)) {
          log::event(log::Info, "host_not_usable")
              .field("qid", job.id)
              .field("mta", host.name)
              .field("reply", reply->to_string());
          if (hope && reply->permanent()) break;
          hope = hope || reply->temporary();
          why = std::move(*reply);
          who = host.name;
          break;
        }
        link = std::move(std::get<0>(linked));
      }
      const auto view = view_of(entry.envelope, job.recipients);
      auto message = client_message(entry.envelope, job.recipients, queue::ContentReader::size_of(entry.envelope, view));
      auto fitting = fit(std::move(message), entry, view, link->offer(), queue);
      auto fitted = co_await fitting;
      if (const auto* reply = std::get_if<smtp::Reply>(&fitted)) {
        pool_.give(key, std::move(link));
        co_return same_for_all(job.recipients.size(), *reply, "");
      }
      auto& [ready, content] = std::get<Fitted>(fitted);
      auto delivering = link->deliver(std::move(ready), std::move(content));
      auto outcomes = co_await delivering;
      if (link->was_stale()) {
        link.reset();
        continue;
      }
      std::vector<queue::Attempt> attempts;
      const auto [version, cipher] = link->tls();
      for (auto& outcome : outcomes) {
        attempts.push_back({std::move(outcome), host.name, link->offer().dsn, version, cipher});
      }
      pool_.give(key, std::move(link));
      co_return attempts;
    }
  }
  co_return same_for_all(job.recipients.size(), why, who);
}

Task<LinkOrReply> SmtpAgent::link_to(Host host) {
  std::vector<std::string> addresses(1, host.name);
  if (!is_numeric(host.name)) {
    auto asking = dns_.addresses(host.name);
    auto answer = co_await asking;
    if (!answer && answer.error().code() == Errc::NotFound) {
      // A smart host that does not resolve is our mistake, not the recipient's.
      if (host.server) co_return LinkOrReply(smtp::Reply(451, "4.4.4", "The server " + host.name + " has no address"));
      co_return LinkOrReply(host.smart ? smtp::Reply(451, "4.4.4", "The smart host has no address")
                                       : smtp::Reply(550, "5.1.2", "The host " + host.name + " has no address"));
    }
    if (!answer) co_return LinkOrReply(smtp::Reply(451, "4.4.3", "The host " + host.name + " cannot be looked up now"));
    addresses = std::move(*answer);
  }
  if (!host.smart && !host.server) {
    addresses = queue::without_own(std::move(addresses), settings_.route);
    if (addresses.empty()) co_return LinkOrReply(smtp::Reply(554, "5.4.6", "The mail would come back to us"));
  }
  smtp::Reply why(451, "4.4.1", "No address of " + host.name);
  for (size_t i = 0; i < addresses.size() && i < settings_.max_hosts; ++i) {
    for (const bool plain : {false, true}) {
      auto connecting = connect(host, addresses[i], plain);
      auto connected = co_await connecting;
      if (std::holds_alternative<smtp::Reply>(connected)) {
        why = std::get<smtp::Reply>(std::move(connected));
        break;
      }
      auto& link = std::get<0>(connected);
      if (link->usable()) co_return LinkOrReply(std::move(link));
      why = link->failure().value_or(smtp::Reply(451, "4.4.2", "The connection was lost"));
      // A refusal of the whole session says nothing about the recipients: later, another host.
      if (why.permanent()) why = smtp::Reply(450, "4.7.0", "The server refused us: " + why.to_string());
      // RFC 7435: a broken handshake is worse than none, where none would have done.
      if (host.smart || host.server || !link->handshake_failed()) break;
    }
  }
  co_return LinkOrReply(std::move(why));
}

Task<LinkOrReply> SmtpAgent::connect(Host host, std::string address, bool plain) {
  net::Endpoint to{std::move(address), host.port};
  const auto where = to.to_string();
  const bool clear = host.server && host.server->tls == MailServer::Tls::None;
  if (clear && !net::is_private(to.address))
    co_return LinkOrReply(smtp::Reply(450, "4.7.5", "Without TLS only to a loopback or private address, not " + where));
  auto connecting = net::connect(loop_, std::move(to), net::Deadline::in(settings_.connect_time));
  auto stream = co_await connecting;
  if (!stream) co_return LinkOrReply(smtp::Reply(451, "4.4.1", "No connection to " + host.name + " at " + where));
  smtp::ClientConfig config;
  config.hello_name = settings_.host;
  config.tls = host.smart ? smtp::TlsDuty::Required : plain ? smtp::TlsDuty::Never : smtp::TlsDuty::IfOffered;
  if (host.smart) config.credentials = settings_.smart_host_login;
  if (host.server) {
    config.tls = clear ? smtp::TlsDuty::Never : smtp::TlsDuty::Required;
    config.lmtp = host.server->lmtp;
  }
  config.login = [this](std::string_view mechanism, const smtp::ClientCredentials& who) {
    return sasl_login(mechanism, who, random_);
  };
  const auto& tls = host.server ? host.server->context : host.smart ? settings_.verified : settings_.opportunistic;
  const std::string name = host.server && !host.server->tls_name.empty() ? host.server->tls_name : host.name;
  const bool at_once =
      host.server ? host.server->tls == MailServer::Tls::Implicit : host.smart && settings_.smart_host_implicit_tls;
  if (at_once) {
    auto shaking = (*stream)->connect_tls(tls, name, net::Deadline::in(settings_.handshake_time));
    const auto facts = co_await shaking;
    if (!facts) {
      co_return LinkOrReply(smtp::Reply(450, "4.7.5", "TLS with " + host.name + " failed: " + facts.error().text()));
    }
    config.tls_active = true;
  }
  auto link = std::make_unique<Link>(std::move(*stream), std::move(config), tls, name, settings_);
  auto greeting = link->open();
  co_await greeting;
  co_return LinkOrReply(std::move(link));
}

}  // namespace bz::delivery
