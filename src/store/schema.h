// Schema of an account partition: keys and records, byte for byte as docs/keyspace-account.md says. Pure functions, no
// state. Every record begins with its version (1; pages and changes 2, and 1 is read); decode() refuses others with
// Unsupported, and anything that does not fit its form with Corrupt.
//
// Who writes what: commands write A, M, K, D, R, I, S, U, Y, N, L, X, one batch each; the fold (fold.h) alone writes P, C,
// F and deletes R and D. So both can be in flight at the same time.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "kv/partition.h"
#include "model/flags.h"
#include "model/ids.h"
#include "model/uid_set.h"
#include "store/account.h"
#include "store/mailbox.h"

namespace bz::store {

inline constexpr uint32_t kPageUids = 256;        // UIDs of one page; page number = uid / kPageUids
inline constexpr size_t kRecordBytes = 60 << 10;  // what of a value we fill; kv allows 64 KiB
inline constexpr size_t kHeadBytes = 16 << 10;    // longest header that is kept beside the blob
inline constexpr size_t kChangeRanges = 6000;     // of one D record: 10 bytes each at worst

namespace key {
inline constexpr std::string_view kAccount = "A", kFold = "F", kPushDevices = "X";
std::string mailbox(MailboxId id);
std::string keywords(MailboxId id);
std::string page(MailboxId id, uint32_t page);
std::string change(uint64_t modseq, uint16_t piece);
std::string record(uint64_t email);
std::string references(uint64_t email);
std::string digest(std::string_view a, std::string_view b);  // SHA-256 of a, NUL, b: of I and S
std::string delivered(std::string_view digest);
std::string sent_mark(std::string_view digest);
std::string staged(uint64_t number);
std::string subscription(std::string_view name);
std::string url_key(MailboxId id);
std::string annotations(MailboxId id);  // unset: of the account itself
std::string acl(MailboxId id);
std::string after(std::string_view prefix);  // first key behind every key that starts with prefix
// The id behind the letter; nullopt if the key has another form.
std::optional<MailboxId> mailbox_of(std::string_view key);
std::optional<uint64_t> email_of(std::string_view key);
struct PageKey {
  MailboxId mailbox;
  uint32_t page;
};
std::optional<PageKey> page_of(std::string_view key);
struct ChangeKey {
  uint64_t modseq;
  uint16_t piece;
  auto operator<=>(const ChangeKey&) const = default;
};
std::optional<ChangeKey> change_of(std::string_view key);
}  // namespace key

// A: the counters of the account. Each command writes it, so nothing is ever given out twice.
struct AccountRecord {
  std::string name;
  uint64_t modseq = 1;  // the last one given out
  uint64_t next_email = 1;
  uint32_t next_mailbox = 1;
  uint32_t last_uid_validity = 0;
  int64_t created = 0;
  std::string encode() const;
  static Result<AccountRecord> decode(std::string_view bytes);
};

// F: how far the changes are folded into pages.
struct FoldRecord {
  key::ChangeKey done{0, 0};  // the last change that is folded whole
  uint32_t next_uid = 0;      // of the change after it: first source UID not folded yet (0: not begun)
  uint32_t next_target = 0;   // copies: the UID that the next copied message gets
  uint64_t log_start = 1;     // changes below are pruned
  std::string encode() const;
  static Result<FoldRecord> decode(std::string_view bytes);
};

// M: a mailbox, always as of the last commit.
struct MailboxRecord {
  MailboxInfo info;
  uint32_t first_recent = 1;
  std::string encode() const;
  static Result<MailboxRecord> decode(MailboxId id, std::string_view bytes);
};

std::string encode_keywords(const std::vector<std::string>& keywords);
Result<std::vector<std::string>> decode_keywords(std::string_view bytes);

// P: up to kPageUids messages, ascending.
std::string encode_page(const std::vector<Entry>& entries);
Result<std::vector<Entry>> decode_page(uint32_t page, std::string_view bytes);

// D: one command. Ranges may hold UIDs that are not there; they hold no message that the command did not mean.
struct Change {
  enum class Kind : uint8_t { Append = 1, Flags = 2, Expunge = 3, Copy = 4, Move = 5, Remove = 6 };
  using KeywordMap = std::vector<std::pair<uint8_t, uint8_t>>;  // bit in the source -> bit in the target
  Kind kind = Kind::Append;
  MailboxId mailbox;  // Copy and Move: the source
  Entry entry{};      // Append; its modseq is the change's
  std::vector<UidSet::Range> ranges;
  FlagOp op = FlagOp::Set;  // Flags
  FlagBits bits = 0;
  MailboxId target;  // Copy, Move
  uint32_t first_uid = 0;
  KeywordMap keyword_map;
  uint32_t saved = 0;  // when: Entry::saved() of the copies
  std::string encode() const;
  static Result<Change> decode(std::string_view bytes);
};

// R: a message. Its octets are prefix + blob; what was parsed of it lies here, or in a blob of its own when it is large.
struct MessageRecord {
  kv::BlobRef blob;
  std::string prefix;  // header fields that delivery put before the message
  int64_t created = 0;
  std::string parsed;       // encoded mime::ParsedMessage; empty: in parsed_blob
  kv::BlobRef parsed_blob;  // id 0: none
  // The first octets of the blob again, the whole header of the message, so that a list of headers costs one read per
  // message; empty: longer than kHeadBytes, or no room for it.
  std::string head;
  uint64_t size() const { return prefix.size() + blob.length; }
  std::string encode() const;
  static Result<MessageRecord> decode(std::string_view bytes);
};

std::string encode_references(uint64_t count);
Result<uint64_t> decode_references(std::string_view bytes);

// Y: the mailbox access key of URLAUTH (RFC 4467 section 2.2).
inline constexpr size_t kUrlKeyBytes = 32;
std::string encode_url_key(std::string_view key);
Result<std::string> decode_url_key(std::string_view bytes);

// N: the annotations of a mailbox, or of the account itself. No value: no record.
std::string encode_annotations(const Annotations& annotations);
Result<Annotations> decode_annotations(std::string_view bytes);

// L: the access control list of a mailbox. Nobody but the owner: no record.
std::string encode_acl(const Acl& acl);
Result<Acl> decode_acl(std::string_view bytes);
// X: the devices that want Apple's push. None: no record.
std::string encode_push_devices(const std::vector<PushDevice>& devices);
Result<std::vector<PushDevice>> decode_push_devices(std::string_view bytes);

// I and S: where a delivered message, or an unmatched Sent copy, went.
struct Mark {
  enum class By : uint8_t { Delivery = 1, Client = 2 };
  By by = By::Delivery;
  int64_t time_ms = 0;
  MailboxId mailbox;
  uint32_t uid = 0;
  uint64_t email = 0;
  std::string encode() const;
  static Result<Mark> decode(std::string_view bytes);
};

}  // namespace bz::store
