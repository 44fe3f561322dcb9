#include "imap/response.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/text.h"
#include "imap/lexer.h"
#include "imap/mutf7.h"
#include "imap/object_id.h"

namespace bz::imap {
namespace {

constexpr size_t kSoftLine = kMaxLine - 512;  // room for what may follow a string without another string in between
constexpr size_t kMaxText = 1024;

void put_number(std::string& out, uint64_t n) {
  char digits[20];
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, n);
  out.append(digits, end);
}

bool quotable(std::string_view text, bool utf8) {
  bool ascii = true;
  for (const char c : text) {
    if (c == '\0' || c == '\r' || c == '\n') return false;
    ascii &= static_cast<unsigned char>(c) < 0x80;
  }
  return ascii || (utf8 && base::is_utf8(text));
}

// resp-text: printable ASCII or UTF-8, never empty, never beginning with "[" by accident of an argument.
void put_text(std::string& out, std::string_view text, bool utf8 = false) {
  if (text.empty()) text = "Done";
  text = text.substr(0, kMaxText);
  utf8 = utf8 && base::is_utf8(text);
  for (char c : text) out += (c >= ' ' && c < 0x7f) || (utf8 && static_cast<unsigned char>(c) >= 0x80) ? c : '?';
}

std::string_view word(Condition condition) {
  switch (condition) {
    case Condition::Ok:
      return "OK";
    case Condition::No:
      return "NO";
    case Condition::Bad:
      return "BAD";
    case Condition::Bye:
      return "BYE";
    case Condition::PreAuth:
      return "PREAUTH";
  }
  return "BAD";
}

void put_condition(std::string& out, Condition condition, std::string_view code, std::string_view text, bool utf8) {
  out.append(" ").append(word(condition)).append(" ");
  if (!code.empty()) out.append("[").append(code).append("] ");
  put_text(out, text, utf8);
  out.append("\r\n");
}

void numbered(std::string& out, uint32_t n, std::string_view what) {
  out.append("* ");
  put_number(out, n);
  out.append(what).append("\r\n");
}

void put_range(std::string& out, UidSet::Range r) {
  put_number(out, r.first);
  if (r.last == r.first) return;
  out += ':';
  put_number(out, r.last);
}

void put_set(std::string& out, const UidSet& set) {
  bool first = true;
  for (const UidSet::Range& r : set.ranges()) {
    if (!first) out += ',';
    first = false;
    put_range(out, r);
  }
}

// An ordered list; runs that ascend by one become ranges (RFC 5267 section 3.2).
void put_ordered(std::string& out, std::span<const uint32_t> numbers) {
  for (size_t i = 0; i < numbers.size();) {
    size_t last = i;
    while (last + 1 < numbers.size() && uint64_t{numbers[last]} + 1 == numbers[last + 1]) ++last;
    if (i > 0) out += ',';
    put_range(out, {numbers[i], numbers[last]});
    i = last + 1;
  }
}

void put_flags(std::string& out, FlagBits bits, std::span<const std::string> keywords, bool recent) {
  size_t open = out.size();
  for (const SystemFlag& f : kSystemFlags)
    if (bits & f.bit) out.append(" ").append(f.name);
  if (recent) out.append(" \\Recent");
  FlagBits rest = bits >> kFirstKeywordBit;
  for (size_t i = 0; rest != 0 && i < keywords.size(); ++i, rest >>= 1)
    if (rest & 1) out.append(" ").append(keywords[i]);
  if (out.size() == open)
    out.append("(");
  else
    out[open] = '(';
  out += ')';
}

}  // namespace

Encoder& Encoder::number(uint64_t n) {
  put_number(out_, n);
  return *this;
}

void Encoder::quoted(std::string_view text) {
  out_ += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') out_ += '\\';
    out_ += c;
  }
  out_ += '"';
}

Encoder& Encoder::string(std::string_view text) {
  auto escapes = static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return c == '"' || c == '\\'; }));
  if (quotable(text, utf8_) && line_octets() + text.size() + escapes + 2 < kSoftLine) {
    quoted(text);
    return *this;
  }
  literal_head(text.size());
  size_t at = out_.size();
  out_.append(text);
  std::replace(out_.begin() + static_cast<std::ptrdiff_t>(at), out_.end(), '\0', '\x80');
  return literal_done();
}

Encoder& Encoder::nstring(std::optional<std::string_view> text) { return text ? string(*text) : raw("NIL"); }

Encoder& Encoder::astring(std::string_view text) {
  bool atom = !text.empty() && text.size() + line_octets() < kSoftLine && !base::iequals(text, "NIL") &&
              std::all_of(text.begin(), text.end(), is_astring_char);
  return atom ? raw(text) : string(text);
}

Encoder& Encoder::mailbox(std::string_view utf8) {
  if (utf8_) return base::is_ascii(utf8) ? astring(utf8) : string(utf8);
  std::string wire = encode_mutf7(utf8);
  return astring(wire);
}

Encoder& Encoder::flags(FlagBits bits, std::span<const std::string> keywords, bool recent) {
  put_flags(out_, bits, keywords, recent);
  return *this;
}

Encoder& Encoder::literal_head(uint64_t size) {
  out_ += '{';
  put_number(out_, size);
  out_.append("}\r\n");
  return *this;
}

Encoder& Encoder::literal8_head(uint64_t size) {
  out_ += '~';
  return literal_head(size);
}

Encoder& Encoder::literal_done() {
  line_start_ = out_.size();
  return *this;
}

Encoder& Encoder::crlf() {
  out_.append("\r\n");
  line_start_ = out_.size();
  return *this;
}

void tagged(std::string& out, std::string_view tag, Condition condition, std::string_view code, std::string_view text,
            bool utf8) {
  out.append(tag);
  put_condition(out, condition, code, text, utf8);
}

void untagged(std::string& out, Condition condition, std::string_view code, std::string_view text, bool utf8) {
  out += '*';
  put_condition(out, condition, code, text, utf8);
}

void continuation(std::string& out, std::string_view text) {
  out.append("+ ");
  put_text(out, text);
  out.append("\r\n");
}

std::string code_append_uid(UidValidity validity, std::span<const uint32_t> uids) {
  std::string out = "APPENDUID " + std::to_string(validity.value()) + " ";
  put_ordered(out, uids);
  return out;
}

std::string code_copy_uid(UidValidity validity, const UidSet& from, const UidSet& to) {
  std::string out = "COPYUID " + std::to_string(validity.value()) + " ";
  put_set(out, from);
  out += ' ';
  put_set(out, to);
  return out;
}

std::string code_number(std::string_view name, uint64_t number) { return std::string(name) + " " + std::to_string(number); }

std::string code_downgraded(const UidSet& uids) {
  std::string out = "DOWNGRADED ";
  for (const UidSet::Range& r : uids.ranges()) {
    if (out.size() > kMaxText) break;
    if (out.back() != ' ') out += ',';
    put_range(out, r);
  }
  return out;
}

std::string code_modified(const UidSet& set) {
  std::string out = "MODIFIED ";
  put_set(out, set);
  return out;
}

// A tag may hold "]", at which clients end the code: then it is left out.
std::string code_in_progress(std::string_view tag, uint64_t done, uint64_t goal) {
  const std::string shown = tag.find(']') == std::string_view::npos ? '"' + std::string(tag) + '"' : "NIL";
  return "INPROGRESS (" + shown + ' ' + std::to_string(done) + ' ' + std::to_string(goal) + ')';
}

std::string code_no_update(std::string_view tag) { return "NOUPDATE \"" + std::string(tag) + '"'; }

std::string code_message_limit(uint32_t limit, std::optional<uint32_t> lowest) {
  std::string out = "MESSAGELIMIT " + std::to_string(limit);
  if (lowest) out += " " + std::to_string(*lowest);
  return out;
}

std::string code_mailbox_id(MailboxId id, AccountId owner) { return "MAILBOXID (" + object_id(id, owner) + ")"; }

std::string code_permanent_flags(std::span<const std::string> keywords, FlagBits system, bool words, bool more) {
  std::string out = "PERMANENTFLAGS (";
  for (const SystemFlag& f : kSystemFlags)
    if (system & f.bit) out.append(f.name).append(" ");
  if (words) {
    for (const std::string& keyword : keywords) out.append(keyword).append(" ");
    if (more) out.append("\\* ");
  }
  if (out.back() == ' ') out.pop_back();
  return out + ")";
}

void exists(std::string& out, uint32_t count) { numbered(out, count, " EXISTS"); }
void recent(std::string& out, uint32_t count) { numbered(out, count, " RECENT"); }
void expunge(std::string& out, uint32_t msn) { numbered(out, msn, " EXPUNGE"); }

void flags_response(std::string& out, std::span<const std::string> keywords) {
  out.append("* FLAGS ");
  put_flags(out, ~FlagBits{0}, keywords, false);
  out.append("\r\n");
}

void capability_response(std::string& out, std::string_view capabilities) {
  out.append("* CAPABILITY ").append(capabilities).append("\r\n");
}

void list_response(std::string& out, std::string_view name, const ListEntry& entry) {
  Encoder e(out, entry.utf8);
  e.raw("* ").raw(name).raw(" (");
  bool first = true;
  auto attribute = [&](bool on, std::string_view text) {
    if (!on) return;
    if (!first) e.sp();
    first = false;
    e.raw(text);
  };
  attribute(entry.non_existent, "\\NonExistent");
  attribute(entry.no_select && !entry.non_existent, "\\Noselect");  // RFC 5258: \NonExistent implies it
  attribute(entry.no_inferiors, "\\Noinferiors");
  if (entry.has_children && !entry.no_inferiors) attribute(true, *entry.has_children ? "\\HasChildren" : "\\HasNoChildren");
  attribute(entry.subscribed, "\\Subscribed");
  attribute(!entry.special_use.empty(), entry.special_use);
  e.raw(") \"/\" ").mailbox(entry.mailbox);
  const bool both = entry.child_info_subscribed && !entry.old_name.empty();
  if (entry.child_info_subscribed) e.raw(" (\"CHILDINFO\" (\"SUBSCRIBED\")").raw(both ? "" : ")");
  if (!entry.old_name.empty()) e.raw(both ? " " : " (").raw("\"OLDNAME\" (").mailbox(entry.old_name).raw("))");
  e.crlf();
}

void status_response(std::string& out, std::string_view mailbox, const StatusItems& items, const StatusValues& values) {
  Encoder e(out, values.utf8);
  e.raw("* STATUS ").mailbox(mailbox).raw(" (");
  bool first = true;
  auto item = [&](bool on, std::string_view name, uint64_t value) {
    if (!on) return;
    if (!first) e.sp();
    first = false;
    e.raw(name).sp().number(value);
  };
  item(items.messages, "MESSAGES", values.messages);
  item(items.recent, "RECENT", values.recent);
  item(items.uid_next, "UIDNEXT", values.uid_next);
  item(items.uid_validity, "UIDVALIDITY", values.uid_validity);
  item(items.unseen, "UNSEEN", values.unseen);
  item(items.deleted, "DELETED", values.deleted);
  item(items.deleted_storage, "DELETED-STORAGE", values.deleted_storage);
  item(items.highest_modseq, "HIGHESTMODSEQ", values.highest_modseq);
  item(items.size, "SIZE", values.size);
  item(items.append_limit, "APPENDLIMIT", values.append_limit);
  if (items.mailbox_id) e.raw(first ? "" : " ").raw("MAILBOXID (").raw(object_id(values.mailbox_id, values.owner)).raw(")");
  e.raw(")").crlf();
}

void quota_response(std::string& out, std::string_view root, std::span<const QuotaResource> resources) {
  Encoder e(out);
  e.raw("* QUOTA ").astring(root).raw(" (");
  for (const QuotaResource& r : resources) {
    if (&r != &resources.front()) e.sp();
    e.raw(r.name).sp().number(r.usage).sp().number(r.limit);
  }
  e.raw(")").crlf();
}

void quota_root_response(std::string& out, std::string_view mailbox, std::string_view root, bool utf8) {
  Encoder e(out, utf8);
  e.raw("* QUOTAROOT ").mailbox(mailbox).sp().astring(root).crlf();
}

void acl_response(std::string& out, std::string_view mailbox, std::span<const AclPair> entries, bool utf8) {
  Encoder e(out, utf8);
  e.raw("* ACL ").mailbox(mailbox);
  for (const AclPair& entry : entries) e.sp().astring(entry.identifier).sp().astring(entry.rights);
  e.crlf();
}

void list_rights_response(std::string& out, std::string_view mailbox, std::string_view identifier,
                          std::string_view required, std::span<const std::string_view> groups, bool utf8) {
  Encoder e(out, utf8);
  e.raw("* LISTRIGHTS ").mailbox(mailbox).sp().astring(identifier).sp().astring(required);
  for (std::string_view group : groups) e.sp().astring(group);
  e.crlf();
}

void my_rights_response(std::string& out, std::string_view mailbox, std::string_view rights, bool utf8) {
  Encoder e(out, utf8);
  e.raw("* MYRIGHTS ").mailbox(mailbox).sp().astring(rights).crlf();
}

// Both values are quoted, which is how Apple's own server says it.
void apple_push_response(std::string& out, uint32_t version, std::string_view topic) {
  Encoder e(out);
  e.raw("* XAPPLEPUSHSERVICE aps-version ").string(std::to_string(version)).raw(" aps-topic ").string(topic).crlf();
}

void metadata_response(std::string& out, std::string_view mailbox, std::span<const MetadataValue> values, bool utf8) {
  Encoder e(out, utf8);
  e.raw("* METADATA ").mailbox(mailbox).raw(" (");
  for (const MetadataValue& v : values) {
    if (&v != &values.front()) e.sp();
    e.astring(v.entry).sp();
    if (v.value && v.value->find('\0') != std::string_view::npos)
      e.literal8_head(v.value->size()).raw(*v.value).literal_done();
    else
      e.nstring(v.value);
  }
  e.raw(")").crlf();
}

void metadata_changed(std::string& out, std::string_view mailbox, std::span<const std::string> entries, bool utf8) {
  while (!entries.empty()) {
    Encoder e(out, utf8);
    e.raw("* METADATA ").mailbox(mailbox);
    do {
      e.sp().astring(entries.front());
      entries = entries.subspan(1);
    } while (!entries.empty() && e.line_octets() + entries.front().size() < kSoftLine);
    e.crlf();
  }
}

void search_response(std::string& out, const UidSet& hits, std::optional<uint64_t> modseq) {
  size_t line = out.size();
  out.append("* SEARCH");
  auto end_line = [&] {
    if (modseq && !hits.empty()) {
      out.append(" (MODSEQ ");
      put_number(out, *modseq);
      out += ')';
    }
    out.append("\r\n");
  };
  hits.for_each([&](uint32_t n) {
    if (out.size() - line > kSoftLine) {
      end_line();
      line = out.size();
      out.append("* SEARCH");
    }
    out += ' ';
    put_number(out, n);
  });
  end_line();
}

void vanished(std::string& out, const UidSet& uids, bool earlier) {
  std::optional<size_t> line;  // where the open line begins
  for (const UidSet::Range& r : uids.ranges()) {
    if (line && out.size() - *line <= kSoftLine) {
      out += ',';
    } else {
      if (line) out.append("\r\n");
      line = out.size();
      out.append(earlier ? "* VANISHED (EARLIER) " : "* VANISHED ");
    }
    put_range(out, r);
  }
  if (line) out.append("\r\n");
}

void uid_batches_response(std::string& out, std::string_view tag, std::span<const UidSet::Range> batches) {
  Encoder e(out);
  e.raw("* UIDBATCHES (TAG ").string(tag).raw(")");
  const char* before = " ";
  for (const UidSet::Range& batch : batches) {
    e.raw(before).number(batch.last).raw(":").number(batch.first);
    before = ",";
  }
  e.crlf();
}

namespace {

// Of what ALL or PARTIAL names, else of all that matched.
void put_relevancy(Encoder& e, const SearchReturn& want, std::span<const uint8_t> relevancy) {
  if (!want.relevancy) return;
  if (want.partial) {
    const auto [skip, count] = want.partial->places(relevancy.size());
    relevancy = relevancy.subspan(skip, count);
  }
  e.raw(" RELEVANCY (");
  for (size_t i = 0; i < relevancy.size(); ++i) e.raw(i > 0 ? " " : "").number(relevancy[i]);
  e.raw(")");
}

}  // namespace

namespace {
void put_correlator(Encoder& e, const Correlator& of) {
  e.raw("* ESEARCH (TAG ").string(of.tag);
  if (of.uid_validity != 0) e.raw(" MAILBOX ").mailbox(of.mailbox).raw(" UIDVALIDITY ").number(of.uid_validity);
  e.raw(of.uid ? ") UID" : ")");
}
}  // namespace

// RFC 4731 allows one ESEARCH response only, so ALL of a very scattered set is the one line that may be longer than
// kMaxLine.
void esearch_response(std::string& out, const Correlator& of, const SearchReturn& want, const UidSet& hits,
                      std::optional<uint64_t> modseq, std::span<const uint8_t> relevancy) {
  Encoder e(out, of.utf8);
  put_correlator(e, of);
  if (!hits.empty()) {
    if (want.min) e.raw(" MIN ").number(hits.min());
    if (want.max) e.raw(" MAX ").number(hits.max());
    if (want.all) {
      e.raw(" ALL ");
      put_set(out, hits);
    }
  }
  if (want.count) e.raw(" COUNT ").number(hits.count());
  if (want.partial) {  // RFC 9394 section 3.1
    UidSet part = want.partial->of(hits);
    e.raw(" PARTIAL (").raw(want.partial->to_string()).sp();
    if (part.empty())
      e.raw("NIL");
    else
      put_set(out, part);
    e.raw(")");
  }
  put_relevancy(e, want, relevancy);
  if (modseq && !hits.empty()) e.raw(" MODSEQ ").number(*modseq);
  e.crlf();
}

namespace {

// A node, and its only child's only child...: one list of members; what splits is left for the caller.
uint32_t put_members(std::string& out, const ThreadTree& tree, uint32_t node) {
  out += '(';
  for (;;) {
    const ThreadTree::Node& n = tree.nodes[node];
    if (n.number != 0) put_number(out, n.number);
    if (!n.children.empty() && n.number != 0) out += ' ';
    if (n.children.size() != 1) return node;
    node = n.children.front();
  }
}

}  // namespace

void esort_response(std::string& out, std::string_view tag, bool uid, const SearchReturn& want,
                    std::span<const uint32_t> ordered, std::span<const uint8_t> relevancy) {
  Encoder e(out);
  e.raw("* ESEARCH (TAG ").string(tag).raw(uid ? ") UID" : ")");
  if (!ordered.empty()) {
    if (want.min) e.raw(" MIN ").number(ordered.front());
    if (want.max) e.raw(" MAX ").number(ordered.back());
    if (want.all) {
      e.raw(" ALL ");
      put_ordered(out, ordered);
    }
  }
  if (want.count) e.raw(" COUNT ").number(ordered.size());
  if (want.partial) {
    e.raw(" PARTIAL (").raw(want.partial->to_string()).sp();
    auto [skip, count] = want.partial->places(ordered.size());
    if (count == 0)
      e.raw("NIL");
    else
      put_ordered(out, ordered.subspan(skip, count));
    e.raw(")");
  }
  put_relevancy(e, want, relevancy);
  e.crlf();
}

void context_response(std::string& out, const Correlator& of, std::string_view what,
                      std::span<const ContextChange> changes) {
  Encoder e(out, of.utf8);
  put_correlator(e, of);
  e.sp().raw(what).raw(" (");
  const char* before = "";
  for (const ContextChange& change : changes) {
    e.raw(before).number(change.place).sp();
    put_ordered(out, change.numbers);
    before = " ";
  }
  e.raw(")").crlf();
}

// One line whatever its length: a client that asks for SORT or THREAD takes one response, and Apple's ask for neither.
void sort_response(std::string& out, std::span<const uint32_t> ordered) {
  out.append("* SORT");
  for (uint32_t n : ordered) {
    out += ' ';
    put_number(out, n);
  }
  out.append("\r\n");
}

void thread_response(std::string& out, const ThreadTree& tree) {
  struct Open {
    uint32_t node;
    size_t next;
  };
  std::vector<Open> open;
  out.append(tree.roots.empty() ? "* THREAD" : "* THREAD ");
  for (uint32_t root : tree.roots) {
    open.push_back({put_members(out, tree, root), 0});
    while (!open.empty()) {
      Open& top = open.back();
      const auto& children = tree.nodes[top.node].children;
      if (top.next < children.size()) {
        const uint32_t child = children[top.next++];
        open.push_back({put_members(out, tree, child), 0});
      } else {
        out += ')';
        open.pop_back();
      }
    }
  }
  out.append("\r\n");
}

FetchWriter::FetchWriter(std::string& out, uint32_t msn, bool utf8) : encoder_(out, utf8) {
  out.append("* ");
  put_number(out, msn);
  out.append(" FETCH (");
}

FetchWriter::FetchWriter(std::string& out, Uid uid, bool utf8) : encoder_(out, utf8) {
  out.append("* ");
  put_number(out, uid.value());
  out.append(" UIDFETCH (");
}

void FetchWriter::next() {
  if (!first_) encoder_.out() += ' ';
  first_ = false;
}

FetchWriter& FetchWriter::uid(Uid uid) {
  next();
  encoder_.raw("UID ").number(uid.value());
  return *this;
}

FetchWriter& FetchWriter::flags(FlagBits bits, std::span<const std::string> keywords, bool recent) {
  next();
  encoder_.raw("FLAGS ").flags(bits, keywords, recent);
  return *this;
}

FetchWriter& FetchWriter::modseq(ModSeq modseq) {
  next();
  encoder_.raw("MODSEQ (").number(modseq.value()).raw(")");
  return *this;
}

FetchWriter& FetchWriter::internal_date(int64_t unix_seconds) {
  next();
  encoder_.raw("INTERNALDATE \"");
  append_date_time(encoder_.out(), {unix_seconds, 0});
  encoder_.raw("\"");
  return *this;
}

FetchWriter& FetchWriter::save_date(std::optional<int64_t> unix_seconds) {
  next();
  encoder_.raw("SAVEDATE ");
  if (!unix_seconds) {
    encoder_.raw("NIL");
    return *this;
  }
  encoder_.raw("\"");
  append_date_time(encoder_.out(), {*unix_seconds, 0});
  encoder_.raw("\"");
  return *this;
}

FetchWriter& FetchWriter::size(uint64_t octets) {
  next();
  encoder_.raw("RFC822.SIZE ").number(octets);
  return *this;
}

FetchWriter& FetchWriter::email_id(EmailId id, AccountId owner) {
  next();
  encoder_.raw("EMAILID (").raw(object_id(id, owner)).raw(")");
  return *this;
}

FetchWriter& FetchWriter::no_thread_id() {
  next();
  encoder_.raw("THREADID NIL");
  return *this;
}

namespace {

std::string_view section_word(BodySection::What what) {
  switch (what) {
    case BodySection::What::All:
      return "";
    case BodySection::What::Header:
      return "HEADER";
    case BodySection::What::HeaderFields:
      return "HEADER.FIELDS";
    case BodySection::What::HeaderFieldsNot:
      return "HEADER.FIELDS.NOT";
    case BodySection::What::Text:
      return "TEXT";
    case BodySection::What::Mime:
      return "MIME";
  }
  return "";
}

void put_section(Encoder& e, std::string_view name, const BodySection& section) {
  e.raw(name).raw("[");
  for (size_t i = 0; i < section.part.size(); ++i) {
    if (i > 0) e.raw(".");
    e.number(section.part[i]);
  }
  std::string_view word = section_word(section.what);
  if (!section.part.empty() && !word.empty()) e.raw(".");
  e.raw(word);
  if (!section.fields.empty()) {
    e.raw(" (");
    for (size_t i = 0; i < section.fields.size(); ++i) {
      if (i > 0) e.sp();
      e.astring(section.fields[i]);
    }
    e.raw(")");
  }
  e.raw("]");
}

void put_label(Encoder& e, const FetchItem& item) {
  switch (item.kind) {
    case FetchItem::Kind::Section:
      put_section(e, "BODY", item.section);
      if (item.partial) e.raw("<").number(item.partial->offset).raw(">");
      break;
    case FetchItem::Kind::Binary:
      put_section(e, "BINARY", item.section);
      if (item.partial) e.raw("<").number(item.partial->offset).raw(">");
      break;
    case FetchItem::Kind::BinarySize:
      put_section(e, "BINARY.SIZE", item.section);
      break;
    case FetchItem::Kind::Rfc822:
      e.raw("RFC822");
      break;
    case FetchItem::Kind::Rfc822Header:
      e.raw("RFC822.HEADER");
      break;
    case FetchItem::Kind::Rfc822Text:
      e.raw("RFC822.TEXT");
      break;
    case FetchItem::Kind::Envelope:
      e.raw("ENVELOPE");
      break;
    case FetchItem::Kind::Body:
      e.raw("BODY");
      break;
    case FetchItem::Kind::BodyStructure:
      e.raw("BODYSTRUCTURE");
      break;
    case FetchItem::Kind::Preview:
      e.raw("PREVIEW");
      break;
    default:
      BZ_CHECK(false, "item() of an item with a function of its own");
  }
  e.sp();
}

}  // namespace

FetchWriter& FetchWriter::item(const FetchItem& item) {
  next();
  if (item.label.empty())
    put_label(encoder_, item);
  else
    encoder_.raw(item.label);
  return *this;
}

std::string FetchWriter::label(const FetchItem& item, bool utf8) {
  std::string out;
  Encoder e(out, utf8);
  put_label(e, item);
  return out;
}

void FetchWriter::end() { encoder_.raw(")").crlf(); }

}  // namespace bz::imap
