// Cuts the client's bytes into commands: lines with their literals (RFC 3501 section 4.3, RFC 7888). It buffers, it never
// writes: the session answers what an event asks for. Feed bytes only when next() says NeedMore; then the buffer stays
// below the limits plus one read.
//
//   framer.feed(bytes);
//   for (;;) {
//     Framer::Event e = framer.next();
//     NeedMore        read from the stream and feed
//     Command         text: the whole command without its last line end, literals in place ("{5}\r\nhello")
//     Continue        write "+ ..." and go on: a synchronizing literal within the limits
//     AppendLiteral   of APPEND; text: the command up to "{n}" or "{n+}", from its beginning or from behind the last
//                     streamed literal. What this literal is for only the grammar knows (append.h): call accept_append()
//                     for a message's octets or accept_argument() for a short one that stays in the text (each with
//                     "+ ..." when sync), or refuse_append() with the tagged NO
//     AppendChunk     text: the next octets of the message
//     AppendEnd       text: the rest of the command, behind its last streamed literal
//     Refused         the command broke a limit and is skipped; answer BAD with `tag`
//     Fatal           too much to skip; answer BYE and close
//   }
// Views in events live until the next call of feed() or next(). All bytes behind a command stay in the buffer.
//
// Rules. A lone LF ends a line like CRLF does (clients by hand); a CR alone ends nothing. Not-APPEND literals count against
// Limits::literal and Limits::command; an APPEND's text is counted anew behind every streamed literal. A refused
// synchronizing literal ends the command, since the client sends no octets of it. A refused non-synchronizing literal is
// skipped when it is at most Limits::drain octets, otherwise the event is Fatal.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bz::imap {

class Framer {
 public:
  struct Limits {
    size_t line = 64 * 1024;         // octets of a command outside literals: multi-kilobyte searches are common
    size_t literal = 64 * 1024;      // one literal
    uint64_t non_sync = UINT64_MAX;  // one that the client sends without waiting for "+" (RFC 7888 section 5)
    size_t command = 128 * 1024;     // all of it
    uint64_t drain = 1024 * 1024;    // octets skipped after a refusal
  };
  enum class Kind : unsigned char { NeedMore, Command, Continue, AppendLiteral, AppendChunk, AppendEnd, Refused, Fatal };
  struct Event {
    Kind kind = Kind::NeedMore;
    std::string_view text = {};  // see above; Refused, Fatal: why, for the client
    std::string_view tag = {};   // Refused: the command's tag, "*" if it has none or lies behind a streamed literal
    uint64_t size = 0;           // AppendLiteral: octets to come
    bool sync = false;           // AppendLiteral: the client waits for "+"
  };

  Framer() = default;
  explicit Framer(Limits limits) : limits_(limits) {}

  void feed(std::string_view bytes) { buffer_.append(bytes); }
  Event next();

  void accept_append();
  bool accept_argument();  // false: over the limits; refuse it
  // max_drain: octets of a non-synchronizing literal the session is willing to skip. More: the next event is Fatal.
  void refuse_append(uint64_t max_drain);

  // Lines as they are, no literals: the answers of AUTHENTICATE, the DONE of IDLE. Between events only.
  void set_plain_lines(bool on) { plain_lines_ = on; }

  size_t buffered() const { return buffer_.size() - begin_; }
  // The bytes not consumed yet, for a hand-over of the connection. Empties the framer.
  std::string take_rest();

 private:
  enum class State : unsigned char { Line, Literal, AppendDecision, AppendData, Skip, Dead };
  struct Marker {
    bool found = false, sync = true;
    uint64_t size = 0;
  };
  static Marker find_marker(std::string_view line);
  void compact();
  void restart_at(size_t position);
  std::optional<Event> read_line();
  std::optional<Event> literal_start(const Marker& marker, size_t line_stop, size_t after);
  bool fits(uint64_t literal) const;
  Event refused(std::string_view why);
  void start_skip(size_t from, uint64_t octets, uint64_t drain);
  bool skip();
  void die();
  Event append_data();

  Limits limits_{};
  std::string buffer_;
  size_t begin_ = 0;       // the command starts here
  size_t line_start_ = 0;  // its current line
  size_t scan_ = 0;        // bytes before this were looked at
  size_t literal_octets_ = 0;
  uint64_t remaining_ = 0;  // of the literal, or of what is skipped
  uint64_t drain_left_ = 0;
  State state_ = State::Line;
  bool plain_lines_ = false;
  bool sync_ = false;
  bool in_append_ = false;  // behind a streamed literal of the command under way
  std::string tag_;
  std::string_view why_;
};

}  // namespace bz::imap
