#include "egress/connector.h"

#include "base/text.h"
#include "egress/imap_login.h"
#include "egress/pop3_login.h"
#include "egress/smtp_login.h"

namespace bz::egress {
namespace {

constexpr size_t kMaxAddresses = 4, kReadSize = 4096;
using Want = LoginMachine::Want;

std::unique_ptr<LoginMachine> machine_of(wire::Service service, LoginPlan plan, base::Random& random) {
  if (service == wire::Service::Pop3) return std::make_unique<Pop3Login>(std::move(plan), random);
  if (service == wire::Service::Submission) return std::make_unique<SmtpLogin>(std::move(plan), random);
  return std::make_unique<ImapLogin>(std::move(plan), random);
}

net::Deadline sooner(net::Deadline a, net::Deadline b) { return a.at() < b.at() ? a : b; }

std::string tls_name_of(const Target& target) {
  return target.server->tls_name.empty() ? target.host : target.server->tls_name;
}

}  // namespace

std::string_view name(Phase phase) {
  switch (phase) {
    case Phase::Health:
      return "health";
    case Phase::Lookup:
      return "lookup";
    case Phase::Connect:
      return "connect";
    case Phase::Tls:
      return "tls";
    case Phase::Greeting:
      return "greeting";
    case Phase::Login:
      return "login";
  }
  return "?";
}

Task<ConnectResult> Connector::open(Target target, std::shared_ptr<const Settings> settings) {
  const uint16_t port = target.server->door(target.service).port;
  if (port == 0) {
    std::string why = "server " + target.server->name + " has no " + std::string(wire::name(target.service));
    co_return ConnectResult(ConnectFailure{Phase::Connect, Verdict::Broken, std::move(why), {}});
  }
  auto attempt = health_.begin(target.server->name + " at " + target.host + ":" + std::to_string(port));
  if (!attempt) co_return ConnectResult(ConnectFailure{Phase::Health, Verdict::Unavailable, attempt.error().text(), {}});
  const auto deadline = net::Deadline::in(settings->login_time);
  auto reaching = reach(target, *settings, deadline);
  auto reached = co_await reaching;
  if (auto* failure = std::get_if<ConnectFailure>(&reached)) {
    attempt->failed();
    co_return ConnectResult(std::move(*failure));
  }
  auto logging_in = log_in(std::move(std::get<Reached>(reached)), std::move(target), deadline);
  auto result = co_await logging_in;
  const auto* failure = std::get_if<ConnectFailure>(&result);
  // A host that does not get as far as a greeting is as good as away.
  if (failure != nullptr && failure->phase != Phase::Login) {
    attempt->failed();
  } else {
    attempt->reached();
  }
  co_return result;
}

// The addresses in order, each with its TLS handshake, until one answers.
Task<std::variant<Connector::Reached, ConnectFailure>> Connector::reach(const Target& target, const Settings& settings,
                                                                        net::Deadline deadline) {
  using Answer = std::variant<Reached, ConnectFailure>;
  auto asking = outside_.addresses(target.host);
  auto addresses = co_await asking;
  if (!addresses) co_return Answer(ConnectFailure{Phase::Lookup, Verdict::Unavailable, addresses.error().to_string(), {}});
  ConnectFailure why{Phase::Lookup, Verdict::Unavailable, "no address", {}};
  const Door& door = target.server->door(target.service);
  for (size_t i = 0; i < addresses->size() && i < kMaxAddresses; ++i) {
    net::Endpoint to{(*addresses)[i], door.port};
    why.address = to.to_string();
    if (door.tls == TlsUse::None && !net::is_private(to.address)) {
      why = {Phase::Tls, Verdict::Broken, "without TLS only to a loopback or private address", to.to_string()};
      continue;
    }
    const auto limit = sooner(deadline, net::Deadline::in(settings.connect_time));
    auto connecting = outside_.connect(to, limit);
    auto stream = co_await connecting;
    if (!stream) {
      why = {Phase::Connect, Verdict::Unavailable, stream.error().to_string(), to.to_string()};
      continue;
    }
    auto preparing = prepare(**stream, target, limit);
    auto prepared = co_await preparing;
    if (prepared) co_return Answer(Reached{std::move(*stream), to.to_string()});
    why = {Phase::Tls, Verdict::Unavailable, prepared.error().to_string(), to.to_string()};
  }
  co_return Answer(std::move(why));
}

Task<Result<void>> Connector::prepare(net::Stream& stream, const Target& target, net::Deadline deadline) {
  if (!target.proxy_header.empty()) {
    auto writing = stream.write_all(target.proxy_header, deadline);
    BZ_CO_TRY_VOID(co_await writing);
  }
  if (target.server->door(target.service).tls != TlsUse::Implicit) co_return Result<void>();
  auto shaking = stream.connect_tls(target.server->tls, tls_name_of(target), deadline);
  auto tls = co_await shaking;
  if (!tls) co_return std::move(tls).error();
  co_return Result<void>();
}

Task<ConnectResult> Connector::log_in(Reached reached, Target target, net::Deadline deadline) {
  const TlsUse use = target.server->door(target.service).tls;
  LoginPlan plan = std::move(target.plan);
  plan.tls = use == TlsUse::Implicit;
  plan.starttls = use == TlsUse::StartTls;
  plan.clear = use == TlsUse::None;
  auto machine = machine_of(target.service, std::move(plan), outside_.random);
  Phase phase = Phase::Greeting;
  auto turning = turn(*reached.stream, *machine, target, deadline, phase);
  auto turned = co_await turning;
  if (!turned) machine->lost(turned.error());
  if (phase != Phase::Tls) phase = machine->greeted() ? Phase::Login : Phase::Greeting;
  if (machine->verdict() != Verdict::Open) {
    co_return ConnectResult(ConnectFailure{phase, machine->verdict(), machine->reason(), reached.address});
  }
  Connected out{std::move(reached.stream), std::move(reached.address), {}, machine->take_rest()};
  if (auto* imap = dynamic_cast<ImapLogin*>(machine.get())) out.capabilities = imap->capabilities();
  co_return ConnectResult(std::move(out));
}

Task<Result<void>> Connector::turn(net::Stream& stream, LoginMachine& machine, const Target& target, net::Deadline deadline,
                                   Phase& phase) {
  char buffer[kReadSize];
  while (machine.want() != Want::Done) {
    std::string bytes = machine.take_output();
    if (!bytes.empty()) {
      auto writing = stream.write_all(bytes, deadline);
      auto written = co_await writing;
      base::wipe(bytes.data(), bytes.size());
      if (!written) co_return std::move(written).error();
    }
    if (machine.want() == Want::Handshake) {
      phase = Phase::Tls;
      auto shaking = stream.connect_tls(target.server->tls, tls_name_of(target), deadline);
      auto tls = co_await shaking;
      if (!tls) co_return std::move(tls).error();
      phase = Phase::Login;
      machine.tls_started();
    } else if (machine.want() == Want::Work) {
      auto working = outside_.pool.run<std::string>(outside_.loop, machine.work());
      auto answer = co_await working;
      machine.work_done(std::move(answer));
    } else {
      auto reading = stream.read_some(buffer, deadline);
      BZ_CO_TRY(const size_t size, co_await reading);
      if (size == 0) co_return fail(Errc::Closed, "the server ended the connection");
      machine.input(std::string_view(buffer, size));
    }
  }
  co_return Result<void>();
}

}  // namespace bz::egress
