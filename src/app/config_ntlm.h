// What the [ntlm] keys must be, beside each one's own limits, and how its helpers are started.
#pragma once
#include "app/ntlm_processes.h"
#include "base/result.h"
#include "roles/config.h"

namespace bz::app {

// Invalid with the key in the text: "ntlm.domains: ...".
Result<void> check_ntlm(const roles::Config& config);
// No processes where nobody may log in by NTLM, or on a gateway's host.
NtlmProcesses::Plan ntlm_plan(const roles::Config& config);

}  // namespace bz::app
