// SEARCH (RFC 3501 section 6.4.4), ESEARCH (RFC 4731), MODSEQ (RFC 7162 section 3.1.5). The store does the searching; here
// are charsets on the way in and the form of the answer.
#include <algorithm>

#include "base/text.h"
#include "imap/object_id.h"
#include "imapd/commands/commands.h"
#include "imapd/commands/message_limit.h"
#include "mime/text.h"
#include "store/search.h"

namespace bz::imapd {
namespace {

// Search strings become UTF-8. Clients that name no charset send UTF-8 all the same, or octets we can only guess at.
void convert(imap::SearchKey& key, const std::string& charset) {
  for (std::string* text : {&key.text, &key.field})
    if (!base::is_ascii(*text) && !base::is_utf8(*text))
      *text = mime::to_utf8(*text, charset);
    else if (!base::is_ascii(*text) && !charset.empty() && charset != "UTF-8" && charset != "US-ASCII")
      *text = mime::to_utf8(*text, charset);
  for (imap::SearchKey& child : key.children) convert(child, charset);
}

}  // namespace

// With MIN or MAX alone the mod-sequence is that of the messages named.
uint64_t modseq_of(const store::View& view, const imap::Search& command, const store::SearchOutcome& found) {
  bool all = !command.esearch || command.esearch->all || command.esearch->count;
  if (all || found.uids.empty()) return found.highest_modseq;
  uint64_t highest = 0;
  auto consider = [&](bool wanted, uint32_t uid) {
    const store::Entry* entry = wanted ? view.entry(uid) : nullptr;
    if (entry) highest = std::max(highest, entry->modseq);
  };
  consider(command.esearch->min, found.uids.front());
  consider(command.esearch->max, found.uids.back());
  return highest;
}

namespace {

// "$" becomes the UIDs it stands for (RFC 5182).
void insert_saved(imap::SearchKey& key, const UidSet& saved) {
  if (key.set.saved()) {
    key.kind = imap::SearchKey::Kind::Uids;
    key.set = {};
    for (const UidSet::Range& r : saved.ranges()) key.set.add({r.first, r.last});
  }
  for (imap::SearchKey& child : key.children) insert_saved(child, saved);
}

// EMAILIDs of another user's mailbox say whose they are.
void read_ids(imap::SearchKey& key, AccountId owner) {
  if (key.kind == imap::SearchKey::Kind::EmailId) key.number = imap::email_of(key.text, owner).value();
  for (imap::SearchKey& child : key.children) read_ids(child, owner);
}

// The messages that a search looks at: all, or those that its sets name.
UidSet looked_at(Session& s, const imap::SearchKey& key) {
  const store::View& view = s.view();
  UidSet uids = view.within({1, UINT32_MAX});
  for (const imap::SearchKey& child : key.children) {
    if (uids.empty()) break;
    if (child.kind == imap::SearchKey::Kind::Uids) uids = uids.intersection(child.set.resolve(view.highest_uid()));
    if (child.kind != imap::SearchKey::Kind::SequenceNumbers) continue;
    UidSet named;
    child.set.resolve(view.exists()).for_each([&](uint32_t n) {
      if (n <= view.exists()) named.add(view.uid_at(n));
    });
    uids = uids.intersection(named);
  }
  return uids;
}

// RFC 9738 section 3.1: the messages searched count, not those found. The lowest that is searched when there are too many.
std::optional<uint32_t> limit_search(Session& s, imap::SearchKey& key) {
  if (!message_limit(s) || s.view().exists() <= *message_limit(s)) return std::nullopt;
  UidSet searched = looked_at(s, key);
  const auto lowest = take_highest(s, searched);
  if (!lowest) return std::nullopt;
  imap::SearchKey range;
  range.kind = imap::SearchKey::Kind::Uids;
  range.set.add({*lowest, UINT32_MAX});
  key.children.insert(key.children.begin(), std::move(range));
  return lowest;
}

// Messages that this view has no more.
void drop_gone(Session& s, store::SearchOutcome& found) {
  size_t kept = 0;
  for (size_t i = 0; i < found.uids.size(); ++i) {
    if (!s.view().msn_of(found.uids[i])) continue;
    found.uids[kept] = found.uids[i];
    if (!found.relevancy.empty()) found.relevancy[kept] = found.relevancy[i];
    ++kept;
  }
  found.uids.resize(kept);
  if (!found.relevancy.empty()) found.relevancy.resize(kept);
}

UidSet result_to_save(const imap::SearchReturn& want, const UidSet& found) {
  if (found.empty() || want.all || want.count || !want.answers()) return found;
  UidSet saved;
  if (want.partial) saved = want.partial->of(found);
  if (want.min) saved.add(found.min());
  if (want.max) saved.add(found.max());
  return saved;
}

}  // namespace

void save_result(Session& s, const imap::Search& command, const UidSet& uids) {
  if (command.esearch && command.esearch->save) s.save_result(result_to_save(*command.esearch, uids));
}

std::optional<Reply> prepare(Session& s, const imap::Search& command, imap::SearchKey& key) {
  insert_saved(key, s.saved_result());
  read_ids(key, s.foreign_owner());
  if (command.esearch && command.esearch->save)
    s.save_result({});  // a search that fails leaves nothing (RFC 5182 section 2.1)
  if (!command.charset.empty() && command.charset != "US-ASCII" && !mime::charset_known(command.charset))
    return no("Charset not known", "BADCHARSET (UTF-8 US-ASCII ISO-8859-1 WINDOWS-1252)");
  if (command.has_modseq) s.enable_condstore();
  convert(key, command.charset);
  return std::nullopt;
}

Task<Found> find(Session& s, const imap::Search& command, store::SearchAids aids) {
  imap::SearchKey key = command.key;
  if (auto refused = prepare(s, command, key)) co_return Found{{}, std::move(refused), {}, {}};
  imap::SearchKey plain;
  if (command.esearch && command.esearch->update) plain = key;
  const auto lowest = limit_search(s, key);
  auto found = co_await store::search(s.mailbox_account(), s.view(), key, s.loop(), s.clock().unix_seconds(), aids);
  if (!found) co_return Found{{}, reply_for(found.error()), {}, {}};
  drop_gone(s, *found);
  co_return Found{std::move(*found), std::nullopt, lowest, std::move(plain)};
}

namespace {

// Message numbers mean what they meant when the command came (RFC 5267 section 4.3). Nothing comes in between two messages
// any more, so a range of numbers is a range of UIDs.
void fix_numbers(const store::View& view, imap::SearchKey& key) {
  if (key.kind == imap::SearchKey::Kind::SequenceNumbers) {
    const UidSet numbers = key.set.resolve(view.exists());
    key.kind = imap::SearchKey::Kind::Uids;
    key.set = {};
    for (const UidSet::Range& r : numbers.ranges())
      if (r.first <= view.exists()) key.set.add({view.uid_at(r.first), view.uid_at(std::min(r.last, view.exists()))});
  }
  for (imap::SearchKey& child : key.children) fix_numbers(view, child);
}

// RFC 5032: time alone changes what matches; we judge what changes.
bool depends_on_time(const imap::SearchKey& key) {
  return key.kind == imap::SearchKey::Kind::Older || key.kind == imap::SearchKey::Kind::Younger ||
         std::any_of(key.children.begin(), key.children.end(), depends_on_time);
}

bool can_be_kept(Session& s, const imap::Search& command, const imap::SearchKey& key, bool sorted, size_t found) {
  if (message_limit(s) && s.view().exists() > *message_limit(s)) return false;
  if (command.has_fuzzy || depends_on_time(key) || octets(key) > kMaxContextKey) return false;
  const size_t messages = s.contexts().messages() + found * (sorted ? Contexts::kSortWeight : 1);
  return s.contexts().size() < s.config().search_contexts && messages <= s.config().context_messages;
}

}  // namespace

std::optional<Reply> tag_refused(Session& s, const imap::Search& command) {
  if (!command.esearch || !command.esearch->update || !s.contexts().has(s.tag())) return std::nullopt;
  return bad("The tag is one of a search that is being updated");
}

void refuse_updates(Session& s) {
  s.say(imap::Condition::No, imap::code_no_update(s.tag()), "Too much to be kept up to date");
}

void keep_context(Session& s, const imap::Search& command, imap::SearchKey key, std::vector<imap::SortKey> order,
                  std::vector<uint32_t> uids, uint64_t since, bool names_mailbox) {
  if (!command.esearch || !command.esearch->update) return;
  if (!can_be_kept(s, command, key, !order.empty(), uids.size())) return refuse_updates(s);
  for (const imap::FetchItem& item : command.esearch->update_items)
    if (item.kind == imap::FetchItem::Kind::ModSeq) s.enable_condstore();
  fix_numbers(s.view(), key);
  s.contexts().add({.tag = s.tag(),
                    .uid = command.uid,
                    .names_mailbox = names_mailbox,
                    .key = std::move(key),
                    .order = std::move(order),
                    .result = std::move(uids),
                    .modseq = since,
                    .highest_uid = s.view().highest_uid(),
                    .items = command.esearch->update_items,
                    .last_uid = s.view().last_uid()});
}

// A tag may be of a context that ended with NOUPDATE on its way, so one that is unknown keeps none of the others.
Task<Reply> handle(Session& s, const imap::CancelUpdate& command) {
  bool all = true;
  for (const std::string& tag : command.tags) all &= s.contexts().cancel(tag);
  if (!all) co_return bad("No search with that tag is being updated");
  co_return ok("CANCELUPDATE completed");
}

Task<Reply> handle(Session& s, const imap::Search& command) {
  // RFC 6855 section 3: the charset is settled.
  if (s.utf8_accept() && !command.charset.empty()) co_return bad("No CHARSET behind ENABLE UTF8=ACCEPT");
  if (auto refused = tag_refused(s, command)) co_return std::move(*refused);
  const uint64_t since = s.view().seen_modseq();
  Found found = co_await find(s, command, s.search_aids());
  if (found.refusal) co_return std::move(*found.refusal);
  UidSet uids, numbers;
  for (uint32_t uid : found.outcome.uids) {
    uids.add(uid);
    if (!command.uid) numbers.add(*s.view().msn_of(uid));
  }
  save_result(s, command, uids);
  keep_context(s, command, std::move(found.key), {}, found.outcome.uids, since);
  const UidSet& hits = command.uid ? uids : numbers;
  std::optional<uint64_t> modseq;
  if (command.has_modseq) modseq = modseq_of(s.view(), command, found.outcome);
  if (command.esearch && !command.esearch->answers() && !command.esearch->update)
    co_return cut_reply(s, ok("SEARCH completed, result saved"), found.lowest);
  if (command.esearch || s.rev2())  // RFC 9051 section 6.4.4: ESEARCH always, of all when nothing else is wanted
    imap::esearch_response(s.out(), {s.tag(), command.uid}, command.esearch.value_or(imap::SearchReturn{.all = true}), hits,
                           modseq, found.outcome.relevancy);
  else
    imap::search_response(s.out(), hits, modseq);
  co_return cut_reply(s, ok("SEARCH completed"), found.lowest);
}

}  // namespace bz::imapd
