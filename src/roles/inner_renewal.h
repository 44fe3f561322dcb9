// A node's certificate is renewed by its connector when two thirds of its life are over: asked of the inside as `buzon node
// renew` does, with the same key, and given to the supervisor, which puts it into the administrator's file and reloads. No
// session ends by it. What fails is tried again with back-off.
#pragma once
#include <functional>
#include <memory>

#include "crypto/node_certificate.h"
#include "net/loop.h"
#include "net/stream.h"
#include "roles/admin_questions.h"
#include "roles/role.h"

namespace bz::roles {

// Unix seconds.
int64_t renewal_due(const crypto::NodeIdentity& certificate);
// From `now` to the next try, an hour at most: the wall clock may be set. `failures`: tries since this certificate came.
net::Millis renewal_wait(const crypto::NodeIdentity& certificate, int64_t now, unsigned failures);

class NodeRenewal {
 public:
  // To the enrolment port, with TLS and the node's certificate shown.
  using Dial = std::function<Task<Result<std::unique_ptr<net::Stream>>>()>;
  NodeRenewal(RoleHost& host, Dial dial);
  void look();  // at the certificate the host has now: at start and after each reload
  void settle(const wire::Done& done) { questions_.settle(done); }

 private:
  Result<crypto::NodeIdentity> present() const;
  void arm();
  void fire();
  Task<void> renew();
  Task<Result<crypto::NodeIdentity>> fetch_and_install();

  RoleHost& host_;
  Dial dial_;
  Questions questions_;
  net::Loop::Timer timer_;
  int64_t not_after_ = 0;  // of the certificate that `tries_` counts for
  unsigned tries_ = 0;
  bool busy_ = false;
};

}  // namespace bz::roles
