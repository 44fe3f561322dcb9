// What [acme] and tls.ocsp need beyond the single keys. Pure.
#pragma once
#include "base/result.h"
#include "roles/config.h"

namespace bz::app {

// Checks them together with the rest and fills in what follows from it: names, files of staples. Invalid with a text for
// the administrator.
Result<void> complete_acme(roles::Config& config);

}  // namespace bz::app
