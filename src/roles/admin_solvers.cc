#include "roles/admin_solvers.h"

#include "base/log.h"
#include "crypto/acme_alpn.h"

namespace bz::roles {
namespace {

constexpr net::Millis kGateways{5'000}, kHookMargin{5'000};

}  // namespace

Task<Result<void>> HttpSolver::present(acme::Proof proof) {
  if (shows_.door.listeners() == 0) {
    co_return fail(Errc::Unavailable,
                   "port " + std::to_string(shows_.host.config().acme.http_port) +
                       " is not open here: another program has it, or opening it needs root (acme_door_closed in the "
                       "output of `buzon serve` says which)");
  }
  shows_.door.show(proof.token, proof.authorization);
  co_return Result<void>();
}

Task<void> HttpSolver::withdraw(acme::Proof proof) {
  shows_.door.hide(proof.token);
  co_return;
}

Task<Result<void>> TlsAlpnSolver::tell_all(wire::ShowChallenge challenge) {
  std::vector<Peer*> gateways;
  for (Peer* gateway : shows_.host.peers("gateway"))
    if (gateway->up()) gateways.push_back(gateway);
  if (gateways.empty()) co_return fail(Errc::Unavailable, "no gateway is running");
  challenge.id = shows_.questions.begin(gateways.size());
  for (Peer* gateway : gateways) {
    auto sent = gateway->send(wire::Type::ShowChallenge, challenge);
    if (!sent) shows_.questions.settle({challenge.id, sent.error().text()});
  }
  auto waiting = shows_.questions.wait(challenge.id, net::Deadline::in(kGateways));
  auto told = co_await waiting;
  if (!told) co_return std::move(told).error().with_context("the gateways");
  co_return Result<void>();
}

Task<Result<void>> TlsAlpnSolver::present(acme::Proof proof) {
  auto made =
      crypto::make_challenge_certificate(proof.name, proof.authorization, base::system_clock(), base::system_random());
  if (!made) co_return std::move(made).error();
  wire::ShowChallenge challenge{0, proof.name, made->chain_pem, std::string(made->key_pem.reveal())};
  shown_[proof.name] = challenge;
  auto telling = tell_all(std::move(challenge));
  auto told = co_await telling;
  co_return told;
}

Task<void> TlsAlpnSolver::withdraw(acme::Proof proof) {
  shown_.erase(proof.name);
  auto telling = tell_all({0, proof.name, {}, {}});
  auto told = co_await telling;
  if (!told) log::event(log::Warn, "challenge_stays").field("name", proof.name).error(told.error());
}

void TlsAlpnSolver::tell(Peer& gateway) {
  for (const auto& [name, challenge] : shown_) {
    auto sent = gateway.send(wire::Type::ShowChallenge, challenge);
    if (!sent) log::event(log::Warn, "challenge_not_shown").field("name", name).error(sent.error());
  }
}

Task<Result<void>> DnsSolver::hook(std::string action, acme::Proof proof) {
  const uint64_t id = shows_.questions.begin();
  auto asked = shows_.host.ask_supervisor(
      wire::Type::RunHook,
      wire::RunHook{id, std::move(action), "_acme-challenge." + proof.name, proof.dns_value()}.encode());
  if (!asked) co_return asked;
  auto waiting = shows_.questions.wait(id, net::Deadline::in(shows_.host.config().acme.dns_hook_time + kHookMargin));
  auto done = co_await waiting;
  if (!done) co_return std::move(done).error().with_context("acme.dns_hook " + shows_.host.config().acme.dns_hook);
  co_return Result<void>();
}

Task<Result<void>> DnsSolver::present(acme::Proof proof) {
  auto adding = hook("add", std::move(proof));
  auto added = co_await adding;
  if (!added) co_return added;
  auto sleeping = shows_.host.loop().sleep(net::Deadline::in(shows_.host.config().acme.dns_wait));
  co_await sleeping;
  co_return Result<void>();
}

Task<void> DnsSolver::withdraw(acme::Proof proof) {
  const std::string name = proof.name;
  auto removing = hook("remove", std::move(proof));
  auto removed = co_await removing;
  if (!removed) log::event(log::Warn, "dns_record_stays").field("name", name).error(removed.error());
}

}  // namespace bz::roles
