// OCSP responses for stapling (RFC 6960), fetched by role admin for each certificate that names a responder, again when
// half of the response's time is over, and handed to the supervisor when good. One thread.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "acme/https.h"
#include "roles/admin_questions.h"
#include "roles/managed.h"
#include "roles/role.h"

namespace bz::roles {

class Staples {
 public:
  // Both outlive it.
  Staples(RoleHost& host, Questions& questions);
  ~Staples();
  void take_settings();
  std::string status() const;  // a line each

 private:
  struct Memory {
    unsigned failures = 0;
    int64_t not_before = 0;  // Unix seconds
    std::string error;
  };
  // When the staple of this certificate is to be fetched, Unix seconds; INT64_MAX: never.
  int64_t due(const Managed& certificate) const;
  Task<void> work();
  Task<Result<void>> fetch(const Managed& certificate);
  void arm();

  RoleHost& host_;
  Questions& questions_;
  acme::Https http_;
  std::map<std::string, Memory> memory_;  // by the certificate's name
  bool busy_ = false;
  net::Loop::Timer timer_;
  net::TaskGroup tasks_;
};

// Half of the response's time (RFC 5019 section 6 wants it fetched before it runs out); a bad one: now.
int64_t refresh_at(std::string_view response, std::string_view chain_pem, int64_t now);

}  // namespace bz::roles
