// ESEARCH (RFC 7377): one search of many mailboxes, one after the other, each as SELECT would show it now; the selected one
// as the session was told of it.
#include <algorithm>

#include "imap/object_id.h"
#include "imapd/commands/commands.h"
#include "imapd/commands/message_limit.h"
#include "imapd/notify_names.h"
#include "store/search.h"

namespace bz::imapd {
namespace {

// A mailbox's share of how far the command is.
class Share final : public store::SearchProgress {
 public:
  Share(Session& s, uint64_t before, uint64_t all) : s_(s), before_(before), all_(all) {}
  Task<bool> reached(uint64_t done, uint64_t) override { return s_.in_progress(before_ + done, all_); }

 private:
  Session& s_;
  const uint64_t before_, all_;
};

std::vector<imap::MailboxFilter> sources_of(const imap::MultiSearch& command) {
  std::vector<imap::MailboxFilter> sources = command.sources;
  if (sources.empty()) sources.emplace_back();  // "selected" (section 2.2)
  for (imap::MailboxFilter& source : sources) prepare(source);
  return sources;
}

bool selected_alone(const std::vector<imap::MailboxFilter>& sources) {
  return std::all_of(sources.begin(), sources.end(), [](const imap::MailboxFilter& source) { return source.selected(); });
}

// What section 2.2 makes BAD.
std::optional<Reply> misused(Session& s, const imap::Search& search, const std::vector<imap::MailboxFilter>& sources) {
  const bool selected =
      std::any_of(sources.begin(), sources.end(), [](const imap::MailboxFilter& source) { return source.selected(); });
  if ((selected || search.esearch->update) && !s.selected()) return bad("No mailbox is selected");
  if (!selected_alone(sources) && search.esearch->save) return bad("SAVE is of the selected mailbox alone");
  if (!selected_alone(sources) && search.key.names_saved()) return bad("\"$\" is of the selected mailbox alone");
  if (s.utf8_accept() && !search.charset.empty()) return bad("No CHARSET behind ENABLE UTF8=ACCEPT");
  return tag_refused(s, search);
}

struct Searched {
  store::MailboxInfo info;
  bool selected = false;
};

// Each once, whatever names it; by name. What does not exist is not there (section 5). Sources are about the user's own
// mailboxes; the selected one may be another user's.
std::vector<Searched> searched(Session& s, const std::vector<imap::MailboxFilter>& sources) {
  std::vector<Searched> all;
  const bool own = s.selected() && s.selected_place().own();
  for (store::MailboxInfo& info : s.account().mailboxes()) {
    const bool selected = own && s.mailbox().info().id == info.id;
    const bool named = std::any_of(sources.begin(), sources.end(), [&](const imap::MailboxFilter& source) {
      return source.selected() ? selected : covers(source, info.name, info.subscribed);
    });
    if (info.selectable && named) all.push_back({std::move(info), selected});
  }
  const bool asked = std::any_of(sources.begin(), sources.end(), [](const imap::MailboxFilter& f) { return f.selected(); });
  if (asked && s.selected() && !own) all.push_back({s.mailbox().info(), true});
  return all;
}

// EMAILIDs in the words of the user's own mailboxes; prepare() took them for those of the selected one.
void read_own_ids(imap::SearchKey& key) {
  if (key.kind == imap::SearchKey::Kind::EmailId) key.number = imap::email_of(key.text, AccountId()).value();
  for (imap::SearchKey& child : key.children) read_own_ids(child);
}

// Nothing is said of a mailbox without matches (section 2.1).
void answer(Session& s, const imap::Search& search, const store::View& view, const std::string& prefix,
            const store::SearchOutcome& found) {
  if (found.uids.empty() || (!search.esearch->answers() && !search.esearch->update)) return;
  UidSet uids;
  for (uint32_t uid : found.uids) uids.add(uid);
  std::optional<uint64_t> modseq;
  if (search.has_modseq) modseq = modseq_of(view, search, found);
  const store::MailboxInfo& info = view.mailbox().info();
  const std::string name = prefix + info.name;
  imap::esearch_response(s.out(), {s.tag(), true, name, info.uid_validity.value(), s.utf8()}, *search.esearch, uids, modseq,
                         found.relevancy);
}

// Unset: done. A reply: the command ends.
Task<std::optional<Reply>> search_selected(Session& s, const imap::Search& search, store::SearchAids aids,
                                           std::optional<uint32_t>& lowest) {
  const uint64_t since = s.view().seen_modseq();
  auto finding = find(s, search, aids);
  Found found = co_await std::move(finding);
  if (found.refusal) co_return std::move(found.refusal);
  lowest = found.lowest;
  UidSet uids;
  for (uint32_t uid : found.outcome.uids) uids.add(uid);
  save_result(s, search, uids);
  answer(s, search, s.view(), s.selected_place().prefix, found.outcome);
  keep_context(s, search, std::move(found.key), {}, std::move(found.outcome.uids), since, true);
  co_return std::nullopt;
}

Task<std::optional<Reply>> search_other(Session& s, const imap::Search& search, const imap::SearchKey& key, MailboxId id,
                                        store::SearchAids aids) {
  auto opening = s.account().open(id);
  auto opened = co_await std::move(opening);
  if (!opened && opened.error().code() == Errc::NotFound) co_return std::nullopt;  // deleted just now
  if (!opened) co_return reply_for(opened.error());
  const store::View view(*opened, store::View::Mode::ReadOnly);
  auto searching = store::search(s.account(), view, key, s.loop(), s.clock().unix_seconds(), aids);
  auto found = co_await std::move(searching);
  if (!found) co_return reply_for(found.error());
  if (!view.mailbox().gone()) answer(s, search, view, {}, *found);
  co_return std::nullopt;
}

}  // namespace

Task<Reply> handle(Session& s, const imap::MultiSearch& command) {
  const imap::Search& search = command.search;
  const std::vector<imap::MailboxFilter> sources = sources_of(command);
  if (auto refused = misused(s, search, sources)) co_return std::move(*refused);
  const std::vector<Searched> mailboxes = searched(s, sources);
  if (mailboxes.size() > s.config().search_mailboxes) co_return no("Too many mailboxes to search", "LIMIT");
  uint64_t all = 0, before = 0;
  for (const Searched& mailbox : mailboxes) all += mailbox.info.messages;
  if (mailboxes.size() > 1 && message_limit(s) && all > *message_limit(s))
    co_return over_limit(s, "Too many messages to search");
  imap::SearchKey key = search.key;
  if (!selected_alone(sources))  // else find() does it, with SAVE
    if (auto refused = prepare(s, search, key)) co_return std::move(*refused);
  read_own_ids(key);
  if (search.esearch->update &&
      std::none_of(mailboxes.begin(), mailboxes.end(), [](const Searched& mailbox) { return mailbox.selected; }))
    refuse_updates(s);
  std::optional<uint32_t> lowest;
  for (const auto& [info, selected] : mailboxes) {
    Share share(s, before, all);
    const store::SearchAids aids{s.config().text_search, &share};
    const bool go_on = co_await s.in_progress(before, all);
    if (!go_on) co_return s.ended() ? Reply{} : no("Temporarily unavailable, try again", "UNAVAILABLE");
    std::optional<Reply> refused;
    if (selected) {
      auto searching = search_selected(s, search, aids, lowest);
      refused = co_await std::move(searching);
    } else if (info.messages > 0) {
      auto searching = search_other(s, search, key, info.id, aids);
      refused = co_await std::move(searching);
    }
    if (refused) co_return std::move(*refused);
    if (!co_await s.flush_if_large()) co_return Reply{};
    before += info.messages;
  }
  co_return cut_reply(s, ok("ESEARCH completed"), lowest);
}

}  // namespace bz::imapd
