// `buzon probe`: connects to a mail server, ours or anybody's, as a phone does, and says in plain words what a phone would
// refuse, why, and what to do. Doors in the order in which phones need them: IMAP and POP3 under TLS, submission, port 25.
// At each: can it be reached, does TLS begin, are the certificates good (crypto/lint), is the greeting one, what is
// offered, and with credentials: does every mechanism log in, and does a short session of a phone go through.
// The server is a stranger: every line, count and wait is limited. One thread; a tool's loop.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/secret.h"
#include "crypto/lint.h"
#include "net/loop.h"
#include "net/stream.h"

namespace bz::probe {

using crypto::Severity;

enum class Protocol : uint8_t { Imap, Pop3, Smtp };
struct Door {
  std::string name;  // "imaps"
  Protocol protocol = Protocol::Imap;
  uint16_t port = 0;
  bool implicit_tls = true;  // else STARTTLS
  bool login = true;         // false: port 25 takes mail of strangers, nobody need log in
};
// imaps 993, pop3s 995, submission 587, submissions 465, smtp 25.
std::vector<Door> usual_doors();
// "imaps=11993,smtp": these only; a name without a port has its usual one; also imap (143) and pop3 (110), both with
// STARTTLS. Invalid for unknown names.
Result<std::vector<Door>> parse_doors(std::string_view text);

struct Options {
  std::string host;                    // as a user would type it: for SNI and the certificate
  std::vector<std::string> addresses;  // numeric; the first that answers is probed
  std::vector<Door> doors = usual_doors();
  crypto::TrustedRoots roots;
  std::string user;  // empty: no login is tried
  Secret password;
  net::Millis patience{5'000};  // for each answer; phones give up later, users earlier
  int64_t now = 0;              // Unix seconds, for certificates
  // Tests: another way to a door than TCP to the addresses.
  std::function<Result<std::unique_ptr<net::Stream>>(const Door&)> open{};
};

struct Finding {
  std::string where;  // "imaps (993)"
  crypto::Finding what;
};
struct Report {
  std::vector<std::string> facts;  // what was seen, one line each, in order
  std::vector<Finding> findings;   // in order of the doors
  bool passed() const;             // no errors
  std::string text() const;
  std::string json() const;
};

Task<Report> probe(net::Loop& loop, Options options);

}  // namespace bz::probe
