// How a server is told who its client really is, in the words it knows: IMAP ID fields and XCLIENT attributes as Dovecot
// and Postfix take them from peers they trust, and PROXY protocol version 2. Pure.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "wire/handoff.h"

namespace bz::egress {

// The client's own ID and x-originating-ip, x-originating-port, x-connected-ip, x-connected-port, x-session-id; at most 30
// pairs, ours first (RFC 2971 section 3.3).
std::vector<std::pair<std::string, std::string>> id_fields(const wire::Handoff& handoff);
// "ADDR=192.0.2.7 PORT=50000 SESSION=x" (POP3); SMTP also has PROTO, HELO and LOGIN. Values in xtext (RFC 3461 section 4).
std::string xclient_attributes(const wire::Handoff& handoff, const std::string& account);
// Signature, PROXY, TCP over IPv4 or IPv6, two addresses and ports, no TLV; LOCAL when the addresses are not known.
std::string proxy_header(const wire::Handoff& handoff);

}  // namespace bz::egress
