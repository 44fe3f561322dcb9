#include "app/config_acme.h"

#include <algorithm>

#include "base/text.h"
#include "intl/idna.h"
#include "net/stream.h"

namespace bz::app {
namespace {

bool is_name(std::string_view name) {
  if (name.starts_with("*.")) name.remove_prefix(2);
  if (name.empty() || name.size() > 240 || name.find('.') == name.npos) return false;  // "_acme-challenge." goes before it
  for (std::string_view label : base::split(name, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    for (char c : label)
      if (!base::is_alpha(c) && !base::is_digit(c) && c != '-') return false;
  }
  return true;
}

Result<void> complete_names(std::vector<std::string>& names, const roles::AcmeConfig& acme) {
  for (std::string& name : names) {
    const bool wildcard = name.starts_with("*.");
    auto ascii = intl::to_a_labels(wildcard ? name.substr(2) : name);
    if (ascii) name = (wildcard ? "*." : "") + base::lower(*ascii);
    if (!is_name(name)) return fail(Errc::Invalid, "\"" + name + "\" is no name of a host");
    if (wildcard && acme.challenge != "dns-01")
      return fail(Errc::Invalid, "\"" + name + "\" needs challenge = \"dns-01\" (RFC 8555 section 7.1.3)");
  }
  return {};
}

Result<void> check_challenge(const roles::Config& config) {
  const roles::AcmeConfig& acme = config.acme;
  if (acme.challenge == "dns-01" && acme.dns_hook.empty()) return fail(Errc::Invalid, "dns-01 needs acme.dns_hook");
  for (const std::string& address : acme.http_addresses)
    if (!net::is_numeric(address)) return fail(Errc::Invalid, "http_addresses: \"" + address + "\" is no numeric address");
  if (acme.challenge != "tls-alpn-01") return {};
  auto listener = std::find_if(config.listeners.begin(), config.listeners.end(),
                               [&](const auto& one) { return one.name == acme.tls_alpn_listener; });
  if (listener == config.listeners.end())
    return fail(Errc::Invalid, "tls-alpn-01 needs acme.tls_alpn_listener, the name of a [[listener]]");
  if (listener->tls != roles::ListenerTls::Implicit)
    return fail(Errc::Invalid, "tls_alpn_listener: " + listener->name + " needs tls = \"implicit\"");
  return {};
}

Result<void> check_acme(roles::Config& config) {
  roles::AcmeConfig& acme = config.acme;
  if (!acme.directory.starts_with("https://")) return fail(Errc::Invalid, "directory must be an https:// address");
  if (acme.eab_key_id.empty() != acme.eab_key_file.empty())
    return fail(Errc::Invalid, "eab_key_id goes together with eab_key_file");
  for (const std::string& contact : acme.contact)
    if (!contact.starts_with("mailto:")) return fail(Errc::Invalid, "contact: \"" + contact + "\" must begin with mailto:");
  if (acme.names.empty()) acme.names.push_back(base::lower(config.host));
  BZ_TRY_VOID(complete_names(acme.names, acme));
  for (auto& certificate : config.certificates) {
    BZ_TRY_VOID(complete_names(certificate.acme_names, acme));
  }
  return check_challenge(config);
}

}  // namespace

Result<void> complete_acme(roles::Config& config) {
  if (config.tls.ocsp_auto) {
    auto complete = [](const std::string& certificate, std::string& staple) {
      if (!certificate.empty() && staple.empty()) staple = certificate + ".ocsp";
    };
    complete(config.tls.certificate_file, config.tls.ocsp_file);
    complete(config.tls.rsa_certificate_file, config.tls.rsa_ocsp_file);
    for (auto& one : config.certificates) complete(one.certificate_file, one.ocsp_file);
  }
  if (config.acme.on()) return check_acme(config);
  for (const auto& one : config.certificates)
    if (!one.acme_names.empty()) return fail(Errc::Invalid, "acme_names of a [[certificate]] need acme.directory");
  return {};
}

}  // namespace bz::app
