// The certificates of a configuration as role admin looks after them: what is issued by ACME and what gets its staple
// fetched. The supervisor finds the files by the same list.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "crypto/x509.h"
#include "roles/config.h"

namespace bz::roles {

struct Managed {
  std::string name;  // "tls", "tls.rsa", "certificate.1"
  std::string certificate_file, key_file, ocsp_file;
  std::vector<std::string> names;  // to be issued for; empty: not by ACME
  crypto::KeyKind kind = crypto::KeyKind::EcdsaP256;
  std::string chain_secret, staple_secret;  // among roles::secrets, as admin gets them
};
std::vector<Managed> managed_certificates(const Config& config);
// This host's mail store has news for Apple's push service.
bool wants_push(const Config& config);
// There is something to do for role admin.
bool wants_admin(const Config& config);

}  // namespace bz::roles
