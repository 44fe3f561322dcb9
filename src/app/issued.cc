#include "app/issued.h"

#include <algorithm>

#include "base/log.h"
#include "crypto/ocsp.h"
#include "roles/inner_question.h"
#include "roles/managed.h"

namespace bz::app {
namespace {

constexpr size_t kMaxFile = 48 << 10;
constexpr int kFirstDays = 90;  // of a certificate of our own

std::string next_of(const roles::Managed& one) { return one.key_file + ".next"; }

Result<roles::Managed> find(const roles::Config& config, std::string_view name) {
  for (roles::Managed& one : roles::managed_certificates(config))
    if (one.name == name) return std::move(one);
  return fail(Errc::NotFound, "the configuration has no certificate " + std::string(name));
}

bool fits(int folder, const roles::Managed& one, const std::string& key_file) {
  auto chain = os::read_file(folder, one.certificate_file, kMaxFile);
  auto key = os::read_secret_file(folder, key_file, kMaxFile);
  return chain && key && crypto::check_certified_key({std::move(*chain), Secret(std::move(*key))}).has_value();
}

// The key's place is the last to change.
Result<void> take_key(int folder, const roles::Managed& one) {
  BZ_TRY(std::string key, os::read_secret_file(folder, next_of(one), kMaxFile));
  const Secret held(std::move(key));
  BZ_TRY_VOID(os::write_file(folder, one.key_file, held.reveal(), 0600));
  return os::remove_file(folder, next_of(one));
}

Result<void> write_pair(int folder, const roles::Managed& one, const crypto::CertifiedKey& pair) {
  BZ_TRY_VOID(os::write_file(folder, next_of(one), pair.key_pem.reveal(), 0600));
  BZ_TRY_VOID(os::write_file(folder, one.certificate_file, pair.chain_pem, 0644));
  return take_key(folder, one);
}

Result<void> make_first(int folder, const roles::Managed& one) {
  BZ_TRY(auto authority, crypto::make_authority("buzon, until one is issued", base::system_clock(), base::system_random()));
  BZ_TRY(auto pair, crypto::issue_server_certificate(authority, {one.names, one.kind, kFirstDays}, base::system_clock(),
                                                     base::system_random()));
  return write_pair(folder, one, pair);
}

}  // namespace

Result<void> install_issued(const roles::Config& config, int folder, const wire::InstallCertificate& issued) {
  BZ_TRY(roles::Managed one, find(config, issued.certificate));
  if (one.names.empty()) return fail(Errc::Denied, one.name + " is not given to ACME");
  if (issued.chain_pem.size() > kMaxFile) return fail(Errc::TooLarge, "the chain is over 48 KiB");
  const crypto::CertifiedKey pair{issued.chain_pem, Secret(issued.key_pem)};
  BZ_TRY(auto facts, crypto::check_certified_key(pair));
  for (const std::string& name : one.names) {
    const bool there = std::find(facts.names.begin(), facts.names.end(), name) != facts.names.end();
    if (!there && (name.starts_with("*.") || !crypto::certificate_covers(facts, name)))
      return fail(Errc::Denied, "the certificate is not for " + name);
  }
  return write_pair(folder, one, pair);
}

Result<void> install_staple(const roles::Config& config, int folder, const wire::InstallStaple& staple) {
  BZ_TRY(roles::Managed one, find(config, staple.certificate));
  if (!config.tls.ocsp_auto || one.ocsp_file.empty()) return fail(Errc::Denied, "tls.ocsp is not \"auto\"");
  BZ_TRY(std::string chain, os::read_file(folder, one.certificate_file, kMaxFile));
  const int64_t now = base::system_clock().unix_seconds();
  BZ_TRY(auto facts, crypto::check_staple(staple.response, chain, now));
  if (!crypto::usable(facts, now)) return fail(Errc::Denied, "the OCSP response does not say good");
  return os::write_file(folder, one.ocsp_file, staple.response, 0644);
}

Result<void> install_node(const Loaded& loaded, int folder, const wire::InstallCertificate& issued) {
  const auto &certificate = loaded.secrets.find(roles::secrets::kInnerCertificate),
             &key = loaded.secrets.find(roles::secrets::kInnerKey);
  if (certificate == loaded.secrets.end() || key == loaded.secrets.end()) return fail(Errc::Denied, "this host is no node");
  if (issued.chain_pem.size() > kMaxFile) return fail(Errc::TooLarge, "the certificate is over 48 KiB");
  BZ_TRY(auto present, crypto::node_identity_pem(certificate->second.reveal()));
  BZ_TRY_VOID(roles::check_renewed(issued.chain_pem, key->second, present));
  return os::write_file(folder, loaded.config.inner.certificate_file, issued.chain_pem, 0644);
}

void settle_issued(const roles::Config& config, int folder) {
  for (const roles::Managed& one : roles::managed_certificates(config)) {
    if (one.names.empty()) continue;
    Result<void> settled;
    if (os::exists(folder, next_of(one))) {
      settled = fits(folder, one, next_of(one)) ? take_key(folder, one) : os::remove_file(folder, next_of(one));
    }
    if (settled && !os::exists(folder, one.certificate_file) && !os::exists(folder, one.key_file)) {
      settled = make_first(folder, one);
      if (settled) log::event(log::Info, "certificate_of_our_own").field("file", one.certificate_file);
    }
    if (!settled) log::event(log::Err, "acme_files").field("file", one.certificate_file).error(settled.error());
  }
}

}  // namespace bz::app
