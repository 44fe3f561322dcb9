// SORT and THREAD (RFC 5256 section 5, RFC 5267 section 3.1, RFC 5957): what goes before the search keys.
#include <algorithm>

#include "base/text.h"
#include "imap/parse.h"

namespace bz::imap::detail {
namespace {

constexpr size_t kMaxSortKeys = 32;

// sort-key = ["REVERSE" SP] name
bool sort_key(Parse& p, std::vector<SortKey>& keys) {
  static constexpr struct {
    std::string_view name;
    SortKey::Kind kind;
  } kKinds[] = {
      {"ARRIVAL", SortKey::Kind::Arrival},
      {"CC", SortKey::Kind::Cc},
      {"DATE", SortKey::Kind::Date},
      {"FROM", SortKey::Kind::From},
      {"SIZE", SortKey::Kind::Size},
      {"SUBJECT", SortKey::Kind::Subject},
      {"TO", SortKey::Kind::To},
      {"DISPLAYFROM", SortKey::Kind::DisplayFrom},
      {"DISPLAYTO", SortKey::Kind::DisplayTo},
      {"RELEVANCY", SortKey::Kind::Relevancy},
  };
  SortKey key;
  key.reverse = p.lex.take("REVERSE");
  if (key.reverse && !p.sp()) return false;
  std::string_view word = p.lex.atom();
  for (const auto& known : kKinds) {
    if (!base::iequals(known.name, word)) continue;
    key.kind = known.kind;
    keys.push_back(key);
    return true;
  }
  return p.fail("Unknown sort key"), false;
}

bool sort_keys(Parse& p, std::vector<SortKey>& keys) {
  if (!p.lex.take('(')) return false;
  do {
    if (keys.size() == kMaxSortKeys) return p.fail("Too many sort keys"), false;
    if (!sort_key(p, keys)) return false;
  } while (p.sp());
  return p.lex.take(')');
}

// SP charset SP search-keys; here the charset is not optional.
bool charset_and_keys(Parse& p, Search& search) {
  auto charset = p.sp() ? p.lex.astring() : std::nullopt;
  if (!charset || !p.sp()) return p.fail("Invalid charset"), false;
  search.charset = base::upper(*charset);
  return search_keys(p, search);
}

}  // namespace

Read read_sort(Parse& p, bool uid) {
  Sort sort;
  sort.search.uid = uid;
  if (!p.sp()) return std::nullopt;
  if (p.lex.take("RETURN") && (!return_options(p, sort.search) || !p.sp())) return std::nullopt;
  if (!sort_keys(p, sort.keys) || !charset_and_keys(p, sort.search)) return std::nullopt;
  const bool by_relevancy = std::any_of(sort.keys.begin(), sort.keys.end(),
                                        [](const SortKey& key) { return key.kind == SortKey::Kind::Relevancy; });
  if (by_relevancy && !sort.search.has_fuzzy) return p.fail("RELEVANCY goes with FUZZY");  // RFC 6203 section 6
  return sort;
}

Read read_thread(Parse& p, bool uid) {
  Thread thread;
  thread.search.uid = uid;
  if (!p.sp()) return std::nullopt;
  std::string_view word = p.lex.atom();
  if (base::iequals(word, "ORDEREDSUBJECT"))
    thread.algorithm = Threading::OrderedSubject;
  else if (base::iequals(word, "REFS"))
    thread.algorithm = Threading::Refs;
  else if (!base::iequals(word, "REFERENCES"))
    return p.fail("Unknown threading algorithm");
  if (!charset_and_keys(p, thread.search)) return std::nullopt;
  return thread;
}

}  // namespace bz::imap::detail
