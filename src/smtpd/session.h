// One SMTP session, MX or submission, born from a hand-over (contracts.md 1): an MX session reads the client's first
// command after EHLO as its first bytes; a submission begins by sending 235 and is authenticated. Never an open relay: a
// stranger reaches our own recipients only, a user any, in an own name. Runs on one loop; owned by its caller, who keeps
// the stream alive.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/stream.h"
#include "smtp/framer.h"
#include "smtp/server_fsm.h"
#include "smtpd/incoming.h"
#include "smtpd/settings.h"

namespace bz::smtpd {

class Session {
 public:
  // `unread`: bytes of the client that the gateway read and did not consume. All references outlive the session.
  Session(net::Stream& stream, const Settings& settings, Facts facts, const Services& services, std::string unread);
  // To the end of the session; says 421 where RFC 5321 asks for it.
  Task<void> run();
  const Facts& facts() const { return facts_; }
  void stop_soon();  // 421: at once between transactions, otherwise at the next command
  // 421 with these words, behind the running command at most: nothing more of the client's is read, and a message that is
  // being sent is not taken. `why` outlives the session.
  void end(const smtp::FixedReply& why);

 private:
  Task<Result<void>> step();
  Task<Result<void>> read_more();
  Task<Result<void>> flush();
  Task<Result<void>> on_line(std::string line);
  Task<Result<void>> on_end(smtp::Fault fault);
  Task<Result<bool>> may_send_as(smtp::Address sender);
  Task<void> mail(smtp::MailFrom mail);
  Task<void> rcpt(smtp::RcptTo rcpt);
  Task<void> end_of_chunk(smtp::BdatChunk chunk, smtp::Fault fault);
  Task<void> finish();
  void data();
  void bdat(const smtp::Command& command, const smtp::ServerFsm::Step& step);
  void hello(const smtp::Command& command);
  void say(const smtp::Reply& reply);
  void refuse(const smtp::Reply& reply);
  void say_and_close(const smtp::Reply& reply);
  void add_recipients(const smtp::RcptTo& rcpt, const RecipientVerdict& verdict);
  queue::Recipient sent_copy() const;

  net::Stream& stream_;
  const Settings& settings_;
  Facts facts_;
  const Services& services_;
  smtp::Framer framer_;
  smtp::ServerFsm fsm_;
  std::string buffer_;
  std::string_view unread_;  // into buffer_
  std::string out_;
  std::vector<queue::Recipient> recipients_;  // of the transaction, resolved
  std::unique_ptr<Incoming> incoming_;
  std::optional<smtp::BdatChunk> chunk_;      // being read
  std::optional<smtp::Reply> chunk_refusal_;  // of a chunk that has to be read all the same
  size_t errors_ = 0, unknown_ = 0, messages_ = 0;
  bool closing_ = false, stopping_ = false;
  const smtp::FixedReply* ended_by_ = nullptr;  // end()
};

}  // namespace bz::smtpd
