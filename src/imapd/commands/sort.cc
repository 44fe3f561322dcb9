// SORT and THREAD (RFC 5256, RFC 5267, RFC 5957, RFC 6203): a search, and the store puts what it found in order.
#include "store/sort.h"

#include <map>

#include "imapd/commands/commands.h"
#include "imapd/commands/message_limit.h"
#include "store/thread.h"

namespace bz::imapd {

Task<Reply> handle(Session& s, const imap::Sort& command) {
  if (auto refused = tag_refused(s, command.search)) co_return std::move(*refused);
  const uint64_t since = s.view().seen_modseq();
  Found found = co_await find(s, command.search, s.search_aids());
  if (found.refusal) co_return std::move(*found.refusal);
  if (found.lowest) co_return over_limit(s, "Too many messages to put in order");  // RFC 9738 section 3.3
  UidSet uids;
  for (uint32_t uid : found.outcome.uids) uids.add(uid);
  std::map<uint32_t, uint8_t> worth;
  for (size_t i = 0; i < found.outcome.relevancy.size(); ++i) worth[found.outcome.uids[i]] = found.outcome.relevancy[i];
  auto sorting = store::sort(s.mailbox_account(), s.view(), std::move(found.outcome.uids), command.keys, s.loop(),
                             std::move(found.outcome.relevancy));
  auto sorted = co_await std::move(sorting);
  if (!sorted) co_return reply_for(sorted.error());
  std::vector<uint8_t> relevancy;
  if (!worth.empty())
    for (uint32_t uid : *sorted) relevancy.push_back(worth[uid]);
  save_result(s, command.search, uids);
  keep_context(s, command.search, std::move(found.key), command.keys, *sorted, since);
  if (!command.search.uid)
    for (uint32_t& number : *sorted) number = s.view().msn_of(number).value_or(0);
  if (!command.search.esearch)
    imap::sort_response(s.out(), *sorted);
  else if (command.search.esearch->answers() || command.search.esearch->update)
    imap::esort_response(s.out(), s.tag(), command.search.uid, *command.search.esearch, *sorted, relevancy);
  co_return ok("SORT completed");
}

Task<Reply> handle(Session& s, const imap::Thread& command) {
  Found found = co_await find(s, command.search, s.search_aids());
  if (found.refusal) co_return std::move(*found.refusal);
  if (found.lowest) co_return over_limit(s, "Too many messages to put in order");  // RFC 9738 section 3.3
  auto tree =
      co_await store::thread(s.mailbox_account(), s.view(), std::move(found.outcome.uids), command.algorithm, s.loop());
  if (!tree) co_return reply_for(tree.error());
  if (!command.search.uid)
    for (auto& node : tree->nodes)
      if (node.number != 0) node.number = s.view().msn_of(node.number).value_or(0);
  imap::thread_response(s.out(), *tree);
  co_return ok("THREAD completed");
}

}  // namespace bz::imapd
