#include "app/config_oauth.h"

#include "crypto/tls.h"
#include "https/fetch.h"

namespace bz::app {

Result<void> check_oauth(const roles::Config& config) {
  const roles::OauthConfig& oauth = config.oauth;
  auto bad = [](const std::string& text) { return fail(Errc::Invalid, text); };
  const bool keys = !oauth.jwks_file.empty() || !oauth.jwks_url.empty();
  if (keys && (oauth.issuer.empty() || oauth.audience.empty()))
    return bad("oauth.jwks_file and oauth.jwks_url need oauth.issuer and oauth.audience as well");
  if (!oauth.jwks_url.empty() && !https::is_url(oauth.jwks_url)) return bad("oauth.jwks_url must begin with https://");
  if (oauth.jwks_shortest > oauth.jwks_longest) return bad("oauth.jwks_shortest must not be over oauth.jwks_longest");
  if (!oauth.introspection_url.empty()) {
    if (!https::is_url(oauth.introspection_url)) return bad("oauth.introspection_url must begin with https://");
    if (oauth.introspection_client.empty() || oauth.introspection_secret_file.empty())
      return bad("oauth.introspection_url needs oauth.introspection_client and oauth.introspection_secret_file as well");
  }
  if (keys || !oauth.introspection_url.empty()) return {};
  for (const roles::ListenerConfig& listener : config.listeners) {
    for (const std::string& mechanism : listener.mechanisms) {
      if (mechanism == "OAUTHBEARER" || mechanism == "XOAUTH2")
        return bad("listener " + listener.name + ": " + mechanism +
                   " needs oauth.jwks_file, oauth.jwks_url or oauth.introspection_url");
    }
  }
  return {};
}

Result<void> check_roots(const Secret& roots) {
  crypto::TlsClientOptions options;
  options.ca_pem = roots.reveal();
  options.system_roots = false;
  auto client = crypto::make_tls_client(options);
  if (!client) return std::move(client).error();
  return {};
}

}  // namespace bz::app
