// Quick resynchronisation (RFC 7162 sections 3.2.5 and 3.2.6): what a client that was away has missed, told from the change
// log. A mod-sequence older than the log gets every UID that is not there.
#include <algorithm>

#include "imapd/commands/commands.h"
#include "imapd/render.h"

namespace bz::imapd {
namespace {

constexpr size_t kSlice = 256;  // messages between two turns of the lane

// Without what this session holds as existing: another session may have expunged it a moment ago, and that is news to come.
UidSet without_present(const UidSet& vanished, const store::View& view) {
  UidSet out;
  for (const UidSet::Range& range : vanished.ranges()) {
    uint64_t next = range.first;
    const UidSet present = view.within(range);
    for (const UidSet::Range& here : present.ranges()) {
      if (here.first > next) out.add(static_cast<uint32_t>(next), here.first - 1);
      next = uint64_t{here.last} + 1;
    }
    if (next <= range.last) out.add(static_cast<uint32_t>(next), range.last);
  }
  return out;
}

// The highest UID up to which the client's sample of sequence numbers is still true: no UID up to it has vanished unseen
// (section 3.2.5.2).
uint32_t known_up_to(const imap::QResync& known, const store::View& view) {
  uint32_t good = 0;
  const auto &numbers = known.match_numbers.ranges(), &uids = known.matching_uids.ranges();
  size_t n = 0, u = 0;
  uint64_t number = numbers.empty() ? 0 : numbers[0].first, uid = uids.empty() ? 0 : uids[0].first;
  while (n < numbers.size() && u < uids.size()) {
    if (number > view.exists() || view.uid_at(static_cast<store::Msn>(number)) != uid) break;
    good = static_cast<uint32_t>(uid);
    if (++number > numbers[n].last && ++n < numbers.size()) number = numbers[n].first;
    if (++uid > uids[u].last && ++u < uids.size()) uid = uids[u].first;
  }
  return good;
}

std::vector<uint32_t> changed_since(const store::View& view, const UidSet& asked, uint64_t since) {
  std::vector<uint32_t> changed;
  for (const store::Entry& e : view.mailbox().entries())
    if (e.modseq > since && asked.contains(e.uid)) changed.push_back(e.uid);
  return changed;
}

}  // namespace

Task<Result<void>> tell_vanished(Session& s, UidSet asked, uint64_t since) {
  if (asked.empty()) co_return Result<void>();
  store::MailboxPtr mailbox = s.mailbox_ptr();
  auto vanished = co_await s.mailbox_account().vanished_since(std::move(mailbox), since);
  if (!vanished) co_return std::move(vanished).error();
  imap::vanished(s.out(), without_present(vanished->intersection(asked), s.view()), true);
  co_return Result<void>();
}

Task<Result<void>> resynchronize(Session& s, imap::QResync known) {
  const uint32_t uid_next = s.mailbox().info().uid_next;
  UidSet asked;
  if (known.known_uids)
    asked = std::move(*known.known_uids);
  else if (uid_next > 1)
    asked.add(1, uid_next - 1);
  UidSet beyond;  // the part of `asked` that the sample says nothing about
  if (const uint32_t good = known_up_to(known, s.view()); good < UINT32_MAX) {
    beyond.add(good + 1, UINT32_MAX);
    beyond = beyond.intersection(asked);
  }
  auto told = co_await tell_vanished(s, std::move(beyond), known.modseq);
  if (!told) co_return std::move(told).error();
  const std::vector<uint32_t> changed = changed_since(s.view(), asked, known.modseq);
  for (size_t at = 0; at < changed.size(); at += kSlice) {
    UidSet slice;
    for (size_t i = at; i < std::min(at + kSlice, changed.size()); ++i) slice.add(changed[i]);
    render_flags(s.out(), s.view(), slice, {.uid = true, .modseq = true, .uid_only = s.uid_only(), .recent = !s.rev2()});
    if (!co_await s.flush_if_large()) co_return Result<void>();
    base::Yield yield(s.loop());
    co_await yield;
  }
  co_return Result<void>();
}

}  // namespace bz::imapd
