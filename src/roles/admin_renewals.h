// The renewals of role admin: one certificate after the other when it is due, STATE/acme/account-key.pem and
// STATE/acme/state.json (both 0600), and what `buzon acme` asks. One thread.
#pragma once
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "acme/https.h"
#include "acme/schedule.h"
#include "roles/admin_solvers.h"
#include "roles/managed.h"

namespace bz::roles {

class Renewals {
 public:
  explicit Renewals(Shows shows);
  ~Renewals();
  // The state of before, and the account's key, made when there is none. Blocking.
  Result<void> prepare();
  // New settings, or the first; begins what is due.
  void take_settings();
  void tell(Peer& gateway) { alpn_.tell(gateway); }

  std::string status(bool json) const;
  // Renews now, whatever the clock and the back-off say; empty: all. The text says how it went; an error, what failed.
  Task<Result<std::string>> renew(std::string certificate);
  // Asks the directory, and shows each name as a proof would be shown; orders nothing.
  Task<Result<std::string>> test();

 private:
  struct Next {
    Managed certificate;
    acme::Due due;
  };
  std::optional<Next> next() const;
  Task<void> work();
  Task<void> renew_one(Managed certificate);
  Task<Result<std::string>> issue_and_install(const Managed& certificate, int64_t& wait);
  Task<Result<std::string>> test_all();
  Task<Result<void>> test_name(std::string name);
  bool is_managed(const std::string& certificate) const;
  Result<acme::Session> session();
  acme::Solver& solver();
  Result<void> save() const;
  void arm();
  std::optional<crypto::CertificateFacts> present(const Managed& certificate) const;

  Shows shows_;
  HttpSolver http_;
  TlsAlpnSolver alpn_;
  DnsSolver dns_;
  std::optional<crypto::Es256Key> key_;
  acme::Records records_;
  acme::Https https_, in_clear_;
  std::set<std::string> forced_;  // by the administrator
  bool busy_ = false;
  net::Loop::Timer timer_;
  net::TaskGroup tasks_;
};

}  // namespace bz::roles
