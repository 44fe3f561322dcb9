#include "roles/served_keys.h"

namespace bz::roles {

std::vector<ServedKey> served_keys(const Config& config, const std::function<const Secret&(std::string_view)>& contents) {
  std::vector<ServedKey> out;
  auto add = [&](std::string_view certificate, std::string_view key, std::string_view staple, const std::string& file,
                 bool of_host) {
    if (file.empty()) return;
    out.push_back({{std::string(contents(certificate).reveal()), contents(key), std::string(contents(staple).reveal())},
                   file,
                   of_host});
  };
  add(secrets::kTlsCertificate, secrets::kTlsKey, secrets::kTlsStaple, config.tls.certificate_file, true);
  add(secrets::kTlsRsaCertificate, secrets::kTlsRsaKey, secrets::kTlsRsaStaple, config.tls.rsa_certificate_file, true);
  for (size_t i = 0; i < config.certificates.size(); ++i) {
    using secrets::of_host;
    add(of_host(i, "certificate"), of_host(i, "key"), of_host(i, "ocsp"), config.certificates[i].certificate_file, false);
  }
  return out;
}

std::vector<std::vector<crypto::CertifiedKey>> as_hosts(std::vector<ServedKey> keys) {
  std::vector<std::vector<crypto::CertifiedKey>> out;
  for (ServedKey& key : keys) {
    if (out.empty() || !key.of_host) out.emplace_back();
    out.back().push_back(std::move(key.pair));
  }
  return out;
}

}  // namespace bz::roles
