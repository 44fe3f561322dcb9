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

namespace bz::store {

using MailboxPtr = std::shared_ptr<class Mailbox>;

// One message of a mailbox: 40 bytes, ordered by uid.
struct Entry {
  uint32_t uid;
  uint32_t size;  // RFC822.SIZE
  FlagBits flags;
  uint64_t modseq : 48;
  uint64_t saved_low : 16 = 0;  // see saved()
  uint64_t email : 48;          // EmailId: its record and body
  uint64_t saved_high : 16 = 0;
  int64_t internal_date;  // seconds since 1970, UTC (the zone is not kept)

  // When the message came into this mailbox (RFC 8514), seconds since 1970 (until 2106); 0: before that was kept.
  uint32_t saved() const { return static_cast<uint32_t>(saved_high << 16 | saved_low); }
  void set_saved(uint32_t seconds) {
    saved_low = seconds & 0xFFFF;
    saved_high = seconds >> 16;
  }
};
static_assert(sizeof(Entry) == 40);
inline constexpr uint64_t kMaxModSeq = (uint64_t{1} << 48) - 1;  // of an account, and of its email ids

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
  uint64_t size = 0;  // sum of sizes
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
  // UIDs of entries_, made when first asked for after a change and shared by the views that see all of it.
  std::shared_ptr<const std::vector<uint32_t>> uid_list();
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
  std::weak_ptr<const std::vector<uint32_t>> uid_list_;
  uint64_t listed_expunge_ = 0;  // last_expunge_ and uid_next that uid_list_ was made for
  uint32_t listed_uid_next_ = 0;
  std::vector<std::weak_ptr<std::function<void()>>> subscribers_;
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

class View {
 public:
  enum class Mode { ReadWrite, ReadOnly };  // ReadOnly takes no \Recent away
  View(MailboxPtr mailbox, Mode mode);
  ~View();
  View(const View&) = delete;

  Mailbox& mailbox() const { return *mailbox_; }
  uint32_t exists() const { return static_cast<uint32_t>(uids_->size()); }
  uint32_t recent() const;
  bool is_recent(uint32_t uid) const;
  uint32_t uid_at(Msn msn) const { return (*uids_)[msn - 1]; }
  std::optional<Msn> msn_of(uint32_t uid) const;
  const std::vector<uint32_t>& uids() const { return *uids_; }
  // Expunged by another session and not told yet: null, although msn_of() still knows it.
  const Entry* entry(uint32_t uid) const { return mailbox_->find(uid); }
  // Everything up to here was told, expunges too; what is held back keeps it down (RFC 7162 3.1.1: HIGHESTMODSEQ).
  uint64_t told_modseq() const { return told_modseq_; }

  // What changed since the last sync. Hold: expunges are kept back and stay addressable (FETCH, STORE, SEARCH by number).
  enum class Expunges { Report, Hold };
  bool has_changes() const;  // cheap
  Changes sync(Expunges expunges);
  // After a .SILENT STORE (or our own STORE whose FETCH replies are already sent): changes of these UIDs up to modseq are
  // known here.
  void mark_told(const UidSet& uids, uint64_t modseq);

 private:
  struct Own {
    UidSet uids;
    uint64_t modseq;
  };
  std::vector<size_t> find_expunged() const;  // indexes into uids_, ascending
  UidSet find_changed_flags() const;
  void take_new(Changes& changes, bool held);
  bool known(uint32_t uid, uint64_t modseq) const;

  MailboxPtr mailbox_;
  Mode mode_;
  std::shared_ptr<const std::vector<uint32_t>>
      uids_;               // of messages told, ascending; the mailbox's own list unless expunges are held
  uint32_t last_uid_ = 0;  // the highest UID told ever
  uint64_t told_modseq_ = 0;
  uint64_t seen_modseq_ = 0;    // flags and new messages are told up to here; >= told_modseq_
  uint64_t told_expunges_ = 0;  // expunges are told up to here
  uint64_t told_keywords_ = 0;
  std::vector<Own> own_;  // see mark_told
  UidSet recent_;         // of uids_, and of messages expunged since
  uint32_t recent_count_ = 0;
};

}  // namespace bz::store
