// The role that faces the network: one worker process. It holds the doors' certificates and no other secret; every session
// it lets through carries a ticket of auth (contracts: hand-over).
#pragma once
#include <memory>
#include <vector>

#include "crypto/acme_alpn.h"
#include "login/gate.h"
#include "roles/role.h"

namespace bz::roles {

class GatewayRole : public Role {
 public:
  Result<void> prepare(RoleHost& host) override;
  Task<Result<void>> start(RoleHost& host) override;
  Result<void> reload(RoleHost& host) override;
  Task<void> drain(RoleHost& host) override;
  void peer_down(Peer& peer) override;
  void message(Peer& from, net::Message message) override;
  void control(ControlCall call) override;
  Task<void> stop() override;

 private:
  struct OpenDoor {
    std::shared_ptr<const login::Door> door;
    std::unique_ptr<net::Listener> listener;
  };
  using Doors = std::vector<std::unique_ptr<OpenDoor>>;
  Result<Doors> open_doors(RoleHost& host);
  void close_doors();
  static Result<crypto::TlsServerOptions> make_tls_options(const RoleHost& host);
  Result<std::vector<std::shared_ptr<const login::Door>>> make_doors(const RoleHost& host) const;
  Result<std::shared_ptr<const login::Settings>> make_settings(const RoleHost& host);
  Result<login::Gate::Capacity> make_capacity(const RoleHost& host);
  Result<void> end_sessions(std::string_view payload);
  Result<void> show_challenge(Peer& admin, std::string_view payload);
  Result<void> tell_sessions(Peer& auth, std::string_view payload);
  Result<std::unique_ptr<net::Stream>> open_leg(RoleHost& host, std::string_view role);

  std::unique_ptr<login::AuthLink> auth_;
  std::unique_ptr<login::Services> services_;
  std::shared_ptr<const login::Settings> settings_;
  std::shared_ptr<crypto::AcmeChallenges> challenges_ =
      std::make_shared<crypto::AcmeChallenges>();  // shared with TLS contexts
  std::unique_ptr<login::Gate> gate_;
  Doors doors_;
};

}  // namespace bz::roles
