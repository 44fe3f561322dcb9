#include "app/config_ntlm.h"

#include <algorithm>

#include "sasl/mechanism.h"
#include "sasl/ntlm_names.h"

namespace bz::app {
namespace {

bool offers_ntlm(const roles::Config& config) {
  return std::any_of(config.listeners.begin(), config.listeners.end(), [](const roles::ListenerConfig& listener) {
    return std::find(listener.mechanisms.begin(), listener.mechanisms.end(), sasl::name(sasl::Kind::Ntlm)) !=
           listener.mechanisms.end();
  });
}

}  // namespace

Result<void> check_ntlm(const roles::Config& config) {
  const roles::NtlmConfig& ntlm = config.ntlm;
  for (const std::string& text : ntlm.domains) {
    if (auto rule = sasl::ntlm::DomainRule::parse(text); !rule)
      return fail(Errc::Invalid, "ntlm.domains: " + rule.error().text());
  }
  if (!ntlm.on()) {
    if (!ntlm.domains.empty() || !ntlm.smb_conf.empty())
      return fail(Errc::Invalid, "ntlm.domains and ntlm.smb_conf need ntlm.helper");
    return {};
  }
  if (ntlm.domains.empty()) return fail(Errc::Invalid, "ntlm.helper: needs ntlm.domains as well");
  if (!ntlm.helper.starts_with('/') || (!ntlm.smb_conf.empty() && !ntlm.smb_conf.starts_with('/')))
    return fail(Errc::Invalid, "ntlm.helper and ntlm.smb_conf must be absolute paths");
  // A gateway waits for the challenge as long as a login does in the line and then for its helper.
  if (2 * ntlm.answer_time + base::Millis(5'000) > config.gateway.auth_time)
    return fail(Errc::Invalid, "ntlm.answer_time: twice as long and 5 s must not be over gateway.auth_time");
  return {};
}

NtlmProcesses::Plan ntlm_plan(const roles::Config& config) {
  NtlmProcesses::Plan plan;
  plan.longest_wait = config.restart_wait_max;
  if (!config.ntlm.on() || !config.inner.connect.empty() || !offers_ntlm(config)) return plan;
  plan.count = config.ntlm.helpers;
  plan.program = config.ntlm.helper;
  // It looks for the machine's networks, which it needs for nothing and does not find in its sandbox, unless it is told.
  plan.arguments = {"ntlm_auth", "--helper-protocol=squid-2.5-ntlmssp", "--option=interfaces=127.0.0.1/8"};
  if (!config.ntlm.smb_conf.empty()) {
    plan.arguments.push_back("--configfile=" + config.ntlm.smb_conf);
    plan.smb_conf = config.ntlm.smb_conf;
  }
  return plan;
}

}  // namespace bz::app
