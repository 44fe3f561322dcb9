// The role that gets certificates by ACME and OCSP responses for stapling: it connects outward by HTTPS and answers an
// authority's visit on port 80. Its own user; it sees no mail, no password and no key but the account's and those it has
// just made. What it gets it hands to the supervisor, which checks and writes it. Started only when the configuration asks
// for either.
#pragma once
#include <memory>

#include "roles/admin_renewals.h"
#include "roles/admin_staples.h"
#include "roles/role.h"

namespace bz::roles {

class AdminRole : public Role {
 public:
  Result<void> prepare(RoleHost& host) override;
  Task<Result<void>> start(RoleHost& host) override;
  Result<void> reload(RoleHost& host) override;
  void peer_up(Peer& peer) override;
  void message(Peer& from, net::Message message) override;
  void supervisor_said(const wire::Done& done) override;
  void control(ControlCall call) override;

 private:
  void take_settings();
  Task<void> answer(ControlCall call, bool renew, std::string certificate);
  RoleHost* host_ = nullptr;
  std::unique_ptr<Questions> questions_;
  std::unique_ptr<acme::HttpDoor> door_;
  std::unique_ptr<Renewals> renewals_;
  std::unique_ptr<Staples> staples_;
};

}  // namespace bz::roles
