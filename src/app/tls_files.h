// `buzon tls`: the administrator's certificates: request, install, show, staple. Tools: blocking, one thread. Files are
// written whole or not at all; the running system takes them by a reload, without ending a session.
#pragma once
#include <string>
#include <vector>

#include "app/system.h"
#include "crypto/lint.h"
#include "crypto/x509.h"

namespace bz::app {

// The configuration alone, whatever state the files are in that it names.
struct TlsPlace {
  roles::Config config;
  std::string folder;  // of the configuration: its file names are relative to it
  std::string state;
};
Result<TlsPlace> tls_place(const std::string& config_path);

// Roots of public authorities from the system's bundle (empty: there is none), and our own authority's from STATE/tls and
// `ca_file` (empty: none).
Result<crypto::TrustedRoots> trusted_roots(const std::string& state, const std::string& ca_file);

// A key and a request below STATE/tls. Exists: a key for that name and kind is there. The text says what was made.
Result<std::string> make_request(const TlsPlace& place, const std::vector<std::string>& hosts, crypto::KeyKind kind);

struct InstallOptions {
  std::string certificate_file, key_file, chain_file,
      ca_file;         // relative to the working directory; all but the first may be empty
  bool force = false;  // although phones would refuse it
};
// Finds the key when none is named, puts the chain in order, checks all, and writes it where the configuration reads
// it. The text says what was done; nothing is written on error.
Result<std::string> install_certificate(const TlsPlace& place, const InstallOptions& options);

// Each certificate that is served: file, facts, staple, findings.
Result<std::string> show_certificates(const TlsPlace& place);
// Fetches an OCSP response for each certificate with an ocsp_file and writes it when it is good.
Result<std::string> fetch_staples(const TlsPlace& place);
// A new key in the ticket_key_file.
Result<std::string> rotate_ticket_file(const TlsPlace& place);

}  // namespace bz::app
