#include "mime/part_walker.h"

#include <algorithm>

#include "base/text.h"

namespace bz::mime {
namespace {

std::string_view text_of(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_empty_line(std::string_view line) { return line.find_first_not_of("\r\n") == std::string_view::npos; }

}  // namespace

void PartWalker::feed(std::string_view bytes) {
  while (!bytes.empty() && !failed_) {
    const size_t lf = bytes.find('\n');
    const bool whole = lf != std::string_view::npos;
    const auto piece = bytes.substr(0, whole ? lf + 1 : bytes.size());
    bytes.remove_prefix(piece.size());
    if (!line_start_) {  // the rest of a line that is too long for a boundary
      content(piece);
      line_start_ = whole;
      continue;
    }
    held_ += piece;
    const bool too_long = state_ != State::Header && held_.size() > kMaxBoundaryLine;
    if (!whole && !too_long) {
      failed_ = held_.size() > kMaxBlock;
      continue;
    }
    const std::string line = std::exchange(held_, {});
    line_start_ = whole;
    if (!take_delimiter(line)) take_line(line);
  }
}

void PartWalker::finish() {
  if (failed_) return;
  if (!held_.empty()) {
    const std::string line = std::exchange(held_, {});
    if (!take_delimiter(line)) take_line(line);
  }
  finish_headers();
  flush_line_end();
  end_leaf();
}

void PartWalker::take_line(std::string_view line) {
  if (state_ != State::Header) return content(line);
  block_ += line;
  if (block_.size() > kMaxBlock) failed_ = true;
  if (is_empty_line(line)) header_done();
}

// RFC 2046 section 5.1.1, as parse_structure() reads it: the longest boundary wins, of equal ones the innermost.
std::optional<PartWalker::Delimiter> PartWalker::delimiter(std::string_view line) const {
  if (!line.starts_with("--") || line.size() > kMaxBoundaryLine) return std::nullopt;
  const auto text = text_of(line).substr(2);
  size_t longest = 0;
  Delimiter found;
  for (size_t i = open_.size(); i-- > 0;) {
    if (open_[i].boundary.size() <= longest || !text.starts_with(open_[i].boundary)) continue;
    longest = open_[i].boundary.size();
    found.level = i;
  }
  if (longest == 0) return std::nullopt;
  found.closes = text.substr(longest).starts_with("--");
  return found;
}

bool PartWalker::take_delimiter(std::string_view line) {
  if (!delimiter(line)) return false;
  finish_headers();  // what they open may have the longer boundary
  if (failed_) return true;
  const auto found = *delimiter(line);
  end_leaf();
  open_.resize(found.level + 1);
  on_between(line_end_, false);
  line_end_.clear();
  on_between(line, false);
  if (found.closes) open_[found.level].boundary.clear();
  state_ = found.closes ? State::Between : State::Header;
  root_ = false;
  return true;
}

// Nothing more comes for the header under way, nor for those of the messages inside that it announces: each that announces
// one says so by a field of its own or stands in a digest, and what stands in the message there does not.
void PartWalker::finish_headers() {
  while (state_ == State::Header && !failed_) header_done();
}

void PartWalker::header_done() {
  const std::string lines = std::exchange(block_, {});
  Entity entity;
  entity.index = scan_header(lines, {kMaxBlock, 5000});
  if (!entity.index.complete) {
    failed_ = true;
    return;
  }
  const auto block = std::string_view(lines).substr(0, entity.index.size);
  if (const auto* f = entity.index.find("Content-Transfer-Encoding", block)) {
    entity.encoding = parse_disposition(HeaderIndex::raw_value(*f, block)).token;
  }
  entity.root = root_;
  entity.in_signed = in_signed();
  if (const auto* f = entity.index.find("Content-Type", block)) {
    entity.content_type = parse_content_type(HeaderIndex::raw_value(*f, block));
  } else if (!root_ && !open_.empty() && open_.back().digest) {  // RFC 2046 section 5.1.5
    entity.content_type.type = "message";
    entity.content_type.subtype = "rfc822";
  }
  open_entity(entity);
  on_header(entity, block);
  // Lines that are no header after all: the body began before its empty line.
  for (auto rest = std::string_view(lines).substr(block.size()); !rest.empty();) {
    const auto line = rest.substr(0, std::min(rest.find('\n'), rest.size() - 1) + 1);
    rest.remove_prefix(line.size());
    if (!take_delimiter(line)) take_line(line);
  }
}

void PartWalker::open_entity(Entity& entity) {
  const auto& type = entity.content_type;
  state_ = State::Body;
  root_ = false;
  if (type.is("multipart")) {
    std::string boundary = decode_param(type.params, "boundary").value_or("");
    while (!boundary.empty() && (boundary.back() == ' ' || boundary.back() == '\t')) boundary.pop_back();
    if (boundary.empty()) {  // ill-formed: RFC 2045 section 5.2
      entity.content_type = {};
      return;
    }
    entity.closed = open_.size() >= kMaxDepth || boundary.size() + 8 > kMaxBoundaryLine;
    if (entity.closed) return;
    entity.kind = Kind::Multipart;
    open_.push_back({std::move(boundary), base::iequals(type.subtype, "digest"),
                     entity.in_signed || base::iequals(type.subtype, "signed")});
    state_ = State::Between;
  } else if (type.is("message", "rfc822") || type.is("message", "global")) {
    entity.closed = parse_encoding(entity.encoding) != Encoding::Identity;
    if (entity.closed) return;
    entity.kind = Kind::Message;
    root_ = true;
    state_ = State::Header;
  }
}

// A line, or a part of one, that is neither header nor boundary.
void PartWalker::content(std::string_view line) {
  if (line == "\n" && line_end_ == "\r") {  // of a long line that was cut between the two
    line_end_ += line;
    return;
  }
  flush_line_end();
  const auto text = text_of(line);
  line_end_ = line.substr(text.size());
  if (state_ == State::Body) return on_body(text);
  on_between(text, in_signed());
}

void PartWalker::flush_line_end() {
  if (line_end_.empty()) return;
  const std::string bytes = std::exchange(line_end_, {});
  if (state_ == State::Body) return on_body(bytes);
  on_between(bytes, in_signed());
}

void PartWalker::end_leaf() {
  if (state_ == State::Body) on_leaf_end();
  state_ = State::Between;
}

}  // namespace bz::mime
