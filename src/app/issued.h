// The files of certificates that role admin and the connector look after: written by the supervisor, since a role writes
// nothing of the administrator's. Whatever they say is checked: admin can replace only what the configuration gives to
// ACME, by a pair that fits and has the names. Blocking: small files.
#pragma once
#include "app/system.h"
#include "wire/schema.h"

namespace bz::app {

// Into the files of that certificate. At every moment of it, also after a power cut, the next load() finds a pair that
// fits: the key lies beside the old one (.next) until the certificate is in place, and settle_issued() ends what was begun.
Result<void> install_issued(const roles::Config& config, int folder, const wire::InstallCertificate& issued);
// A staple that is good for the certificate as it is now.
Result<void> install_staple(const roles::Config& config, int folder, const wire::InstallStaple& staple);

// A node's next certificate, of which its connector says that the inside has sent it: for the key, name and role it has
// now.
Result<void> install_node(const Loaded& loaded, int folder, const wire::InstallCertificate& issued);

// Before the files are read: ends an installation that a power cut has broken off, and makes a certificate of our own where
// none has been issued yet, so that the system can start. What cannot be written is told in the log.
void settle_issued(const roles::Config& config, int folder);

}  // namespace bz::app
