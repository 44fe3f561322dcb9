// What the doors of a gateway know: the settings of this room and the two services behind it. A connection keeps the
// Settings it began with; a reload makes new ones for the connections that follow.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "base/result.h"
#include "crypto/tls.h"
#include "login/admission.h"
#include "login/auth_link.h"
#include "net/stream.h"
#include "wire/handoff.h"

namespace bz::login {

using base::Millis;

enum class TlsMode : uint8_t { Implicit, StartTls, None };

struct Door {
  std::string name;  // of the listener
  wire::Service service = wire::Service::Imap;
  TlsMode tls = TlsMode::Implicit;
  std::vector<std::string> mechanisms;  // offered, in this order
  // With a TLS profile of its own, or asking for client certificates; not valid: that of the settings.
  crypto::TlsContext own_tls{};
  std::string capabilities{};  // IMAP before login; empty: those of our own mail store
  bool any_server = false;     // submission, POP3: EHLO, CAPA show what any server can
  Networks balancers{};        // whose connections begin with a PROXY protocol header; not empty: no others are taken
};

struct Limits {
  Millis handshake{30'000};
  Millis proxy_header{3'000};
  Millis login{180'000};     // from the connection to the login
  Millis tls_sniff{100};     // waiting for a TLS hello before the greeting of a STARTTLS door
  Millis idle{2'400'000};    // nothing moves through a session
  Millis back_end{5'000};    // first answer of a back end after the hand-over
  Millis foreign{40'000};    // the same of egress, which logs in at another server meanwhile
  Millis auth{20'000};       // each answer of auth
  unsigned login_tries = 4;  // failed ones before the connection is closed
  unsigned bad_commands = 10;
};

struct Settings {
  std::string host;
  crypto::TlsContext tls;
  Limits limits;
  uint64_t max_message = 64ull << 20;  // what EHLO says

  const crypto::TlsContext& tls_of(const Door& door) const { return door.own_tls.valid() ? door.own_tls : tls; }
};

// Opens a back leg: one end of a socket pair, the other on its way to the role. Unavailable: the role is down.
using OpenLeg = std::function<Result<std::unique_ptr<net::Stream>>(std::string_view role)>;

struct Services {
  net::Loop& loop;
  base::Random& random;
  AuthLink& auth;
  OpenLeg open_leg;
};

}  // namespace bz::login
