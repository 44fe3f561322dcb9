#include <algorithm>
#include <limits>

#include "base/text.h"
#include "imap/append.h"
#include "imap/parse.h"
#include "imap/seqset.h"

namespace bz::imap {
namespace {

using detail::Parse;

// The "{n}" or "{n+}" at the end of the text, if that is all that is left of it.
std::optional<uint64_t> announced_size(std::string_view rest) {
  if (!rest.starts_with('{') || !rest.ends_with('}')) return std::nullopt;
  rest = rest.substr(1, rest.size() - 2);
  if (rest.ends_with('+')) rest.remove_suffix(1);
  if (rest.empty() || rest.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  return base::parse_number<uint64_t>(rest).value_or(std::numeric_limits<uint64_t>::max());
}

}  // namespace

bool is_append(std::string_view command) {
  const size_t tag_end = command.find(' ');
  if (tag_end == std::string_view::npos) return false;
  static constexpr std::string_view kNames[] = {"APPEND ", "REPLACE ", "UID REPLACE "};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](std::string_view name) { return base::istarts_with(command.substr(tag_end + 1), name); });
}

AppendReader::Outcome AppendReader::read(std::string_view text, bool literal) {
  Parse p(text, utf8_);
  steps_.clear();
  literal_ = literal;
  argument_ = false;
  next_ = at_;
  const bool read = read_steps(p);
  if (argument_) return Outcome::Argument;
  if (read) {
    at_ = next_;
    return Outcome::Steps;
  }
  error_ = {.text = std::string(p.error), .well_formed = p.well_formed};
  return Outcome::Error;
}

// Up to the end of the text.
bool AppendReader::read_steps(Parse& p) {
  for (;;) {
    switch (next_) {
      case At::Head:
        if (!read_head(p)) return false;
        next_ = At::Message;
        break;
      case At::Message:
        if (!read_message(p)) return false;
        if (next_ == At::Literal || next_ == At::Utf8End) return true;
        break;
      case At::Part:
        if (!read_part(p)) return false;
        if (steps_.back().kind == AppendStep::Kind::Literal) return true;
        break;
      case At::Utf8PartEnd:
        if (!p.lex.take(')')) return false;
        [[fallthrough]];
      case At::PartEnd:
        if (p.sp()) {
          next_ = At::Part;
          break;
        }
        [[fallthrough]];
      case At::Utf8End:
        if (!p.lex.take(')')) return false;
        [[fallthrough]];
      case At::Literal:
        steps_.push_back({.kind = AppendStep::Kind::Done});
        next_ = At::Complete;
        break;
      case At::Complete:
        if (p.lex.at_end()) return true;
        if (replaced_) return p.fail("REPLACE takes one message"), false;
        next_ = At::Message;
        break;
    }
  }
}

// A string comes, and it is the literal at the end.
bool AppendReader::argument_ahead(Parse& p) {
  argument_ = literal_ && announced_size(p.lex.rest());
  return argument_;
}

// append = "APPEND" SP mailbox 1*append-message
// replace = "REPLACE" SP seq-number SP mailbox append-message (RFC 8508 section 5)
bool AppendReader::read_head(Parse& p) {
  tag_ = read_tag(p.lex.rest());
  if (tag_ == "*") return p.fail("No valid tag"), false;
  p.lex.reset(tag_.size());
  if (!p.sp()) return false;
  if (!p.lex.take("APPEND") && !read_replaced(p)) return false;
  if (!p.sp() || argument_ahead(p)) return false;
  auto mailbox = p.mailbox();
  if (!mailbox) return false;
  mailbox_ = std::move(*mailbox);
  return true;
}

bool AppendReader::read_replaced(Parse& p) {
  Replaced replaced;
  replaced.uid = p.lex.take("UID");
  if (replaced.uid && !p.sp()) return false;
  if (!p.lex.take("REPLACE") || !p.sp()) return false;
  if (!p.lex.take('*')) {
    auto number = p.lex.number();
    if (!number || *number == 0) return p.fail("Invalid message number"), false;
    replaced.number = *number;
  }
  replaced_ = replaced;
  return true;
}

// append-message = [SP flag-list] [SP date-time] SP append-data (RFC 4466 section 6)
// append-data = literal / literal8 / utf8-literal / "CATENATE" SP "(" cat-part *(SP cat-part) ")"
bool AppendReader::read_message(Parse& p) {
  AppendStep message{.kind = AppendStep::Kind::Message};
  if (!p.sp()) return false;
  if (p.lex.peek() == '(') {
    auto flags = p.flag_list();
    if (!flags || !p.sp()) return false;
    message.flags = std::move(*flags);
  }
  if (p.lex.peek() == '"') {
    auto text = p.lex.string();
    if (!text || !p.sp()) return false;
    message.date = parse_date_time(*text);
    if (!message.date) return p.fail("Invalid date-time"), false;
  }
  steps_.push_back(std::move(message));
  if (p.lex.take("CATENATE")) {
    next_ = At::Part;
    return p.sp() && p.lex.take('(');
  }
  if (p.lex.take("UTF8")) {
    next_ = At::Utf8End;
    return read_utf8_literal(p);
  }
  next_ = At::Literal;
  return read_literal(p);
}

// utf8-literal = "UTF8" SP "(" literal8 ")" (RFC 6855 section 4); what it says of the message the message shows itself.
bool AppendReader::read_utf8_literal(Parse& p) {
  return p.sp() && p.lex.take('(') && p.lex.peek() == '~' && read_literal(p);
}

// cat-part = "TEXT" SP literal / "URL" SP astring / utf8-literal (RFC 4469 section 5, RFC 6855 section 4)
bool AppendReader::read_part(Parse& p) {
  next_ = At::PartEnd;
  if (p.lex.take("TEXT")) return p.sp() && read_literal(p);
  if (p.lex.take("UTF8")) {
    next_ = At::Utf8PartEnd;
    return read_utf8_literal(p);
  }
  if (!p.lex.take("URL")) return p.fail("CATENATE takes TEXT and URL"), false;
  if (!p.sp() || argument_ahead(p)) return false;
  auto url = p.lex.astring();
  if (!url) return false;
  steps_.push_back({.kind = AppendStep::Kind::Url, .url = std::move(*url)});
  return true;
}

bool AppendReader::read_literal(Parse& p) {
  const bool binary = p.lex.take('~');
  const auto size = literal_ ? announced_size(p.lex.rest()) : std::nullopt;
  if (!size) return p.fail("APPEND needs a message literal"), false;
  steps_.push_back({.kind = AppendStep::Kind::Literal, .size = *size, .binary = binary});
  return true;
}

}  // namespace bz::imap
