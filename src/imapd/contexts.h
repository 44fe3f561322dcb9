// Search contexts (RFC 5267 section 4.3): results of SEARCH and SORT of the selected mailbox that a client keeps and is
// told the changes of. What is kept is the result as the client knows it; the messages that changed since are judged again,
// and the difference becomes REMOVEFROM and ADDTO.
//
// Limits, behind which a context ends with NOUPDATE (section 4.3.1): SessionConfig::search_contexts of one session,
// context_messages in all of their results, kMaxContextKey of one search.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/task.h"
#include "imap/search.h"
#include "model/uid_set.h"

namespace bz::imapd {

class Session;

struct SearchContext {
  std::string tag;
  bool uid = false;                      // the client's numbers are UIDs
  bool names_mailbox = false;            // it came with ESEARCH (RFC 7377)
  imap::SearchKey key;                   // UTF-8, message numbers and "$" as the UIDs they were
  std::vector<imap::SortKey> order;      // none: in mailbox order
  std::vector<uint32_t> result;          // UIDs, in order
  uint64_t modseq = 0;                   // changes up to here are in it
  uint32_t highest_uid = 0;              // of the view then: what "*" stood for
  std::vector<imap::FetchItem> items{};  // to be sent of messages that come
  uint32_t last_uid = 0;                 // of those that had come
};

inline constexpr size_t kMaxContextKey = 64 * 1024;  // octets of memory
size_t octets(const imap::SearchKey& key);

class Contexts {
 public:
  bool has(std::string_view tag) const;
  size_t size() const { return list_.size(); }
  size_t messages() const;  // in the results; those of SORT count tenfold, since all of them are read for a new one's place
  static constexpr size_t kSortWeight = 10;
  void add(SearchContext context) { list_.push_back(std::move(context)); }
  bool cancel(std::string_view tag);  // false: there is none
  void clear() { list_.clear(); }
  void speak_uids();  // of what was asked by number, too (UIDONLY, RFC 9586)

  // Before their EXPUNGE is told, since numbers count until then: those of the results that are gone (section 4.3.4).
  void tell_expunged(Session& s);
  // After FETCH and EXISTS were told (section 4.3.3; RFC 5465 sections 5.1 and 5.2): judges the messages of the view that
  // changed. May wait; the view must stay as it is. False: the session ends.
  Task<bool> update(Session& s);

 private:
  std::vector<SearchContext> list_;
};

}  // namespace bz::imapd
