// The inside's end of the channel to gateway hosts (docs/decisions/0010-dmz-split.md). It takes connections on the inner
// ports, lets in nodes whose certificate and key it knows, and stands for their gateways towards auth, mailstore, mta and
// egress, which see one more gateway. It owns STATE/inner: the nodes' authority, made at the first start, and their list.
#pragma once
#include <map>
#include <memory>
#include <set>

#include "crypto/tls.h"
#include "directory/guard.h"
#include "net/stream.h"
#include "roles/inner_link.h"
#include "roles/inner_registry.h"
#include "roles/inner_sessions.h"
#include "roles/role.h"

namespace bz::roles {

class InnerRole : public Role {
 public:
  InnerRole();
  ~InnerRole() override;
  Result<void> prepare(RoleHost& host) override;
  Task<Result<void>> start(RoleHost& host) override;
  Result<void> reload(RoleHost& host) override;
  wire::Hello hello(const RoleHost& host) const override;
  void peer_up(Peer& peer) override;
  void peer_down(Peer& peer) override;
  void message(Peer& from, net::Message message) override;
  void control(ControlCall call) override;
  Task<void> stop() override;

 private:
  struct Node;
  struct Link;  // a worker's role channel
  struct Exchange {
    Link* link;
    uint64_t theirs;  // its number on the link
  };
  // inner_authority.cc
  Result<void> read_authority();
  Result<void> make_context();
  Task<void> save(ControlCall call, std::string output);
  Result<std::string> add_node(const std::string& name, std::string_view request_pem);
  Result<std::string> revoke_node(const std::string& name);
  std::string list_nodes(bool json) const;
  bool is_linked(const Node& node) const;
  base::Completion<bool> write_nodes();
  // inner_enroll.cc
  struct Enrolled {
    std::string node, certificate;
  };
  Task<void> enroll(int fd);
  Result<Enrolled> take_token(const std::string& secret, const std::string& request);
  Result<Enrolled> renew(const net::Stream& stream, const std::string& request);
  Result<std::string> make_node_token(const std::string& name, std::string_view role, std::string_view seconds);

  void cut(const std::string& name);  // all connections of that node, now

  bool may_come(int fd) const;
  void accept(InnerTarget target, int fd);
  Task<void> admit(InnerTarget target, int fd);
  Result<Node*> node_of(const net::Stream& stream);
  Task<void> serve_link(Node& node, std::unique_ptr<net::Stream> stream);
  Task<void> serve_leg(Node& node, InnerTarget target, std::unique_ptr<net::Stream> stream);
  Result<void> check_leg(const Node& node, InnerTarget target, const wire::Handoff& handoff) const;
  Result<std::unique_ptr<net::Stream>> open_leg(InnerTarget target);
  Result<void> from_node(Link& link, wire::Frame frame);
  Result<void> begin_exchange(Link& link, std::string_view payload);
  void from_auth(wire::Type type, const net::Message& message);
  void forget(Link& link);
  void send_to(Link& link, wire::Type type, std::string_view payload);
  // inner_sessions.cc
  void ask_sessions(std::string_view payload);
  Result<void> count_sessions(Link& link, std::string_view payload);
  void tell_sessions(const wire::AccountSessions& answer);
  // inner_tickets.cc
  void tell_tickets(Link& link);
  void spread_tickets();
  void forget_tickets();
  void greet(Link& link, const Peer& peer);

  RoleHost* host_ = nullptr;
  crypto::CertifiedKey authority_;
  crypto::TlsContext tls_, enroll_tls_;  // a certificate is required; is optional
  NodeRegistry registry_;
  Secret ticket_keys_;  // as the nodes have heard them
  std::vector<directory::Network> from_;
  std::unique_ptr<net::BlockingPool> pool_;
  std::unique_ptr<net::Loop::Timer> renewal_;  // of our own certificate
  size_t pending_ = 0;                         // connections before they are let in
  uint64_t last_exchange_ = 0;
  std::map<uint64_t, Exchange> exchanges_;  // by the number auth knows
  std::set<Link*> links_;
  SessionCount sessions_{[this](const wire::AccountSessions& answer) { tell_sessions(answer); }};
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::map<std::string, std::unique_ptr<Node>> nodes_;  // last: their tasks use the rest
};

}  // namespace bz::roles
