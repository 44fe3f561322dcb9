// One POP3 connection after login (RFC 1939 TRANSACTION and UPDATE states): it lives on the thread of its account, owns its
// Stream, and runs the commands one after the other in the order sent. Pipelined answers go out together.
//
//   auto session = std::make_shared<Session>(std::move(stream), account, start, config);
//   group.spawn(serve(session));
//
// Rules kept here and nowhere else:
//  1. Nothing is removed before QUIT. Every other end (the client goes, stop(), time is up) leaves the maildrop as it was.
//  2. The +OK of QUIT comes when the removal, one commit, is durable, and after the lock of the maildrop is given back: the
//     client may come again at once.
//  3. Messages are shown with the octets they are stored with, and LIST counts those; a message whose last line has no end
//     gets one (RFC 1939 section 3 leaves no choice), which LIST does not count.
//  4. Nothing is said without being asked for: what ends the session from our side closes the connection (section 3).
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "base/wakeup.h"
#include "net/stream.h"
#include "pop3/command.h"
#include "pop3/framer.h"
#include "pop3d/maildrop.h"
#include "store/account.h"

namespace bz::pop3d {

struct SessionConfig {
  base::Millis idle_timeout{10 * 60'000};  // without a whole command (RFC 1939 section 3: at least 10 minutes)
  base::Millis write_timeout{60'000};      // a client that takes nothing
  size_t write_at = 64 * 1024;             // octets of output that are written without waiting for the end of a batch
  bool marks_seen = true;                  // messages that were retrieved get \Seen at QUIT
  unsigned max_bad = 20;                   // ill-formed commands in a row before the end
};

// Held while a session has the maildrop of its account for itself (RFC 1939 section 4); letting go of it is giving it back.
// A session that ends without QUIT lets go before it says goodbye: who waits for the maildrop may have it at once.
using MaildropLock = std::shared_ptr<void>;

struct SessionStart {
  SessionId id;
  std::string input;                    // octets the gateway has read and not consumed
  std::vector<std::string> mechanisms;  // of the listener, for CAPA
  MaildropLock lock;
};

class Session {
 public:
  Session(std::unique_ptr<net::Stream> stream, std::shared_ptr<store::Account> account, SessionStart start,
          const SessionConfig& config);
  Session(const Session&) = delete;

  Task<void> run();  // the object must outlive the task
  // Ends the session: at once when it waits for the client, else behind the running command.
  void stop();
  // How long the client has said nothing while nothing of its runs; zero while something does.
  base::Millis silent_for() const;
  const SessionId& id() const { return start_.id; }

 private:
  Task<bool> open();
  Task<void> next_step();
  Task<void> run_command(std::string_view line);
  void refuse(std::string_view text);

  // transaction.cc
  Task<void> list(std::optional<uint32_t> number, pop3::Verb verb);
  void append_item(uint32_t number, pop3::Verb verb);
  Task<void> retrieve(uint32_t number, std::optional<uint32_t> lines);
  Task<uint64_t> first_piece(EmailId email, std::optional<uint32_t> lines);
  void unreadable(uint32_t number, const Error& error, bool begun);
  Task<void> quit();

  void ok(std::string_view text);
  void err(std::string_view text, std::string_view code = {});
  // False: the connection is gone or must end; the command stops.
  Task<bool> flush();
  Task<bool> flush_if_large();
  Task<void> read_more();

  std::unique_ptr<net::Stream> stream_;
  std::shared_ptr<store::Account> account_;
  SessionStart start_;
  SessionConfig config_;
  pop3::Framer framer_;
  std::optional<Maildrop> maildrop_;
  std::string input_;        // what was read last
  std::string_view unread_;  // of it
  std::string out_;
  net::Deadline idle_until_;
  std::optional<base::MonoTime> waiting_since_;  // for the client
  unsigned bad_in_a_row_ = 0;
  uint64_t retrieved_ = 0, removed_ = 0;  // for the log
  std::string end_ = "dropped";           // for the log
  bool ended_ = false;                    // no further command
  bool broken_ = false;                   // the connection takes nothing more
  bool stop_requested_ = false;
  base::Wakeup wakeup_;
};

// Runs a session and keeps it alive meanwhile.
Task<void> serve(std::shared_ptr<Session> session);

}  // namespace bz::pop3d
