// GETMETADATA and SETMETADATA: RFC 5464 section 5.
#include <algorithm>

#include "base/text.h"
#include "imap/parse.h"

namespace bz::imap::detail {
namespace {

constexpr size_t kMaxEntryName = 256;

// Section 3.2: "/private" or "/shared" and further components, none of them empty; no "*", "%" or octets outside ASCII.
// With DEPTH the first components may stand alone.
bool is_entry(std::string_view name) {
  if (name.size() > kMaxEntryName || !name.starts_with('/') || name.ends_with('/')) return false;
  if (name.find("//") != std::string_view::npos) return false;
  if (std::any_of(name.begin(), name.end(), [](char c) { return c < 0x1A || c == '*' || c == '%' || c == 0x7F; }))
    return false;
  const std::string_view scope = name.substr(1, name.find('/', 1) - 1);
  return base::iequals(scope, "private") || base::iequals(scope, "shared");
}

// What has a value has two components at least, and four below the vendors' (section 3.2).
bool may_have_value(std::string_view name) {
  const std::vector<std::string_view> parts = base::split(name.substr(1), '/');
  if (parts.size() < 2) return false;
  return !base::iequals(parts[1], "vendor") || parts.size() >= 4;
}

std::optional<std::string> entry(Parse& p) {
  auto name = p.lex.astring();
  if (!name) return std::nullopt;
  if (!is_entry(*name)) return p.fail("Not the name of an entry");
  return name;
}

// getmetadata-options = "(" option *(SP option) ")": MAXSIZE number, DEPTH "0" / "1" / "infinity"
bool options(Parse& p, GetMetadata& command) {
  using Depth = GetMetadata::Depth;
  if (!p.lex.take('(')) return false;
  do {
    if (p.lex.take("MAXSIZE")) {
      if (!p.sp()) return false;
      command.max_size = p.lex.number();
      if (!command.max_size) return false;
    } else if (p.lex.take("DEPTH")) {
      if (!p.sp()) return false;
      if (p.lex.take("0"))
        command.depth = Depth::Zero;
      else if (p.lex.take("1"))
        command.depth = Depth::One;
      else if (p.lex.take("infinity"))
        command.depth = Depth::Infinity;
      else
        return p.fail("DEPTH is 0, 1 or infinity"), false;
    } else {
      return p.fail("Unknown GETMETADATA option"), false;
    }
  } while (p.sp());
  return p.lex.take(')');
}

// value = nstring / literal8
bool value(Parse& p, std::optional<std::string>& into) {
  if (p.lex.peek() == '~') {
    into = p.lex.literal8();
    return into.has_value();
  }
  bool nil = false;
  into = p.lex.nil_or_string(nil);
  return nil || into.has_value();
}

}  // namespace

bool metadata_entries(Parse& p, std::vector<std::string>& entries) {
  const bool many = p.lex.take('(');
  do {
    auto name = entry(p);
    if (!name) return false;
    if (entries.size() == kMaxEntries) return p.fail("Too many entries"), false;
    entries.push_back(std::move(*name));
  } while (many && p.sp());
  return !many || p.lex.take(')');
}

// The grammar has the options in front of the mailbox, the examples of section 4.2 behind it. Clients do either.
Read read_getmetadata(Parse& p) {
  GetMetadata command;
  if (!p.sp()) return std::nullopt;
  if (p.lex.peek() == '(' && (!options(p, command) || !p.sp())) return std::nullopt;
  auto mailbox = p.mailbox();
  if (!mailbox || !p.sp()) return std::nullopt;
  command.mailbox = std::move(*mailbox);
  const std::string_view rest = p.lex.rest();
  if (rest.size() > 1 && rest[0] == '(' && base::is_alpha(rest[1]) && (!options(p, command) || !p.sp()))
    return std::nullopt;
  if (!metadata_entries(p, command.entries)) return std::nullopt;
  return command;
}

Read read_setmetadata(Parse& p) {
  SetMetadata command;
  if (!p.sp()) return std::nullopt;
  auto mailbox = p.mailbox();
  if (!mailbox || !p.sp() || !p.lex.take('(')) return std::nullopt;
  command.mailbox = std::move(*mailbox);
  do {
    auto name = entry(p);
    if (!name || !p.sp()) return std::nullopt;
    if (!may_have_value(*name)) return p.fail("An entry of this name has no value");
    std::optional<std::string> text;
    if (!value(p, text)) return std::nullopt;
    if (command.entries.size() == kMaxEntries) return p.fail("Too many entries");
    command.entries.emplace_back(base::lower(*name), std::move(text));
  } while (p.sp());
  if (!p.lex.take(')')) return std::nullopt;
  return command;
}

}  // namespace bz::imap::detail
