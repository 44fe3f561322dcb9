// How a server is told who its client really is, in the words it knows: IMAP ID fields and XCLIENT attributes as Dovecot
// and Postfix take them from peers they trust, and the PROXY protocol. Pure.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "egress/server.h"
#include "wire/handoff.h"

namespace bz::egress {

// The client's own ID and x-originating-ip, x-originating-port, x-connected-ip, x-connected-port, x-session-id; at most 30
// pairs, ours first (RFC 2971 section 3.3).
std::vector<std::pair<std::string, std::string>> id_fields(const wire::Handoff& handoff);
// "ADDR=192.0.2.7 PORT=50000 SESSION=x" (POP3); SMTP also has PROTO, HELO and LOGIN. Values in xtext (RFC 3461 section 4).
std::string xclient_attributes(const wire::Handoff& handoff, const std::string& account);
// The PROXY protocol header of this form, without TLVs; empty when it is not one of PROXY.
std::string proxy_header(const wire::Handoff& handoff, SendClient form);

}  // namespace bz::egress
