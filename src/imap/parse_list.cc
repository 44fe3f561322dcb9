// LIST and LSUB: RFC 3501 sections 6.3.8 and 6.3.9, RFC 5258 section 6, RFC 5819, RFC 6154, RFC 9590.
#include "imap/parse.h"

namespace bz::imap::detail {
namespace {

// list-select-opts = "(" [list-select-opt *(SP list-select-opt)] ")"
bool select_options(Parse& p, List& list) {
  if (!p.lex.take('(')) return false;
  list.extended = true;
  if (p.lex.take(')')) return true;
  do {
    if (p.lex.take("SUBSCRIBED"))
      list.select_subscribed = true;
    else if (p.lex.take("REMOTE"))
      list.select_remote = true;
    else if (p.lex.take("RECURSIVEMATCH"))
      list.select_recursive_match = true;
    else if (p.lex.take("SPECIAL-USE"))
      list.select_special_use = true;
    else
      return p.fail("Unknown LIST selection option"), false;
  } while (p.sp());
  if (list.select_recursive_match && !list.select_subscribed && !list.select_special_use)
    return p.fail("RECURSIVEMATCH needs another selection option"), false;
  return p.lex.take(')');
}

// list-return-opts = "RETURN" SP "(" [return-option *(SP return-option)] ")"
bool return_options(Parse& p, List& list) {
  if (!p.lex.take("RETURN") || !p.sp() || !p.lex.take('(')) return false;
  list.extended = true;
  if (p.lex.take(')')) return true;
  do {
    if (p.lex.take("SUBSCRIBED")) {
      list.return_subscribed = true;
    } else if (p.lex.take("CHILDREN")) {
      list.return_children = true;
    } else if (p.lex.take("SPECIAL-USE")) {
      list.return_special_use = true;
    } else if (p.lex.take("STATUS")) {
      if (!p.sp()) return false;
      list.return_status = p.status_items();
      if (!list.return_status) return false;
    } else if (p.lex.take("METADATA")) {
      if (!p.sp() || !metadata_entries(p, list.return_metadata)) return false;
    } else if (p.lex.take("MYRIGHTS")) {
      list.return_my_rights = true;
    } else {
      return p.fail("Unknown LIST return option"), false;
    }
  } while (p.sp());
  return p.lex.take(')');
}

// mbox-or-pat = list-mailbox / patterns
bool patterns(Parse& p, List& list) {
  bool many = p.lex.take('(');
  list.extended |= many;
  do {
    auto pattern = p.list_pattern();
    if (!pattern) return false;
    if (list.patterns.size() == kMaxPatterns) return p.fail("Too many patterns"), false;
    list.patterns.push_back(std::move(*pattern));
  } while (many && p.sp());
  return !many || p.lex.take(')');
}

}  // namespace

Read read_list(Parse& p) {
  List list;
  if (!p.sp()) return std::nullopt;
  if (p.lex.peek() == '(' && (!select_options(p, list) || !p.sp())) return std::nullopt;
  auto reference = p.mailbox();
  if (!reference || !p.sp() || !patterns(p, list)) return std::nullopt;
  list.reference = std::move(*reference);
  if (p.sp() && !return_options(p, list)) return std::nullopt;
  return list;
}

namespace {

// SP reference SP pattern, the form of RFC 3501.
std::optional<Lsub> reference_and_pattern(Parse& p) {
  if (!p.sp()) return std::nullopt;
  auto reference = p.mailbox();
  if (!reference || !p.sp()) return std::nullopt;
  auto pattern = p.list_pattern();
  if (!pattern) return std::nullopt;
  return Lsub{std::move(*reference), std::move(*pattern)};
}

}  // namespace

Read read_lsub(Parse& p) {
  auto lsub = reference_and_pattern(p);
  if (!lsub) return std::nullopt;
  return std::move(*lsub);
}

Read read_xlist(Parse& p) {
  auto read = reference_and_pattern(p);
  if (!read) return std::nullopt;
  List list;
  list.xlist = true;
  list.reference = std::move(read->reference);
  list.patterns.push_back(std::move(read->pattern));
  return list;
}

}  // namespace bz::imap::detail
