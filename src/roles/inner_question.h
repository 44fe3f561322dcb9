// A node's question on the enrolment port (docs/wire.md section 4). Both ask it: the tool that brings a host in, and the
// connector for its next certificate.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "crypto/node_certificate.h"
#include "net/stream.h"

namespace bz::roles {

// The answer's records by name, over a stream with TLS to the inside. `secret`: of a token; empty: a renewal, by the
// certificate the stream has shown. Denied: the inside refuses, and why.
Task<Result<std::map<std::string, std::string>>> ask_inside(net::Stream& stream, std::string secret, std::string request,
                                                            net::Deadline deadline);

// What came for a renewal of `present`: for the same key, name and role, and no shorter. Denied: which is not so.
Result<crypto::NodeIdentity> check_renewed(const std::string& certificate_pem, const Secret& key_pem,
                                           const crypto::NodeIdentity& present);

}  // namespace bz::roles
