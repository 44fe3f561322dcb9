// What the queue knows of a message beside its bytes. Owned by Queue; a copy in the ledger says the same after a crash.
// Times are milliseconds since 1970 (wall clock), because they outlive the process.
//
// States of a message: Spooling (bytes come in, nothing refers to them) -> Queued (one durable commit; 250 is sent) ->
// Trying (a job of the schedule) -> each recipient Done or Failed, or back to Queued -> Removed when no recipient waits.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/ids.h"
#include "smtp/command.h"
#include "smtp/reply.h"

namespace bz::queue {

enum class RecipientClass : uint8_t { Local = 1, Relay = 2, SentCopy = 3 };
std::string_view name(RecipientClass cls);

enum class RecipientState : uint8_t {
  Waiting = 1,  // to be tried at next_try
  Done = 2,     // delivered or passed on; nothing left to tell
  Failed = 3,   // for good; the sender has not been told yet
  Success = 4,  // delivered or relayed, and the sender wants to hear it (NOTIFY=SUCCESS)
  Closed = 5,   // failed, and the sender was told (or must not be)
};

struct Recipient {
  smtp::RcptTo rcpt;  // address, NOTIFY, ORCPT, account
  RecipientClass cls = RecipientClass::Relay;
  std::string server{}, host{};  // Local, SentCopy: a [[server]] that has the mailbox; empty: our mail store
  RecipientState state = RecipientState::Waiting;
  bool relayed = false;  // Success by a server without DSN
  enum class Delay : uint8_t { Untold = 0, ToTell = 1, Told = 2 } delay = Delay::Untold;
  uint32_t attempts = 0;
  int64_t next_try = 0;
  int64_t last_try = 0;  // 0: never
  smtp::Reply last_reply;
  std::string remote_mta;  // who gave it
  bool waiting() const { return state == RecipientState::Waiting; }
  bool to_sent_elsewhere() const { return cls == RecipientClass::SentCopy && !server.empty(); }
  bool to_report() const {
    return state == RecipientState::Failed || state == RecipientState::Success || (waiting() && delay == Delay::ToTell);
  }
  bool operator==(const Recipient&) const = default;
};

struct ByteRange {
  uint64_t at = 0, size = 0;
  bool operator==(const ByteRange&) const = default;
};

struct Envelope {
  QueueId id;
  SessionId session;     // that brought it, for the logs
  smtp::Address sender;  // null: a notification
  std::vector<Recipient> recipients;
  bool smtputf8 = false;
  bool eight_bit = false;
  smtp::Ret ret = smtp::Ret::Unset;
  std::string envid;
  int64_t received = 0;
  AccountId account;           // of a submission
  std::string account_name;    // for the logs
  std::string message_id;      // with angle brackets; empty: none
  uint64_t size = 0;           // bytes as stored
  uint64_t header_size = 0;    // with the empty line
  uint64_t trace_size = 0;     // our Received at the front: not part of the Sent copy
  std::vector<ByteRange> bcc;  // fields that only the Sent copy keeps; ascending, behind trace_size
  bool operator==(const Envelope&) const = default;

  bool any_waiting() const;
};

// Records, versioned. The head is everything but the recipients; these are stored in groups, and their changing part
// (state, attempts, times, reply) in a record of its own each.
std::string encode_head(const Envelope& envelope);
Result<Envelope> decode_head(std::string_view bytes);
std::string encode_recipients(const std::vector<Recipient>& all, size_t from, size_t to);
Result<void> decode_recipients(std::string_view bytes, std::vector<Recipient>& append_to);
std::string encode_progress(const Recipient& recipient);
Result<void> decode_progress(std::string_view bytes, Recipient& into);

}  // namespace bz::queue
