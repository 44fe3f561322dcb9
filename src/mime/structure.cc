#include "mime/structure.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace bz::mime {
namespace {

// A multipart or message whose end has not been seen.
struct Open {
  uint32_t part;
  std::string boundary;  // empty: a message, or a multipart behind its closing delimiter
  bool digest = false;
};

class Scanner {
 public:
  Scanner(std::string_view raw, const Limits& limits) : raw_(raw), limits_(limits) {}

  std::vector<Part> run() {
    start_part();
    while (at_ < raw_.size()) step();
    close_above(0, raw_.size(), newlines_);
    return std::move(parts_);
  }

 private:
  struct Line {
    size_t stop;  // end of its text
    size_t end;   // start of the next line
  };
  Line line_at(size_t at) const {
    size_t lf = raw_.find('\n', at);
    if (lf == std::string_view::npos) return {raw_.size(), raw_.size()};
    return {lf > at && raw_[lf - 1] == '\r' ? lf - 1 : lf, lf + 1};
  }
  bool ends_with_newline(const Line& line) const { return line.end > line.stop; }

  struct Delimiter {
    size_t level = SIZE_MAX;  // of open_
    bool closes = false;
  };
  // RFC 2046 section 5.1.1: it is enough that the boundary appears in its entirety after the two hyphens. The longest one
  // wins, so that an inner boundary may begin like an outer one; of equal ones the innermost.
  Delimiter delimiter(size_t at, const Line& line) const {
    Delimiter found;
    if (line.stop - at < 3 || raw_[at] != '-' || raw_[at + 1] != '-') return found;
    std::string_view text = raw_.substr(at + 2, line.stop - at - 2);
    size_t longest = 0;
    for (size_t level = open_.size(); level-- > 0;) {
      const std::string& boundary = open_[level].boundary;
      if (boundary.size() <= longest || !text.starts_with(boundary)) continue;
      longest = boundary.size();
      found.level = level;
    }
    if (longest > 0) found.closes = text.substr(longest).starts_with("--");
    return found;
  }

  void step() {
    Line line = line_at(at_);
    Delimiter found = delimiter(at_, line);
    size_t start = at_;
    uint64_t newlines = newlines_;
    newlines_ += ends_with_newline(line);
    at_ = line.end;
    if (found.level == SIZE_MAX) return;
    size_t stop = start;  // the line end before a delimiter belongs to it
    if (stop > 0 && raw_[stop - 1] == '\n') {
      --stop;
      --newlines;
      if (stop > 0 && raw_[stop - 1] == '\r') --stop;
    }
    close_above(found.level + 1, stop, newlines);
    if (found.closes) {
      if (parts_.size() == open_[found.level].part + size_t{1}) add_empty_child();
      open_[found.level].boundary.clear();
    } else if (parts_.size() < limits_.parts) {
      start_part();
    }
  }

  // Ends the leaf and the open parts from `level` on at `stop`, which has `newlines` line ends before it.
  void close_above(size_t level, size_t stop, uint64_t newlines) {
    if (leaf_ != kNoPart) end_part(leaf_, stop, newlines);
    leaf_ = kNoPart;
    while (open_.size() > level) {
      uint32_t part = open_.back().part;
      if (parts_.size() == part + size_t{1}) add_empty_child();
      end_part(part, stop, newlines);
      open_.pop_back();
    }
  }

  void end_part(uint32_t index, size_t stop, uint64_t newlines) {
    Part& part = parts_[index];
    part.body.size = stop > part.body.at ? stop - part.body.at : 0;
    part.lines = newlines > part.lines ? newlines - part.lines : 0;  // held the count at the body's start until now
    part.end = static_cast<uint32_t>(parts_.size());
  }

  // A multipart without parts: IMAP's grammar wants one (RFC 3501 section 9, body-type-mpart).
  void add_empty_child() {
    Part child;
    child.parent = open_.back().part;
    child.header = child.body = {std::min<uint64_t>(parts_[child.parent].body.at, raw_.size()), 0};
    child.end = static_cast<uint32_t>(parts_.size() + 1);
    parts_.push_back(std::move(child));
  }

  // Reads the header at at_, opens what it announces, and goes on with the header of a message inside.
  void start_part() {
    bool inside;
    do {
      auto index = static_cast<uint32_t>(parts_.size());
      bool digest = !open_.empty() && open_.back().digest;
      parts_.emplace_back();
      parts_.back().parent = open_.empty() ? kNoPart : open_.back().part;
      read_header(parts_.back());
      inside = classify(index, digest);
    } while (inside);
  }

  // The block up to its empty line or to the next delimiter, which ends even a header.
  void read_header(Part& part) {
    size_t begin = at_, end = at_;
    while (end < raw_.size()) {
      Line line = line_at(end);
      if (delimiter(end, line).level != SIZE_MAX) break;
      bool empty = line.stop == end || raw_.substr(end, line.stop - end).find_first_not_of('\r') == std::string_view::npos;
      end = line.end;
      if (empty) break;
    }
    std::string_view block = raw_.substr(begin, end - begin);
    part.index = scan_header(block, limits_.header);
    part.header = {begin, part.index.size};
    at_ = begin + part.index.size;
    newlines_ += static_cast<uint64_t>(
        std::count(raw_.begin() + static_cast<ptrdiff_t>(begin), raw_.begin() + static_cast<ptrdiff_t>(at_), '\n'));
    part.body = {at_, 0};
    part.lines = newlines_;
    std::string_view header = slice(raw_, part.header);
    if (auto* f = part.index.find("Content-Disposition", header)) {
      part.disposition = parse_disposition(HeaderIndex::raw_value(*f, header));
    }
    if (auto* f = part.index.find("Content-Transfer-Encoding", header)) {
      part.encoding = parse_disposition(HeaderIndex::raw_value(*f, header)).token;
    }
  }

  // True if the part is a message: the header at at_ is that of the message inside.
  bool classify(uint32_t index, bool digest) {
    Part& part = parts_[index];
    std::string_view header = slice(raw_, part.header);
    if (auto* f = part.index.find("Content-Type", header)) {
      part.content_type = parse_content_type(HeaderIndex::raw_value(*f, header));
    } else if (digest) {  // RFC 2046 section 5.1.5
      part.content_type.type = "message";
      part.content_type.subtype = "rfc822";
    }
    bool room = open_.size() < limits_.depth && parts_.size() < limits_.parts;
    if (part.content_type.is("multipart")) {
      std::string boundary = decode_param(part.content_type.params, "boundary").value_or("");
      while (!boundary.empty() && (boundary.back() == ' ' || boundary.back() == '\t')) boundary.pop_back();
      if (boundary.empty()) {  // ill-formed: RFC 2045 section 5.2
        part.content_type = {};
      } else if (room) {
        part.kind = Part::Kind::Multipart;
        open_.push_back({index, std::move(boundary), base::iequals(part.content_type.subtype, "digest")});
        return false;
      } else {
        part.opaque = true;
      }
    } else if (part.content_type.is("message", "rfc822") || part.is_global()) {
      if (room && parse_encoding(part.encoding) != Encoding::Base64) {
        part.kind = Part::Kind::Message;
        open_.push_back({index, {}, false});
        return true;
      }
      part.opaque = true;
    }
    leaf_ = index;
    return false;
  }

  std::string_view raw_;
  const Limits& limits_;
  size_t at_ = 0;
  uint64_t newlines_ = 0;  // before at_
  uint32_t leaf_ = kNoPart;
  std::vector<Open> open_;
  std::vector<Part> parts_;
};

}  // namespace

std::string_view slice(std::string_view raw, Range range) {
  if (range.at >= raw.size()) return {};
  return raw.substr(range.at, range.size);
}

std::vector<Part> parse_structure(std::string_view raw, const Limits& limits) { return Scanner(raw, limits).run(); }

}  // namespace bz::mime
