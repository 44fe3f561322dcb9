// Cuts what a client sends into command lines and message content. This is the only guard against smuggling, and its rule
// is short: CRLF ends a line, nothing else does. A bare LF or a bare CR never ends a line or a message; a command line that
// holds one is refused (500 5.5.2), message content that holds one is read to its true end and refused (550 5.6.11).
// NUL (RFC 5321 4.1.1.4 with 2.3.1; no IMAP client could read it, RFC 3501 section 9 CHAR8) is refused the same way.
// The true end of DATA is CRLF "." CRLF (or "." CRLF at the very start), RFC 5321 4.1.1.4, 4.5.2.
//
// Content streams: a Chunk is a view into the input (or one byte of our own), never a whole message. Bytes behind the end
// of a message stay in the input as the next command: pipelining (RFC 2920) needs nothing else.
//
//   std::string_view in = received;
//   for (auto e = framer.next(in); e.kind != Framer::Kind::NeedMore; e = framer.next(in)) ...
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace bz::smtp {

// What is wrong with a line or a message; the first fault found counts.
enum class Fault : uint8_t {
  None,
  BareNewline,  // CR or LF alone
  BadByte,      // NUL in a command line or in content
  TooLong,      // command line over its limit
  TooLarge,     // message over max_message
  Overrun,      // and its sender did not stop: close the connection
};

class Framer {
 public:
  struct Limits {
    size_t line = 4096;  // with CRLF; RFC 5321 4.5.3.1.4 plus all extensions; Limits::auth for AUTH exchanges (RFC 4954 4)
    size_t auth_line = 12'288;
    uint64_t max_message = 64ull << 20;    // unstuffed bytes
    uint64_t max_discard = 1024ull << 20;  // how much more is read and thrown away to reach the end of a refused message
  };
  enum class Kind : uint8_t {
    NeedMore,  // input is used up
    Line,      // bytes: a command line without CRLF
    BadLine,   // fault says why; it was read up to its CRLF, the connection is in step
    Chunk,     // bytes: content, dots removed; none comes after a fault
    End,       // of DATA, or of one BDAT chunk; fault is about all content since begin_message()
  };
  struct Event {
    Kind kind = Kind::NeedMore;
    Fault fault = Fault::None;
    std::string_view bytes{};  // valid until the next call
  };

  explicit Framer(Limits limits) : limits_(limits) {}
  // Takes bytes from the front of `input`.
  Event next(std::string_view& input);

  void begin_message();                        // MAIL was accepted: size and fault start anew
  void expect_data();                          // 354 was sent; implies begin_message()
  void expect_bdat(uint64_t size, bool last);  // BDAT was read; its End comes also when size is 0
  void allow_auth_line(bool allow) { auth_line_ = allow; }
  uint64_t message_size() const { return size_; }
  const Limits& limits() const { return limits_; }

 private:
  enum class Mode : uint8_t { Command, Data, Bdat };
  enum class At : uint8_t { LineStart, Dot, DotCr, Text, Cr };  // where in a line of DATA
  Event next_line(std::string_view& input);
  Event end_line();
  Event next_data(std::string_view& input);
  Event next_bdat(std::string_view& input);
  Event content(std::string_view bytes);  // counts; empty Chunk when it must be thrown away
  Event end_message();
  size_t count_clean(std::string_view bytes);
  void bare_newline();
  void discard(uint64_t bytes);
  void blame(Fault fault) {
    if (fault_ == Fault::None) fault_ = fault;
  }

  Limits limits_;
  Mode mode_ = Mode::Command;
  bool auth_line_ = false;
  // Command
  std::string line_;
  Fault line_fault_ = Fault::None;
  bool line_cr_ = false;
  bool spent_ = false;  // line_ was handed out by the last call
  // Content
  At at_ = At::LineStart;
  Fault fault_ = Fault::None;
  uint64_t size_ = 0;       // of the message so far
  uint64_t discarded_ = 0;  // after a fault
  uint64_t bdat_left_ = 0;
  bool bdat_last_ = false;
  bool bdat_cr_ = false;
};

// The way out (RFC 5321 4.5.2): puts dots before dots, chunk by chunk. Content that holds a bare CR or LF in spite of
// everything leaves as CRLF, so that nobody behind us can be tricked.
class DotStuffer {
 public:
  void add(std::string_view chunk, std::string& out);
  void finish(std::string& out);  // CRLF if the last line lacks it, then ".\r\n"

 private:
  bool line_start_ = true;
  bool cr_ = false;
};

}  // namespace bz::smtp
