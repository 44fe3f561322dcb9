#include "app/config_kerberos.h"

#include <algorithm>

#include "gss/keytab.h"
#include "gss/principal.h"
#include "sasl/mechanism.h"

namespace bz::app {
namespace {

bool offers_kerberos(const roles::ListenerConfig& listener) {
  return std::any_of(listener.mechanisms.begin(), listener.mechanisms.end(), [](const std::string& name) {
    auto kind = sasl::mechanism_of(name);
    return kind == sasl::Kind::Gssapi || kind == sasl::Kind::GssSpnego;
  });
}

// GSSAPI service names (RFC 4422 section 4).
std::string service_of(roles::Front front) {
  return front == roles::Front::Imap ? "imap" : front == roles::Front::Pop3 ? "pop" : "smtp";
}

}  // namespace

Result<void> check_kerberos(const roles::Config& config) {
  const roles::KerberosConfig& kerberos = config.kerberos;
  for (const std::string& text : kerberos.realms) {
    if (auto rule = gss::RealmRule::parse(text); !rule)
      return fail(Errc::Invalid, "kerberos.realms: " + rule.error().text());
  }
  if (!kerberos.keytab_file.empty() && kerberos.realms.empty())
    return fail(Errc::Invalid, "kerberos.keytab_file: needs kerberos.realms as well");
  for (const roles::ListenerConfig& listener : config.listeners) {
    if (!offers_kerberos(listener)) continue;
    if (kerberos.keytab_file.empty())
      return fail(Errc::Invalid, "listener " + listener.name + ": GSSAPI and GSS-SPNEGO need kerberos.keytab_file");
    if (listener.tls == roles::ListenerTls::None && kerberos.channel_binding == "required")
      return fail(Errc::Invalid, "listener " + listener.name +
                                     ": kerberos.channel_binding = \"required\" and tls = \"none\" do not go together");
  }
  return {};
}

Result<void> check_keytab(const roles::Config& config, const Secret& keytab) {
  auto entries = gss::parse_keytab(keytab.reveal());
  if (!entries) return std::move(entries).error().with_context(config.kerberos.keytab_file);
  for (const roles::ListenerConfig& listener : config.listeners) {
    if (!offers_kerberos(listener)) continue;
    const std::string service = service_of(listener.front);
    if (std::any_of(entries->begin(), entries->end(), [&](const auto& entry) { return entry.is_of(service); })) continue;
    return fail(Errc::Invalid, config.kerberos.keytab_file + ": no key of " + service + "/" + config.host +
                                   ", which listener " + listener.name + " needs");
  }
  return {};
}

}  // namespace bz::app
