#include "roles/kerberos.h"

#include "os/file.h"

namespace bz::roles {

Result<authd::KerberosRules> kerberos_rules(const RoleHost& host) {
  const KerberosConfig& config = host.config().kerberos;
  const Secret& keytab = host.secret(secrets::kKeytab);
  authd::KerberosRules rules;
  if (keytab.empty()) return rules;
  for (const std::string& text : config.realms) {
    BZ_TRY(gss::RealmRule rule, gss::RealmRule::parse(text));
    rules.realms.push_back(std::move(rule));
  }
  if (rules.realms.empty()) return fail(Errc::Invalid, "kerberos.realms is empty");
  rules.bindings = config.channel_binding != "off";
  rules.bindings_required = config.channel_binding == "required";
  BZ_TRY_VOID(
      os::write_file(os::kHere, kKerberosSettings, gss::library_settings(rules.realms[0].realm, config.clock_skew)));
  BZ_TRY(auto keys, gss::parse_keytab(keytab.reveal()));
  BZ_TRY(rules.acceptor, gss::Acceptor::make(keys, kKerberosReplays));
  return rules;
}

}  // namespace bz::roles
