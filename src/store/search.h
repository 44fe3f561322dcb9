// SEARCH over one view. The scan is the first implementation; an index comes in behind the same function.
#pragma once
#include <vector>

#include "imap/search.h"
#include "store/account.h"

namespace bz::store {

// UIDs of the view's messages that match, ascending (RFC 3501 6.4.4). Text is compared case- and diacritics-folded on
// decoded headers and bodies. Invalid: a charset that we cannot convert. Yields to the lane every 256 messages (through
// `executor`).
struct SearchOutcome {
  std::vector<uint32_t> uids;
  uint64_t highest_modseq = 0;  // of the matches, when MODSEQ was asked (RFC 7162 3.1.5); else 0
  // With a FUZZY key, of each of `uids`: 1 to 100 (RFC 6203 section 4). Under And the average of what its keys say, under
  // Or the best; keys that are not fuzzy, or match no text, say nothing, and without any word it is 100.
  std::vector<uint8_t> relevancy;
};
Task<Result<SearchOutcome>> search(Account& account, const View& view, const imap::SearchKey& key, base::Executor& executor,
                                   int64_t now_unix);

}  // namespace bz::store
