// SASL mechanisms (RFC 4422) as resumable step machines: bytes and looked-up credentials in, a Step out. Nothing here
// waits, reads a clock behind your back or knows a directory; base64 and the tagged lines are the protocols' business.
//
// One exchange, server side:
//   auto m = make_server(Kind::Plain, options);
//   Step s = m->start(initial);              // nullopt: no initial response; "" is an empty one (RFC 4422 section 5)
//   Challenge{bytes}       -> send, then s = m->next(client_bytes)
//   NeedPassword{user, p}  -> check on the pool, then s = m->verified(ok)
//   NeedCredentials{user}  -> look up, then s = m->supply(credentials); for unknown users supply fakes (credentials.h), so
//                             that the exchange takes the same course and ends in the same failure
//   NeedToken, NeedCertificate -> find out whose it is, then s = m->identified(user); nullopt: nobody's
//   NeedGss{call, bytes}   -> make the call on the exchange's own security context, where it may block, then
//                             s = m->answered(result); NeedPrincipal -> as NeedToken, of the principal of that context
//   NeedNtlm{call, ...}    -> have a domain controller asked, then s = m->answered(challenge), s = m->identified(user)
//   Done / Failure         -> the end; every further call gives Failure
// Names and passwords are handed on as the UTF-8 the client sent; who looks them up prepares them (RFC 4013,
// intl/saslprep.h). Octets that are not UTF-8 are malformed. Limits: a message has at most 8 KiB (24 KiB with tickets,
// which carry group lists), a name or password 1 KiB, an exchange 5 client messages. ANONYMOUS (RFC 4505) is not here: who
// wants no account has no business with a mailbox.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/env.h"
#include "base/result.h"
#include "base/secret.h"
#include "sasl/credentials.h"

namespace bz::sasl {

// The one list of mechanisms: names, what listeners may offer and what clients are shown come from it.
enum class Kind : uint8_t {
  Plain,
  Login,
  CramMd5,
  ScramSha1,
  ScramSha1Plus,
  ScramSha256,
  ScramSha256Plus,
  ScramSha512,
  ScramSha512Plus,
  DigestMd5,
  Ntlm,
  External,
  OauthBearer,
  Xoauth2,
  Apop,  // no SASL mechanism but POP3's own command (apop.h); goes the same way
  Gssapi,
  GssSpnego,
};
std::span<const Kind> all_kinds();
std::string_view name(Kind kind);                         // "SCRAM-SHA-256"
std::optional<Kind> mechanism_of(std::string_view name);  // case-insensitive
bool is_plus(Kind kind);                                  // binds to the TLS channel
bool is_scram(Kind kind);
crypto::Hash scram_hash(Kind kind);  // of a SCRAM kind

inline constexpr size_t kMaxMessage = 8192, kMaxGssMessage = 24 << 10, kMaxField = 1024;
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
struct NeedToken {
  std::string user;  // as whom the client says it comes; may be empty
  Secret token;      // RFC 6750 b64token
};
struct NeedCertificate {
  std::string user;  // as whom the client says it comes; may be empty
};
struct NeedGss {
  enum class Call : uint8_t { Accept, Wrap, Unwrap };
  Call call;
  std::string bytes;
};
struct GssAnswer {
  std::string bytes{};    // Accept: the token for the client, may be empty; Wrap, Unwrap: the message
  bool complete = false;  // Accept: the context stands
};
// The messages of NTLM that somebody else judges. Negotiate: answered() with his CHALLENGE. Authenticate: what was sent is
// NTLMv2 by a named user, bound to this connection if it is bound at all; identified() with whom he says it is.
struct NeedNtlm {
  enum class Call : uint8_t { Negotiate, Authenticate };
  Call call;
  std::string bytes;
  std::string domain{}, user{};  // Authenticate: who the client says it is
};
struct NeedPrincipal {
  std::string user;  // as whom the client says it comes; may be empty
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
using Step = std::variant<Challenge, NeedPassword, NeedCredentials, NeedToken, NeedCertificate, NeedGss, NeedNtlm,
                          NeedPrincipal, Done, Failure>;

// What binds an exchange to its TLS connection: RFC 9266 tls-exporter, RFC 5929 tls-unique (TLS 1.2 only) and
// tls-server-end-point. Raw bytes; empty: this connection has none.
struct ChannelBindings {
  std::string exporter{}, unique{}, server_end_point{};
  bool any() const { return !exporter.empty() || !unique.empty() || !server_end_point.empty(); }
  const std::string* find(std::string_view type) const;  // by its registered name; nullptr: unknown or none
};

struct ServerOptions {
  std::string host{};           // of the server: CRAM-MD5's challenge, DIGEST-MD5's and NTLM's target
  std::string service{};        // GSSAPI service name, "imap", "smtp", "pop": DIGEST-MD5's digest-uri
  std::string realm{};          // DIGEST-MD5; what the stored hashes were made with
  ChannelBindings bindings{};   // -PLUS, and NTLM when the client sends them
  std::string nonce{};          // tests with published vectors: the server's random part; empty: drawn
  bool ntlm_elsewhere = false;  // NTLM is judged by a domain controller (NeedNtlm), not by a hash of ours
  bool offers_plus = false;  // the listener shows the -PLUS of this SCRAM: then a client's "y" is a downgrade (RFC 5802 6)
};

class ServerMechanism {
 public:
  virtual ~ServerMechanism() = default;
  Step start(std::optional<std::string_view> initial);
  Step next(std::string_view message);
  Step verified(bool ok);
  Step supply(const Credentials& credentials);
  Step identified(std::optional<std::string> user);
  Step answered(Result<GssAnswer> answer);  // an error that is Invalid: the client's bytes were no token

 protected:
  virtual Step on_start() = 0;  // without initial response
  virtual Step on_message(std::string_view message) = 0;
  virtual Step on_verified(bool) { return malformed("out of turn"); }
  virtual Step on_supply(const Credentials&) { return malformed("out of turn"); }
  virtual Step on_identified(std::optional<std::string>) { return malformed("out of turn"); }
  virtual Step on_answered(Result<GssAnswer>) { return malformed("out of turn"); }
  virtual size_t max_message() const { return kMaxMessage; }
  static Failure malformed(std::string_view reason) { return {Failure::Why::Malformed, std::string(reason)}; }
  static Failure refused(std::string_view reason) { return {Failure::Why::Refused, std::string(reason)}; }

 private:
  enum class Expect : uint8_t { Start, Message, Verdict, Credentials, Identity, Answer, Nothing };
  Step settle(Step step);
  Step broken() { return settle(malformed("out of turn")); }
  Expect expect_ = Expect::Start;
  int messages_ = 0;
};

// The clock and the randomness are used during construction and the first steps: they must outlive the machine.
std::unique_ptr<ServerMechanism> make_server(Kind kind, ServerOptions options, const base::Clock& clock,
                                             base::Random& random);

}  // namespace bz::sasl
