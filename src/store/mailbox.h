// Mailbox: the loaded state of one IMAP mailbox, on its account's lane, shared by all sessions that have it selected.
// View: what ONE session has been told of it. The difference between the two is what the session still has to hear.
//
//   auto mailbox = co_await account.open(id);
//   store::View view(*mailbox);                     // SELECT: everything there is now
//   ... Changes c = view.sync(View::Expunges::Report);   // at the end of a command, in IDLE, in NOOP
//
// A Mailbox changes only by Account's operations, after their commit is durable (publish). Lane only; nothing here waits.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/flags.h"
#include "model/ids.h"
#include "model/uid_set.h"
#include "store/acl.h"

namespace bz::store {

using MailboxPtr = std::shared_ptr<class Mailbox>;
class View;

// One message of a mailbox, ordered by uid. A million of them lie in memory: 36 bytes each, aligned to four. Its 64-bit
// fields are bit-fields, so that no reference to one, which would not be aligned, can be had.
struct [[gnu::packed, gnu::aligned(4)]] Entry {
  uint32_t uid = 0;
  uint32_t size = 0;  // RFC822.SIZE
  uint32_t saved =
      0;  // when the message came into this mailbox (RFC 8514), seconds since 1970 (until 2106); 0: not kept then
  FlagBits flags : 64 = 0;
  uint64_t modseq : 44 = 0;
  uint64_t date_low : 20 = 0;  // see internal_date()
  uint64_t email : 44 = 0;     // EmailId: its record and body
  int64_t date_high : 20 = 0;

  // Seconds since 1970, UTC (the zone is not kept), of any year with four digits.
  int64_t internal_date() const { return int64_t{date_high} * (1 << 20) + static_cast<int64_t>(date_low); }
  void set_internal_date(int64_t seconds) {
    date_low = static_cast<uint64_t>(seconds) & ((1U << 20) - 1);
    date_high = seconds >> 20;
  }
};
static_assert(sizeof(Entry) == 36);
inline constexpr uint64_t kMaxModSeq = (uint64_t{1} << 44) - 1;  // of an account, and of its email ids

enum class SpecialUse : uint8_t { None, Drafts, Sent, Junk, Trash, Archive, All, Flagged };
std::string_view name(SpecialUse use);  // "\\Sent"; empty for None

struct MailboxInfo {
  MailboxId id;
  std::string name;  // UTF-8, '/' between levels; "INBOX" in this spelling
  SpecialUse use = SpecialUse::None;
  bool subscribed = true;
  bool selectable = true;  // false: \Noselect, only holds children
  UidValidity uid_validity;
  uint32_t uid_next = 1;
  uint64_t highest_modseq = 1;
  uint32_t messages = 0, unseen = 0, deleted = 0;
  uint64_t size = 0;                 // sum of sizes
  std::shared_ptr<const Acl> acl{};  // null: its owner alone
};

class Mailbox {
 public:
  const MailboxInfo& info() const { return info_; }
  const std::vector<Entry>& entries() const { return entries_; }  // ascending uid
  const Entry* find(uint32_t uid) const;
  const std::vector<std::string>& keywords() const { return keywords_; }  // index i is bit kFirstKeywordBit + i
  std::vector<std::string> flag_names(FlagBits flags) const;              // "\\Seen", "$Forwarded"
  FlagBits bits_of(const FlagList& list) const;  // keywords that the mailbox does not know count as 0
  // UIDs below this were announced as \Recent to some session already (RFC 3501 2.3.2; one session gets each).
  uint32_t first_recent() const { return first_recent_; }
  bool gone() const { return gone_; }  // deleted under the session: end it or unselect

  uint64_t url_key_resets() const { return url_key_resets_; }  // since it was loaded (RFC 4467, URLMECH)

  // Called on the lane after each publish that touched this mailbox; the subscription ends with the returned handle.
  using Subscription = std::shared_ptr<void>;
  Subscription subscribe(std::function<void()> on_change);

 private:
  friend class View;
  friend class MailboxWriter;  // mailbox_writer.h: how Account publishes
  void keep_for_views();       // before entries go: see View
  // What the last changes touched, so that a view finds it without reading a million entries. Anything that is older than
  // the front is found by comparing everything.
  struct Touched {
    uint64_t modseq;
    UidSet expunged, flags;
  };
  MailboxInfo info_;
  std::vector<Entry> entries_;
  std::vector<std::string> keywords_;
  uint32_t first_recent_ = 1;
  bool gone_ = false;
  uint64_t url_key_resets_ = 0;
  uint64_t keyword_generation_ = 0;  // grows when keywords_ grows
  std::deque<Touched> touched_;
  uint64_t touched_since_ = 0;                  // touched_ holds every expunge and flag change after this
  uint64_t last_expunge_ = 0, last_flags_ = 0;  // modseq of the latest of the kind since loading
  std::vector<std::weak_ptr<std::function<void()>>> subscribers_;
  std::vector<View*> views_;
};

// Message sequence number, 1..exists(); only meaningful within one view.
using Msn = uint32_t;

struct Changes {
  std::vector<Msn>
      expunged;     // in the order to send: each number counts after the ones before it were sent (RFC 3501 7.4.1)
  UidSet vanished;  // the same messages by UID
  bool exists_changed = false;
  uint32_t exists = 0, recent = 0;
  UidSet flags_changed;  // messages of the view (old ones) whose flags or modseq changed, by anybody but the silent self
  bool keywords_changed = false;
  bool empty() const { return expunged.empty() && !exists_changed && flags_changed.empty() && !keywords_changed; }
};

// What one session was told of a mailbox. While nothing was expunged since, that is the mailbox's own first entries and
// takes no memory per message; the first expunge after it leaves the views a list of the UIDs as they were, one for all of
// them.
class View {
 public:
  enum class Mode { ReadWrite, ReadOnly };  // ReadOnly takes no \Recent away
  View(MailboxPtr mailbox, Mode mode);
  ~View();
  View(const View&) = delete;

  Mailbox& mailbox() const { return *mailbox_; }
  uint32_t exists() const { return count_; }
  uint32_t last_uid() const { return last_uid_; }  // no message up to here is news any more
  uint32_t recent() const;
  bool is_recent(uint32_t uid) const;
  uint32_t uid_at(Msn msn) const { return held_ ? (*held_)[msn - 1] : mailbox_->entries_[msn - 1].uid; }
  std::optional<Msn> msn_of(uint32_t uid) const;
  uint32_t highest_uid() const { return count_ == 0 ? 0 : uid_at(count_); }
  uint32_t below(uint32_t uid) const;       // how many messages have a smaller UID
  UidSet within(UidSet::Range uids) const;  // those messages
  // Expunged by another session and not told yet: null, although msn_of() still knows it.
  const Entry* entry(uint32_t uid) const { return mailbox_->find(uid); }
  // Everything up to here was told, expunges too; what is held back keeps it down (RFC 7162 3.1.1: HIGHESTMODSEQ).
  uint64_t told_modseq() const { return told_modseq_; }
  uint64_t seen_modseq() const { return seen_modseq_; }  // the same without expunges
  // Those that came or were changed behind `modseq`, not later than seen_modseq(), and are there.
  UidSet changed_behind(uint64_t modseq) const;
  UidSet gone() const;  // expunged, and not told yet

  // What changed since the last sync. Hold: expunges are kept back and stay addressable (FETCH, STORE, SEARCH by number).
  enum class Expunges { Report, Hold };
  bool has_changes() const;  // cheap
  Changes sync(Expunges expunges);
  // After a .SILENT STORE (or our own STORE whose FETCH replies are already sent): changes of these UIDs up to modseq are
  // known here.
  void mark_told(const UidSet& uids, uint64_t modseq);

 private:
  friend class Mailbox;
  struct Own {
    UidSet uids;
    uint64_t modseq;
  };
  std::vector<Msn> find_expunged() const;  // ascending
  UidSet find_changed_flags() const;
  void take_new(Changes& changes, bool held);
  bool known(uint32_t uid, uint64_t modseq) const;

  MailboxPtr mailbox_;
  Mode mode_;
  std::shared_ptr<const std::vector<uint32_t>>
      held_;  // UIDs, ascending, `count_` of them told; null: the mailbox's entries
  uint32_t count_ = 0;
  uint32_t last_uid_ = 0;  // the highest UID told ever
  uint64_t told_modseq_ = 0;
  uint64_t seen_modseq_ = 0;    // flags and new messages are told up to here; >= told_modseq_
  uint64_t told_expunges_ = 0;  // expunges are told up to here
  uint64_t told_keywords_ = 0;
  std::vector<Own> own_;  // see mark_told
  UidSet recent_;         // of messages told, and of those expunged since
  uint32_t recent_count_ = 0;
};

}  // namespace bz::store
