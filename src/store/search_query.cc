// Three-valued evaluation, so that cheap keys decide before costly ones and each message is judged with as little as
// possible.
#include "store/search_query.h"

#include <algorithm>

#include "base/text.h"
#include "mime/address.h"
#include "mime/date.h"
#include "mime/header.h"
#include "mime/text.h"

namespace bz::store {
namespace {

using Kind = imap::SearchKey::Kind;
Verdict verdict(bool yes) { return yes ? Verdict::Yes : Verdict::No; }

int64_t utc_day(int64_t seconds) { return seconds >= 0 ? seconds / 86400 : -((-seconds + 86399) / 86400); }

// RFC 8514 section 4.3: without a save date, the internal date.
int64_t saved_day(const Entry& e) { return utc_day(e.saved != 0 ? int64_t{e.saved} : e.internal_date()); }

// fuzzy: FUZZY stands above; fuzzy_left: keys that may still be matched so.
QueryNode compile(const imap::SearchKey& key, const View& view, bool fuzzy, size_t& fuzzy_left) {
  QueryNode node{&key, 0, {}, {}, {}, {}};
  switch (key.kind) {
    case Kind::SequenceNumbers:
      node.numbers = key.set.resolve(view.exists());
      break;
    case Kind::Uids:
      node.numbers = key.set.resolve(view.highest_uid());
      break;
    case Kind::Flag:
      node.bits = key.flag;
      break;
    case Kind::Keyword:
      node.bits = view.mailbox().bits_of({0, {key.text}});
      break;
    case Kind::Header:
    case Kind::Body:
    case Kind::Text:
      node.needle = mime::fold(mime::guess_utf8(key.text));
      if (fuzzy && !node.needle.empty() && fuzzy_left > 0) {
        node.fuzzy.emplace(node.needle);
        --fuzzy_left;
      }
      break;
    default:
      break;
  }
  fuzzy |= key.kind == Kind::Fuzzy;
  for (const auto& child : key.children) node.children.push_back(compile(child, view, fuzzy, fuzzy_left));
  return node;
}

// RFC 3501 section 6.4.4 lets FROM, TO, CC and BCC search the ENVELOPE, where an address is whole even when comments or
// blanks divide it in the header.
bool address_matches(const QueryNode& node, std::string_view value) {
  std::string plain;
  for (const mime::Address& address : mime::parse_address_list(value))
    if (!address.host.empty()) plain += address.mailbox + '@' + address.host + '\n';
  return mime::fold(mime::guess_utf8(plain)).find(node.needle) != std::string::npos;
}

bool is_address_field(std::string_view name) {
  constexpr std::string_view kNames[] = {"From", "To", "Cc", "Bcc"};
  return std::any_of(std::begin(kNames), std::end(kNames), [&](std::string_view n) { return base::iequals(n, name); });
}

bool header_matches(const QueryNode& node, const Candidate& message) {
  for (const auto& field : message.record->fields) {
    if (!base::iequals(field.name, node.key->field)) continue;
    if (node.needle.empty()) return true;
    if (field.at > message.header.size()) continue;
    const auto raw = std::string_view(message.header).substr(field.at, field.size);
    const size_t colon = raw.find(':');
    if (colon == std::string_view::npos) continue;
    const auto value = raw.substr(colon + 1);
    if (mime::fold(mime::decode_header(value)).find(node.needle) != std::string::npos) return true;
    if (is_address_field(field.name) && address_matches(node, value)) return true;
  }
  return false;
}

const std::string& whole_header(Candidate& message) {
  if (message.header_folded.empty())
    for (const auto& field : message.record->fields)
      if (field.at <= message.header.size())
        message.header_folded +=
            mime::fold(mime::decode_header(std::string_view(message.header).substr(field.at, field.size))) + '\n';
  return message.header_folded;
}

bool any_header_matches(const QueryNode& node, Candidate& message) {
  return whole_header(message).find(node.needle) != std::string::npos;
}

// All fields of the key's name, folded.
std::string named_header(const QueryNode& node, const Candidate& message) {
  std::string text;
  for (const auto& field : message.record->fields) {
    if (!base::iequals(field.name, node.key->field) || field.at > message.header.size()) continue;
    const auto raw = std::string_view(message.header).substr(field.at, field.size);
    const size_t colon = raw.find(':');
    if (colon != std::string_view::npos) text += mime::fold(mime::decode_header(raw.substr(colon + 1))) + '\n';
  }
  return text;
}

// Where the words of a fuzzy key are. nullopt: more of the message must be known. TEXT reads the body unless the header has
// the phrase, so that what a message is worth does not depend on the other keys.
std::optional<FuzzyFound> look_for(const QueryNode& node, Candidate& message) {
  const Kind kind = node.key->kind;
  FuzzyFound found;
  if (!message.header_known) return std::nullopt;
  if (kind != Kind::Body) {
    const std::string named = kind == Kind::Header ? named_header(node, message) : std::string();
    const std::string& text = kind == Kind::Header ? named : whole_header(message);
    found.phrase_in_header = node.fuzzy->phrase_in(text);
    found.header = node.fuzzy->words_in(text);
    if (kind == Kind::Header || found.phrase_in_header) return found;
  }
  if (!message.body_known) return std::nullopt;
  found.phrase_in_body = node.fuzzy->phrase_in(message.body_folded);
  found.body = node.fuzzy->words_in(message.body_folded);
  return found;
}

Verdict judge_fuzzy(const QueryNode& node, Candidate& message) {
  const auto found = look_for(node, message);
  return found ? verdict(found->matches(node.fuzzy->words())) : Verdict::Unknown;
}

Verdict judge_sent(const QueryNode& node, const Candidate& message) {
  if (!message.header_known) return Verdict::Unknown;
  if (!message.record->sent) return Verdict::No;
  const int64_t day = mime::local_day(*message.record->sent), asked = node.key->date.days();
  if (node.key->kind == Kind::SentBefore) return verdict(day < asked);
  return verdict(node.key->kind == Kind::SentOn ? day == asked : day >= asked);
}

Verdict judge_text(const QueryNode& node, Candidate& message) {
  if (node.needle.empty()) return Verdict::Yes;
  if (node.key->kind == Kind::Text) {
    if (!message.header_known) return Verdict::Unknown;
    if (any_header_matches(node, message)) return Verdict::Yes;
  }
  if (!message.body_known) return Verdict::Unknown;
  return verdict(message.body_folded.find(node.needle) != std::string::npos);
}

Verdict judge(const QueryNode& node, Candidate& message, int64_t now);

// And stops at a No, Or at a Yes; what is not known does not stop them, so that cheap keys decide before costly ones.
Verdict judge_all(const QueryNode& node, Candidate& message, int64_t now, Verdict stop, Verdict otherwise) {
  Verdict all = otherwise;
  for (const QueryNode& child : node.children) {
    const Verdict one = judge(child, message, now);
    if (one == stop) return stop;
    if (one == Verdict::Unknown) all = Verdict::Unknown;
  }
  return all;
}

// Recursion is bounded by imap::kMaxSearchDepth, which search() holds.
Verdict judge(const QueryNode& node, Candidate& message, int64_t now) {
  const imap::SearchKey& key = *node.key;
  const Entry& e = message.entry;
  if (node.fuzzy) return judge_fuzzy(node, message);
  switch (key.kind) {
    case Kind::And:
      return judge_all(node, message, now, Verdict::No, Verdict::Yes);
    case Kind::Or:
      return judge_all(node, message, now, Verdict::Yes, Verdict::No);
    case Kind::Fuzzy:
      return node.children.empty() ? Verdict::No : judge(node.children[0], message, now);
    case Kind::Not: {
      if (node.children.empty()) return Verdict::No;
      const Verdict one = judge(node.children[0], message, now);
      return one == Verdict::Unknown ? one : verdict(one == Verdict::No);
    }
    case Kind::SequenceNumbers:
      return verdict(node.numbers.contains(message.msn));
    case Kind::Uids:
      return verdict(node.numbers.contains(e.uid));
    case Kind::Flag:
    case Kind::Keyword:
      return verdict(node.bits != 0 && (e.flags & node.bits) == node.bits);
    case Kind::Recent:
      return verdict(message.recent);
    case Kind::Header:
      return message.header_known ? verdict(header_matches(node, message)) : Verdict::Unknown;
    case Kind::Body:
    case Kind::Text:
      return judge_text(node, message);
    case Kind::Larger:
      return verdict(e.size > key.number);
    case Kind::Smaller:
      return verdict(e.size < key.number);
    case Kind::Before:
      return verdict(utc_day(e.internal_date()) < key.date.days());
    case Kind::On:
      return verdict(utc_day(e.internal_date()) == key.date.days());
    case Kind::Since:
      return verdict(utc_day(e.internal_date()) >= key.date.days());
    case Kind::SavedBefore:
      return verdict(saved_day(e) < key.date.days());
    case Kind::SavedOn:
      return verdict(saved_day(e) == key.date.days());
    case Kind::SavedSince:
      return verdict(saved_day(e) >= key.date.days());
    case Kind::SaveDateKnown:
      return Verdict::Yes;
    case Kind::SentBefore:
    case Kind::SentOn:
    case Kind::SentSince:
      return judge_sent(node, message);
    case Kind::Older:
      return verdict(now - e.internal_date() >= static_cast<int64_t>(std::min<uint64_t>(key.number, INT64_MAX)));
    case Kind::Younger:
      return verdict(now - e.internal_date() <= static_cast<int64_t>(std::min<uint64_t>(key.number, INT64_MAX)));
    case Kind::EmailId:
      return verdict(e.email == key.number);
    case Kind::ModSeq:
      return verdict(e.modseq >= key.number);
  }
  return Verdict::No;
}

// What a message is worth to a key (SearchOutcome::relevancy); points unset: the key says nothing. A key that nobody had to
// decide may not be known, and then says nothing either.
struct Worth {
  bool matches = false;
  std::optional<unsigned> points = std::nullopt;
};
Worth weigh(const QueryNode& node, Candidate& message, int64_t now) {
  const Kind kind = node.key->kind;
  if (node.fuzzy) {
    const auto found = look_for(node, message);
    if (!found || !found->matches(node.fuzzy->words())) return {};
    return {true, found->relevancy(node.fuzzy->words())};
  }
  if (kind == Kind::Fuzzy && !node.children.empty()) return weigh(node.children[0], message, now);
  if (kind != Kind::And && kind != Kind::Or) return {judge(node, message, now) == Verdict::Yes};
  Worth all{kind == Kind::And};
  unsigned sum = 0, count = 0, best = 0;
  for (const QueryNode& child : node.children) {
    const Worth one = weigh(child, message, now);
    all.matches = kind == Kind::And ? all.matches && one.matches : all.matches || one.matches;
    if (!one.matches || !one.points) continue;
    sum += *one.points;
    ++count;
    best = std::max(best, *one.points);
  }
  if (count > 0) all.points = kind == Kind::Or ? best : sum / count;
  return all;
}

bool any(const imap::SearchKey& key, Kind kind) {
  return key.kind == kind ||
         std::any_of(key.children.begin(), key.children.end(), [&](const auto& child) { return any(child, kind); });
}

QueryNode compile_all(const imap::SearchKey& key, const View& view) {
  size_t fuzzy_left = kFuzzyKeys;
  return compile(key, view, false, fuzzy_left);
}

}  // namespace

Query::Query(imap::SearchKey key, const View& view, int64_t now_unix)
    : key_(std::move(key)), now_(now_unix), root_(compile_all(key_, view)) {}

bool Query::asks_modseq() const { return any(key_, Kind::ModSeq); }
bool Query::asks_fuzzy() const { return any(key_, Kind::Fuzzy); }

Verdict judge(const Query& query, Candidate& message) { return judge(query.root(), message, query.now()); }

uint8_t relevancy(const Query& query, Candidate& message) {
  return static_cast<uint8_t>(weigh(query.root(), message, query.now()).points.value_or(100));
}

}  // namespace bz::store
