// What a session knows from outside: settings, the facts of the hand-over, and the services behind it.
#pragma once
#include <string>

#include "base/env.h"
#include "model/ids.h"
#include "net/loop.h"
#include "queue/queue.h"
#include "smtp/ehlo.h"
#include "smtpd/directory.h"

namespace bz::smtpd {

struct Settings {
  std::string host;         // our name in greetings, Received and Message-ID
  std::string mail_domain;  // of <Postmaster> without one
  uint64_t max_message = 64ull << 20;
  size_t max_recipients = 500;    // RFC 5321 4.5.3.1.8: at least 100
  size_t max_errors = 20;         // refused commands; then 421
  size_t max_unknown = 100;       // refused recipients; then 421
  bool check_header_from = true;  // a submission's From and Sender must be the user's
  bool sent_copy = true;
  net::Millis sent_wait{20'000};      // before one is filed on another server
  net::Millis command_time{300'000};  // RFC 5321 4.5.3.2.7
  net::Millis data_time{180'000};     // per block, 4.5.3.2.5
  net::Millis write_time{300'000};
};

struct Facts {
  smtp::ServerMode mode = smtp::ServerMode::Mx;  // Mx or Submission
  SessionId session;
  std::string peer_address;
  std::string hello;  // as greeted before the hand-over; empty: not yet
  bool esmtp = true;
  std::string tls_version, tls_cipher;
  AccountId account;  // Submission: from the ticket
  std::string account_name, device;
  queue::MailboxPlace place{};  // Submission, as of the last MAIL
  bool relays = false;          // the same: a host that sends other people's mail, not a person
};

struct Services {
  queue::Queue& queue;
  Directory& directory;
  base::Clock& clock;
};

}  // namespace bz::smtpd
