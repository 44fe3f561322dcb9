#include "imapd/contexts.h"

#include <algorithm>

#include "imap/response.h"
#include "imapd/commands/commands.h"
#include "store/search.h"
#include "store/sort.h"

namespace bz::imapd {
namespace {

using imap::ContextChange;

uint32_t shown(const SearchContext& context, const store::View& view, uint32_t uid) {
  return context.uid ? uid : view.msn_of(uid).value_or(0);
}

// Numbers at their places, which follow one another where they can; in mailbox order all at place 0, which is any.
class Places {
 public:
  Places(const SearchContext& context, const store::View& view) : context_(context), view_(view) {}
  void add(size_t index, uint32_t uid) {
    const bool any = context_.order.empty();
    const bool follows = !changes_.empty() && (any || changes_.back().place + changes_.back().numbers.size() == index + 1);
    if (!follows) changes_.push_back({any ? 0 : static_cast<uint32_t>(index + 1), {}});
    changes_.back().numbers.push_back(shown(context_, view_, uid));
  }
  std::vector<ContextChange> take() { return std::move(changes_); }

 private:
  const SearchContext& context_;
  const store::View& view_;
  std::vector<ContextChange> changes_;
};

void tell(Session& s, const SearchContext& context, std::string_view what, const std::vector<ContextChange>& changes) {
  imap::Correlator of{context.tag, context.uid};
  const store::MailboxInfo& info = s.mailbox().info();
  if (context.names_mailbox) of = {context.tag, context.uid, info.name, info.uid_validity.value(), s.utf8()};
  imap::context_response(s.out(), of, what, changes);
}

// Those of the result that `goes` says, out of it and told: from the last place on, so that places stay what they are.
template <class Goes>
void remove(Session& s, SearchContext& context, Goes goes) {
  Places places(context, s.view());
  std::vector<uint32_t> left;
  for (size_t i = 0; i < context.result.size(); ++i) {
    if (goes(context.result[i]))
      places.add(i, context.result[i]);
    else
      left.push_back(context.result[i]);
  }
  std::vector<ContextChange> changes = places.take();
  if (changes.empty()) return;
  std::reverse(changes.begin(), changes.end());
  tell(s, context, "REMOVEFROM", changes);
  context.result = std::move(left);
}

// `result` is what there is with `added`, in order; told from the first place on.
void insert(Session& s, SearchContext& context, const UidSet& added, std::vector<uint32_t> result) {
  Places places(context, s.view());
  for (size_t i = 0; i < result.size(); ++i)
    if (added.contains(result[i])) places.add(i, result[i]);
  const std::vector<ContextChange> changes = places.take();
  if (!changes.empty()) tell(s, context, "ADDTO", changes);
  context.result = std::move(result);
}

// The messages to be judged again. A "*" in the search stands for the highest UID, and no message below both the one that
// was and the one that is can tell them apart: "5:*" holds it or not by its own UID.
UidSet to_judge(const SearchContext& context, const store::View& view) {
  UidSet look = view.changed_behind(context.modseq);
  const uint32_t highest = view.highest_uid();
  if (highest == context.highest_uid) return look;
  const UidSet moved = view.within({std::max(1U, std::min(highest, context.highest_uid)), UINT32_MAX});
  for (const UidSet::Range& r : moved.ranges()) look.add(r.first, r.last);
  return look;
}

// `sorted` without what the view has lost meanwhile (and has not told), which stays behind the message that it stood
// behind.
Result<std::vector<uint32_t>> with_lost(const std::vector<uint32_t>& old, const std::vector<uint32_t>& sorted,
                                        const UidSet& added) {
  std::vector<uint32_t> result;
  auto kept = old.begin();
  for (const uint32_t uid : sorted) {
    while (!added.contains(uid) && kept != old.end() && *kept != uid) result.push_back(*kept++);
    if (!added.contains(uid) && kept == old.end()) return fail(Errc::Internal, "messages of a result have changed places");
    if (!added.contains(uid)) ++kept;
    result.push_back(uid);
  }
  result.insert(result.end(), kept, old.end());
  return result;
}

// The result with `added` in it.
Task<Result<std::vector<uint32_t>>> with_added(Session& s, const SearchContext& context, UidSet added) {
  std::vector<uint32_t> all = context.result;
  added.for_each([&](uint32_t uid) { all.push_back(uid); });
  std::sort(all.begin(), all.end());
  if (context.order.empty()) co_return all;
  auto sorting = store::sort(s.mailbox_account(), s.view(), std::move(all), context.order, s.loop());
  auto sorted = co_await std::move(sorting);
  if (!sorted) co_return std::move(sorted).error();
  co_return with_lost(context.result, *sorted, added);
}

// Says nothing: a context is brought up to date behind commands and between them, too, where no tag is in progress.
class WhileWanted final : public store::SearchProgress {
 public:
  explicit WhileWanted(Session& s) : s_(s) {}
  Task<bool> reached(uint64_t, uint64_t) override {
    co_return !s_.ended() && !s_.stop_requested() && !s_.account().broken();
  }

 private:
  Session& s_;
};

// FETCH of messages that came and match; not of what the session brought itself (RFC 5465 sections 5.2 and 7).
Task<Result<void>> fetch_arrived(Session& s, const SearchContext& context, UidSet added) {
  UidSet arrived;
  added.for_each([&](uint32_t uid) {
    if (uid > context.last_uid && !s.own_new_messages().contains(uid)) arrived.add(uid);
  });
  if (arrived.count() > s.config().notify_messages) co_return fail(Errc::Limit, "too many to be fetched unasked");
  if (arrived.empty()) co_return Result<void>();
  std::vector<imap::FetchItem> items = context.items;
  auto fetching = fetch_new(s, std::move(items), std::move(arrived));
  co_await std::move(fetching);
  co_return Result<void>();
}

Task<Result<void>> update_one(Session& s, SearchContext& context) {
  const store::View& view = s.view();
  const uint64_t until = view.seen_modseq();  // later changes are of the next time
  if (until == context.modseq && view.highest_uid() == context.highest_uid) co_return Result<void>();
  const UidSet look = to_judge(context, view);
  if (!look.empty()) {
    WhileWanted progress(s);
    auto searching = store::search(s.mailbox_account(), view, context.key, s.loop(), s.clock().unix_seconds(),
                                   {s.config().text_search, &progress, &look});
    auto found = co_await std::move(searching);
    if (!found) co_return std::move(found).error();
    UidSet matching, old, added;
    for (uint32_t uid : found->uids) matching.add(uid);
    remove(s, context, [&](uint32_t uid) { return look.contains(uid) && !matching.contains(uid); });
    std::vector<uint32_t> sorted = context.result;
    std::sort(sorted.begin(), sorted.end());
    for (uint32_t uid : sorted) old.add(uid);
    matching.for_each([&](uint32_t uid) {
      if (!old.contains(uid)) added.add(uid);
    });
    const uint64_t more = added.count() * (context.order.empty() ? 1 : Contexts::kSortWeight);
    if (s.contexts().messages() + more > s.config().context_messages)
      co_return fail(Errc::Limit, "too many messages in results that are kept");
    if (!added.empty()) {
      auto adding = with_added(s, context, added);
      auto result = co_await std::move(adding);
      if (!result) co_return std::move(result).error();
      if (!context.items.empty()) {
        auto fetching = fetch_arrived(s, context, added);
        auto fetched = co_await std::move(fetching);
        if (!fetched) co_return std::move(fetched).error();
      }
      insert(s, context, added, std::move(*result));
    }
  }
  context.modseq = until;
  context.highest_uid = view.highest_uid();
  context.last_uid = view.last_uid();
  co_return Result<void>();
}

}  // namespace

size_t octets(const imap::SearchKey& key) {
  size_t all = sizeof key + key.text.size() + key.field.size() + key.set.ranges().size() * sizeof(imap::SequenceSet::Range);
  for (const imap::SearchKey& child : key.children) all += octets(child);
  return all;
}

bool Contexts::has(std::string_view tag) const {
  return std::any_of(list_.begin(), list_.end(), [&](const SearchContext& c) { return c.tag == tag; });
}

size_t Contexts::messages() const {
  size_t all = 0;
  for (const SearchContext& c : list_) all += c.result.size() * (c.order.empty() ? 1 : kSortWeight);
  return all;
}

bool Contexts::cancel(std::string_view tag) {
  return std::erase_if(list_, [&](const SearchContext& c) { return c.tag == tag; }) > 0;
}

void Contexts::speak_uids() {
  for (SearchContext& context : list_) context.uid = true;
}

void Contexts::tell_expunged(Session& s) {
  if (list_.empty()) return;
  const UidSet gone = s.view().gone();
  if (gone.empty()) return;
  for (SearchContext& context : list_) remove(s, context, [&](uint32_t uid) { return gone.contains(uid); });
}

Task<bool> Contexts::update(Session& s) {
  for (size_t i = 0; i < list_.size(); ++i) {
    auto updating = update_one(s, list_[i]);
    auto updated = co_await std::move(updating);
    if (s.ended() || s.stop_requested()) co_return false;
    if (updated) continue;
    // It cannot be kept up any more (section 4.3.1).
    s.say(imap::Condition::No, imap::code_no_update(list_[i].tag), "Too much to be kept up to date");
    list_.erase(list_.begin() + static_cast<std::ptrdiff_t>(i--));
  }
  co_return true;
}

}  // namespace bz::imapd
