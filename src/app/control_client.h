// The tool's end of STATE/run/control.
#pragma once
#include <string>

#include "base/result.h"
#include "wire/schema.h"

namespace bz::app {

// Blocking; `state` is the folder. Unavailable: nobody serves it. Waits as long as the answer takes.
Result<wire::ControlAnswer> ask(const std::string& state, const wire::ControlRequest& request);

}  // namespace bz::app
