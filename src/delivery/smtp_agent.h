// Delivers to other hosts: the smart host (TLS required, certificate checked, login), the server that has the mailbox, or
// the domain's MX hosts in order (opportunistic TLS, RFC 7435). A host that cannot be spoken to leads to the next one; an
// answer about the message is final for this attempt (RFC 5321 5.1).
#pragma once
#include "delivery/pool.h"
#include "net/dns.h"

namespace bz::delivery {

class SmtpAgent {
 public:
  SmtpAgent(net::Loop& loop, net::Dns& dns, const Settings& settings, Pool& pool, base::Random& random)
      : loop_(loop), dns_(dns), settings_(settings), pool_(pool), random_(random) {}
  // As LmtpAgent::deliver.
  Task<std::vector<queue::Attempt>> deliver(queue::Job job, const queue::Entry& entry, queue::Queue& queue);

 private:
  struct Host {
    std::string name;
    uint16_t port = 25;
    bool smart = false;
    const MailServer* server = nullptr;
  };
  Task<queue::MxPlan> plan(queue::ByMx target);
  Task<std::vector<queue::Attempt>> deliver_to(std::vector<Host> hosts, queue::Job job, const queue::Entry& entry,
                                               queue::Queue& queue);
  // A usable link, or why not. `tried` names the host for the report.
  Task<std::variant<std::unique_ptr<Link>, smtp::Reply>> link_to(Host host);
  Task<std::variant<std::unique_ptr<Link>, smtp::Reply>> connect(Host host, std::string address, bool plain);
  net::Loop& loop_;
  net::Dns& dns_;
  const Settings& settings_;
  Pool& pool_;
  base::Random& random_;
};

}  // namespace bz::delivery
