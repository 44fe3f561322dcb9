// What is kept of a message that was parsed once, when it came in: ENVELOPE, BODY and BODYSTRUCTURE as ready IMAP text (RFC
// 3501 sections 7.4.2 and 9), where its parts and header fields lie, and the facts that searching and threading ask for.
// FETCH then copies bytes. A pure value; encode() and decode() are the stored form (versioned, base/coding.h).
//
// The IMAP text holds no octet >= 0x80 and no NUL; 8-bit values became encoded words (RFC 2047). No run of octets between
// literals is longer than about 2.5 KiB, no string longer than kMaxImapString, so that three items fit a line of 8192
// octets.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mime/date.h"
#include "mime/structure.h"

namespace bz::mime {

inline constexpr size_t kMaxImapString =
    4096;  // longer values are cut in ENVELOPE and BODYSTRUCTURE; the header has them whole

// A part of BODY[...]: numbers and what of it. Header and Text of no numbers are the message's, Mime needs a number.
struct SectionPath {
  enum class Kind : uint8_t { Whole, Header, Text, Mime };
  std::vector<uint32_t> parts;
  Kind kind = Kind::Whole;
};

struct RecordPart {
  Part::Kind kind = Part::Kind::Leaf;
  uint32_t parent = kNoPart;
  uint32_t end = 0;  // one past the last descendant
  Range header;
  Range body;
  bool text = false;        // text/* leaf: `encoding` and `charset` say how to read it
  bool html = false;        // text/html
  bool attachment = false;  // Content-Disposition: attachment
  Encoding encoding = Encoding::Identity;
  std::string charset;  // of a text part as written; empty: none
  bool operator==(const RecordPart&) const = default;
};

struct RecordField {
  std::string name;   // lower case
  uint32_t at = 0;    // first octet of the field in the message
  uint32_t size = 0;  // with its last line end
  bool operator==(const RecordField&) const = default;
};

// The same for sessions that read UTF-8 (RFC 6855).
struct Utf8Text {
  std::string envelope, bodystructure, body;
  bool operator==(const Utf8Text&) const = default;
};

struct ParsedMessage {
  uint64_t size = 0;                    // RFC822.SIZE
  uint64_t lines = 0;                   // of the whole message
  std::string envelope;                 // "(...)"
  std::string bodystructure;            // "(...)", with extension data
  std::string body;                     // "(...)", without
  std::string message_id;               // first "<...>" of Message-ID, as written; empty: none
  std::vector<std::string> references;  // message ids of References and In-Reply-To, each once, oldest first, at most 100
  std::optional<DateTime> sent;         // Date:
  std::string subject;                  // UTF-8, decoded
  std::string base_subject;             // RFC 5256 section 2.1, folded for comparison
  bool subject_is_reply = false;        // the base subject was found behind Re:, Fwd: or (fwd)
  std::vector<RecordField> fields;      // of the message's header
  std::vector<RecordPart> parts;        // pre-order; parts[0] is the message
  std::optional<std::string> preview;   // RFC 8970, UTF-8; unset: a record of before there was one
  std::optional<Utf8Text> utf8;         // set: 8-bit in headers or message/global makes it differ from the above

  std::string encode() const;
  static Result<ParsedMessage> decode(std::string_view bytes);  // Errc::Corrupt, Errc::Unsupported (unknown version)
  bool operator==(const ParsedMessage&) const = default;
};

// Never fails for odd mail: Errc::TooLarge and Errc::Limit only (message size; size and field count of the message's
// header).
Result<ParsedMessage> parse_message(std::string_view raw, const Limits& limits = {});

// The message ids ("<...>") in a field, in order, each once.
std::vector<std::string> message_ids(std::string_view field);

// The octets of the message that a section names; nullopt if there is no such part, for FETCH to say NIL.
std::optional<Range> section(const ParsedMessage& message, const SectionPath& path);
// header_fields() of mime/header.h for the message's own header, without looking for its fields: `raw_header` is that
// header, which begins at octet `at` of the message.
std::string header_fields(std::string_view raw_header, uint64_t at, const ParsedMessage& message,
                          const std::vector<std::string>& names, bool negate);
// The part that the numbers name (RFC 3501 section 6.4.5); index into `parts`. Empty numbers: the message, 0.
std::optional<uint32_t> find_part(const ParsedMessage& message, const std::vector<uint32_t>& numbers);

// RFC 5256 section 2.1 on decoded UTF-8: the subject without Re:, Fwd:, [list] and (fwd), blanks collapsed; not folded.
struct BaseSubject {
  std::string text;
  bool is_reply_or_forward = false;
};
BaseSubject base_subject(std::string_view subject_utf8);

}  // namespace bz::mime
