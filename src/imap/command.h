// Every command as a struct, but for APPEND (append.h). The AST owns its text. Mailbox names are UTF-8, "INBOX" in any case
// is "INBOX"; nothing else about a name is checked here (the store knows what a name may be).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/secret.h"
#include "imap/date.h"
#include "imap/fetch.h"
#include "imap/notify.h"
#include "imap/search.h"
#include "imap/seqset.h"
#include "model/flags.h"

namespace bz::imap {

// Any state
struct Capability {};
struct Noop {};
struct Logout {};
struct Id {  // RFC 2971; value unset: NIL. Empty list: ID NIL
  std::vector<std::pair<std::string, std::optional<std::string>>> fields;
};

// Not authenticated
struct StartTls {};
struct Authenticate {
  std::string mechanism;                         // upper case
  std::optional<base::Secret> initial_response;  // base64 as sent; "=" means an empty one (RFC 4959)
};
struct Login {
  std::string user;
  base::Secret password;
};

// Authenticated
struct QResync {  // RFC 7162 section 3.2.5: what the client knows of the mailbox
  uint32_t uid_validity = 0;
  uint64_t modseq = 0;
  std::optional<UidSet> known_uids;     // unset: every UID below UIDNEXT
  UidSet match_numbers, matching_uids;  // a sample of sequence numbers and their UIDs, equally many
};
struct Select {
  std::string mailbox;
  bool examine = false;
  bool condstore = false;  // RFC 7162 section 3.1.8
  std::optional<QResync> qresync = std::nullopt;
};
struct Create {
  std::string mailbox;
  std::vector<std::string> special_use;  // RFC 6154 section 3: "\Sent", as written
};
struct Delete {
  std::string mailbox;
};
struct Rename {
  std::string from, to;
};
struct Subscribe {
  std::string mailbox;
};
struct Unsubscribe {
  std::string mailbox;
};

struct StatusItems {
  bool messages = false, recent = false, uid_next = false, uid_validity = false, unseen = false;
  bool highest_modseq = false;   // RFC 7162
  bool size = false;             // RFC 8438
  bool append_limit = false;     // RFC 7889
  bool deleted = false;          // RFC 9051 section 6.3.11
  bool deleted_storage = false;  // RFC 9208 section 4.1.4
  bool mailbox_id = false;       // RFC 8474
};
struct Status {
  std::string mailbox;
  StatusItems items;
};

struct List {             // RFC 3501 section 6.3.8 and RFC 5258, RFC 6154, RFC 5819
  bool extended = false;  // any of the RFC 5258 forms was used
  bool xlist = false;     // XLIST, what Gmail had before RFC 6154: other names of the special uses, and one of INBOX
  std::string reference;
  std::vector<std::string> patterns;  // UTF-8 with % and *
  bool select_subscribed = false, select_remote = false, select_recursive_match = false, select_special_use = false;
  bool return_subscribed = false, return_children = false, return_special_use = false;
  bool return_my_rights = false;  // RFC 8440
  std::optional<StatusItems> return_status;
  std::vector<std::string> return_metadata;  // RFC 9590: entries, as written
};
struct Lsub {
  std::string reference;
  std::string pattern;
};
struct Namespace {};                    // RFC 2342
struct ResetKey {                       // RFC 4467
  std::optional<std::string> mailbox;   // unset: the keys of all
  std::vector<std::string> mechanisms;  // upper case
};
struct GenUrlAuth {
  struct Rump {
    std::string url, mechanism;  // as written; upper case
  };
  std::vector<Rump> rumps;
};
struct UrlFetch {  // with the parameters of RFC 5524
  struct Wanted {
    std::string url;
    bool extended = false;  // any parameter: the answer has the extended form
    bool body = false, binary = false, structure = false;
  };
  std::vector<Wanted> urls;
};
struct GetQuota {  // RFC 9208
  std::string root;
};
struct GetQuotaRoot {
  std::string mailbox;
};
struct SetQuota {  // what it would set is not kept: nobody may (decision 0021)
  std::string root;
};
struct GetMetadata {  // RFC 5464; an empty mailbox: the server
  std::string mailbox;
  std::optional<uint32_t> max_size;
  enum class Depth : unsigned char { Zero, One, Infinity } depth = Depth::Zero;
  std::vector<std::string> entries;  // as written
};
struct SetMetadata {
  std::string mailbox;
  std::vector<std::pair<std::string, std::optional<std::string>>> entries;  // in lower case; unset: NIL, the entry goes
};
struct SetAcl {  // RFC 4314; rights as written, with "+" or "-" before them
  std::string mailbox, identifier, rights;
};
struct DeleteAcl {
  std::string mailbox, identifier;
};
struct GetAcl {
  std::string mailbox;
};
struct ListRights {
  std::string mailbox, identifier;
};
struct MyRights {
  std::string mailbox;
};
struct Idle {};
struct Done {};                           // the line that ends IDLE; it has no tag
struct Enable {                           // RFC 5161
  std::vector<std::string> capabilities;  // upper case
};
struct Compress {         // RFC 4978
  std::string algorithm;  // upper case
};

// Selected
struct Check {};
struct Close {};
struct Unselect {};  // RFC 3691
struct Expunge {
  std::optional<SequenceSet> uids;  // set: UID EXPUNGE (RFC 4315)
};
struct Store {
  enum class Mode : unsigned char { Replace, Add, Remove };
  bool uid = false;
  SequenceSet set;
  Mode mode = Mode::Replace;
  bool silent = false;
  FlagList flags;
  std::optional<uint64_t> unchanged_since;  // RFC 7162 section 3.1.3
};
struct Copy {
  bool uid = false;
  SequenceSet set;
  std::string mailbox;
};
struct Move {  // RFC 6851
  bool uid = false;
  SequenceSet set;
  std::string mailbox;
};

struct CancelUpdate {  // RFC 5267 section 4.3.5
  std::vector<std::string> tags;
};

struct UidBatches {    // RFC 10022
  uint32_t size = 0;   // messages of a batch
  uint32_t first = 1;  // batches asked for, counted from the newest messages
  uint32_t last = 0;   // 0: all
};
struct SetLanguage {                // RFC 5255 section 3.2
  std::vector<std::string> ranges;  // in order of preference; none: which languages are there?
};

struct ApplePush {  // XAPPLEPUSHSERVICE: Apple's, no RFC
  uint32_t version = 0;
  std::string account_id;    // what the device calls the account: letters, digits, "-", ".", "_"
  std::string device_token;  // hex, in lower case
  std::string subtopic;
  std::vector<std::string> mailboxes;  // version 2; before, it is INBOX that is meant
};

using Command =
    std::variant<Capability, Noop, Logout, Id, StartTls, Authenticate, Login, Select, Create, Delete, Rename, Subscribe,
                 Unsubscribe, Status, List, Lsub, Namespace, Idle, Done, Enable, Check, Close, Unselect, Expunge, Search,
                 Fetch, Store, Copy, Move, Sort, Thread, ResetKey, GenUrlAuth, UrlFetch, Compress, UidBatches, SetLanguage,
                 GetQuota, GetQuotaRoot, SetQuota, GetMetadata, SetMetadata, Notify, CancelUpdate, MultiSearch, SetAcl,
                 DeleteAcl, GetAcl, ListRights, MyRights, ApplePush>;

std::string_view name(const Command& command);  // "UID FETCH" is "FETCH"; for logs

}  // namespace bz::imap
