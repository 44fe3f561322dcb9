#include "imap/parse.h"

#include "base/text.h"
#include "imap/mutf7.h"

namespace bz::imap::detail {
namespace {

// RFC 6855 section 3: UTF-8 without C0 and C1 controls, DEL, U+2028 and U+2029.
bool is_net_unicode_name(std::string_view name) {
  if (!base::is_utf8(name)) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    const auto octet = static_cast<unsigned char>(name[i]);
    if (octet < 0x20 || octet == 0x7f) return false;
    if (octet == 0xc2 && static_cast<unsigned char>(name[i + 1]) < 0xa0) return false;
    if (octet == 0xe2 && (name.substr(i, 3) == "\u2028" || name.substr(i, 3) == "\u2029")) return false;
  }
  return true;
}

}  // namespace

std::optional<std::string> Parse::mailbox() {
  auto wire = lex.astring();
  if (!wire) return std::nullopt;
  if (base::iequals(*wire, "INBOX")) return "INBOX";
  if (utf8 || !base::is_ascii(*wire)) {  // before ENABLE, too (RFC 6855 section 3)
    if (is_net_unicode_name(*wire)) return wire;
    well_formed = true;
    return fail("Mailbox name is not UTF-8 or holds control characters");
  }
  auto name = decode_mutf7(*wire);
  if (!name) {
    well_formed = true;
    return fail("Mailbox name is not modified UTF-7");
  }
  return name;
}

std::optional<std::string> Parse::list_pattern() {
  auto wire = lex.list_mailbox();
  if (!wire || utf8) return wire;
  // A pattern is no name: one that no mailbox can have finds nothing, which is no error.
  return decode_mutf7(*wire).value_or(*wire);
}

// flag = "\Answered" / ... / flag-keyword. \Recent cannot be set by a client; some write back what they read, so it is
// ignored.
bool Parse::flag(FlagList& into) {
  bool backslash = lex.take('\\');
  std::string_view word = lex.atom();
  if (word.empty()) return false;
  if (!backslash) {
    if (word.size() > kMaxKeyword) return fail("Keyword too long"), false;
    into.keywords.emplace_back(word);
    return true;
  }
  std::string name = "\\" + std::string(word);
  if (base::iequals(name, "\\Recent")) return true;
  auto bit = system_flag(name);
  if (!bit) return fail("Unknown system flag"), false;
  into.system |= *bit;
  return true;
}

std::optional<FlagList> Parse::flag_list() {
  FlagList flags;
  if (!lex.take('(')) return std::nullopt;
  if (lex.take(')')) return flags;
  do {
    if (!flag(flags)) return std::nullopt;
    if (flags.keywords.size() > kMaxFlags) return fail("Too many flags");
  } while (sp());
  if (!lex.take(')')) return std::nullopt;
  return flags;
}

// partial-range = nz-number ":" nz-number / "-" nz-number ":" "-" nz-number
std::optional<PartialRange> Parse::partial_range() {
  PartialRange range;
  range.from_end = lex.take('-');
  auto first = lex.number();
  if (!first || !lex.take(':') || range.from_end != lex.take('-')) return std::nullopt;
  auto last = lex.number();
  if (!last || *first == 0 || *last == 0) return std::nullopt;
  range.first = *first;
  range.last = *last;
  return range;
}

std::optional<StatusItems> Parse::status_items() {
  struct Name {
    std::string_view name;
    bool StatusItems::* member;
  };
  static constexpr Name kNames[] = {
      {"MESSAGES", &StatusItems::messages},
      {"RECENT", &StatusItems::recent},
      {"UIDNEXT", &StatusItems::uid_next},
      {"UIDVALIDITY", &StatusItems::uid_validity},
      {"UNSEEN", &StatusItems::unseen},
      {"HIGHESTMODSEQ", &StatusItems::highest_modseq},
      {"SIZE", &StatusItems::size},
      {"APPENDLIMIT", &StatusItems::append_limit},
      {"DELETED", &StatusItems::deleted},
      {"MAILBOXID", &StatusItems::mailbox_id},
      {"DELETED-STORAGE", &StatusItems::deleted_storage},
  };
  StatusItems items;
  if (!lex.take('(')) return std::nullopt;
  do {
    std::string_view word = lex.atom();
    bool known = false;
    for (const Name& n : kNames)
      if (base::iequals(n.name, word)) known = items.*n.member = true;
    if (!known) return fail("Unknown STATUS item");
  } while (sp());
  if (!lex.take(')')) return std::nullopt;
  return items;
}

}  // namespace bz::imap::detail
