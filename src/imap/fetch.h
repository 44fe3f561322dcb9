// What FETCH asks for (RFC 3501 section 6.4.5, RFC 7162 section 3.1.4).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "imap/seqset.h"

namespace bz::imap {

struct Partial {
  uint32_t offset = 0;
  uint32_t count = 0;  // 1..2^32-1
  bool operator==(const Partial&) const = default;
};

struct BodySection {
  enum class What : unsigned char { All, Header, HeaderFields, HeaderFieldsNot, Text, Mime };
  std::vector<uint32_t> part;  // "1.2" -> 1, 2; empty: the message
  What what = What::All;
  std::vector<std::string> fields;  // HeaderFields*: as written
  bool operator==(const BodySection&) const = default;
};

struct FetchItem {
  enum class Kind : unsigned char {
    Flags,
    Uid,
    ModSeq,
    InternalDate,
    Size,      // RFC822.SIZE
    EmailId,   // RFC 8474
    ThreadId,  // RFC 8474
    SaveDate,  // RFC 8514
    Envelope,
    Body,  // BODY without section: structure without extension data
    BodyStructure,
    Preview,       // RFC 8970
    Section,       // BODY[...], BODY.PEEK[...]
    Rfc822,        // = BODY[], under its own name
    Rfc822Header,  // = BODY.PEEK[HEADER]
    Rfc822Text,    // = BODY[TEXT]
    Binary,        // BINARY[...], BINARY.PEEK[...] (RFC 3516); of `section` only the part
    BinarySize,    // BINARY.SIZE[...]
  };
  Kind kind = Kind::Flags;
  BodySection section;  // set for Section, the three Rfc822 and the two Binary kinds
  std::optional<Partial> partial;
  bool peek = false;  // Section, Binary: .PEEK
  bool lazy = false;  // Preview: NIL will do when it would have to be made first
  std::string label;  // FetchWriter::label(), made once for many messages; empty: item() makes it each time
  bool binary() const { return kind == Kind::Binary || kind == Kind::BinarySize; }
  bool sets_seen() const {
    return ((kind == Kind::Section || kind == Kind::Binary) && !peek) || kind == Kind::Rfc822 || kind == Kind::Rfc822Text;
  }
  bool operator==(const FetchItem&) const = default;
};

struct Fetch {
  bool uid = false;
  SequenceSet set;
  std::vector<FetchItem> items;  // macros expanded, each item once, in the order written; no Uid added for UID FETCH
  std::optional<uint64_t> changed_since;  // RFC 7162 section 3.1.4.1; phones send 0
  bool vanished = false;                  // RFC 7162 section 3.2.6; only with uid and changed_since
  std::optional<PartialRange> partial;    // RFC 9394 section 3.3; only with uid
  bool has(FetchItem::Kind kind) const {
    for (const FetchItem& item : items)
      if (item.kind == kind) return true;
    return false;
  }
};

}  // namespace bz::imap
