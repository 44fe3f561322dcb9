// A search, compiled for one view, and how far what is known of a message decides it. Inside the store: search.h is the
// door. Reading a Query and judging are for any thread; a Candidate belongs to one.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "imap/search.h"
#include "store/account.h"
#include "store/fuzzy.h"

namespace bz::store {

enum class Verdict : uint8_t { No, Yes, Unknown };

// A key with everything resolved that does not depend on the message.
struct QueryNode {
  const imap::SearchKey* key = nullptr;
  FlagBits bits = 0;
  UidSet numbers;
  std::string needle;  // folded
  std::optional<FuzzyNeedle> fuzzy;
  std::vector<QueryNode> children;
};

class Query {
 public:
  Query(imap::SearchKey key, const View& view, int64_t now_unix);
  Query(const Query&) = delete;
  const QueryNode& root() const { return root_; }
  int64_t now() const { return now_; }
  bool asks_modseq() const;
  bool asks_fuzzy() const;

 private:
  const imap::SearchKey key_;
  const int64_t now_;
  QueryNode root_;
};

struct Candidate {
  Entry entry{};  // a copy: entries move while we wait
  Msn msn = 0;
  bool recent = false;
  bool header_known = false, body_known = false;
  std::shared_ptr<const mime::ParsedMessage> record;
  std::string header;         // raw
  std::string header_folded;  // made when first asked for
  std::string body_folded;
};

// By the entry alone, then with the header, then with the body: no longer Unknown.
Verdict judge(const Query& query, Candidate& message);
// Of one that matches: SearchOutcome::relevancy.
uint8_t relevancy(const Query& query, Candidate& message);

}  // namespace bz::store
