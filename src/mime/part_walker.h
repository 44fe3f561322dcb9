// The part tree of a message that comes in pieces of any size: what parse_structure() finds, as events, in memory that does
// not grow with the message. Header blocks and the starts of lines are held, bodies are passed on. No I/O, any thread.
// Hostile bytes: a header block is held up to kMaxBlock octets, multiparts lie in one another up to kMaxDepth, a line that
// may be a boundary is held up to kMaxBoundaryLine; failed() says that the first limit was met, and nothing follows then.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mime/structure.h"

namespace bz::mime {

class PartWalker {
 public:
  static constexpr size_t kMaxBlock = 256 * 1024, kMaxDepth = 100, kMaxBoundaryLine = 1000;

  enum class Kind : uint8_t {
    Leaf,       // has a body
    Multipart,  // parts follow
    Message,    // message/rfc822 or message/global whose header comes next
  };
  struct Entity {
    Kind kind = Kind::Leaf;
    bool root = false;       // of the message, or of a message inside: RFC 5322 fields stand here
    bool in_signed = false;  // below a multipart/signed (RFC 1847): its octets are somebody's signature
    bool closed = false;     // a multipart or message that a limit or its own encoding keeps from being looked into
    HeaderIndex index{};     // offsets into the block
    ContentType content_type{};
    std::string encoding{};  // token as written
  };

  virtual ~PartWalker() = default;
  void feed(std::string_view bytes);
  void finish();
  bool failed() const { return failed_; }

 protected:
  // The block with its empty line, if it has one.
  virtual void on_header(const Entity& entity, std::string_view block) = 0;
  // Of the last Leaf, without the line end that belongs to a boundary; in pieces.
  virtual void on_body(std::string_view bytes) = 0;
  virtual void on_leaf_end() = 0;
  // Boundaries, preambles and epilogues. `in_signed`: below a multipart/signed.
  virtual void on_between(std::string_view bytes, bool in_signed) = 0;

 private:
  enum class State : uint8_t { Header, Body, Between };
  struct Open {
    std::string boundary;  // empty: closed
    bool digest = false, is_signed = false;
  };
  void take_line(std::string_view line);
  struct Delimiter {
    size_t level = 0;  // of open_
    bool closes = false;
  };
  std::optional<Delimiter> delimiter(std::string_view line) const;
  bool take_delimiter(std::string_view line);
  void finish_headers();
  void header_done();
  void open_entity(Entity& entity);
  void content(std::string_view line);
  void flush_line_end();
  void end_leaf();
  bool in_signed() const { return !open_.empty() && open_.back().is_signed; }

  State state_ = State::Header;
  bool root_ = true;        // the header under way is that of a message
  bool line_start_ = true;  // what comes next starts a line
  bool failed_ = false;
  std::string held_;      // the line under way, while it may be a boundary or belongs to a header
  std::string block_;     // header lines
  std::string line_end_;  // of the line before: the body's or the boundary's
  std::vector<Open> open_;
};

}  // namespace bz::mime
