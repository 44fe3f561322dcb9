// Replies (RFC 5321 4.2) with enhanced status codes (RFC 3463, 2034), both ways: what we send, and what a server answered.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bz::smtp {

// A reply as it stands in our table (replies.h).
struct FixedReply {
  uint16_t code;
  std::string_view status;  // "5.1.1"; empty where RFC 2034 3 allows none (greeting, EHLO, 3yz)
  std::string_view text;
};

struct Reply {
  uint16_t code = 0;   // 200..599
  std::string status;  // "X.Y.Z" or empty
  std::string text;    // lines joined by '\n', without the status codes

  Reply() = default;
  Reply(uint16_t c, std::string_view s, std::string_view t) : code(c), status(s), text(t) {}
  Reply(const FixedReply& fixed) : Reply(fixed.code, fixed.status, fixed.text) {}  // NOLINT: implicit by design
  bool positive() const { return code >= 200 && code < 300; }
  bool intermediate() const { return code >= 300 && code < 400; }
  bool temporary() const { return code >= 400 && code < 500; }
  bool permanent() const { return code >= 500 && code < 600; }
  // "550-5.1.1 a\r\n550 5.1.1 b\r\n". Whatever text holds, the result is well-formed: controls become '?', lines are cut at
  // 500 bytes (RFC 5321 4.5.3.1.5).
  std::string encode() const;
  std::string to_string() const;  // one line, for records and logs: "550 5.1.1 a b"
  bool operator==(const Reply&) const = default;
};

// Reads replies from a byte stream, one byte at a time if it must. Limits: 2048 bytes a line, 128 lines, 64 KiB in all.
class ReplyParser {
 public:
  // Takes bytes from the front of `input`. A reply when one is complete, nullopt when more is needed; Errc::Invalid for
  // what is no reply and Errc::TooLarge beyond the limits: the connection is of no use then. Lines end in CRLF only; a bare
  // LF is refused.
  Result<std::optional<Reply>> next(std::string_view& input);
  bool idle() const { return line_.empty() && lines_ == 0; }  // nothing half read

 private:
  Result<bool> add_line();  // true: it was the last line of the reply
  std::string line_;
  Reply reply_;
  int lines_ = 0;
};

// "5.1.1 rest": cuts a status code off the front of `text`, empty if there is none.
std::string_view take_status(std::string_view& text);

}  // namespace bz::smtp
