// One connection before login: its stream, who it is, and what must be written. The fronts collect output in `out` and
// flush it once per batch of input.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "login/bearers.h"
#include "login/imap_output.h"
#include "login/settings.h"
#include "net/stream.h"
#include "wire/handoff.h"
#include "wire/schema.h"

namespace bz::login {

class Client {
 public:
  Client(const Services& services, Bearers& bearers, std::shared_ptr<const Settings> settings,
         std::shared_ptr<const Door> door, int fd, std::string sid);

  // Waits without a buffer until the peer sends, then appends what is there (at most 16 KiB) to `input`. Closed: the end;
  // also a TLS hello on a plain port: it came after the greeting, too late to be served, and is no offence.
  Task<Result<void>> read(std::string& input);
  Task<Result<void>> flush();
  // A phone that looks for a server may send its TLS hello at once, while a client that speaks our protocol waits for the
  // greeting. So STARTTLS doors wait a moment before it, and serve such a hello.
  Task<Result<void>> sniff_tls();
  // The handshake; logs version and cipher, or why not.
  Task<Result<void>> start_tls(std::string_view event);

  wire::SaslStart sasl_start(std::string mechanism) const;
  wire::Handoff handoff() const;  // what is known of the connection

  const Services& services;
  const std::shared_ptr<const Settings> settings;
  const std::shared_ptr<const Door> door;
  net::Stream stream;
  Bearers::Entry bearer;  // named when auth has said yes
  const std::string sid;
  net::Endpoint peer, local;
  net::Deadline deadline;  // of the login
  std::string out;
  ImapOutput said;  // by the back end, from its first byte on; IMAP only
  unsigned failed_logins = 0, bad_commands = 0;
  bool heard = false;  // anything in clear
  // The leg to egress, when the session goes on over a socket that came on it: by its end egress knows that of the session.
  std::unique_ptr<net::Stream> token;

  bool secure() const { return stream.is_tls(); }
  // What this connection is shown and may use of the door's mechanisms: EXTERNAL only with a verified certificate, -PLUS
  // only with something to bind to.
  std::vector<std::string> offered() const;
  bool offers(std::string_view mechanism) const;
  // Passwords may be sent: under TLS, or on a door that has none by the administrator's word.
  bool may_log_in() const { return !door->mechanisms.empty() && (secure() || door->tls == TlsMode::None); }
};

// Who the back end of a finished front is; no leg: the connection is over.
struct FrontEnd {
  std::unique_ptr<net::Stream> leg;
  std::string reason;  // why there is none, for the log
};

// Opens the leg, sends the header and `rest` (decrypted bytes nobody has consumed) and passes the back end's first bytes on
// to the client. What comes back is the leg, or the server's socket that egress sent with those bytes. From its success on
// the gateway writes nothing of its own, unless the back end dies (ImapOutput) or an order ends a session it carries alone.
// Errors: Unavailable, Timeout, Closed.
Task<Result<std::unique_ptr<net::Stream>>> hand_over(Client& client, const wire::Handoff& header, std::string_view rest,
                                                     std::string_view role);

}  // namespace bz::login
