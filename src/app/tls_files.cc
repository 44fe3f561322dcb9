#include "app/tls_files.h"

#include <cstdlib>

#include "app/config.h"
#include "base/text.h"
#include "crypto/ocsp.h"
#include "crypto/tls_tickets.h"
#include "net/ocsp_post.h"

namespace bz::app {
namespace {

constexpr size_t kMaxFile = 48 << 10, kMaxBundle = 4 << 20;
constexpr char kSystemBundle[] = "/etc/ssl/certs/ca-certificates.crt";
constexpr base::Millis kFetchTime{20'000};

int64_t now() { return base::system_clock().unix_seconds(); }

// One certificate of the configuration, as its three files.
struct Slot {
  std::string certificate_file, key_file, ocsp_file;
  bool of_host;
};

std::vector<Slot> slots(const roles::Config& config) {
  const roles::TlsConfig& tls = config.tls;
  std::vector<Slot> out{{tls.certificate_file, tls.key_file, tls.ocsp_file, true}};
  if (!tls.rsa_certificate_file.empty())
    out.push_back({tls.rsa_certificate_file, tls.rsa_key_file, tls.rsa_ocsp_file, true});
  for (const auto& one : config.certificates) out.push_back({one.certificate_file, one.key_file, one.ocsp_file, false});
  return out;
}

bool is_rsa(const crypto::CertificateFacts& facts) { return facts.key_type.starts_with("RSA "); }

std::string print(const std::vector<crypto::Finding>& findings) {
  std::string out;
  for (const crypto::Finding& finding : findings) {
    out += "  " + std::string(crypto::name(finding.severity)) + " [" + finding.code + "] " + finding.text + "\n    -> " +
           finding.advice + "\n";
  }
  return out;
}

Result<std::vector<crypto::Finding>> lint(const TlsPlace& place, const std::string& chain_pem, const std::string& host,
                                          const std::string& staple, const std::string& ca_file) {
  crypto::LintInput input{.chain = {}, .host = host, .roots = {}, .staple = staple, .staple_expected = false, .now = now()};
  BZ_TRY(input.chain, crypto::certificates_der(chain_pem));
  BZ_TRY(input.roots, trusted_roots(place.state, ca_file));
  return crypto::lint_certificates(input);
}

// The key that belongs to one of the certificates, among those that `buzon tls csr` has made.
Result<Secret> find_key(const TlsPlace& place, const std::string& certificates) {
  BZ_TRY(os::Fd folder, os::open_folder(os::kHere, place.state + "/tls"));
  BZ_TRY(auto names, os::list_folder(folder.get(), "."));
  for (const std::string& name : names) {
    if (!name.ends_with(".pem")) continue;
    auto text = os::read_secret_file(folder.get(), name, kMaxFile);
    if (!text) continue;  // not a secret of ours
    Secret key(std::move(*text));
    if (crypto::order_chain(certificates, key)) return key;
  }
  return fail(Errc::NotFound, "no key in " + place.state + "/tls belongs to this certificate; name it with --key");
}

// Where a certificate goes: the name of this server first, then the [[certificate]] whose present names it takes over.
Result<Slot> find_slot(const TlsPlace& place, const crypto::CertificateFacts& facts) {
  BZ_TRY(os::Fd folder, os::open_folder(os::kHere, place.folder));
  std::vector<Slot> all = slots(place.config);
  bool for_host = crypto::certificate_covers(facts, place.config.host);
  bool two_kinds = !place.config.tls.rsa_certificate_file.empty();
  if (for_host) return all[is_rsa(facts) && two_kinds ? 1 : 0];
  for (const Slot& slot : all) {
    if (slot.of_host) continue;
    auto text = os::read_file(folder.get(), slot.certificate_file, kMaxFile);
    auto present = text ? crypto::read_certificate(*text) : Result<crypto::CertificateFacts>(std::move(text).error());
    if (!present || is_rsa(*present) != is_rsa(facts)) continue;
    for (const std::string& name : present->names) {
      if (crypto::certificate_covers(facts, name)) return slot;
    }
  }
  return fail(Errc::NotFound,
              "the certificate names neither " + place.config.host +
                  " nor what a [[certificate]] of the configuration serves now; for a new name add one:\n"
                  "[[certificate]]\ncertificate_file = \"...\"\nkey_file = \"...\"\nand put the two files there");
}

// Each file whole or not at all, the key first. The running system refuses a pair that does not fit and keeps the old one
// until the certificate has come; after a crash in between, installing once more repairs it.
Result<void> replace_pair(const TlsPlace& place, const Slot& slot, const crypto::CertifiedKey& pair) {
  BZ_TRY(os::Fd folder, os::open_folder(os::kHere, place.folder));
  BZ_TRY_VOID(os::write_file(folder.get(), slot.key_file, pair.key_pem.reveal(), 0600));
  return os::write_file(folder.get(), slot.certificate_file, pair.chain_pem, 0644);
}

std::string staple_state(const std::string& response, const std::string& chain_pem) {
  auto facts = crypto::check_staple(response, chain_pem, now());
  if (!facts) return "no good: " + facts.error().text();
  if (!crypto::usable(*facts, now())) return "run out or not good";
  return "good for " + std::to_string((facts->next_update - now()) / 3600) + " hours";
}

}  // namespace

Result<TlsPlace> tls_place(const std::string& config_path) {
  TlsPlace place;
  BZ_TRY(std::string text, os::read_file(os::kHere, config_path, 1 << 20));
  BZ_TRY(place.config, parse_config(text, config_path));
  place.folder = folder_of(config_path);
  place.state = state_path(config_path, place.config);
  return place;
}

Result<crypto::TrustedRoots> trusted_roots(const std::string& state, const std::string& ca_file) {
  crypto::TrustedRoots roots;
  const char* named = std::getenv("SSL_CERT_FILE");
  if (auto bundle = os::read_file(os::kHere, named ? named : kSystemBundle, kMaxBundle))
    roots.public_pem = std::move(*bundle);
  if (!state.empty()) {
    if (auto own = os::read_file(os::kHere, state + "/tls/ca.pem", kMaxFile)) roots.private_pem = std::move(*own) + "\n";
  }
  if (ca_file.empty()) return roots;
  BZ_TRY(std::string more, os::read_file(os::kHere, ca_file, kMaxBundle));
  if (auto good = crypto::read_certificate(more); !good && good.error().code() != Errc::Limit) {
    return std::move(good).error().with_context(ca_file);
  }
  roots.private_pem += more;
  return roots;
}

Result<std::string> make_request(const TlsPlace& place, const std::vector<std::string>& hosts, crypto::KeyKind kind) {
  BZ_TRY(auto made, crypto::make_signing_request(hosts, kind));
  BZ_TRY(os::Fd state, os::open_folder(os::kHere, place.state));
  BZ_TRY(os::Fd folder, os::make_folder(state.get(), "tls", 0755));
  std::string name = base::lower(hosts[0]);
  if (name.starts_with("*")) name.replace(0, 1, "any");
  name += kind == crypto::KeyKind::Rsa2048 ? "-rsa" : "-ecdsa";
  std::string key = name + ".key.pem", request = name + ".csr.pem";
  if (os::exists(folder.get(), key)) {
    return fail(Errc::Exists,
                place.state + "/tls/" + key + " is there already; install its certificate, or remove it first");
  }
  BZ_TRY_VOID(os::write_file(folder.get(), key, made.key_pem.reveal(), 0600));
  BZ_TRY_VOID(os::write_file(folder.get(), request, made.request_pem, 0644));
  return "key:     " + place.state + "/tls/" + key + "\nrequest: " + place.state + "/tls/" + request +
         "\nGive the request to the authority; then: buzon tls install --cert FILE [--chain FILE]\n";
}

Result<std::string> install_certificate(const TlsPlace& place, const InstallOptions& options) {
  BZ_TRY(std::string heap, os::read_file(os::kHere, options.certificate_file, kMaxFile));
  if (!options.chain_file.empty()) {
    BZ_TRY(std::string chain, os::read_file(os::kHere, options.chain_file, kMaxFile));
    heap += "\n" + chain;
  }
  crypto::CertifiedKey pair;
  if (options.key_file.empty()) {
    BZ_TRY(pair.key_pem, find_key(place, heap));
  } else {
    BZ_TRY(std::string key, os::read_file(os::kHere, options.key_file, kMaxFile));
    pair.key_pem = Secret(std::move(key));
  }
  BZ_TRY(pair.chain_pem, crypto::order_chain(heap, pair.key_pem));
  BZ_TRY(auto facts, crypto::check_certified_key(pair));
  BZ_TRY(Slot slot, find_slot(place, facts));
  BZ_TRY(auto findings, lint(place, pair.chain_pem, slot.of_host ? place.config.host : "", {}, options.ca_file));
  if (crypto::has_errors(findings) && !options.force) {
    return fail(Errc::Denied,
                "not installed, phones would refuse it (--force installs it all the same):\n" + print(findings));
  }
  BZ_TRY_VOID(replace_pair(place, slot, pair));
  return "installed " + slot.certificate_file + ", " + std::to_string(facts.chain_length) + " certificates, key " +
         facts.key_type + "\n" + print(findings);
}

Result<std::string> show_certificates(const TlsPlace& place) {
  BZ_TRY(os::Fd folder, os::open_folder(os::kHere, place.folder));
  std::string out;
  for (const Slot& slot : slots(place.config)) {
    BZ_TRY(std::string chain, os::read_file(folder.get(), slot.certificate_file, kMaxFile));
    BZ_TRY(auto der, crypto::certificates_der(chain));
    out += slot.certificate_file + "\n";
    for (const std::string& line : crypto::describe_certificate(der[0])) {
      out += "  " + line + "\n";
    }
    std::string staple;
    if (!slot.ocsp_file.empty()) {
      if (auto bytes = os::read_file(folder.get(), slot.ocsp_file, kMaxFile)) staple = std::move(*bytes);
      out += "  staple: " + (staple.empty() ? "none in " + slot.ocsp_file : staple_state(staple, chain)) + "\n";
    }
    BZ_TRY(auto findings, lint(place, chain, slot.of_host ? place.config.host : "", staple, {}));
    out += print(findings);
  }
  return out;
}

Result<std::string> fetch_staples(const TlsPlace& place) {
  BZ_TRY(os::Fd folder, os::open_folder(os::kHere, place.folder));
  std::string out;
  for (const Slot& slot : slots(place.config)) {
    if (slot.ocsp_file.empty()) continue;
    BZ_TRY(std::string chain, os::read_file(folder.get(), slot.certificate_file, kMaxFile));
    auto question = crypto::ocsp_question(chain);
    if (!question) return std::move(question).error().with_context(slot.certificate_file);
    BZ_TRY(std::string answer, net::post_ocsp(question->url, question->request_der, kFetchTime));
    auto facts = crypto::check_staple(answer, chain, now());
    if (!facts) return std::move(facts).error().with_context(question->url);
    if (!crypto::usable(*facts, now())) {
      return fail(Errc::Denied,
                  question->url + " does not say that " + slot.certificate_file + " is good; it may be revoked");
    }
    BZ_TRY_VOID(os::write_file(folder.get(), slot.ocsp_file, answer, 0644));
    out += slot.ocsp_file + ": " + staple_state(answer, chain) + "\n";
  }
  if (out.empty()) return fail(Errc::NotFound, "no certificate of the configuration has an ocsp_file");
  return out;
}

Result<std::string> rotate_ticket_file(const TlsPlace& place) {
  const std::string& file = place.config.tls.ticket_key_file;
  if (file.empty()) return fail(Errc::NotFound, "tls.ticket_key_file is not set; the supervisor rotates its own keys");
  BZ_TRY(os::Fd folder, os::open_folder(os::kHere, place.folder));
  Secret ring;
  if (os::exists(folder.get(), file)) {
    BZ_TRY(std::string text, os::read_secret_file(folder.get(), file, kMaxFile));
    ring = Secret(std::move(text));
  }
  BZ_TRY(ring, crypto::rotate_ticket_keys(ring, base::system_random()));
  BZ_TRY_VOID(os::write_file(folder.get(), file, ring.reveal(), 0600));
  return file + ": a new key; give the file to the other gateways\n";
}

}  // namespace bz::app
