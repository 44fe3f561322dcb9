// Cuts what a client sends into command lines (RFC 1939 section 3). CRLF ends a line, and so does an LF alone: nothing
// stands between the client and us that could read the lines otherwise. A CR elsewhere and NUL make a line bad. Longer
// lines than allowed are read to their end and thrown away, so that the connection stays in step; who never ends one is cut
// off.
//
//   std::string_view in = received;
//   for (auto e = framer.next(in); e.kind != Framer::Kind::NeedMore; e = framer.next(in)) ...
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bz::pop3 {

class Framer {
 public:
  struct Limits {
    // Octets of a command with its line end. RFC 2449 section 4 asks for 255; clients send longer initial responses of AUTH
    // all the same (bearer tokens), and nothing is lost by taking them.
    size_t line = 4096;
    size_t auth_line = 12'288;    // a line within an AUTH exchange (RFC 5034 section 4: as long as the mechanisms need)
    size_t max_discard = 65'536;  // how much more of a line over its limit is read and thrown away
  };
  enum class Kind : uint8_t {
    NeedMore,  // input is used up
    Line,      // bytes: a line without its end
    BadLine,   // bytes: why; it was read to its end
    Overrun,   // the line does not end: close the connection
  };
  struct Event {
    Kind kind = Kind::NeedMore;
    std::string_view bytes{};  // valid until the next call
  };

  explicit Framer(Limits limits) : limits_(limits) {}
  ~Framer();
  Framer(const Framer&) = delete;
  Framer& operator=(const Framer&) = delete;
  // Takes bytes from the front of `input`.
  Event next(std::string_view& input);
  void allow_auth_line(bool allow) { auth_line_ = allow; }
  // Forgets what has come of a line (STLS: what was said in clear does not count).
  void reset();

 private:
  Event end_line();
  void take(std::string_view piece);
  size_t most() const;
  bool overrun() const;

  Limits limits_;
  std::string line_;  // may hold a password: wiped
  std::string_view fault_;
  size_t length_ = 0;  // of the line so far, with what was thrown away
  bool auth_line_ = false;
  bool spent_ = false;  // line_ was handed out by the last call
};

}  // namespace bz::pop3
