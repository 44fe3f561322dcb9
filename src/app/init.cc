#include "app/init.h"

#include "app/config.h"
#include "base/text.h"
#include "crypto/x509.h"
#include "os/file.h"

namespace bz::app {
namespace {

std::string listener(const InitOptions& options, const char* name, const char* service, unsigned port, const char* tls) {
  return std::string("\n[[listener]]\nname = \"") + name + "\"\nservice = \"" + service + "\"\naddress = \"" +
         options.listen + "\"\nport = " + std::to_string(options.port_base + port) + "\ntls = \"" + tls +
         "\"\nmechanisms = [\"PLAIN\", \"LOGIN\", \"SCRAM-SHA-256\"]\n";
}

std::string config_of(const InitOptions& options) {
  std::string out =
      "# buzon's configuration. Every key with its default and meaning: buzon config doc\n"
      "host = \"" +
      options.host + "\"\ndomains = [\"" + options.domain +
      "\"]\nstate = \".\"\n\n"
      "# tls/ca.pem is the authority of these certificates: install it on phones, or put public certificates here.\n"
      "tls.certificate_file = \"tls/certificate.pem\"\n"
      "tls.key_file = \"tls/key.pem\"\n"
      "tls.rsa_certificate_file = \"tls/rsa-certificate.pem\"\n"
      "tls.rsa_key_file = \"tls/rsa-key.pem\"\n"
      "auth.secrets_key_file = \"tls/auth-secrets.key\"\n";
  out += listener(options, "imaps", "imap", 993, "implicit");
  out += listener(options, "pop3s", "pop3", 995, "implicit");
  out += listener(options, "pop3", "pop3", 110, "starttls");
  out += listener(options, "submission", "submission", 587, "starttls");
  out += listener(options, "submissions", "submission", 465, "implicit");
  out += listener(options, "mx", "mx", 25, "starttls");
  return out;
}

Result<void> write_new(int folder, const std::string& path, std::string_view bytes, unsigned mode) {
  if (os::exists(folder, path)) return fail(Errc::Exists, path + " is there already; nothing is overwritten");
  return os::write_file(folder, path, bytes, mode);
}

Result<void> write_pair(int folder, const std::string& certificate, const std::string& key,
                        const crypto::CertifiedKey& pair) {
  BZ_TRY_VOID(write_new(folder, certificate, pair.chain_pem, 0644));
  return write_new(folder, key, pair.key_pem.reveal(), 0600);
}

}  // namespace

Result<void> make_certificates(int state, const InitOptions& options) {
  base::Clock& clock = base::system_clock();
  base::Random& random = base::system_random();
  BZ_TRY(auto authority, crypto::make_authority("buzon authority of " + options.host, clock, random));
  crypto::CertificateRequest request;
  request.names = {options.host};
  if (options.listen != "::" && options.listen != "0.0.0.0") request.names.push_back(options.listen);
  BZ_TRY(auto ecdsa, crypto::issue_server_certificate(authority, request, clock, random));
  request.kind = crypto::KeyKind::Rsa2048;
  BZ_TRY(auto rsa, crypto::issue_server_certificate(authority, request, clock, random));
  BZ_TRY_VOID(write_pair(state, "tls/ca.pem", "tls/ca-key.pem", authority));
  BZ_TRY_VOID(write_pair(state, "tls/certificate.pem", "tls/key.pem", ecdsa));
  return write_pair(state, "tls/rsa-certificate.pem", "tls/rsa-key.pem", rsa);
}

Result<std::string> init(const InitOptions& options) {
  std::string config = config_of(options);
  // Whatever is wrong with a name or number is said before anything is written.
  BZ_TRY_VOID(parse_config(config, "buzon.toml"));
  BZ_TRY(os::Fd state, os::make_folder(os::kHere, options.state, 0755));
  if (os::exists(state.get(), "buzon.toml")) {
    return fail(Errc::Exists, options.state + "/buzon.toml is there already; nothing is overwritten");
  }
  BZ_TRY(os::Fd tls, os::make_folder(state.get(), "tls", 0755));
  BZ_TRY_VOID(make_certificates(state.get(), options));
  BZ_TRY_VOID(write_new(state.get(), "tls/auth-secrets.key", base::hex(base::system_random().bytes(32)) + "\n", 0600));
  BZ_TRY_VOID(write_new(state.get(), "buzon.toml", config, 0644));
  return options.state + "/buzon.toml, certificates and keys are made; next: buzon serve --config " + options.state +
         "/buzon.toml\n";
}

}  // namespace bz::app
