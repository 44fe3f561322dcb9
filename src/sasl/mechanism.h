// SASL mechanisms (RFC 4422) as resumable step machines: bytes and looked-up credentials in, a Step out. Nothing here
// waits, reads a clock behind your back or knows a directory; base64 and the tagged lines are the protocols' business.
//
// One exchange, server side:
//   auto m = make_server(Kind::Plain, options);
//   Step s = m->start(initial);              // nullopt: no initial response; "" is an empty one (RFC 4422 section 5)
//   Challenge{bytes}       -> send, then s = m->next(client_bytes)
//   NeedPassword{user, p}  -> check on the pool, then s = m->verified(ok)
//   NeedCredentials{user}  -> look up, then s = m->supply(credentials); for unknown users supply fakes (scram.h), so that
//                             the exchange takes the same course and ends in the same failure
//   Done / Failure         -> the end; every further call gives Failure
// Names and passwords are handed on as the UTF-8 the client sent; who looks them up prepares them (RFC 4013,
// intl/saslprep.h). Octets that are not UTF-8 are malformed. Limits: a message has at most 4 KiB, a name or password 1 KiB,
// an exchange 5 client messages.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/env.h"
#include "base/secret.h"
#include "crypto/digest.h"
#include "sasl/scram.h"

namespace bz::sasl {

enum class Kind : uint8_t { Plain, Login, CramMd5, ScramSha256, ScramSha256Plus };
std::string_view name(Kind kind);                         // "SCRAM-SHA-256"
std::optional<Kind> mechanism_of(std::string_view name);  // case-insensitive

inline constexpr size_t kMaxMessage = 4096, kMaxField = 1024;
inline constexpr int kMaxSteps = 5;

struct Challenge {
  std::string bytes;
};
struct NeedPassword {
  std::string user;
  Secret password;
};
struct NeedCredentials {
  std::string user;
};
struct Done {
  std::string user;        // who proved the secret
  std::string authzid;     // who he wants to be; empty: himself. The caller decides whether he may.
  std::string final_data;  // the server's last message (SCRAM), to be sent before the good answer
};
struct Failure {
  enum class Why : uint8_t {
    Refused,    // wrong secret, unknown user: say no more than that to the client
    Malformed,  // the client broke the mechanism's grammar
  };
  Why why;
  std::string reason;  // for the log
};
using Step = std::variant<Challenge, NeedPassword, NeedCredentials, Done, Failure>;

// What a directory knows that the asking mechanism may need.
struct Credentials {
  bool known = false;  // false: fakes; the exchange fails at its end whatever the client sends
  std::optional<ScramKeys> scram;
  std::optional<crypto::HmacMd5States> cram;
};

struct ServerOptions {
  std::string host{};             // CRAM-MD5's challenge names it
  std::string channel_binding{};  // tls-exporter data (RFC 9266); needed for -PLUS
  std::string nonce{};            // tests with published vectors: SCRAM's nonce, CRAM-MD5's challenge; empty: drawn
  bool offers_plus = false;       // the listener shows SCRAM-SHA-256-PLUS: then a client's "y" is a downgrade (RFC 5802 6)
};

class ServerMechanism {
 public:
  virtual ~ServerMechanism() = default;
  Step start(std::optional<std::string_view> initial);
  Step next(std::string_view message);
  Step verified(bool ok);
  Step supply(const Credentials& credentials);

 protected:
  virtual Step on_start() = 0;  // without initial response
  virtual Step on_message(std::string_view message) = 0;
  virtual Step on_verified(bool) { return broken(); }
  virtual Step on_supply(const Credentials&) { return broken(); }
  static Failure malformed(std::string_view reason) { return {Failure::Why::Malformed, std::string(reason)}; }
  static Failure refused(std::string_view reason) { return {Failure::Why::Refused, std::string(reason)}; }

 private:
  enum class Expect : uint8_t { Start, Message, Verdict, Credentials, Nothing };
  Step settle(Step step);
  Step broken() { return settle(malformed("out of turn")); }
  Expect expect_ = Expect::Start;
  int messages_ = 0;
};

// The clock and the randomness are used during construction and the first steps: they must outlive the machine.
std::unique_ptr<ServerMechanism> make_server(Kind kind, ServerOptions options, const base::Clock& clock,
                                             base::Random& random);

}  // namespace bz::sasl
