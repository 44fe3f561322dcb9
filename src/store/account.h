// Account: one user's mail, on its lane. Operations load what they need, plan a batch in plain code, await its durability
// and only then publish to mailboxes and return: whoever gets a value back may acknowledge it. Key space and records:
// docs/keyspace.md.
//
// One command is one D record is one MODSEQ. Errors: NotFound (mailbox), Exists, Denied (INBOX cannot go), Invalid (name),
// OverQuota, TooLarge, Limit, Conflict; Unavailable/Cancelled/Corrupt when the store failed: the account is dropped and its
// sessions end (BYE).
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "kv/partition.h"
#include "mime/record.h"
#include "store/mailbox.h"
#include "store/push.h"

namespace bz::store {

struct AccountConfig {
  uint64_t append_limit = 100 << 20;  // octets of one message
  uint32_t max_mailboxes = 10'000;
  uint32_t max_messages = 4'000'000;  // per mailbox
  uint32_t change_records = 100'000;  // D records kept per mailbox for CHANGEDSINCE and QRESYNC
  uint64_t quota_bytes = 0;           // of all messages; 0 = none, as of the next two
  uint64_t quota_messages = 0, quota_mailboxes = 0;
  base::Millis sent_match_window{600'000};  // the Sent copy rule, contracts.md 5
};

// What counts against the quota, exact as of the last commit. A message counts in each mailbox that holds it.
struct Usage {
  uint64_t bytes = 0, messages = 0, mailboxes = 0;
};

enum class FlagOp : uint8_t { Set, Add, Remove };

struct Appended {
  UidValidity uid_validity;
  uint32_t uid = 0;
  EmailId email;
  bool matched_sent_copy = false;  // it was the Sent copy that was there already (or its later twin was dropped)
  uint64_t modseq = 0;             // of this change; 0: nothing changed
};
struct StoredFlags {
  uint64_t modseq = 0;  // of this change; 0: nothing changed
  UidSet changed;       // UIDs whose flags are now new
  UidSet unchanged;     // existed, nothing to do
  UidSet modified;      // failed UNCHANGEDSINCE (RFC 7162 3.1.3)
};
struct Copied {
  UidValidity uid_validity;  // of the destination
  UidSet source;             // empty: none of the UIDs was there any more
  uint32_t first_uid = 0;    // destination UIDs are first_uid .. first_uid+count-1, in the order of source
  uint64_t first_modseq = 0, last_modseq = 0;  // of this change; all between are of it, too
};

// What users note on a mailbox, or on the account itself (RFC 5464): names in lower case, values of any octets.
using Annotations = std::map<std::string, std::string>;
using AnnotationChanges = std::map<std::string, std::optional<std::string>>;  // unset: goes
inline constexpr size_t kMaxAnnotations = 100;                                // of one mailbox; fewer when they are large
inline constexpr size_t kMaxAnnotationValue = 4096;                           // octets
inline constexpr size_t kMaxAnnotationName = 256;
// Told on the lane what somebody changed: of the mailbox, or (unset) of the account.
using AnnotationListener = std::function<void(MailboxId mailbox, const AnnotationChanges& changes)>;

// Takes a message as it comes from the network. Destroy without finish(): nothing happened.
class Appender {
 public:
  virtual ~Appender() = default;
  virtual Task<Result<void>> write(std::string_view bytes) = 0;  // bytes are taken before the first suspension
  // NUL may come from now on, which a message never holds: its parts become base64 when it is complete (RFC 3516
  // section 4.4). Else write() refuses it (Invalid).
  virtual void allow_nul() = 0;
  virtual uint64_t size() const = 0;
};

// A message that is complete: its octets are written and parsed, but it is in no mailbox yet. Destroyed unused: nothing
// happened.
class ReadyMessage {
 public:
  virtual ~ReadyMessage() = default;
  virtual uint64_t size() const = 0;
  virtual bool eight_bit_header() const = 0;  // of the message itself
};
struct NewMessage {
  std::unique_ptr<ReadyMessage> message;
  FlagList flags;
  std::optional<int64_t> internal_date;  // unset: now
};
inline constexpr size_t kAppendMessages = 128;  // of one append(): what fits one commit

struct Delivery {
  std::string queue_id;  // with recipient: the key of exactly-once
  std::string recipient;
  std::string return_path;  // for the Return-Path header field that final delivery adds
  bool sent_copy = false;   // goes to \Sent with \Seen by the Sent rule; no Return-Path is added
};

class Account {
 public:
  virtual ~Account() = default;
  virtual AccountId id() const = 0;
  virtual const std::string& account_name() const = 0;
  virtual const AccountConfig& config() const = 0;
  virtual void set_config(AccountConfig config) = 0;  // for what begins from now on; change_records counts at open only
  virtual bool broken() const = 0;                    // a commit failed: drop it, end its sessions
  virtual Usage usage() const = 0;
  // OverQuota: so many messages of so many octets together would be refused now. A hint, so that nobody sends them; what
  // decides is their command. To the mailbox of Sent copies it says nothing: the message may be there already.
  virtual Result<void> takes(MailboxId to, uint64_t messages, uint64_t bytes) const = 0;
  // The same for a delivery of so many octets (0: not known), before its message comes. What was delivered already is.
  virtual Task<Result<void>> takes_delivery(Delivery delivery, uint64_t bytes) = 0;

  // --- mailbox tree ---
  virtual std::vector<MailboxInfo> mailboxes() const = 0;            // sorted by name, INBOX first; always in memory
  virtual const MailboxInfo* find(std::string_view name) const = 0;  // "inbox" in any case is INBOX
  virtual bool has_children(std::string_view name) const = 0;        // a name below this one; "INBOX" in this spelling
  virtual Task<Result<MailboxId>> create(std::string name, SpecialUse use) = 0;  // makes missing parents
  virtual Task<Result<void>> remove(std::string name) = 0;
  virtual Task<Result<void>> rename(std::string from, std::string to) = 0;  // INBOX: moves its messages (RFC 3501 6.3.5)
  virtual Task<Result<void>> subscribe(std::string name,
                                       bool subscribed) = 0;  // names that do not exist are allowed (6.3.6)
  virtual std::vector<std::string> subscriptions() const = 0;
  virtual Mailbox::Subscription subscribe_tree(std::function<void()> on_change) = 0;
  // Called on the lane after each publish that touched messages or flags of any mailbox, loaded or not, with what it is
  // now: its highest_modseq is that of the change.
  using OnMessages = std::function<void(const MailboxInfo&)>;
  virtual Mailbox::Subscription subscribe_messages(OnMessages on_change) = 0;
  virtual Task<Result<MailboxPtr>> open(MailboxId id) = 0;  // loads once; kept while a session has it

  // --- annotations (RFC 5464) --- `mailbox` unset: of the account itself. They follow their mailbox when it is renamed and
  // go with it; a RENAME of INBOX copies them.
  virtual Task<Result<Annotations>> annotations(MailboxId mailbox) = 0;
  // All or nothing. TooLarge: a value; Limit: too many. `by` is not told.
  virtual Task<Result<void>> annotate(MailboxId mailbox, AnnotationChanges changes, Mailbox::Subscription by) = 0;
  virtual Mailbox::Subscription subscribe_annotations(AnnotationListener listener) = 0;

  // --- who else may do what (RFC 4314) --- MailboxInfo::acl has it. It follows its mailbox and goes with it; a new mailbox
  // begins with that of its nearest parent. Nothing here asks for rights: callers do. Limit: too many entries.
  virtual Task<Result<void>> change_acl(MailboxId mailbox, AclChange change) = 0;
  // --- Apple's push (push.h) ---
  virtual const std::vector<PushDevice>& push_devices() const = 0;  // the one renewed last stands last
  virtual Task<Result<void>> register_push(PushDevice device) = 0;  // replaces its older self. TooLarge, Limit
  // All registrations of the token; `before`: only those renewed until then, Unix seconds (-1: whenever).
  virtual Task<Result<void>> forget_push(std::string token, int64_t before) = 0;
  virtual Mailbox::Subscription subscribe_arrivals(OnArrival on_arrival) = 0;

  // --- messages ---
  virtual std::unique_ptr<Appender> begin_append() = 0;
  // Unsupported: NUL where it cannot be encoded.
  virtual Task<Result<std::unique_ptr<ReadyMessage>>> complete(std::unique_ptr<Appender> message) = 0;
  // All of them or none, in one commit; the answers in the order given. Limit: more than kAppendMessages.
  virtual Task<Result<std::vector<Appended>>> append(MailboxId to, std::vector<NewMessage> messages) = 0;
  // The message into `to` and this one out of `from`, in one commit; only what is left of the quota after both counts.
  // Conflict: there is no message `uid` (any more).
  virtual Task<Result<Appended>> replace(MailboxPtr from, uint32_t uid, MailboxId to, NewMessage message) = 0;
  virtual Task<Result<Appended>> append(MailboxId to, std::unique_ptr<Appender> message, FlagList flags,
                                        std::optional<int64_t> internal_date) = 0;
  virtual Task<Result<Appended>> deliver(std::unique_ptr<Appender> message, Delivery delivery) = 0;  // INBOX or \Sent
  virtual Task<Result<StoredFlags>> store_flags(MailboxPtr mailbox, UidSet uids, FlagOp op, FlagList flags,
                                                std::optional<uint64_t> unchanged_since) = 0;
  // Those of `only` (nullopt: all) that carry \Deleted.
  virtual Task<Result<UidSet>> expunge(MailboxPtr mailbox, std::optional<UidSet> only) = 0;
  // All of `uids` that are there, whatever their flags (the QUIT of POP3). Up to kPlanRanges (plan.h) runs of neighbouring
  // messages are one commit; beyond that, those of the lower UIDs go first.
  virtual Task<Result<UidSet>> erase(MailboxPtr mailbox, UidSet uids) = 0;
  virtual Task<Result<Copied>> copy(MailboxPtr from, UidSet uids, MailboxId to) = 0;
  virtual Task<Result<Copied>> move(MailboxPtr from, UidSet uids, MailboxId to) = 0;

  // --- URLs that others may fetch (RFC 4467) --- Each mailbox has a key, made when first needed and kept until it is
  // reset. The token of mechanism INTERNAL for a URL without mechanism and token.
  virtual Task<Result<std::string>> sign_url(MailboxId mailbox, std::string rump) = 0;
  // Takes the same time whatever is wrong; `mailbox` unset: it is not signed (RFC 4467 section 6).
  virtual Task<Result<bool>> url_is_signed(MailboxId mailbox, std::string rump, std::string token) = 0;
  // What was signed so far is void: for the mailbox, which gets a new key, or for all of them.
  virtual Task<Result<void>> reset_url_keys(std::optional<MailboxId> only) = 0;

  // --- reading ---
  virtual Task<Result<std::shared_ptr<const mime::ParsedMessage>>> record(EmailId email) = 0;  // cached, LRU by bytes
  // What is stored of these messages, for lists of many (parts_of()), in the order given. Empty: record() has to say,
  // because it is gone or there was more than goes into one answer.
  virtual Task<Result<std::vector<std::string>>> stored_records(std::vector<EmailId> emails) = 0;
  virtual Task<Result<std::string>> read(EmailId email, uint64_t offset,
                                         uint64_t length) = 0;  // raw octets, cut at the end
  // UIDs expunged after `since`, as far as the records reach back; older questions get every UID below uid_next that is not
  // there.
  virtual Task<Result<UidSet>> vanished_since(MailboxPtr mailbox, uint64_t since) = 0;
};

// One of stored_records(), as views of it. The message begins with `prefix`, then `head`.
struct StoredParts {
  std::string_view prefix;
  std::string_view parsed;  // a mime::ParsedMessage, encoded
  std::string_view head;    // as MessageRecord's: the rest of the header, or empty
};
std::optional<StoredParts> parts_of(std::string_view stored);  // nullopt: ask record()

// Opens (and for a new account creates: INBOX, Drafts, Sent, Junk, Trash, Archive) one account. `executor` is its lane.
Task<Result<std::shared_ptr<Account>>> open_account(kv::Store& store, AccountId id, std::string name, AccountConfig config,
                                                    base::Executor& executor, base::Clock& clock, base::Random& random);

// Offline or checkpoint check of one account; every finding is a line that names key, what is wrong, and what it means.
struct Finding {
  std::string where, what;
};
Task<Result<std::vector<Finding>>> verify_account(kv::Store& store, AccountId id, base::Executor& executor);

}  // namespace bz::store
