// Files one message in the Sent mailbox of a logged-in IMAP session, once, without I/O. The mailbox: the one marked \Sent
// (RFC 6154), else the configured one, else one of the names that programs give it, else a new one. There the message is
// looked for by its Message-ID first: a client may have filed its own copy, and we may have, in an attempt whose end nobody
// saw. One with the same body is the message; others with its Message-ID are not (docs/decisions/0008).
//
// The driver turns it: write take_output(), then by want()
//   Input  read bytes, call input()
//   Body   send exactly `size` octets of the message, then call body_sent()
//   Done   result(): filed or there already. Unavailable: not now, in the server's words
// Limits: a line of 16 KiB, 4 MiB of answers beside bodies; eight copies are looked at. One thread.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "crypto/digest.h"

namespace bz::egress {

struct SentMessage {
  std::string message_id;   // with angle brackets; empty, or not ASCII: not looked for
  std::string body_sha256;  // raw
  uint64_t size = 0;
  int64_t received = 0;  // Unix seconds, the INTERNALDATE
};
enum class Filed : uint8_t { Now, Before };

class SentFiling {
 public:
  enum class Want : uint8_t { Input, Body, Done };
  // `capabilities`: after the login. `mailbox`: of the configuration, may be empty.
  SentFiling(SentMessage message, std::string_view capabilities, std::string mailbox);
  Want want() const { return want_; }
  std::string take_output() { return std::exchange(out_, {}); }
  void input(std::string_view bytes);
  void body_sent();
  const Result<Filed>& result() const { return result_; }
  const std::string& mailbox() const { return mailbox_; }  // as the server writes it; for the log

 private:
  enum class State : uint8_t { ListMarked, List, Create, Subscribe, Examine, Search, Fetch, Append, Logout };
  void on_line(std::string_view line);
  void on_data(std::string_view rest);
  void on_listed(std::string_view rest);
  void on_tagged(std::string_view rest);
  void literal(std::string_view bytes);
  void send(State state, std::string_view command);
  void create();
  void examine();
  void fetch_next();
  void append();
  void end(Result<Filed> result);
  void not_now(std::string_view why);

  SentMessage message_;
  bool marks_ = false, creates_marked_ = false;
  std::string configured_, mailbox_;
  size_t rank_ = SIZE_MAX;  // of mailbox_ among the usual names
  char delimiter_ = 0;
  Want want_ = Want::Input;
  State state_ = State::ListMarked;
  Result<Filed> result_ = Filed::Now;
  std::string in_, out_, tag_;
  unsigned number_ = 0, created_ = 0;
  size_t received_ = 0;
  uint64_t literal_ = 0;   // octets of one still to come
  bool is_body_ = false;   // ... which is that of a candidate
  bool fragment_ = false;  // the line goes on behind a literal
  crypto::Sha256 hash_;
  bool same_ = false;   // a candidate has our body
  bool asked_ = false;  // the server wants the message
  std::vector<uint32_t> candidates_;
};

}  // namespace bz::egress
