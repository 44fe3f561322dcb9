// The role that speaks to other people's mail servers for users whose mailbox is there: takes legs from the gateways, with
// a ticket of auth and auth's word on where to go and with what password, and moves bytes. Its own user: it holds no mail
// and no database, and it is the only role that connects to such servers. Started only when a [[server]] is configured.
#pragma once
#include <memory>

#include "crypto/ticket.h"
#include "egress/service.h"
#include "net/dns.h"
#include "roles/role.h"

namespace bz::roles {

class EgressRole : public Role {
 public:
  Result<void> prepare(RoleHost& host) override;
  Task<Result<void>> start(RoleHost& host) override;
  Result<void> reload(RoleHost& host) override;
  void peer_up(Peer& peer) override;
  void message(Peer& from, net::Message message) override;
  void control(ControlCall call) override;
  Task<void> stop() override;

 private:
  Task<Result<std::vector<std::string>>> addresses(std::string host);
  RoleHost* host_ = nullptr;
  // In this order: what stands below uses what stands above.
  std::unique_ptr<net::BlockingPool> pool_;
  std::unique_ptr<net::Dns> dns_;
  std::unique_ptr<egress::Outside> outside_;
  std::unique_ptr<crypto::TicketVerifier> verifier_;  // set when auth said Hello
  std::unique_ptr<egress::Service> service_;
};

// The [[server]] tables with their certificates and master passwords. Invalid: a CA file that is none.
Result<std::shared_ptr<const egress::Settings>> egress_settings_of(const RoleHost& host);

}  // namespace bz::roles
