// The login ticket: what `auth` hands to the gateway after a successful login, and what a back end believes instead of a
// password. Signed by auth's Ed25519 key, for one role, one session, ten seconds and one use.
//
// Bytes: "BZT1", signature (64), body; the signature covers "buzon ticket 1\0" + body. The body is a record of
// base/coding fields in the order of the struct (docs/keyspace-directory.md); unknown versions are refused.
//
//   auth:      issue_ticket(key, ticket)                -> bytes in the hand-over
//   back end:  verifier.verify(bytes, session, address) -> Ticket, once
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/env.h"
#include "base/result.h"
#include "base/secret.h"
#include "model/ids.h"

namespace bz::crypto {

inline constexpr int64_t kTicketLifeMs = 10'000;
inline constexpr size_t kMaxTicketSize = 2048;

struct Ticket {
  std::string audience;  // role that may take it: "mailstore", "mta"
  std::string service;   // "imap", "pop3", "submission"
  AccountId account;
  std::string account_name;  // login name, "ana@example.org"
  std::string device;        // device password's name; empty: the account's own password
  std::string mechanism;     // "PLAIN", for the log and the Received field
  SessionId session;
  std::string client_address;  // as text, without port
  int64_t issued_ms = 0;       // Unix time, milliseconds
  int64_t expires_ms = 0;
  std::string nonce;  // 16 random bytes
  bool operator==(const Ticket&) const = default;
};

// Fills issued_ms, expires_ms and nonce, then signs. Invalid: a bad key or a field over 255 bytes.
Result<std::string> issue_ticket(const Secret& private_key, Ticket ticket, const base::Clock& clock, base::Random& random);

// One per role process, one thread. Keeps nonces until their ticket has expired, so a ticket works once.
class TicketVerifier {
 public:
  TicketVerifier(std::string public_key, std::string audience, const base::Clock& clock);
  // Denied for every ticket that is not to be believed (signature, audience, session, address, age, replay, issued before
  // this verifier started); the text says which, for the log.
  Result<Ticket> verify(std::string_view bytes, std::string_view session, std::string_view client_address);
  size_t remembered() const { return seen_.size(); }

 private:
  std::string public_key_, audience_;
  const base::Clock& clock_;
  int64_t started_ms_;
  std::set<std::string, std::less<>> seen_;
  std::multimap<int64_t, std::string> by_expiry_;
};

}  // namespace bz::crypto
