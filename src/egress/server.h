// A server of somebody else's that holds mailboxes of ours, as the administrator described it. Immutable; a session keeps
// the one it began with.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/env.h"
#include "base/secret.h"
#include "crypto/tls.h"
#include "wire/handoff.h"

namespace bz::egress {

using base::Millis;

enum class TlsUse : uint8_t { Implicit, StartTls, None };  // None: only to a loopback or private address
// What the server is told of our client: nothing, IMAP's ID fields, XCLIENT (POP3, SMTP; IMAP by ID), or a PROXY header of
// version 2 or 1.
enum class SendClient : uint8_t { None, Id, Xclient, Proxy, ProxyV1 };
enum class MasterStyle : uint8_t {
  UserStarMaster,  // "ana*master"
  SaslAuthzid,     // the master logs in and acts for ana (RFC 4616)
};

struct Door {
  uint16_t port = 0;  // 0: this service is not there
  TlsUse tls = TlsUse::Implicit;
};

struct Server {
  std::string name;
  std::string tls_name;  // the name its certificate must bear; empty: the host's
  Door imap, pop3, submission;
  std::string master_user;
  Secret master_password;
  MasterStyle master_style = MasterStyle::UserStarMaster;
  SendClient send_client = SendClient::None;
  std::string sent_mailbox;  // where none is marked \Sent; empty: the usual names
  crypto::TlsContext tls;    // PeerCheck::Required
  const Door& door(wire::Service service) const {
    return service == wire::Service::Pop3 ? pop3 : service == wire::Service::Submission ? submission : imap;
  }
};

struct Settings {
  std::string host;  // our name
  std::map<std::string, std::shared_ptr<const Server>, std::less<>> servers;
  Millis connect_time{10'000};    // one address, its TLS handshake included
  Millis login_time{25'000};      // all of it; below what the gateway waits for our first answer
  Millis credential_time{3'000};  // between a leg and what auth says of it
  Millis idle_time{2'400'000};    // nothing moves through a session
  size_t max_sessions = 20'000;
  size_t max_logins_per_host = 200;  // under way at the same time
};

}  // namespace bz::egress
