// The server's side of the GSS-API (RFC 2743) with MIT Kerberos (RFC 4121), alone or negotiated by SPNEGO (RFC 4178).
//
//   write_library_settings(...);                              // once, before there are threads; then
//   auto acceptor = Acceptor::make(keys, "replays");          // a keytab in memory, a replay cache in our own folder
//   auto context = (*acceptor)->begin(Mechanism::Krb5, "imap", hash_of_our_certificate);
//   auto token = (*context)->accept(bytes);                   // until complete; then principal(), wrap(), unwrap()
//
// Only Kerberos is negotiated: SPNEGO brings no NTLM in. A ticket is good for the service that it was made for, at any host
// name the keytab has. Nothing here opens a connection. Acceptor: any thread; a Context: one thread after the other, and
// its calls may block on the replay cache's file.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "base/result.h"
#include "gss/keytab.h"

namespace bz::gss {

enum class Mechanism : uint8_t { Krb5, Negotiated };

// What libkrb5 reads instead of the machine's /etc/krb5.conf: no DNS, AES and Camellia only.
std::string library_settings(std::string_view default_realm, base::Millis clock_skew);
// Points libkrb5 at `settings_file` and keeps it from loading mechanisms that the machine has besides. Before threads.
void init_library(const std::string& settings_file);

class Context {
 public:
  struct Answer {
    std::string token;  // for the client; may be empty
    bool complete = false;
  };
  virtual ~Context() = default;
  // Invalid: no token. Denied: a token that proves nothing (expired, replayed, for another service, other bindings).
  virtual Result<Answer> accept(std::string_view token) = 0;
  // When complete. wrap: integrity only.
  virtual Result<std::string> wrap(std::string_view message) = 0;
  virtual Result<std::string> unwrap(std::string_view message) = 0;
  // When complete: "ana@EXAMPLE.ORG", and whether the client has bound it to the TLS channel.
  virtual const std::string& principal() const = 0;
  virtual bool bound() const = 0;
};

class Acceptor {
 public:
  virtual ~Acceptor() = default;
  // `replay_cache`: a file that is made when it is not there. Errors name what the library said.
  static Result<std::shared_ptr<Acceptor>> make(const std::vector<KeytabEntry>& keys, const std::string& replay_cache);
  // `service`: "imap", "pop", "smtp" (RFC 4422 section 4). `server_end_point`: channel bindings of that kind (RFC 5929
  // section 4), checked when the client sends any; empty: there are none. NotFound: the keytab has no key of the service.
  virtual Result<std::shared_ptr<Context>> begin(Mechanism mechanism, std::string_view service,
                                                 std::string_view server_end_point) = 0;
};

}  // namespace bz::gss
