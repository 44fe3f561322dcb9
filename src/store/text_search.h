// TextSearch: decides a search where the entries of messages do not: by their headers and bodies. The scan reads and
// decodes each message; an index is another implementation.
#pragma once
#include <memory>
#include <vector>

#include "store/search_query.h"

namespace bz::store {

class TextSearch {
 public:
  virtual ~TextSearch() = default;
  static constexpr size_t kBatch = 32;  // messages of one call
  struct Match {
    uint32_t uid = 0;
    uint8_t relevancy = 100;  // of a fuzzy query
  };
  // Those of `messages` that match, in their order; what is gone does not. Called and completed on `lane`, which is
  // the account's and must outlive the TextSearch. Destroying the task ends the work soon.
  virtual Task<Result<std::vector<Match>>> matching(Account& account, std::shared_ptr<const Query> query,
                                                    std::vector<Candidate> messages, base::Executor& lane) = 0;
};

// Reads on the lane, in which the account's other sessions have their turns, and decodes and compares on threads of its
// own: about kScanOctets at a time, first come first served. 0 threads: on the lane, too.
inline constexpr size_t kScanOctets = 512 * 1024;
std::unique_ptr<TextSearch> make_scan(unsigned threads);

}  // namespace bz::store
