// The entries of a view decide on the lane, as far as they can; what they leave open goes to TextSearch.
#include "store/search.h"

#include <algorithm>

#include "store/sort.h"

namespace bz::store {
namespace {

constexpr size_t kSlice = 256;  // messages between two turns of the lane

struct Hit {
  uint32_t uid = 0;
  uint8_t relevancy = 100;
};

struct Running {
  Account& account;
  const View& view;
  std::shared_ptr<const Query> query;
  base::Executor& lane;
  SearchAids aids;
  std::vector<Candidate> open;  // to be read
  std::vector<Hit> hits;
  uint64_t highest_modseq = 0;
};

void take(Running& r, const Entry& entry, uint8_t relevancy) {
  r.hits.push_back({entry.uid, relevancy});
  if (r.query->asks_modseq()) r.highest_modseq = std::max<uint64_t>(r.highest_modseq, entry.modseq);
}

Task<Result<void>> read_open(Running& r) {
  std::vector<Candidate> batch = std::exchange(r.open, {});
  std::vector<Entry> entries;
  for (const Candidate& message : batch) entries.push_back(message.entry);
  auto matching = r.aids.texts->matching(r.account, r.query, std::move(batch), r.lane);
  auto matched = co_await std::move(matching);
  BZ_CO_TRY(auto matches, std::move(matched));
  auto entry = entries.begin();
  for (const TextSearch::Match& match : matches) {
    while (entry->uid != match.uid) ++entry;
    if (r.view.entry(match.uid)) take(r, *entry, match.relevancy);  // else it was expunged meanwhile
  }
  co_return Result<void>();
}

// Decides by the entry, or leaves the message open. msn 0: the view does not have it.
void consider(Running& r, uint32_t uid, Msn msn) {
  const Entry* entry = msn == 0 ? nullptr : r.view.entry(uid);
  if (!entry) return;
  Candidate message;
  message.entry = *entry;
  message.msn = msn;
  message.recent = r.view.is_recent(uid);
  const Verdict found = judge(*r.query, message);
  if (found == Verdict::Yes) take(r, message.entry, r.query->asks_fuzzy() ? relevancy(*r.query, message) : 100);
  if (found == Verdict::Unknown) r.open.push_back(std::move(message));
}

std::vector<uint32_t> those_of(const UidSet& set) {
  std::vector<uint32_t> uids;
  uids.reserve(set.count());
  set.for_each([&](uint32_t uid) { uids.push_back(uid); });
  return uids;
}

SearchOutcome outcome_of(Running& r) {
  std::sort(r.hits.begin(), r.hits.end(), [](const Hit& a, const Hit& b) { return a.uid < b.uid; });
  SearchOutcome outcome;
  outcome.highest_modseq = r.highest_modseq;
  for (const Hit& hit : r.hits) {
    outcome.uids.push_back(hit.uid);
    if (r.query->asks_fuzzy()) outcome.relevancy.push_back(hit.relevancy);
  }
  return outcome;
}

}  // namespace

Task<Result<SearchOutcome>> search(Account& account, const View& view, const imap::SearchKey& key, base::Executor& executor,
                                   int64_t now_unix, SearchAids aids) {
  if (key.depth() > imap::kMaxSearchDepth) co_return fail(Errc::Limit, "the search is nested too deep");
  Running r{account, view, std::make_shared<const Query>(key, view, now_unix), executor, aids, {}, {}, 0};
  std::unique_ptr<TextSearch> own;
  if (!r.aids.texts) {
    own = make_scan(0);
    r.aids.texts = own.get();
  }
  const std::vector<uint32_t> some = aids.only ? those_of(*aids.only) : std::vector<uint32_t>();
  const size_t total = aids.only ? some.size() : view.exists();
  for (size_t at = 0; at < total; ++at) {
    const bool full = r.open.size() == TextSearch::kBatch, turn = at % kSlice == kSlice - 1;
    if (full) {
      auto reading = read_open(r);
      auto read = co_await std::move(reading);
      BZ_CO_TRY_VOID(std::move(read));
    }
    if (turn) {
      auto turning = take_turn(executor);
      auto turned = co_await std::move(turning);
      BZ_CO_TRY_VOID(std::move(turned));
    }
    if (r.aids.progress && (full || turn)) {
      auto telling = r.aids.progress->reached(at, total);
      const bool go_on = co_await std::move(telling);
      if (!go_on) co_return fail(Errc::Cancelled, "nobody waits for it");
    }
    if (aids.only)
      consider(r, some[at], view.msn_of(some[at]).value_or(0));
    else if (at < view.exists())
      consider(r, view.uid_at(static_cast<Msn>(at + 1)), static_cast<Msn>(at + 1));
  }
  if (!r.open.empty()) {
    auto reading = read_open(r);
    auto read = co_await std::move(reading);
    BZ_CO_TRY_VOID(std::move(read));
  }
  co_return outcome_of(r);
}

}  // namespace bz::store
