// One command line -> a typed Command. The grammar is RFC 5321 4.1 with the parameters of RFC 1870 (SIZE), 6152 (BODY),
// 6531 (SMTPUTF8), 3461 (RET ENVID NOTIFY ORCPT), 4954 (AUTH=), 3030 (BDAT) and our own of lmtp_ext.h. A line that breaks
// it gives the verb, as far as it is known, and the reply that refuses it. Order of commands is server_fsm's business.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/ids.h"
#include "smtp/address.h"
#include "smtp/reply.h"

namespace bz::smtp {

enum class Verb : uint8_t {
  Helo,
  Ehlo,
  Lhlo,
  Mail,
  Rcpt,
  Data,
  Bdat,
  Rset,
  Noop,
  Quit,
  Vrfy,
  Expn,
  Help,
  StartTls,
  Auth,
  Unknown,
};
inline constexpr size_t kVerbs = 16;
std::string_view name(Verb verb);

enum class BodyType : uint8_t { SevenBit, EightBitMime };
enum class Ret : uint8_t { Unset, Full, Headers };
// NOTIFY (RFC 3461 4.1). Unset: the sender said nothing, which means failure (and delay, if we like).
struct Notify {
  static constexpr uint8_t kSuccess = 1, kFailure = 2, kDelay = 4, kNever = 8;
  uint8_t bits = 0;
  bool is_set() const { return bits != 0; }
  bool on_failure() const { return bits == 0 || (bits & kFailure) != 0; }
  bool on_success() const { return (bits & kSuccess) != 0; }
  bool on_delay() const { return bits == 0 || (bits & kDelay) != 0; }
  std::string to_string() const;  // "SUCCESS,FAILURE"; empty when unset
  bool operator==(const Notify&) const = default;
};

struct Hello {
  std::string name;  // domain or address literal as written; for the Received header and the log only
};
struct MailFrom {
  Address sender;  // null: a notification
  std::optional<uint64_t> size;
  std::optional<BodyType> body;
  bool smtputf8 = false;
  Ret ret = Ret::Unset;
  std::string envid;                // decoded
  std::optional<std::string> auth;  // decoded; "<>" as it stands
  QueueId queue_id;                 // lmtp_ext.h
  SessionId session;                // lmtp_ext.h
  bool operator==(const MailFrom&) const = default;
};
struct RcptTo {
  Address recipient;
  Notify notify;
  std::string orcpt;  // "rfc822;decoded address"; empty: not given
  AccountId account;  // lmtp_ext.h
  bool sent_copy = false;
  bool operator==(const RcptTo&) const = default;
};
struct BdatChunk {
  uint64_t size = 0;
  bool last = false;
};
struct AuthStart {
  std::string mechanism;               // upper case
  std::optional<std::string> initial;  // base64 as sent; "=" means present and empty
};
struct Text {
  std::string text;  // NOOP, HELP, VRFY, EXPN, unknown verbs
};

struct Command {
  Verb verb = Verb::Unknown;
  std::variant<std::monostate, Hello, MailFrom, RcptTo, BdatChunk, AuthStart, Text> args;
  std::optional<Reply> refusal;  // set: args say nothing. A refused BDAT ends the session: what follows cannot be counted.
};

struct CommandRules {
  bool smtputf8 = true;  // we offered it
  bool dsn = true;
  bool buzon = false;  // parameters of lmtp_ext.h
};

Command parse_command(std::string_view line, const CommandRules& rules);

// The way out: "MAIL FROM:<a@b> SIZE=1 ...\r\n". Only what is set is written; the caller has cleared what the server does
// not offer.
std::string encode(const MailFrom& mail);
std::string encode(const RcptTo& rcpt);

}  // namespace bz::smtp
