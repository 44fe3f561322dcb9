// The certificates a gateway shows, put together from the contents of the administrator's files. The supervisor checks them
// so before it hands the files on, the gateway makes its TLS contexts of them.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/tls.h"
#include "roles/config.h"

namespace bz::roles {

struct ServedKey {
  crypto::CertifiedKey pair;
  std::string file;     // of the certificate, for texts
  bool of_host = true;  // for Config::host; false: of a [[certificate]]
};
// `contents`: a file by its name among roles::secrets; an empty Secret: not set. In the order of the configuration.
std::vector<ServedKey> served_keys(const Config& config, const std::function<const Secret&(std::string_view)>& contents);
// The same as the hosts of a TLS server: those of Config::host answer unknown names.
std::vector<std::vector<crypto::CertifiedKey>> as_hosts(std::vector<ServedKey> keys);

}  // namespace bz::roles
