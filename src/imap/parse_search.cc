// SEARCH (RFC 3501 section 6.4.4, RFC 4731, RFC 5032, RFC 7162 section 3.1.5). Keys nest without bound in the grammar, so
// they are read with a stack of our own; OR chains become one n-ary Or and NOT NOT vanishes, so that the long chains phones
// send are flat.
#include <algorithm>

#include "base/text.h"
#include "imap/object_id.h"
#include "imap/parse.h"

namespace bz::imap {

int SearchKey::depth() const {
  int deepest = 0;
  for (const SearchKey& child : children) deepest = std::max(deepest, child.depth());
  return deepest + 1;
}

bool SearchKey::names_saved() const {
  return set.saved() || std::any_of(children.begin(), children.end(), [](const SearchKey& c) { return c.names_saved(); });
}

bool SearchKey::names_numbers() const {
  return kind == Kind::SequenceNumbers ||
         std::any_of(children.begin(), children.end(), [](const SearchKey& c) { return c.names_numbers(); });
}

namespace detail {
namespace {

using Kind = SearchKey::Kind;
constexpr size_t kMaxSearchKeys = 16 * 1024, kMaxOpen = 16 * 1024;

struct Leaf {
  std::string_view name;
  enum Argument : unsigned char { None, HeaderOf, String, DateOf, Number, NzNumber } argument;
  Kind kind;
  FlagBits flag = 0;
  bool negate = false;
  std::string_view field = {};
};
constexpr Leaf kLeaves[] = {
    {"ALL", Leaf::None, Kind::And},
    {"ANSWERED", Leaf::None, Kind::Flag, kAnswered},
    {"BCC", Leaf::HeaderOf, Kind::Header, 0, false, "Bcc"},
    {"BEFORE", Leaf::DateOf, Kind::Before},
    {"BODY", Leaf::String, Kind::Body},
    {"CC", Leaf::HeaderOf, Kind::Header, 0, false, "Cc"},
    {"DELETED", Leaf::None, Kind::Flag, kDeleted},
    {"DRAFT", Leaf::None, Kind::Flag, kDraft},
    {"FLAGGED", Leaf::None, Kind::Flag, kFlagged},
    {"FROM", Leaf::HeaderOf, Kind::Header, 0, false, "From"},
    {"LARGER", Leaf::Number, Kind::Larger},
    {"OLD", Leaf::None, Kind::Recent, 0, true},
    {"OLDER", Leaf::NzNumber, Kind::Older},
    {"ON", Leaf::DateOf, Kind::On},
    {"RECENT", Leaf::None, Kind::Recent},
    {"SAVEDATESUPPORTED", Leaf::None, Kind::SaveDateKnown},
    {"SAVEDBEFORE", Leaf::DateOf, Kind::SavedBefore},
    {"SAVEDON", Leaf::DateOf, Kind::SavedOn},
    {"SAVEDSINCE", Leaf::DateOf, Kind::SavedSince},
    {"SEEN", Leaf::None, Kind::Flag, kSeen},
    {"SENTBEFORE", Leaf::DateOf, Kind::SentBefore},
    {"SENTON", Leaf::DateOf, Kind::SentOn},
    {"SENTSINCE", Leaf::DateOf, Kind::SentSince},
    {"SINCE", Leaf::DateOf, Kind::Since},
    {"SMALLER", Leaf::Number, Kind::Smaller},
    {"SUBJECT", Leaf::HeaderOf, Kind::Header, 0, false, "Subject"},
    {"TEXT", Leaf::String, Kind::Text},
    {"TO", Leaf::HeaderOf, Kind::Header, 0, false, "To"},
    {"UNANSWERED", Leaf::None, Kind::Flag, kAnswered, true},
    {"UNDELETED", Leaf::None, Kind::Flag, kDeleted, true},
    {"UNDRAFT", Leaf::None, Kind::Flag, kDraft, true},
    {"UNFLAGGED", Leaf::None, Kind::Flag, kFlagged, true},
    {"UNSEEN", Leaf::None, Kind::Flag, kSeen, true},
    {"YOUNGER", Leaf::NzNumber, Kind::Younger},
};

SearchKey key_of(Kind kind) {
  SearchKey key;
  key.kind = kind;
  return key;
}

SearchKey negated(SearchKey key) {
  if (key.kind == Kind::Not) {
    SearchKey inner = std::move(key.children.front());
    return inner;
  }
  SearchKey out = key_of(Kind::Not);
  out.children.push_back(std::move(key));
  return out;
}

// One of two or more keys; the operands' own ORs are taken in. The longer list is kept, so a chain costs linear time.
SearchKey either(SearchKey a, SearchKey b) {
  if (a.kind != Kind::Or || (b.kind == Kind::Or && b.children.size() > a.children.size())) std::swap(a, b);
  if (a.kind != Kind::Or) {
    SearchKey out = key_of(Kind::Or);
    out.children.push_back(std::move(a));
    a = std::move(out);
  }
  if (b.kind == Kind::Or)
    for (SearchKey& child : b.children) a.children.push_back(std::move(child));
  else
    a.children.push_back(std::move(b));
  return a;
}

// date = date-text / DQUOTE date-text DQUOTE
bool date_argument(Parse& p, SearchKey& key) {
  auto text = p.lex.astring();
  auto date = text ? parse_date(*text) : std::nullopt;
  if (!date) return p.fail("Invalid date"), false;
  key.date = *date;
  return true;
}

bool string_argument(Parse& p, std::string& into) {
  auto text = p.lex.astring();
  if (!text) return p.fail("Invalid search string"), false;
  into = std::move(*text);
  return true;
}

// RFC 7162: "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer
bool modseq_argument(Parse& p, SearchKey& key) {
  if (p.lex.peek() == '"') {
    if (!p.lex.string() || !p.sp()) return false;
    std::string_view type = p.lex.atom();
    if (!base::iequals(type, "priv") && !base::iequals(type, "shared") && !base::iequals(type, "all"))
      return p.fail("Invalid MODSEQ entry type"), false;
    if (!p.sp()) return false;
  }
  auto value = p.lex.number64();
  if (!value) return p.fail("Invalid mod-sequence"), false;
  key.number = *value;
  return true;
}

bool leaf_argument(Parse& p, const Leaf& leaf, SearchKey& key) {
  if (leaf.argument == Leaf::None) return true;
  if (!p.sp()) return p.fail("Search key without argument"), false;
  switch (leaf.argument) {
    case Leaf::HeaderOf:
    case Leaf::String:
      return string_argument(p, key.text);
    case Leaf::DateOf:
      return date_argument(p, key);
    default:
      break;
  }
  auto number = p.lex.number64();
  if (!number || (leaf.argument == Leaf::NzNumber && *number == 0)) return p.fail("Invalid number"), false;
  key.number = *number;
  return true;
}

// A key whose argument has a form of its own; nullopt with known == false: the word is none of them.
std::optional<SearchKey> special_leaf(Parse& p, std::string_view word, Search& search, bool& known) {
  known = true;
  auto is = [&](std::string_view name) { return base::iequals(word, name); };
  if (is("NEW")) {
    SearchKey key = key_of(Kind::And);
    key.children.push_back(key_of(Kind::Recent));
    SearchKey seen = key_of(Kind::Flag);
    seen.flag = kSeen;
    key.children.push_back(negated(std::move(seen)));
    return key;
  }
  if (is("UID")) {
    SearchKey key = key_of(Kind::Uids);
    auto set = p.sp() ? p.lex.sequence_set() : std::nullopt;
    if (!set) return p.fail("Invalid UID set");
    key.set = std::move(*set);
    return key;
  }
  if (is("UIDAFTER") || is("UIDBEFORE")) {  // RFC 9738 section 3.2; unlike "n:*" it may name nothing
    SearchKey key = key_of(Kind::Uids);
    auto uid = p.sp() ? p.lex.number() : std::nullopt;
    if (!uid || *uid == 0) return p.fail("Invalid UID");
    if (is("UIDBEFORE") && *uid > 1) key.set.add({1, *uid - 1});
    if (is("UIDAFTER") && *uid < UINT32_MAX) key.set.add({*uid + 1, UINT32_MAX});
    return key;
  }
  if (is("HEADER")) {
    SearchKey key = key_of(Kind::Header);
    if (!p.sp() || !string_argument(p, key.field) || !p.sp() || !string_argument(p, key.text)) return std::nullopt;
    return key;
  }
  if (is("KEYWORD") || is("UNKEYWORD")) {
    SearchKey key = key_of(Kind::Keyword);
    if (!p.sp()) return std::nullopt;
    key.text = std::string(p.lex.atom());
    if (key.text.empty()) return p.fail("Invalid keyword");
    if (is("UNKEYWORD")) key = negated(std::move(key));
    return key;
  }
  if (is("MODSEQ")) {
    SearchKey key = key_of(Kind::ModSeq);
    if (!p.sp() || !modseq_argument(p, key)) return std::nullopt;
    search.has_modseq = true;
    return key;
  }
  if (is("EMAILID") || is("THREADID")) {
    SearchKey key = key_of(Kind::EmailId);
    std::string_view id = p.sp() ? p.lex.atom() : std::string_view();
    if (!is_object_id(id)) return p.fail("Invalid object identifier");
    if (is("EMAILID")) key.text = id;  // no message has a THREADID
    key.number = email_of(key.text).value();
    return key;
  }
  known = false;
  return std::nullopt;
}

// A search-key that holds no other.
std::optional<SearchKey> leaf(Parse& p, Search& search) {
  if (base::is_digit(p.lex.peek()) || p.lex.peek() == '*' || p.lex.peek() == '$') {
    SearchKey key = key_of(Kind::SequenceNumbers);
    auto set = p.lex.sequence_set();
    if (!set) return p.fail("Invalid sequence set");
    key.set = std::move(*set);
    return key;
  }
  std::string_view word = p.lex.atom();
  for (const Leaf& known : kLeaves) {
    if (!base::iequals(known.name, word)) continue;
    SearchKey key = key_of(known.kind);
    key.flag = known.flag;
    key.field = std::string(known.field);
    if (!leaf_argument(p, known, key)) return std::nullopt;
    if (known.negate) key = negated(std::move(key));
    return key;
  }
  bool known = false;
  auto key = special_leaf(p, word, search, known);
  if (!known) return p.fail("Unknown search key");
  return key;
}

class KeyReader {
 public:
  KeyReader(Parse& p, Search& search) : p_(p), search_(search) { open_.push_back({Frame::List, {}, 0}); }

  // search-key *(SP search-key) up to the end of the command.
  bool read() {
    for (;;) {
      if (++keys_ > kMaxSearchKeys || open_.size() > kMaxOpen) return p_.fail("Too many search keys"), false;
      if (open_frame()) continue;
      auto key = leaf(p_, search_);
      if (!key) return false;
      bool end = false;
      if (!close(std::move(*key), 1, end)) return false;
      if (end) return true;
    }
  }

 private:
  struct Frame {
    enum Type : unsigned char { List, Or, Not, Fuzzy } type;
    std::vector<SearchKey> keys;
    int depth;            // of the deepest of keys
    int first_depth = 0;  // of keys[0]
  };

  // "(", "OR SP", "NOT SP", "FUZZY SP"
  bool open_frame() {
    if (p_.lex.take('(')) {
      open_.push_back({Frame::List, {}, 0});
      return true;
    }
    size_t before = p_.lex.position();
    bool is_or = p_.lex.take("OR"), is_not = !is_or && p_.lex.take("NOT");
    bool is_fuzzy = !is_or && !is_not && p_.lex.take("FUZZY");
    if ((is_or || is_not || is_fuzzy) && p_.sp()) {
      open_.push_back({is_or ? Frame::Or : is_not ? Frame::Not : Frame::Fuzzy, {}, 0});
      search_.has_fuzzy |= is_fuzzy;
      return true;
    }
    p_.lex.reset(before);
    return false;
  }

  // Puts a finished key into the frame it belongs to and finishes every frame that is complete with it.
  bool close(SearchKey key, int depth, bool& end) {
    for (;;) {
      if (depth > kMaxSearchDepth) return p_.fail("Search nested too deeply"), false;
      Frame& frame = open_.back();
      frame.keys.push_back(std::move(key));
      frame.depth = std::max(frame.depth, depth);
      if (frame.keys.size() == 1) frame.first_depth = depth;
      if (frame.type == Frame::List && !p_.lex.take(')')) {
        end = p_.lex.at_end() && open_.size() == 1;
        if (end) return finish_all();
        return p_.sp() || (p_.fail("Invalid search key list"), false);
      }
      if (frame.type == Frame::Or && frame.keys.size() < 2) return p_.sp() || (p_.fail("OR needs two keys"), false);
      if (open_.size() == 1) return p_.fail("Unmatched parenthesis"), false;
      SearchKey folded = fold(frame, depth);
      open_.pop_back();
      key = std::move(folded);
    }
  }

  // depth: in, of the last key; out, of the result.
  static SearchKey fold(Frame& frame, int& depth) {
    int last_depth = depth;
    depth = frame.depth + 1;
    if (frame.type == Frame::Not) {
      SearchKey& operand = frame.keys.front();
      if (operand.kind == Kind::Not) depth = frame.depth - 1;
      return negated(std::move(operand));
    }
    if (frame.type == Frame::Fuzzy) {
      SearchKey out = key_of(Kind::Fuzzy);
      out.children = std::move(frame.keys);
      return out;
    }
    if (frame.type == Frame::Or) {
      // An operand that is an Or is taken in, so a chain gets no deeper than its deepest operand.
      auto level = [](const SearchKey& key, int d) { return key.kind == Kind::Or ? d : d + 1; };
      depth = std::max(level(frame.keys[0], frame.first_depth), level(frame.keys[1], last_depth));
      return either(std::move(frame.keys[0]), std::move(frame.keys[1]));
    }
    if (frame.keys.size() == 1) {
      depth = frame.depth;
      return std::move(frame.keys.front());
    }
    SearchKey out = key_of(Kind::And);
    out.children = std::move(frame.keys);
    return out;
  }

  bool finish_all() {
    search_.key = key_of(Kind::And);
    search_.key.children = std::move(open_.front().keys);
    if (open_.front().depth >= kMaxSearchDepth) return p_.fail("Search nested too deeply"), false;
    return true;
  }

  Parse& p_;
  Search& search_;
  std::vector<Frame> open_;
  size_t keys_ = 0;
};

}  // namespace

bool return_options(Parse& p, Search& search) {
  SearchReturn want;
  if (!p.sp() || !p.lex.take('(')) return false;
  if (!p.lex.take(')')) {
    do {
      if (p.lex.take("MIN"))
        want.min = true;
      else if (p.lex.take("MAX"))
        want.max = true;
      else if (p.lex.take("ALL"))
        want.all = true;
      else if (p.lex.take("COUNT"))
        want.count = true;
      else if (p.lex.take("SAVE"))
        want.save = true;
      else if (p.lex.take("RELEVANCY"))
        want.relevancy = true;
      else if (p.lex.take("CONTEXT"))
        want.context = true;
      else if (p.lex.take("UPDATE")) {
        want.update = true;
        const size_t before = p.lex.position();  // a "(" behind it is of its own (RFC 5465 section 8)
        const bool items = p.sp() && p.lex.peek() == '(';
        if (!items) p.lex.reset(before);
        if (items && !fetch_list(p, want.update_items)) return false;
      } else if (p.lex.take("PARTIAL")) {
        if (p.sp()) want.partial = p.partial_range();
        if (!want.partial) return p.fail("Invalid partial range"), false;
      } else
        return p.fail("Unknown SEARCH return option"), false;
    } while (p.sp());
    if (!p.lex.take(')')) return false;
    if (want.partial && want.all) return p.fail("PARTIAL and ALL exclude each other"), false;
  } else {
    want.all = true;  // "RETURN ()" is "RETURN (ALL)"
  }
  search.esearch = want;
  return true;
}

bool search_keys(Parse& p, Search& search) {
  if (!KeyReader(p, search).read()) return false;
  // RFC 6203 section 4
  if (search.esearch && search.esearch->relevancy && !search.has_fuzzy) return p.fail("RELEVANCY goes with FUZZY"), false;
  return true;
}

// "CANCELUPDATE" 1*(SP quoted) (RFC 5267 section 5)
Read read_cancel_update(Parse& p) {
  CancelUpdate cancel;
  while (p.sp()) {
    auto tag = p.lex.string();
    if (!tag) return p.fail("A quoted tag was expected");
    if (cancel.tags.size() == kMaxCancelled) return p.fail("Too many tags");
    cancel.tags.push_back(std::move(*tag));
  }
  if (cancel.tags.empty()) return std::nullopt;
  return cancel;
}

namespace {

// [search-return-opts] SP search-program, behind the SP in front of them
bool search_program(Parse& p, Search& search) {
  if (p.lex.take("RETURN") && (!return_options(p, search) || !p.sp())) return false;
  if (p.lex.take("CHARSET")) {
    auto charset = p.sp() ? p.lex.astring() : std::nullopt;
    if (!charset || !p.sp()) return p.fail("Invalid CHARSET"), false;
    search.charset = base::upper(*charset);
  }
  return search_keys(p, search);
}

// esearch-source-opts behind "IN" (RFC 7377 section 4). There are no scope-options yet.
bool sources(Parse& p, std::vector<MailboxFilter>& into) {
  size_t names_read = 0;
  if (!p.sp() || !p.lex.take('(')) return false;
  do {
    MailboxFilter one;
    if (into.size() == kMaxEventGroups) return p.fail("Too many kinds of mailboxes"), false;
    if (p.lex.peek() == '(') return p.fail("Unknown scope option"), false;
    if (!mailbox_filter(p, one, names_read)) return false;
    if (one.filter == MailboxFilter::Filter::SelectedDelayed) return p.fail("selected-delayed is NOTIFY's"), false;
    into.push_back(std::move(one));
  } while (p.sp());
  return p.lex.take(')');
}

}  // namespace

Read read_search(Parse& p, bool uid) {
  Search search;
  search.uid = uid;
  if (!p.sp() || !search_program(p, search)) return std::nullopt;
  return search;
}

Read read_esearch(Parse& p) {
  MultiSearch command;
  command.search.uid = true;  // numbers mean nothing in a mailbox that is not selected
  if (!p.sp()) return std::nullopt;
  if (p.lex.take("IN") && (!sources(p, command.sources) || !p.sp())) return std::nullopt;
  if (!search_program(p, command.search)) return std::nullopt;
  if (!command.search.esearch) command.search.esearch.emplace().all = true;  // section 2.1
  return command;
}

}  // namespace detail
}  // namespace bz::imap
