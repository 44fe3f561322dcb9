// What the [kerberos] keys must be, beside each one's own limits, and whether a keytab fits them.
#pragma once
#include "base/result.h"
#include "base/secret.h"
#include "roles/config.h"

namespace bz::app {

// Invalid with the key in the text: "kerberos.realms: ...".
Result<void> check_kerberos(const roles::Config& config);
// The file's bytes. Each service with a listener that offers Kerberos needs a key.
Result<void> check_keytab(const roles::Config& config, const Secret& keytab);

}  // namespace bz::app
