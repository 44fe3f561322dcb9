// Opening a session with one LDAP server: name look-up, TCP, TLS with check of certificate and host name. libldap does the
// TLS handshake in a call that waits, so this runs on a pool thread; a Cut ends it from the loop.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "base/env.h"
#include "base/result.h"

struct ldap;

namespace bz::ldap {

enum class Tls : uint8_t {
  StartTls,  // ldap://, RFC 4511 4.14
  Implicit,  // ldaps://
  None,      // loopback only: tests, a proxy on this host
};
struct Server {
  std::string host;
  uint16_t port = 389;
  Tls tls = Tls::StartTls;
  std::string to_string() const;  // "ldaps://a.example.org:636"
};
// "ldap://host[:port]", "ldaps://host[:port]"; "ldap+plain://" is for loopback addresses only. Invalid: with a text.
Result<Server> parse_server(std::string_view url);

// Ends a call that waits in another thread: its socket is shut down, which every read and write there notices. Any thread.
class Cut {
 public:
  void cut();
  bool is_cut() const { return cut_.load(); }

 private:
  friend class SocketScope;
  std::mutex mutex_;
  int fd_ = -1;
  std::atomic<bool> cut_ = false;
};

struct SessionDeleter {
  void operator()(::ldap* session) const;
};
using Session = std::unique_ptr<::ldap, SessionDeleter>;

// Once per process, before any thread that could read the environment: keeps libldap from reading ldap.conf and ~/.ldaprc.
void init_library();

// BLOCKING: pool only, for at most about `time`, exactly until `cut`. `ca_file`: PEM, must be readable; relative to the
// working directory. The session's socket is non-blocking afterwards. Unavailable: cannot connect, TLS refused; Timeout:
// cut.
Result<Session> open_session(const Server& server, const std::string& ca_file, base::Millis time, Cut& cut);

std::string error_text(::ldap* session, int code);  // libldap's words and what the server or the TLS library added

}  // namespace bz::ldap
