// The role that knows who may come in: accounts, addresses, passwords, tickets. It owns STATE/auth; the gateways relay SASL
// to it, mta and mailstore ask it about addresses.
#pragma once
#include <memory>

#include "authd/service.h"
#include "directory/chain.h"
#include "kv/rocks.h"
#include "roles/directories.h"
#include "roles/role.h"
#include "roles/tokens.h"

namespace bz::roles {

class AuthRole : public Role {
 public:
  Result<void> prepare(RoleHost& host) override;
  Task<Result<void>> start(RoleHost& host) override;
  Result<void> reload(RoleHost& host) override;
  os::Policy policy(const RoleHost& host) const override;
  wire::Hello hello(const RoleHost& host) const override;
  void peer_up(Peer& peer) override;
  void peer_down(Peer& peer) override;
  void message(Peer& from, net::Message message) override;
  void helper_came(RoleHost& host) override;
  void control(ControlCall call) override;

 private:
  Task<void> verify(ControlCall call);
  RoleHost* host_ = nullptr;
  // In this order: the service uses the directory, the directory the store, and the pool's threads none of them.
  std::unique_ptr<net::BlockingPool> pool_, gss_pool_;
  std::unique_ptr<kv::RocksStore> store_;
  std::unique_ptr<directory::Embedded> directory_;
  std::unique_ptr<Directories> others_;
  std::unique_ptr<TokenJudges> tokens_;
  std::unique_ptr<directory::Chain> chain_;
  std::unique_ptr<authd::NtlmHelpers> ntlm_;
  std::unique_ptr<authd::Service> service_;
};

}  // namespace bz::roles
