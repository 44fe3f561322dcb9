// Delivery status notifications: multipart/report (RFC 6522) with message/delivery-status (RFC 3464) and what RFC 3461 asks
// of them; the global forms of RFC 6533 when an address is not ASCII. A pure function of its input.
#pragma once
#include <string>
#include <vector>

#include "smtp/command.h"
#include "smtp/reply.h"

namespace bz::smtp {

enum class DsnAction : uint8_t { Failed, Delayed, Delivered, Relayed };

struct DsnRecipient {
  RcptTo rcpt;  // recipient, orcpt
  DsnAction action = DsnAction::Failed;
  Reply reply;               // the last one; its status, or one made of its class, becomes Status
  std::string remote_mta;    // who said so; empty: we did
  std::string last_attempt;  // RFC 5322 date-time; empty: never tried
};

struct DsnInput {
  std::string reporting_mta;  // our host name
  std::string message_id;     // with angle brackets
  std::string date;           // RFC 5322 date-time
  std::string boundary;       // must not occur in the original; random, 1..70 of [0-9A-Za-z]
  std::string queue_id;       // of the original message
  Address to;                 // the original sender
  std::string envid;
  std::string arrival_date;  // RFC 5322 date-time
  std::vector<DsnRecipient> recipients;
  std::string original;  // header with its empty line, or the whole message when full
  bool full = false;     // RET=FULL
};

// The whole message with CRLF line ends. Its envelope is the caller's: null sender, `to` as recipient (RFC 3464 2).
std::string make_dsn(const DsnInput& input);

}  // namespace bz::smtp
