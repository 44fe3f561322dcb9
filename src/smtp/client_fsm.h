// The client side of SMTP and LMTP without I/O: greeting, EHLO (HELO for old servers), STARTTLS, AUTH, then any number of
// messages on one connection. MAIL, RCPT... and DATA leave in one flight when the server pipelines (RFC 2920); BDAT (RFC
// 3030) is used when offered and the size is known. The outcome is data: one Outcome per recipient.
//
// The driver turns it: while (true) { write take_output(); switch (want()) ... }
//   Want::Input      read bytes, call input(); at the end of the stream, an error or a timeout call lost()
//   Want::Handshake  turn TLS on (all bytes sent, none unread: input behind the 220 is refused), then tls_started(), or
//                    lost()
//   Want::Message    idle: start() a message, or quit()
//   Want::Body       read the next piece of the message: body(piece)..., then body_end(); write take_output() in between
//   Want::Result     outcomes() are final; next_message() goes on (RSET if need be)
//   Want::Closed     close the connection; outcomes() say what became of a message under way
// deadline_class() tells which time-out of RFC 5321 4.5.3.2 the present wait has.
//
// A message that the server cannot take as it is (8BITMIME, SMTPUTF8) is made to fit before start(), by looking at offer();
// what start() still finds unsendable it refuses.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "smtp/command.h"
#include "smtp/framer.h"
#include "smtp/reply.h"

namespace bz::smtp {

enum class TlsDuty : uint8_t { Never, IfOffered, Required };

struct ClientCredentials {
  std::string user;
  Secret password;
};

// Our side of a SASL exchange that takes cryptography, which is none of this room's business. As sasl::ClientMechanism.
class LoginExchange {
 public:
  virtual ~LoginExchange() = default;
  virtual std::optional<std::string> initial() = 0;  // nullopt: the server speaks first
  virtual Result<std::string> next(std::string_view challenge) = 0;
  virtual bool may_succeed() const = 0;  // may a good answer be believed now?
};

struct ClientConfig {
  bool lmtp = false;
  std::string hello_name;  // our host name, or an address literal
  TlsDuty tls = TlsDuty::IfOffered;
  bool tls_active = false;                         // TLS from the first byte, or a private leg
  std::optional<ClientCredentials> credentials{};  // only ever sent under TLS
  // Makes exchanges of SCRAM and CRAM-MD5; without it, or when it gives nullptr, these are not used.
  std::function<std::unique_ptr<LoginExchange>(std::string_view mechanism, const ClientCredentials&)> login{};
};

struct ClientMessage {
  MailFrom mail;  // size: the exact number of bytes that body() will bring; needed for BDAT
  std::vector<RcptTo> recipients;
};

struct Outcome {
  enum class Kind : uint8_t { Pending, Done, Temporary, Permanent };
  Kind kind = Kind::Pending;
  Reply reply{};
};

// What the server's EHLO said.
struct ServerOffer {
  bool pipelining = false, chunking = false, eight_bit = false, smtputf8 = false, dsn = false, starttls = false;
  bool enhanced = false, buzon = false, has_size = false;
  uint64_t max_size = 0;  // 0: no limit told
  std::vector<std::string> auth{};
};
ServerOffer read_offer(const Reply& ehlo);

class ClientFsm {
 public:
  enum class Want : uint8_t { Input, Handshake, Message, Body, Result, Closed };
  enum class DeadlineClass : uint8_t { Greeting, Command, DataStart, DataBlock, DataEnd };

  explicit ClientFsm(ClientConfig config);
  Want want() const { return want_; }
  DeadlineClass deadline_class() const;
  std::string take_output() { return std::exchange(out_, {}); }
  size_t output_size() const { return out_.size(); }

  void input(std::string_view bytes);
  void tls_started();
  void start(ClientMessage message);
  void body(std::string_view piece);
  void body_end();
  void body_failed();  // the message could not be read: closes without its end, so that the server throws it away
  void next_message();
  void quit();
  // The connection is gone or of no use; `reply` (4yz) becomes the outcome of all that is open.
  void lost(Reply reply);

  // In the order of ClientMessage::recipients.
  const std::vector<Outcome>& outcomes() const { return outcomes_; }
  const ServerOffer& offer() const { return offer_; }
  // Why the session could not be opened at all (greeting, EHLO, TLS, AUTH refused): applies to every message for this host.
  const std::optional<Reply>& session_failure() const { return failure_; }
  bool tls_active() const { return config_.tls_active; }

 private:
  enum class Phase : uint8_t {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Auth,
    Idle,
    Envelope,  // replies to MAIL, RCPT, DATA, in the order of expected_
    Body,
    BodyReply,
    Result,
    Reset,
    Quit,
    Closed,
  };
  enum class AuthStep : uint8_t { None, Final, LoginUser, LoginPassword, Exchange };
  struct Expected {
    enum class Kind : uint8_t { Mail, Rcpt, Data } kind;
    size_t index = 0;  // of the recipient
  };

  void on_reply(const Reply& reply);
  void on_ehlo(const Reply& reply);
  void on_auth(const Reply& reply);
  void on_envelope(const Reply& reply);
  void on_body_reply(const Reply& reply);
  void say_hello(Phase phase);
  void after_hello();
  void start_auth();
  bool begin_auth(std::string_view mechanism);
  void answer_challenge(const Reply& reply);
  void session_failed(Reply reply);
  void send_envelope();
  void send_one();
  std::string mail_line() const;
  std::string rcpt_line(size_t index) const;
  void refuse_unsendable();
  void refuse_unsendable(size_t index);
  void envelope_done();
  void begin_body();
  void settle(size_t index, const Reply& reply);
  void settle_open(const Reply& reply);
  void finish_message(bool transaction_open);
  void become(Phase phase, Want want);
  void close();
  size_t accepted() const;
  size_t next_accepted(size_t from) const;

  ClientConfig config_;
  ReplyParser parser_;
  std::string out_;
  Want want_ = Want::Input;
  Phase phase_ = Phase::Greeting;
  AuthStep auth_step_ = AuthStep::None;
  std::unique_ptr<LoginExchange> exchange_;
  std::optional<Reply> login_refusal_;  // of a mechanism that another one may make good
  bool authenticated_ = false;
  ServerOffer offer_;
  std::optional<Reply> failure_;
  std::vector<std::string> auth_tried_;

  ClientMessage message_;
  std::vector<Outcome> outcomes_;
  std::vector<bool> accepted_;     // by RCPT
  std::deque<Expected> to_send_;   // commands of the envelope not sent yet
  std::deque<Expected> expected_;  // sent, not answered
  std::optional<Reply> data_reply_;
  bool bdat_ = false, mail_accepted_ = false;
  bool needs_reset_ = false;
  size_t lmtp_next_ = 0;  // recipient whose final reply comes next
  uint64_t body_left_ = 0;
  DotStuffer stuffer_;
};

}  // namespace bz::smtp
