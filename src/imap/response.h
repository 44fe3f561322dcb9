// What the server says, as bytes appended to a string. Only this file knows quoting, literals and the rule that a line has
// fewer than 8192 octets outside literals (Apple's parser takes no more): a string that would go over it becomes a literal,
// long lists of numbers become several lines. No function writes CR or LF that its argument smuggled in.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "imap/command.h"
#include "model/flags.h"
#include "model/ids.h"
#include "model/uid_set.h"

namespace bz::imap {

// Messages as threads. Indexes instead of pointers: a thread may be as deep as the mailbox is long.
struct ThreadTree {
  struct Node {
    uint32_t number = 0;  // 0: a parent that is not among the messages
    std::vector<uint32_t> children = {};
  };
  std::vector<Node> nodes;
  std::vector<uint32_t> roots;
};

inline constexpr size_t kMaxLine = 8192;  // exclusive
enum class Condition : unsigned char { Ok, No, Bad, Bye, PreAuth };

class Encoder {
 public:
  // utf8: the client has ENABLEd UTF8=ACCEPT and reads UTF-8 in quoted strings and mailbox names (RFC 6855).
  // Or IMAP4rev2 (RFC 9051 section 4.3.1).
  explicit Encoder(std::string& out, bool utf8 = false) : out_(out), utf8_(utf8), line_start_(out.size()) {}
  std::string& out() { return out_; }

  Encoder& raw(std::string_view text) {  // ours: no CR, LF
    out_.append(text);
    return *this;
  }
  Encoder& sp() { return raw(" "); }
  Encoder& number(uint64_t n);
  Encoder& string(std::string_view text);  // quoted, or a literal when long, 8-bit or with CR, LF; NUL becomes 0x80
  Encoder& nstring(std::optional<std::string_view> text);
  Encoder& astring(std::string_view text);
  Encoder& mailbox(std::string_view utf8);
  Encoder& flags(FlagBits bits, std::span<const std::string> keywords, bool recent = false);  // "(\Seen $Label1)"
  Encoder& literal_head(uint64_t size);   // "{n}\r\n": the caller appends exactly `size` octets, then calls literal_done()
  Encoder& literal8_head(uint64_t size);  // "~{n}\r\n": octets that may hold NUL (RFC 3516 section 4.3)
  Encoder& literal_done();
  Encoder& crlf();
  size_t line_octets() const { return out_.size() - line_start_; }  // since the last CRLF or literal

 private:
  void quoted(std::string_view text);
  std::string& out_;
  bool utf8_;
  size_t line_start_;
};

// Status responses (RFC 3501 section 7.1). code: "" or "READ-WRITE", without brackets; text is never empty. utf8: the
// client has chosen a language (RFC 5255 section 3.5); else what is not ASCII becomes "?".
void tagged(std::string& out, std::string_view tag, Condition condition, std::string_view code, std::string_view text,
            bool utf8 = false);
void untagged(std::string& out, Condition condition, std::string_view code, std::string_view text, bool utf8 = false);
void continuation(std::string& out, std::string_view text);  // "+ text"

// Response codes that carry data.
std::string code_append_uid(UidValidity validity, std::span<const uint32_t> uids);      // RFC 4315, RFC 3502
std::string code_copy_uid(UidValidity validity, const UidSet& from, const UidSet& to);  // RFC 4315
std::string code_number(std::string_view name, uint64_t number);                        // UIDNEXT 7
std::string code_mailbox_id(MailboxId id, AccountId owner = {});                        // RFC 8474
std::string code_downgraded(const UidSet& uids);                                        // RFC 6858; as many of them as fit
std::string code_modified(const UidSet& set);                                           // RFC 7162
std::string code_message_limit(uint32_t limit, std::optional<uint32_t> lowest);         // RFC 9738
std::string code_in_progress(std::string_view tag, uint64_t done, uint64_t goal);       // RFC 9585
std::string code_no_update(std::string_view tag);                                       // RFC 5267
// Of `system`, and with `words` of keywords too; `more`: new ones can be made.
std::string code_permanent_flags(std::span<const std::string> keywords, FlagBits system, bool words, bool more);

// Untagged data.
void exists(std::string& out, uint32_t count);
void recent(std::string& out, uint32_t count);
void expunge(std::string& out, uint32_t msn);
void flags_response(std::string& out, std::span<const std::string> keywords);  // * FLAGS (...)
void capability_response(std::string& out, std::string_view capabilities);

struct ListEntry {
  std::string_view mailbox;  // UTF-8
  bool no_select = false, non_existent = false, no_inferiors = false;
  std::optional<bool> has_children = std::nullopt;  // unset: neither attribute
  bool subscribed = false;
  std::string_view special_use = {};   // "\Sent" or empty
  bool child_info_subscribed = false;  // RFC 5258 CHILDINFO
  std::string_view old_name = {};      // RFC 9051 section 6.3.9.7 OLDNAME, UTF-8; or RFC 5465; empty: none
  bool utf8 = false;                   // of Encoder
};
void list_response(std::string& out, std::string_view name /* LIST or LSUB */, const ListEntry& entry);

struct StatusValues {
  uint32_t messages = 0, recent = 0, uid_next = 0, uid_validity = 0, unseen = 0, deleted = 0;
  uint64_t highest_modseq = 0, size = 0, append_limit = 0, deleted_storage = 0;
  MailboxId mailbox_id = {};
  AccountId owner = {};  // of object_id()
  bool utf8 = false;     // of Encoder
};
void status_response(std::string& out, std::string_view mailbox, const StatusItems& items, const StatusValues& values);

// RFC 9208 section 4.2. `name` is an atom; numbers are in the resource's own unit.
struct QuotaResource {
  std::string_view name;
  uint64_t usage = 0, limit = 0;
};
void quota_response(std::string& out, std::string_view root, std::span<const QuotaResource> resources);
void quota_root_response(std::string& out, std::string_view mailbox, std::string_view root, bool utf8);

// RFC 4314 sections 3.6 to 3.8.
struct AclPair {
  std::string_view identifier, rights;
};
void acl_response(std::string& out, std::string_view mailbox, std::span<const AclPair> entries, bool utf8);
// `required`: those that it always has; then the groups that are given or taken together.
void list_rights_response(std::string& out, std::string_view mailbox, std::string_view identifier,
                          std::string_view required, std::span<const std::string_view> groups, bool utf8);
void my_rights_response(std::string& out, std::string_view mailbox, std::string_view rights, bool utf8);
// The answer to XAPPLEPUSHSERVICE: the version that holds, and the topic on which pushes will come.
void apple_push_response(std::string& out, uint32_t version, std::string_view topic);

// RFC 5464 section 4.4. `mailbox` "": the server. Values unset are NIL; those with NUL are literal8.
struct MetadataValue {
  std::string_view entry;
  std::optional<std::string_view> value;
};
void metadata_response(std::string& out, std::string_view mailbox, std::span<const MetadataValue> values, bool utf8);
// Names only, told to those who did not change them; in as many lines as the limit asks.
void metadata_changed(std::string& out, std::string_view mailbox, std::span<const std::string> entries, bool utf8);

// modseq: set when the search asked for MODSEQ and something matched (RFC 7162 section 3.1.5).
void search_response(std::string& out, const UidSet& hits, std::optional<uint64_t> modseq);
// "* VANISHED (EARLIER) 1:3" (RFC 7162 section 3.2.10), in as many lines as the limit asks; nothing for an empty set.
void vanished(std::string& out, const UidSet& uids, bool earlier);

// RFC 10022 section 3.1.2: each range from its highest UID to its lowest, the newest first; none: nothing behind the tag.
void uid_batches_response(std::string& out, std::string_view tag, std::span<const UidSet::Range> batches);

// What an ESEARCH response belongs to: a search, and of ESEARCH (RFC 7377 section 2.1) one of its mailboxes.
struct Correlator {
  std::string_view tag;
  bool uid = false;  // the numbers are UIDs
  std::string_view mailbox = {};
  uint32_t uid_validity = 0;  // 0: no mailbox is named
  bool utf8 = false;
};
// RFC 4731: TAG always, UID for UID SEARCH, only what was asked, also when nothing matched. relevancy: of each hit, in
// their order, when it was asked for (RFC 6203 section 4).
void esearch_response(std::string& out, const Correlator& of, const SearchReturn& want, const UidSet& hits,
                      std::optional<uint64_t> modseq, std::span<const uint8_t> relevancy = {});

// The same for SORT: `ordered` in the order asked for, MIN and MAX the first and last of it (RFC 5267 section 3).
void esort_response(std::string& out, std::string_view tag, bool uid, const SearchReturn& want,
                    std::span<const uint32_t> ordered, std::span<const uint8_t> relevancy = {});
// "* ESEARCH (TAG "a") UID ADDTO (1 5:7 9 12)": each list of numbers at its place in the results, 0 for any (RFC 5267
// sections 4.3.3 and 4.3.4). what: ADDTO or REMOVEFROM.
struct ContextChange {
  uint32_t place = 0;
  std::vector<uint32_t> numbers;  // in the order of the results
};
void context_response(std::string& out, const Correlator& of, std::string_view what,
                      std::span<const ContextChange> changes);
void sort_response(std::string& out, std::span<const uint32_t> ordered);
// "* THREAD (3 6 (4 23)(44 7 96))" (RFC 5256 section 4).
void thread_response(std::string& out, const ThreadTree& tree);

// One "* n FETCH (...)", or "* uid UIDFETCH (...)" (RFC 9586). Items go out in the order of the calls.
class FetchWriter {
 public:
  FetchWriter(std::string& out, uint32_t msn, bool utf8 = false);
  FetchWriter(std::string& out, Uid uid, bool utf8 = false);
  FetchWriter& uid(Uid uid);
  FetchWriter& flags(FlagBits bits, std::span<const std::string> keywords, bool recent);
  FetchWriter& modseq(ModSeq modseq);
  FetchWriter& internal_date(int64_t unix_seconds);
  FetchWriter& save_date(std::optional<int64_t> unix_seconds);  // RFC 8514; unset: NIL
  FetchWriter& size(uint64_t octets);
  FetchWriter& email_id(EmailId id, AccountId owner = {});
  FetchWriter& no_thread_id();
  // "BODY[1.2]<0> ": name of the item as the client must see it; the value follows through encoder().
  FetchWriter& item(const FetchItem& item);
  static std::string label(const FetchItem& item, bool utf8);  // that name
  Encoder& encoder() { return encoder_; }
  void end();  // ")" CRLF

 private:
  void next();
  Encoder encoder_;
  bool first_ = true;
};

}  // namespace bz::imap
