// Small builder for messages that we write ourselves (bounces, delivery reports: RFC 3462 and 3464): folded ASCII headers,
// encoded words, transfer encodings, boundaries. No clock and no randomness: Date, Message-ID and boundary come from the
// caller. Lines end in CRLF. A pure value, any thread.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "mime/date.h"

namespace bz::mime {

// "Name: value\r\n", folded at blanks so that lines keep to 78 octets where possible (RFC 5322 section 2.1.1). CR, LF and
// NUL of the value become blanks: nobody adds a header through a value. `value` must be ASCII; use encode_words() for the
// rest.
std::string fold_header(std::string_view name, std::string_view value);

class PartBuilder {
 public:
  explicit PartBuilder(std::string_view content_type) { header("Content-Type", content_type); }
  PartBuilder& header(std::string_view name, std::string_view ascii_value);
  PartBuilder& text_header(std::string_view name, std::string_view utf8_value);  // RFC 2047 as needed
  // Exactly one of these:
  PartBuilder& text(std::string_view utf8);  // 7bit if it can be, else quoted-printable; LF becomes CRLF
  PartBuilder& base64(std::string_view bytes);
  PartBuilder& raw(std::string_view bytes);  // as it is: message/rfc822, text/rfc822-headers; the caller vouches for 7bit
  const std::string& bytes() const { return bytes_; }  // header, empty line, body

 private:
  void end_header(std::string_view encoding);
  std::string bytes_;
};

class MessageBuilder {
 public:
  MessageBuilder& header(std::string_view name, std::string_view ascii_value);
  MessageBuilder& text_header(std::string_view name, std::string_view utf8_value);
  MessageBuilder& date(DateTime date) { return header("Date", format_rfc5322_date(date)); }
  // One part alone: its header joins the message's.
  std::string single(const PartBuilder& part) const;
  // `subtype`: `mixed`, or with parameters `report; report-type=delivery-status`. The boundary is `boundary_seed` made
  // longer until no part holds it; the seed must be of letters and digits.
  std::string multipart(std::string_view subtype, std::string_view boundary_seed,
                        const std::vector<PartBuilder>& parts) const;

 private:
  std::string head_;
};

}  // namespace bz::mime
