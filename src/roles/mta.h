// The role that moves mail: takes what strangers and users send (smtpd), keeps it in STATE/queue (queue) and brings it to
// the mail store, the smart host or other hosts (delivery). The only role that connects outward.
#pragma once
#include <memory>

#include "crypto/ticket.h"
#include "delivery/worker.h"
#include "kv/rocks.h"
#include "net/dns.h"
#include "queue/queue.h"
#include "roles/directory_link.h"
#include "roles/role.h"
#include "roles/upkeep.h"
#include "smtpd/service.h"

namespace bz::roles {

class MtaRole : public Role, private delivery::LegOpener {
 public:
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
  // A worker and the settings it lives by.
  struct Delivery {
    delivery::Settings settings;
    std::unique_ptr<delivery::Worker> worker{};
  };
  std::unique_ptr<Delivery> make_delivery(delivery::Settings settings);
  Task<void> retire(std::unique_ptr<Delivery> delivery);
  void take(Peer& from, net::Message message);
  Task<Result<std::unique_ptr<net::Stream>>> open_leg() override;
  Task<Result<std::unique_ptr<net::Stream>>> open_sent_leg(wire::FileSent request) override;
  Task<void> remove(ControlCall call, std::vector<std::string> ids);
  Task<void> verify(ControlCall call);

  RoleHost* host_ = nullptr;
  // In this order: what stands below uses what stands above.
  std::unique_ptr<net::BlockingPool> pool_;
  std::unique_ptr<kv::RocksStore> store_;
  std::unique_ptr<net::Dns> dns_;
  std::unique_ptr<DirectoryLink> directory_;
  std::unique_ptr<crypto::TicketVerifier> verifier_;  // set when auth said Hello
  std::unique_ptr<queue::Queue> queue_;
  std::unique_ptr<Delivery> delivery_;
  size_t retired_running_ = 0;  // jobs of workers with older settings
  std::unique_ptr<smtpd::Services> services_;
  std::unique_ptr<smtpd::Service> smtpd_;
  std::unique_ptr<Upkeep> upkeep_;
  std::unique_ptr<net::TaskGroup> retiring_;
};

}  // namespace bz::roles
