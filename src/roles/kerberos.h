// auth's Kerberos: the keytab that the supervisor has read, and what libkrb5 is told, in auth's own folder.
#pragma once
#include "authd/service.h"
#include "roles/role.h"

namespace bz::roles {

inline constexpr char kKerberosSettings[] = "krb5.conf";    // what libkrb5 reads instead of the machine's
inline constexpr char kKerberosReplays[] = "krb5.replays";  // tickets that were seen within the clock skew

// Writes the settings and puts the keys into a keytab in memory. No keytab: rules without an acceptor.
Result<authd::KerberosRules> kerberos_rules(const RoleHost& host);

}  // namespace bz::roles
