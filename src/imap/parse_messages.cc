// Commands about messages of the selected mailbox: FETCH, STORE, COPY, MOVE, UID EXPUNGE.
#include <algorithm>

#include "base/text.h"
#include "imap/parse.h"

namespace bz::imap::detail {
namespace {

using Kind = FetchItem::Kind;
using What = BodySection::What;

// header-list = "(" header-fld-name *(SP header-fld-name) ")"
bool header_list(Parse& p, BodySection& section) {
  if (!p.sp() || !p.lex.take('(')) return false;
  do {
    auto field = p.lex.astring();
    if (!field) return false;
    if (section.fields.size() == kMaxHeaderFields) return p.fail("Too many header fields"), false;
    section.fields.push_back(std::move(*field));
  } while (p.sp());
  return p.lex.take(')');
}

// section-text = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT" / "MIME" (below a part only)
bool section_text(Parse& p, BodySection& section) {
  if (p.lex.take("HEADER.FIELDS.NOT")) {
    section.what = What::HeaderFieldsNot;
    return header_list(p, section);
  }
  if (p.lex.take("HEADER.FIELDS")) {
    section.what = What::HeaderFields;
    return header_list(p, section);
  }
  if (p.lex.take("HEADER"))
    section.what = What::Header;
  else if (p.lex.take("TEXT"))
    section.what = What::Text;
  else if (!section.part.empty() && p.lex.take("MIME"))
    section.what = What::Mime;
  else
    return p.fail("Unknown body section"), false;
  return true;
}

// section-part = nz-number *("." nz-number); `more`: a "." follows the last
bool section_part(Parse& p, BodySection& section, bool& more) {
  while (base::is_digit(p.lex.peek())) {
    auto part = p.lex.number();
    if (!part || *part == 0) return p.fail("Invalid part number"), false;
    if (section.part.size() == kMaxPartDepth) return p.fail("Part number too deep"), false;
    section.part.push_back(*part);
    more = p.lex.take('.');
    if (!more) break;
  }
  return true;
}

}  // namespace

// section = "[" [section-msgtext / (section-part ["." section-text])] "]"
bool read_section(Parse& p, BodySection& section) {
  if (!p.lex.take('[')) return false;
  bool text = !base::is_digit(p.lex.peek());
  if (!section_part(p, section, text)) return false;
  if (p.lex.peek() == ']' && section.part.empty()) return p.lex.take(']');
  if (text && !section_text(p, section)) return false;
  return p.lex.take(']');
}

bool partial(Parse& p, FetchItem& item) {
  if (!p.lex.take('<')) return true;
  auto offset = p.lex.number();
  if (!offset || !p.lex.take('.')) return p.fail("Invalid partial range"), false;
  auto count = p.lex.number();
  if (!count || *count == 0 || !p.lex.take('>')) return p.fail("Invalid partial range"), false;
  item.partial = Partial{*offset, *count};
  return true;
}

namespace {

// section-binary = "[" [section-part] "]" (RFC 3516 section 7)
bool binary_section(Parse& p, BodySection& section) {
  bool more = false;
  return p.lex.take('[') && section_part(p, section, more) && !more && p.lex.take(']');
}

FetchItem plain_item(Kind kind, What what = What::All) {
  FetchItem item;
  item.kind = kind;
  item.section.what = what;
  item.peek = kind == Kind::Rfc822Header;
  return item;
}

// "BINARY" [".PEEK"] section-binary [partial] / "BINARY.SIZE" section-binary; the name has been read.
std::optional<FetchItem> binary_item(Parse& p, std::string_view name) {
  FetchItem item = plain_item(Kind::Binary);
  item.peek = base::iequals(name, "BINARY.PEEK");
  if (base::iequals(name, "BINARY.SIZE"))
    item.kind = Kind::BinarySize;
  else if (!item.peek && !base::iequals(name, "BINARY"))
    return p.fail("Unknown FETCH item");
  if (!binary_section(p, item.section)) return p.fail("Invalid part");
  if (item.kind == Kind::Binary && !partial(p, item)) return std::nullopt;
  return item;
}

// preview-mods = "(" "LAZY" *(SP "LAZY") ")" (RFC 8970 section 6), behind a blank.
std::optional<FetchItem> preview(Parse& p) {
  FetchItem item = plain_item(Kind::Preview);
  const size_t before = p.lex.position();
  if (!p.lex.take(' ') || !p.lex.take('(') ||
      !p.lex.take("LAZY")) {  // what follows is not ours: another item or FETCH's own
    p.lex.reset(before);
    return item;
  }
  item.lazy = true;
  while (p.sp())
    if (!p.lex.take("LAZY")) return p.fail("Unknown PREVIEW modifier");
  if (!p.lex.take(')')) return std::nullopt;
  return item;
}

// fetch-att. Names end where "[", " ", ")" begins; BODY[ and BODY.PEEK[ go on.
std::optional<FetchItem> fetch_att(Parse& p) {
  static constexpr struct {
    std::string_view name;
    Kind kind;
    What what;
  } kItems[] = {
      {"FLAGS", Kind::Flags, What::All},
      {"UID", Kind::Uid, What::All},
      {"MODSEQ", Kind::ModSeq, What::All},
      {"INTERNALDATE", Kind::InternalDate, What::All},
      {"RFC822.SIZE", Kind::Size, What::All},
      {"EMAILID", Kind::EmailId, What::All},
      {"THREADID", Kind::ThreadId, What::All},
      {"SAVEDATE", Kind::SaveDate, What::All},
      {"ENVELOPE", Kind::Envelope, What::All},
      {"BODYSTRUCTURE", Kind::BodyStructure, What::All},
      {"RFC822", Kind::Rfc822, What::All},
      {"RFC822.HEADER", Kind::Rfc822Header, What::Header},
      {"RFC822.TEXT", Kind::Rfc822Text, What::Text},
  };
  std::string_view rest = p.lex.rest();
  size_t end = rest.find_first_of("[ ()<");
  std::string_view word = rest.substr(0, end);
  bool bracket = end != std::string_view::npos && rest[end] == '[';
  p.lex.reset(p.lex.position() + word.size());
  if (base::iequals(word, "BODY") && !bracket) return plain_item(Kind::Body);
  if (bracket && (base::iequals(word, "BODY") || base::iequals(word, "BODY.PEEK"))) {
    FetchItem item = plain_item(Kind::Section);
    item.peek = word.size() > 4;
    if (!read_section(p, item.section) || !partial(p, item)) return std::nullopt;
    return item;
  }
  if (bracket && base::istarts_with(word, "BINARY")) return binary_item(p, word);
  if (!bracket && base::iequals(word, "PREVIEW")) return preview(p);
  for (const auto& known : kItems)
    if (!bracket && base::iequals(known.name, word)) return plain_item(known.kind, known.what);
  return p.fail("Unknown FETCH item");
}

bool add_item(Parse& p, std::vector<FetchItem>& items) {
  auto item = fetch_att(p);
  if (!item) return false;
  if (std::find(items.begin(), items.end(), *item) != items.end()) return true;  // phones fail on an item sent twice
  if (items.size() == kMaxFetchItems) return p.fail("Too many FETCH items"), false;
  items.push_back(std::move(*item));
  return true;
}

// "ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")"
bool fetch_items(Parse& p, std::vector<FetchItem>& items) {
  if (p.lex.peek() == '(') return fetch_list(p, items);
  bool full = p.lex.take("FULL"), all = full || p.lex.take("ALL"), fast = all || p.lex.take("FAST");
  if (!fast) return add_item(p, items);
  for (Kind kind : {Kind::Flags, Kind::InternalDate, Kind::Size}) items.push_back(plain_item(kind));
  if (all) items.push_back(plain_item(Kind::Envelope));
  if (full) items.push_back(plain_item(Kind::Body));
  return true;
}

// fetch-modifiers = "(" modifier *(SP modifier) ")" (RFC 4466): CHANGEDSINCE and VANISHED (RFC 7162), PARTIAL (RFC 9394)
bool fetch_modifiers(Parse& p, Fetch& fetch) {
  if (!p.lex.take('(')) return false;
  do {
    if (p.lex.take("CHANGEDSINCE")) {
      if (p.sp()) fetch.changed_since = p.lex.number64();
      if (!fetch.changed_since) return p.fail("Invalid mod-sequence"), false;
    } else if (p.lex.take("VANISHED")) {
      fetch.vanished = true;
    } else if (p.lex.take("PARTIAL")) {
      if (p.sp()) fetch.partial = p.partial_range();
      if (!fetch.partial) return p.fail("Invalid partial range"), false;
    } else {
      return p.fail("Unknown FETCH modifier"), false;
    }
  } while (p.sp());
  if (!p.lex.take(')')) return false;
  if (fetch.vanished && (!fetch.uid || !fetch.changed_since))
    return p.fail("VANISHED goes with UID FETCH and CHANGEDSINCE"), false;
  if (fetch.partial && !fetch.uid) return p.fail("PARTIAL goes with UID FETCH"), false;
  return true;
}

// SP "(" name SP mod-sequence-valzer ")"
std::optional<uint64_t> modseq_modifier(Parse& p, std::string_view name) {
  if (!p.lex.take('(') || !p.lex.take(name)) return p.fail("Unknown modifier");
  if (!p.sp()) return std::nullopt;
  auto value = p.lex.number64();
  if (!value || !p.lex.take(')')) return p.fail("Invalid mod-sequence or modifier");
  return value;
}

std::optional<SequenceSet> set_argument(Parse& p) {
  if (!p.sp()) return std::nullopt;
  auto set = p.lex.sequence_set();
  if (!set) return p.fail("Invalid sequence set");
  return set;
}

template <class C>
Read set_and_mailbox(Parse& p, bool uid) {
  auto set = set_argument(p);
  if (!set || !p.sp()) return std::nullopt;
  auto mailbox = p.mailbox();
  if (!mailbox) return std::nullopt;
  return C{uid, std::move(*set), std::move(*mailbox)};
}

}  // namespace

bool fetch_list(Parse& p, std::vector<FetchItem>& items) {
  if (!p.lex.take('(')) return false;
  do {
    if (!add_item(p, items)) return false;
  } while (p.sp());
  return p.lex.take(')');
}

// Section 6.4.5
Read read_fetch(Parse& p, bool uid) {
  auto set = set_argument(p);
  if (!set || !p.sp()) return std::nullopt;
  Fetch fetch;
  fetch.uid = uid;
  fetch.set = std::move(*set);
  if (!fetch_items(p, fetch.items)) return std::nullopt;
  if (p.sp() && !fetch_modifiers(p, fetch)) return std::nullopt;
  return fetch;
}

// Section 6.4.6, RFC 7162 section 3.1.3: store = "STORE" SP sequence-set [SP "(" modifier ")"] SP store-att-flags
Read read_store(Parse& p, bool uid) {
  auto set = set_argument(p);
  if (!set || !p.sp()) return std::nullopt;
  Store store;
  store.uid = uid;
  store.set = std::move(*set);
  if (p.lex.peek() == '(') {
    store.unchanged_since = modseq_modifier(p, "UNCHANGEDSINCE");
    if (!store.unchanged_since || !p.sp()) return std::nullopt;
  }
  if (p.lex.take('+'))
    store.mode = Store::Mode::Add;
  else if (p.lex.take('-'))
    store.mode = Store::Mode::Remove;
  store.silent = p.lex.take("FLAGS.SILENT");
  if (!store.silent && !p.lex.take("FLAGS")) return p.fail("Unknown STORE item");
  if (!p.sp()) return std::nullopt;
  if (p.lex.peek() == '(') {
    auto flags = p.flag_list();
    if (!flags) return std::nullopt;
    store.flags = std::move(*flags);
    return store;
  }
  do {
    if (!p.flag(store.flags)) return std::nullopt;
    if (store.flags.keywords.size() > kMaxFlags) return p.fail("Too many flags");
  } while (p.sp());
  return store;
}

Read read_copy(Parse& p, bool uid) { return set_and_mailbox<Copy>(p, uid); }
Read read_move(Parse& p, bool uid) { return set_and_mailbox<Move>(p, uid); }

// RFC 10022 section 4: message-batches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]
Read read_uid_batches(Parse& p) {
  auto number = [&p]() -> uint32_t { return p.lex.number().value_or(0); };
  if (!p.sp()) return std::nullopt;
  UidBatches batches{.size = number()};
  if (batches.size == 0) return p.fail("Invalid batch size");
  if (!p.sp()) return batches;
  batches.first = number();
  if (batches.first == 0 || !p.lex.take(':')) return p.fail("Invalid batch range");
  batches.last = number();
  if (batches.last == 0) return p.fail("Invalid batch range");
  return batches;
}

// RFC 4315 section 2.1
Read read_uid_expunge(Parse& p) {
  auto set = set_argument(p);
  if (!set) return std::nullopt;
  return Expunge{std::move(*set)};
}

}  // namespace bz::imap::detail
