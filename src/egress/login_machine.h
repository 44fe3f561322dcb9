// The client side of a login at another server, without I/O: from the greeting to the point where our client may go on. One
// machine per protocol (imap_login.h, pop3_login.h, smtp_login.h). Nothing of the password leaves before TLS is on, unless
// the plan says that the wire is private. What was received in clear before STARTTLS is forgotten, and bytes behind the
// answer to it end the login (RFC 3207 section 6, RFC 3501 section 11.1).
//
// The driver turns it: write take_output(), then by want()
//   Input      read bytes, call input(); at the end of the stream, an error or a time-out call lost()
//   Handshake  turn TLS on, then tls_started(), or lost()
//   Work       run work() where it may take 0.1 s (SCRAM), then work_done()
//   Done       verdict() and reason() are final; Open: take_rest() are bytes of the server for our client
// Limits: a line of 16 KiB, 128 KiB in all; beyond them the verdict is Broken. One thread, except for what work() returns.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/env.h"
#include "base/secret.h"
#include "sasl/client.h"

namespace bz::egress {

struct LoginPlan {
  std::string user;
  std::string authzid{};  // log in as `user`, act for this one (master users, RFC 4616); empty: act for `user`
  Secret password{};
  bool starttls = false;  // ask for TLS before anything else is said
  bool tls = false;       // TLS is on
  bool clear = false;     // the password may go without TLS: a private wire
  std::string hello{};    // SMTP: our name in EHLO
  std::string xclient{};  // POP3, SMTP: attributes of our client ("ADDR=..."), sent where XCLIENT is offered
  std::vector<std::pair<std::string, std::string>> id{};  // IMAP: sent where ID is offered (RFC 2971)
};

enum class Verdict : uint8_t {
  Open,         // logged in
  Refused,      // the server does not accept name and password
  Unavailable,  // not now: its own words, or the connection was lost
  Broken,       // not the protocol, no TLS, or no way to log in that we know
};
std::string_view name(Verdict verdict);

class LoginMachine {
 public:
  enum class Want : uint8_t { Input, Handshake, Work, Done };
  using Work = std::function<Result<std::string>()>;

  LoginMachine(LoginPlan plan, base::Random& random);
  virtual ~LoginMachine() = default;
  LoginMachine(const LoginMachine&) = delete;

  Want want() const { return want_; }
  std::string take_output() { return std::exchange(out_, {}); }
  void input(std::string_view bytes);
  void tls_started();
  Work work() const;  // any thread; outlives the machine
  void work_done(Result<std::string> answer);
  void lost(const Error& why);

  Verdict verdict() const { return verdict_; }
  const std::string& reason() const { return reason_; }  // for the log: no secret, no control characters
  bool greeted() const { return greeted_; }              // the server has spoken its first line as it should
  bool tried() const { return tried_; }                  // name and password, or a part of a proof, were sent
  std::string take_rest() { return std::exchange(in_, {}); }

 protected:
  virtual void parse() = 0;                                // takes what it can from in_ while want() is Input
  virtual void on_tls() = 0;                               // say hello again
  virtual void send_response(std::string_view bytes) = 0;  // of a SASL exchange

  std::optional<std::string> next_line();  // without its end; nullopt: not there yet, or the limit ended the login
  void begin_tls();                        // the server agreed
  void end(Verdict verdict, std::string_view reason);
  bool secure() const { return plan_.tls || plan_.clear; }

  // SASL: picks the best of what is offered ("PLAIN SCRAM-SHA-256"); false: none fits.
  bool begin_sasl(const std::vector<std::string>& offered);
  const char* mechanism() const { return mechanism_; }
  const std::optional<std::string>& initial() const { return initial_; }
  void initial_sent() { initial_.reset(); }  // with the command itself
  void challenge(std::string_view base64);   // answers by send_response(), or ends the login
  bool proved() const;                       // may the server's good answer be believed?

  LoginPlan plan_;
  std::string in_, out_;
  bool greeted_ = false, tried_ = false;

 private:
  void answer(Result<std::string> bytes);
  base::Random& random_;
  Want want_ = Want::Input;
  Verdict verdict_ = Verdict::Unavailable;
  std::string reason_;
  size_t received_ = 0;
  const char* mechanism_ = "";
  bool slow_ = false;
  std::shared_ptr<sasl::ClientMechanism> sasl_;  // shared with work that runs
  std::optional<std::string> initial_;
  std::string challenge_;
};

// The words of a server as a text for the log: at most 200 bytes, controls as '?'.
std::string clean_text(std::string_view text);

}  // namespace bz::egress
