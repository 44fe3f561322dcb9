// What SEARCH asks for (RFC 3501 section 6.4.4, RFC 4731, RFC 7162 section 3.1.5, RFC 5032, RFC 6203). The tree owns its
// text, so it may outlive the command's bytes. OR chains and NOT NOT are folded while parsing: depth() is at most
// kMaxSearchDepth.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "imap/date.h"
#include "imap/fetch.h"
#include "imap/mailbox_filter.h"
#include "imap/seqset.h"
#include "model/flags.h"

namespace bz::imap {

inline constexpr int kMaxSearchDepth = 200;

struct SearchKey {
  enum class Kind : unsigned char {
    And,    // children; none: matches everything (ALL)
    Or,     // two or more children
    Not,    // one child
    Fuzzy,  // one child, in which text is matched fuzzily (RFC 6203)
    SequenceNumbers,
    Uids,
    Flag,           // flag: a system flag's bit is set
    Keyword,        // text: the keyword is set
    Recent,         // \Recent in this session
    Header,         // field, text ("" matches every message that has the field)
    Body,           // text within the body
    Text,           // text within header or body
    Larger,         // number
    Smaller,        // number
    Before,         // date: internal date, the day disregarding time and zone
    On,             // date
    Since,          // date
    SentBefore,     // date of the Date: header
    SentOn,         // date
    SentSince,      // date
    Older,          // number of seconds (RFC 5032)
    Younger,        // number of seconds
    EmailId,        // text: the EMAILID (RFC 8474), empty: of none; number: if it is of the user's own, else 0
    SavedBefore,    // date: of the day it came into the mailbox; unknown: its internal date (RFC 8514)
    SavedOn,        // date
    SavedSince,     // date
    SaveDateKnown,  // SAVEDATESUPPORTED
    ModSeq,         // number: mod-sequence of at least this (RFC 7162 section 3.1.5); entry names are read and ignored
  };
  Kind kind = Kind::And;
  FlagBits flag = 0;
  uint64_t number = 0;
  Date date;
  std::string field;  // as written; From, To, Cc, Bcc, Subject for the keys of these names
  std::string text;   // in the command's charset
  SequenceSet set;
  std::vector<SearchKey> children;

  int depth() const;
  bool names_saved() const;    // "$" stands somewhere (RFC 5182)
  bool names_numbers() const;  // a sequence number stands somewhere: it must mean the same when the answer arrives
};

struct SearchReturn {  // RFC 4731 section 3.1
  bool min = false, max = false, all = false, count = false;
  bool save = false;                                   // RFC 5182: the result becomes "$"
  std::optional<PartialRange> partial = std::nullopt;  // RFC 9394; never with all
  bool context = false;                                // RFC 5267: a hint that it will be asked again, which is not used
  bool update = false;                                 // RFC 5267: tell what changes
  std::vector<FetchItem> update_items = {};            // of new messages that match, FETCH is sent (RFC 5465 section 7)
  bool relevancy = false;                              // RFC 6203 section 4; only with has_fuzzy
  // SAVE alone has no ESEARCH response.
  bool answers() const { return min || max || all || count || partial || relevancy; }
};

struct Search {
  bool uid = false;
  std::optional<SearchReturn> esearch;  // unset: plain SEARCH reply. RETURN () means ALL.
  std::string charset;                  // upper case; empty: not given, which means US-ASCII (we read UTF-8)
  SearchKey key;                        // And of all keys
  bool has_modseq = false;              // a MODSEQ key somewhere: the reply carries MODSEQ, CONDSTORE is enabled
  bool has_fuzzy = false;               // a FUZZY key somewhere: messages have a relevancy
};

// ESEARCH (RFC 7377): search.uid and search.esearch are set.
struct MultiSearch {
  std::vector<MailboxFilter> sources;  // none: the selected mailbox; never SelectedDelayed
  Search search;
};

struct SortKey {  // RFC 5256 section 3, RFC 5957, RFC 6203 section 6
  enum class Kind : unsigned char { Arrival, Cc, Date, From, Size, Subject, To, DisplayFrom, DisplayTo, Relevancy };
  Kind kind = Kind::Arrival;
  bool reverse = false;
  bool operator==(const SortKey&) const = default;
};
struct Sort {
  Search search;  // esearch set: ESORT (RFC 5267 section 3)
  std::vector<SortKey> keys;
};

enum class Threading : unsigned char {
  OrderedSubject,
  References,
  Refs
};  // RFC 5256; Refs: no subjects, newest thread last
struct Thread {
  Search search;
  Threading algorithm = Threading::References;
};

}  // namespace bz::imap
