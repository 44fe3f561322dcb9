// The three ways of role admin to show a proof (acme/order.h): at its own door on port 80, by the gateways, by the
// administrator's hook. One thread.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "acme/http_challenge.h"
#include "acme/order.h"
#include "roles/admin_questions.h"
#include "roles/role.h"

namespace bz::roles {

// All outlive the solvers.
struct Shows {
  RoleHost& host;
  Questions& questions;
  acme::HttpDoor& door;
};

class HttpSolver : public acme::Solver {
 public:
  explicit HttpSolver(Shows shows) : shows_(shows) {}
  std::string_view type() const override { return acme::kHttp01; }
  Task<Result<void>> present(acme::Proof proof) override;
  Task<void> withdraw(acme::Proof proof) override;

 private:
  Shows shows_;
};

class TlsAlpnSolver : public acme::Solver {
 public:
  explicit TlsAlpnSolver(Shows shows) : shows_(shows) {}
  std::string_view type() const override { return acme::kTlsAlpn01; }
  Task<Result<void>> present(acme::Proof proof) override;
  Task<void> withdraw(acme::Proof proof) override;
  // A worker that has just come knows none.
  void tell(Peer& gateway);

 private:
  Task<Result<void>> tell_all(wire::ShowChallenge challenge);
  Shows shows_;
  std::map<std::string, wire::ShowChallenge> shown_;  // by name
};

class DnsSolver : public acme::Solver {
 public:
  explicit DnsSolver(Shows shows) : shows_(shows) {}
  std::string_view type() const override { return acme::kDns01; }
  Task<Result<void>> present(acme::Proof proof) override;
  Task<void> withdraw(acme::Proof proof) override;

 private:
  Task<Result<void>> hook(std::string action, acme::Proof proof);
  Shows shows_;
};

}  // namespace bz::roles
