#include "roles/managed.h"

namespace bz::roles {

std::vector<Managed> managed_certificates(const Config& config) {
  const TlsConfig& tls = config.tls;
  const std::vector<std::string> names = config.acme.on() ? config.acme.names : std::vector<std::string>();
  std::vector<Managed> out;
  out.push_back({"tls", tls.certificate_file, tls.key_file, tls.ocsp_file, names, crypto::KeyKind::EcdsaP256,
                 secrets::kTlsCertificate, secrets::kTlsStaple});
  if (!tls.rsa_certificate_file.empty()) {
    out.push_back({"tls.rsa", tls.rsa_certificate_file, tls.rsa_key_file, tls.rsa_ocsp_file, names,
                   crypto::KeyKind::Rsa2048, secrets::kTlsRsaCertificate, secrets::kTlsRsaStaple});
  }
  for (size_t i = 0; i < config.certificates.size(); ++i) {
    const CertificateConfig& one = config.certificates[i];
    out.push_back({"certificate." + std::to_string(i + 1), one.certificate_file, one.key_file, one.ocsp_file,
                   one.acme_names, crypto::KeyKind::EcdsaP256, secrets::of_admin_host(i, "certificate"),
                   secrets::of_admin_host(i, "ocsp")});
  }
  return out;
}

bool wants_push(const Config& config) { return config.apns.on() && config.inner.connect.empty(); }

bool wants_admin(const Config& config) { return config.acme.on() || config.tls.ocsp_auto || wants_push(config); }

}  // namespace bz::roles
