// SORT over messages of one view (RFC 5256 section 3, RFC 5957).
#pragma once
#include <vector>

#include "imap/search.h"
#include "store/account.h"

namespace bz::store {

// `uids` in the order of `keys`; equals stay in mailbox order. `relevancy`: of each, when a key asks for it (RFC 6203: the
// highest first). What was expunged meanwhile is left out. Strings compare
// folded, as searches do. Yields to the lane every 256 messages (through `executor`).
Task<Result<std::vector<uint32_t>>> sort(Account& account, const View& view, std::vector<uint32_t> uids,
                                         std::vector<imap::SortKey> keys, base::Executor& executor,
                                         std::vector<uint8_t> relevancy = {});

// The time a message was sent, by its Date: field, else when it came in (RFC 5256 section 2.2).
inline int64_t sent_seconds(const Entry& entry, const mime::ParsedMessage& record) {
  return record.sent ? record.sent->unix_seconds : entry.internal_date();
}
// Lets others on the lane; fails when the loop ends.
Task<Result<void>> take_turn(base::Executor& executor);

}  // namespace bz::store
