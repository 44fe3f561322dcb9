// MailboxWriter: the only hand that changes a loaded Mailbox. Account calls it after a commit is durable (publish); tests
// of views call it alone. Lane only; the subscribers are told by notify(), when the whole command is published.
#pragma once
#include <memory>
#include <vector>

#include "store/mailbox.h"
#include "store/schema.h"

namespace bz::store {

class MailboxWriter {
 public:
  explicit MailboxWriter(Mailbox& mailbox) : mailbox_(mailbox) {}
  static std::unique_ptr<Mailbox> make(MailboxInfo info, std::vector<Entry> entries, std::vector<std::string> keywords,
                                       uint32_t first_recent);

  void set_info(const MailboxInfo& info) { mailbox_.info_ = info; }
  void set_keywords(const std::vector<std::string>& keywords);
  void append(const Entry& entry);
  // Each returns the UIDs that it touched.
  UidSet flags(const std::vector<UidSet::Range>& ranges, FlagOp op, FlagBits bits, uint64_t modseq);
  UidSet expunge(const std::vector<UidSet::Range>& ranges, uint64_t modseq);
  void url_key_reset() { ++mailbox_.url_key_resets_; }
  void set_gone() { mailbox_.gone_ = true; }
  void notify();

 private:
  Mailbox::Touched& touch(uint64_t modseq);
  Mailbox& mailbox_;
};

// What a change does to one entry; the fold and the loaded mailbox both use these. False: nothing.
bool apply_flags(Entry& entry, FlagOp op, FlagBits bits, uint64_t modseq);
FlagBits map_flags(FlagBits flags, const Change::KeywordMap& map);
// [first, last) of the entries within the range.
std::pair<size_t, size_t> slice_of(const std::vector<Entry>& entries, UidSet::Range range);

}  // namespace bz::store
