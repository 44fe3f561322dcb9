// What the keys of the channel between hosts need of one another (docs/decisions/0010-dmz-split.md).
#pragma once
#include "base/result.h"
#include "roles/config.h"

namespace bz::app {

// Invalid: which key, and what is wrong, as "inner.connect: ...". Addresses take their one spelling.
Result<void> check_inner(roles::Config& config);

}  // namespace bz::app
