#include "roles/inner_config.h"

#include <algorithm>

#include "imap/capability.h"

namespace bz::roles {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string quoted(const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& item : list) out += (out.empty() ? "" : ", ") + quoted(item);
  return "[" + out + "]";
}

std::string_view word(Front front) {
  switch (front) {
    case Front::Imap:
      return "imap";
    case Front::Pop3:
      return "pop3";
    case Front::Submission:
      return "submission";
    case Front::Mx:
      return "mx";
    case Front::Lmtp:
      return "lmtp";
  }
  return "";
}

std::string_view word(ListenerTls tls) {
  return tls == ListenerTls::Implicit ? "implicit" : tls == ListenerTls::StartTls ? "starttls" : "none";
}

std::string_view word(TlsProfile profile) {
  return profile == TlsProfile::Modern ? "modern" : profile == TlsProfile::Legacy ? "legacy" : "intermediate";
}

std::string listener_table(const ListenerConfig& listener, const Config& config) {
  std::string out = "\n[[listener]]\nname = " + quoted(listener.name) + "\nservice = \"" +
                    std::string(word(listener.front)) + "\"\naddress = " + quoted(listener.address) +
                    "\nport = " + std::to_string(listener.port) + "\ntls = \"" + std::string(word(listener.tls)) +
                    "\"\nmechanisms = " + quoted(listener.mechanisms) + "\n";
  if (listener.tls_profile) out += "tls_profile = \"" + std::string(word(*listener.tls_profile)) + "\"\n";
  // Where other people's servers are behind it, it promises what any of them can: it does not hear of them here.
  const bool foreign =
      std::any_of(config.servers.begin(), config.servers.end(), [](const auto& s) { return s.imap_port != 0; });
  std::string capabilities = listener.imap_capabilities;
  if (capabilities.empty() && foreign && listener.front == Front::Imap) capabilities = imap::kCapabilitiesOfAnyServer;
  if (!listener.proxy_protocol_from.empty()) out += "proxy_protocol_from = " + quoted(listener.proxy_protocol_from) + "\n";
  if (!capabilities.empty()) out += "imap_capabilities = " + quoted(capabilities) + "\n";
  if (listener.client_certificates != ClientCertificates::Off)
    out += "# client_certificates: bring client_certificates.ca_file to this host, then set it here as it is inside\n";
  return out;
}

}  // namespace

std::string gateway_config(const Config& config, const std::string& node) {
  const InnerConfig& inner = config.inner;
  std::string out =
      "# buzon on a gateway's host: node " + node +
      ". Accounts, mail and queue are inside.\n# Every key with its default and meaning: buzon config doc\nhost = " +
      quoted(config.host) + "\ndomains = " + quoted(config.domains) +
      "\nstate = \".\"\n\ninner.connect = " + quoted(inner.listen) + "\ninner.ca_file = " + quoted(kNodeCaPath) +
      "\ninner.certificate_file = " + quoted(kNodeCertificatePath) + "\ninner.key_file = " + quoted(kNodeKeyPath) + "\n";
  const uint16_t egress = config.servers.empty() ? 0 : inner.egress_port;
  for (auto [name, port] : {std::pair{"enroll", inner.enroll_port},
                            {"auth", inner.auth_port},
                            {"mailstore", inner.mailstore_port},
                            {"mta", inner.mta_port},
                            {"egress", egress}})
    out += "inner." + std::string(name) + "_port = " + std::to_string(port) + "\n";
  out +=
      "\n# Put the public certificates here (buzon tls install); until then an authority of this host's own has signed "
      "them.\n"
      "tls.certificate_file = \"tls/certificate.pem\"\ntls.key_file = \"tls/key.pem\"\n"
      "tls.rsa_certificate_file = \"tls/rsa-certificate.pem\"\ntls.rsa_key_file = \"tls/rsa-key.pem\"\ntls.profile = \"" +
      std::string(word(config.tls.profile)) + "\"\nguard.trusted = " + quoted(config.guard.trusted) +
      "\nmta.max_message = \"" + std::to_string(config.mta.max_message) + "B\"\n";
  for (const ListenerConfig& listener : config.listeners) {
    if (listener.node == node) out += listener_table(listener, config);
  }
  return out;
}

}  // namespace bz::roles
