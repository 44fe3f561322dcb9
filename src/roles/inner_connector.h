// The role between a gateway and the inside when they are on two hosts (docs/decisions/0010-dmz-split.md). Towards the
// gateway's workers it stands for auth, mailstore, mta and egress; towards the inside it is a node with a certificate. It
// opens no connection itself: the supervisor does, to the planned addresses alone, and passes the descriptor.
#pragma once
#include <map>
#include <memory>

#include "crypto/tls.h"
#include "roles/inner_link.h"
#include "roles/inner_renewal.h"
#include "roles/role.h"

namespace bz::roles {

// The connector knows worker N's channel to a role as peer "gateway" of this number.
inline uint32_t connector_index(uint32_t worker, InnerTarget target) { return worker * 8 + static_cast<uint32_t>(target); }

class ConnectorRole : public Role {
 public:
  Result<void> prepare(RoleHost& host) override;
  Task<Result<void>> start(RoleHost& host) override;
  Result<void> reload(RoleHost& host) override;  // certificate and key
  bool greets() const override { return false; }
  void peer_up(Peer& peer) override;
  void peer_down(Peer& peer) override;
  void message(Peer& from, net::Message message) override;
  void answered(net::Message message) override;
  void control(ControlCall call) override;
  void supervisor_said(const wire::Done& done) override;

 private:
  // A worker's role channel.
  struct Worker {
    uint32_t number = 0;
    std::unique_ptr<InnerLink> link;  // none while there is no connection
    std::map<InnerTarget, std::string> hellos;
    bool running = false;
  };
  Result<crypto::TlsContext> make_context(const RoleHost& host) const;
  Peer* channel(const Worker& worker, InnerTarget target);
  Task<Result<std::unique_ptr<net::Stream>>> dial(std::string_view role);
  Task<void> keep_link(Worker& worker);
  Result<void> from_inside(Worker& worker, wire::Frame frame);
  Result<void> take_tickets(std::string payload);
  void withdraw(Worker& worker);
  void pass_on(Worker& worker, InnerTarget target, wire::Type type, std::string_view payload);
  Task<void> carry(InnerTarget target, net::OwnedFd leg);

  RoleHost* host_ = nullptr;
  crypto::TlsContext tls_;
  Secret ticket_keys_;  // the record that came last
  std::map<uint32_t, std::unique_ptr<Worker>> workers_;
  std::map<uint32_t, base::Completion<net::OwnedFd>::Promise> dials_;
  uint32_t last_dial_ = 0;
  size_t legs_ = 0;
  std::unique_ptr<NodeRenewal> renewal_;
};

}  // namespace bz::roles
