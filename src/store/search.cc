// The scan behind SEARCH. Each message is judged with as little as possible: first by its entry (flags, UID, dates, size),
// then with its header, then with its body; a three-valued evaluation says whether more is needed.
#include "store/search.h"

#include <algorithm>

#include "base/text.h"
#include "mime/address.h"
#include "mime/date.h"
#include "mime/header.h"
#include "mime/text.h"
#include "store/fuzzy.h"

namespace bz::store {
namespace {

using Kind = imap::SearchKey::Kind;
constexpr size_t kSlice = 256;  // messages between two turns of the lane

enum class Verdict : uint8_t { No, Yes, Unknown };
Verdict verdict(bool yes) { return yes ? Verdict::Yes : Verdict::No; }

// A key with everything resolved that does not depend on the message.
struct Node {
  const imap::SearchKey* key;
  FlagBits bits = 0;
  UidSet numbers;
  std::string needle;  // folded
  std::optional<FuzzyNeedle> fuzzy;
  std::vector<Node> children;
};

struct Candidate {
  Entry entry{};
  Msn msn = 0;
  bool recent = false;
  bool header_known = false, body_known = false;
  std::shared_ptr<const mime::ParsedMessage> record;
  std::string header;         // raw
  std::string header_folded;  // made when first asked for
  std::string body_folded;
};

int64_t utc_day(int64_t seconds) { return seconds >= 0 ? seconds / 86400 : -((-seconds + 86399) / 86400); }

// RFC 8514 section 4.3: without a save date, the internal date.
int64_t saved_day(const Entry& e) { return utc_day(e.saved != 0 ? int64_t{e.saved} : e.internal_date()); }

// fuzzy: FUZZY stands above; fuzzy_left: keys that may still be matched so.
Node compile(const imap::SearchKey& key, const View& view, bool fuzzy, size_t& fuzzy_left) {
  Node node{&key, 0, {}, {}, {}, {}};
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

bool asks_modseq(const imap::SearchKey& key) {
  return key.kind == Kind::ModSeq || std::any_of(key.children.begin(), key.children.end(), asks_modseq);
}

bool asks_fuzzy(const imap::SearchKey& key) {
  return key.kind == Kind::Fuzzy || std::any_of(key.children.begin(), key.children.end(), asks_fuzzy);
}

// RFC 3501 section 6.4.4 lets FROM, TO, CC and BCC search the ENVELOPE, where an address is whole even when comments or
// blanks divide it in the header.
bool address_matches(const Node& node, std::string_view value) {
  std::string plain;
  for (const mime::Address& address : mime::parse_address_list(value))
    if (!address.host.empty()) plain += address.mailbox + '@' + address.host + '\n';
  return mime::fold(mime::guess_utf8(plain)).find(node.needle) != std::string::npos;
}

bool is_address_field(std::string_view name) {
  constexpr std::string_view kNames[] = {"From", "To", "Cc", "Bcc"};
  return std::any_of(std::begin(kNames), std::end(kNames), [&](std::string_view n) { return base::iequals(n, name); });
}

bool header_matches(const Node& node, const Candidate& message) {
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

bool any_header_matches(const Node& node, Candidate& message) {
  return whole_header(message).find(node.needle) != std::string::npos;
}

// All fields of the key's name, folded.
std::string named_header(const Node& node, const Candidate& message) {
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
std::optional<FuzzyFound> look_for(const Node& node, Candidate& message) {
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

Verdict judge_fuzzy(const Node& node, Candidate& message) {
  const auto found = look_for(node, message);
  return found ? verdict(found->matches(node.fuzzy->words())) : Verdict::Unknown;
}

Verdict judge_sent(const Node& node, const Candidate& message) {
  if (!message.header_known) return Verdict::Unknown;
  if (!message.record->sent) return Verdict::No;
  const int64_t day = mime::local_day(*message.record->sent), asked = node.key->date.days();
  if (node.key->kind == Kind::SentBefore) return verdict(day < asked);
  return verdict(node.key->kind == Kind::SentOn ? day == asked : day >= asked);
}

Verdict judge_text(const Node& node, Candidate& message) {
  if (node.needle.empty()) return Verdict::Yes;
  if (node.key->kind == Kind::Text) {
    if (!message.header_known) return Verdict::Unknown;
    if (any_header_matches(node, message)) return Verdict::Yes;
  }
  if (!message.body_known) return Verdict::Unknown;
  return verdict(message.body_folded.find(node.needle) != std::string::npos);
}

Verdict judge(const Node& node, Candidate& message, int64_t now);

// And stops at a No, Or at a Yes; what is not known does not stop them, so that cheap keys decide before costly ones.
Verdict judge_all(const Node& node, Candidate& message, int64_t now, Verdict stop, Verdict otherwise) {
  Verdict all = otherwise;
  for (const Node& child : node.children) {
    const Verdict one = judge(child, message, now);
    if (one == stop) return stop;
    if (one == Verdict::Unknown) all = Verdict::Unknown;
  }
  return all;
}

// Recursion is bounded by imap::kMaxSearchDepth, which search() holds.
Verdict judge(const Node& node, Candidate& message, int64_t now) {
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

Task<Result<void>> load_header(Account& account, Candidate& message) {
  const EmailId email(message.entry.email);
  auto getting = account.record(email);
  auto got = co_await std::move(getting);
  BZ_CO_TRY(message.record, std::move(got));
  uint64_t end = 0;
  for (const auto& field : message.record->fields) end = std::max<uint64_t>(end, uint64_t{field.at} + field.size);
  auto reading = account.read(email, 0, end);
  auto read = co_await std::move(reading);
  BZ_CO_TRY(message.header, std::move(read));
  message.header_known = true;
  co_return Result<void>();
}

// The text parts, decoded and folded.
Task<Result<void>> load_body(Account& account, Candidate& message) {
  for (const auto& part : message.record->parts) {
    if (!part.text) continue;
    auto reading = account.read(EmailId(message.entry.email), part.body.at, part.body.size);
    auto read = co_await std::move(reading);
    BZ_CO_TRY(auto raw, std::move(read));
    message.body_folded += mime::fold(mime::decode_text(raw, part.encoding, part.charset)) + '\n';
  }
  message.body_known = true;
  co_return Result<void>();
}

// What a message is worth to a key (SearchOutcome::relevancy); points unset: the key says nothing. A key that nobody had to
// decide may not be known, and then says nothing either.
struct Worth {
  bool matches = false;
  std::optional<unsigned> points = std::nullopt;
};
Worth weigh(const Node& node, Candidate& message, int64_t now) {
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
  for (const Node& child : node.children) {
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

// No also when the message went away meanwhile.
Task<Result<bool>> matches(Account& account, const Node& root, Candidate& message, int64_t now) {
  Verdict found = judge(root, message, now);
  while (found == Verdict::Unknown) {
    BZ_CHECK(!message.body_known, "a search key that nothing decides");
    auto loading = message.header_known ? load_body(account, message) : load_header(account, message);
    auto loaded = co_await std::move(loading);
    if (!loaded && loaded.error().code() == Errc::NotFound) co_return false;
    BZ_CO_TRY_VOID(std::move(loaded));
    found = judge(root, message, now);
  }
  co_return found == Verdict::Yes;
}

}  // namespace

Task<Result<SearchOutcome>> search(Account& account, const View& view, const imap::SearchKey& key, base::Executor& executor,
                                   int64_t now_unix) {
  if (key.depth() > imap::kMaxSearchDepth) co_return fail(Errc::Limit, "the search is nested too deep");
  size_t fuzzy_left = kFuzzyKeys;
  const Node root = compile(key, view, false, fuzzy_left);
  const bool with_modseq = asks_modseq(key), with_relevancy = asks_fuzzy(key);
  SearchOutcome outcome;
  for (Msn msn = 1; msn <= view.exists(); ++msn) {
    if (msn % kSlice == 0) {
      base::Completion<bool> turn;
      executor.post([promise = turn.promise()] { promise.set(true); });
      auto turned = co_await turn;
      if (!turned) co_return std::move(turned).error();
      if (msn > view.exists()) break;
    }
    const uint32_t uid = view.uid_at(msn);
    const Entry* entry = view.entry(uid);
    if (!entry) continue;
    Candidate message;
    message.entry = *entry;  // a copy: entries move while we wait
    message.msn = msn;
    message.recent = view.is_recent(uid);
    const uint64_t modseq = entry->modseq;
    auto matching = matches(account, root, message, now_unix);
    auto matched = co_await std::move(matching);
    BZ_CO_TRY(bool yes, std::move(matched));
    if (!yes) continue;
    outcome.uids.push_back(uid);
    if (with_relevancy)
      outcome.relevancy.push_back(static_cast<uint8_t>(weigh(root, message, now_unix).points.value_or(100)));
    if (with_modseq) outcome.highest_modseq = std::max(outcome.highest_modseq, modseq);
  }
  co_return outcome;
}

}  // namespace bz::store
