// What deliveries need from outside. Immutable for the life of the worker.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "crypto/tls.h"
#include "net/stream.h"
#include "queue/route.h"
#include "smtp/client_fsm.h"
#include "wire/schema.h"

namespace bz::delivery {

// A server of the configuration to which mail for its accounts is brought; TLS is required unless the wire is private, and
// its certificate checked.
struct MailServer {
  uint16_t port = 0;
  enum class Tls : uint8_t { Implicit, StartTls, None } tls = Tls::StartTls;
  bool lmtp = false;
  std::string tls_name;        // empty: the host's
  crypto::TlsContext context;  // PeerCheck::Required
};

struct Settings {
  std::map<std::string, MailServer, std::less<>> servers{};
  std::string host;          // our name in EHLO
  queue::RouteConfig route;  // the same as the queue's
  // Smart host: TLS is required and its certificate checked against the configured name.
  bool smart_host_implicit_tls = false;
  std::optional<smtp::ClientCredentials> smart_host_login{};
  crypto::TlsContext verified;       // PeerCheck::Required
  crypto::TlsContext opportunistic;  // PeerCheck::None (RFC 7435), for MX
  size_t max_hosts = 5;              // tried for one job
  size_t idle_links = 2;             // kept per host
  net::Millis idle_time{10'000};
  net::Millis connect_time{30'000}, handshake_time{60'000};
  // RFC 5321 4.5.3.2
  net::Millis greeting_time{300'000}, command_time{300'000}, data_start_time{120'000}, data_block_time{180'000},
      data_end_time{600'000};
};

// Opens legs to other roles: one end of a socket pair, the other on its way. Unavailable: the role is down.
class LegOpener {
 public:
  virtual ~LegOpener() = default;
  // To our mail store; the agent writes the hand-over (wire/handoff.h, service Lmtp) as its first bytes.
  virtual Task<Result<std::unique_ptr<net::Stream>>> open_leg() = 0;
  // To egress, which has been told of the message.
  virtual Task<Result<std::unique_ptr<net::Stream>>> open_sent_leg(wire::FileSent request) = 0;
};

}  // namespace bz::delivery
