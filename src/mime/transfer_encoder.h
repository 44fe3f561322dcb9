// The way back of TransferDecoder: octets in pieces of any size to quoted-printable (RFC 2045 section 6.7) or base64
// (6.8). Decoding gives exactly the octets back. No I/O, any thread.
#pragma once
#include <string>
#include <string_view>

#include "mime/text.h"

namespace bz::mime {

class TransferEncoder {
 public:
  // QuotedPrintable or Base64; Identity copies.
  explicit TransferEncoder(Encoding encoding) : encoding_(encoding) {}
  void feed(std::string_view bytes, std::string& out);
  // Once, after the last piece. There is no line end behind the last line unless the octets end in CRLF (quoted-printable).
  void finish(std::string& out);

 private:
  void feed_quoted(std::string_view bytes, std::string& out);
  void feed_base64(std::string_view bytes, std::string& out);
  void put_held(bool last_of_line, std::string& out);
  void put(std::string_view token, std::string& out);
  void put_escaped(char octet, std::string& out);
  Encoding encoding_;
  size_t column_ = 0;
  char held_ = 0;      // quoted-printable: a blank or CR whose successor decides
  std::string group_;  // base64: octets of a line that is not full
  bool first_ = true;  // base64: no line yet
};

}  // namespace bz::mime
