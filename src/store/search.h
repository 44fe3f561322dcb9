// SEARCH over one view.
#pragma once
#include <vector>

#include "imap/search.h"
#include "store/account.h"
#include "store/text_search.h"

namespace bz::store {

struct SearchOutcome {
  std::vector<uint32_t> uids;
  uint64_t highest_modseq = 0;  // of the matches, when MODSEQ was asked (RFC 7162 3.1.5); else 0
  // With a FUZZY key, of each of `uids`: 1 to 100 (RFC 6203 section 4). Under And the average of what its keys say, under
  // Or the best; keys that are not fuzzy, or match no text, say nothing, and without any word it is 100.
  std::vector<uint8_t> relevancy;
};

// Told every now and then how far a search is. False: it ends with Cancelled.
class SearchProgress {
 public:
  virtual ~SearchProgress() = default;
  virtual Task<bool> reached(uint64_t done, uint64_t total) = 0;
};
struct SearchAids {
  TextSearch* texts = nullptr;  // null: a scan on the lane
  SearchProgress* progress = nullptr;
  const UidSet* only = nullptr;  // null: all messages of the view; it outlives the search
};

// UIDs of the view's messages that match, ascending (RFC 3501 6.4.4). Text is compared case- and diacritics-folded on
// decoded headers and bodies. Yields to the lane every 256 messages (through `executor`), and whenever texts are read.
Task<Result<SearchOutcome>> search(Account& account, const View& view, const imap::SearchKey& key, base::Executor& executor,
                                   int64_t now_unix, SearchAids aids = {});

}  // namespace bz::store
