// The role that speaks HTTPS to the outside: it gets certificates by ACME and OCSP responses for stapling, answers an
// authority's visit on port 80, and brings the mail store's pushes to Apple. Its own user; it sees no mail, no password and
// no key but the ACME account's, those it has just made, and that of Apple's certificate. What it gets it hands to the
// supervisor, which checks and writes it. Started only when the configuration asks for any of these.
#pragma once
#include <memory>

#include "roles/admin_push.h"
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
  std::unique_ptr<Pushes> pushes_;
};

}  // namespace bz::roles
