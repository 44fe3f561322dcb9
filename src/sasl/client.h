// The client side of SASL, for smart hosts and tests. SCRAM does PBKDF2 while it answers the first challenge, for at most
// 200,000 rounds (some 0.1 s): run next() on a pool where that matters.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/env.h"
#include "base/result.h"
#include "base/secret.h"
#include "sasl/mechanism.h"

namespace bz::sasl {

struct ClientOptions {
  std::string user{};
  Secret password{};
  std::string authzid{};
  std::string channel_binding{};  // for -PLUS: tls-exporter
  std::string nonce{};            // tests with published vectors; empty: drawn
};

class ClientMechanism {
 public:
  virtual ~ClientMechanism() = default;
  virtual std::optional<std::string> initial() = 0;  // nullopt: the server speaks first
  // The answer to a challenge. Invalid: the server broke the grammar; Denied: it did not prove that it knows the password.
  virtual Result<std::string> next(std::string_view challenge) = 0;
  // May the server's good answer be believed now? SCRAM: only after its signature was right.
  virtual bool may_succeed() const = 0;
};
// nullptr: a mechanism we do not speak as a client. We speak PLAIN, LOGIN, CRAM-MD5 and SCRAM.
std::unique_ptr<ClientMechanism> make_client(Kind kind, ClientOptions options, base::Random& random);

// The best of what a server offers that we can do: SCRAM (SHA-512, SHA-256, SHA-1), CRAM-MD5, PLAIN, LOGIN; over plain text
// only those that do not show the password.
std::optional<Kind> choose_mechanism(std::string_view offered, bool tls);

}  // namespace bz::sasl
