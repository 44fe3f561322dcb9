// What the [oauth] keys must be, beside each one's own limits, and the files they name.
#pragma once
#include "base/result.h"
#include "base/secret.h"
#include "roles/config.h"

namespace bz::app {

// Invalid with the key in the text.
Result<void> check_oauth(const roles::Config& config);
// `roots`: PEM. Invalid: no certificates.
Result<void> check_roots(const Secret& roots);

}  // namespace bz::app
