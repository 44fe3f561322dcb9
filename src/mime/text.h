// Text of mail as UTF-8: charsets (through ICU, which has its only door in text*.cc), encoded words (RFC 2047), parameter
// values (RFC 2231), transfer encodings (RFC 2045 section 6) and the folding that searches compare by. Nothing here fails:
// what cannot be decoded stays readable. No I/O; functions may run on any thread, decoder objects belong to one caller.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bz::mime {

// --- charsets
// To well-formed UTF-8; bad octets become U+FFFD. An unknown or empty charset means guess_utf8().
std::string to_utf8(std::string_view bytes, std::string_view charset);
bool charset_known(std::string_view charset);  // for [BADCHARSET]
// Octets of unknown charset: UTF-8 if they are, else windows-1252.
std::string guess_utf8(std::string_view bytes);
// At most `max` octets from the start, no UTF-8 character torn.
std::string_view cut_utf8(std::string_view text, size_t max);

// Normalization Form C (RFC 5198); what is no UTF-8 stays as it is.
std::string nfc(std::string_view utf8);

// --- searching: case and diacritics folded UTF-8 ("Ñandú" -> "nandu", "STRASSE" and "straße" -> "strasse").
std::string fold(std::string_view utf8);
// The same of octets in a charset (to_utf8).
std::string fold_text(std::string bytes, std::string_view charset);

// --- RFC 2047
// The value of a header field as UTF-8: unfolded, encoded words decoded wherever they stand, raw 8-bit guessed.
std::string decode_header(std::string_view raw_value);
// Unstructured text (or a phrase) as ASCII: unchanged when it is printable ASCII without "=?", else encoded words of at
// most 75 octets joined by blanks, each of whole characters, so that folding may happen at any blank.
std::string encode_words(std::string_view utf8);
// Raw octets of a header value as ASCII: words with 8-bit become encoded words (charset guessed), all else stays as
// written.
std::string downgrade(std::string_view raw);

// --- parameters (RFC 2045 section 5.1, RFC 2231)
using Params = std::vector<std::pair<std::string, std::string>>;  // names and values as written, values unquoted
// The decoded value of one parameter: name*0, name*1*... joined, name*=charset'language'... decoded, encoded words in plain
// values decoded too (not allowed, but common). The extended form wins over the plain one.
std::optional<std::string> decode_param(const Params& params, std::string_view name);

// --- transfer encodings
enum class Encoding : uint8_t { Identity = 0, QuotedPrintable = 1, Base64 = 2 };
Encoding parse_encoding(std::string_view token);  // 7bit, 8bit, binary and unknown names: Identity

// Decodes a body in pieces of any size; the result does not depend on where the pieces were cut.
class TransferDecoder {
 public:
  explicit TransferDecoder(Encoding encoding) : encoding_(encoding) {}
  void feed(std::string_view bytes, std::string& out);
  void finish(std::string& out);  // once, after the last piece

 private:
  void feed_base64(std::string_view bytes, std::string& out);
  void feed_quoted(std::string_view bytes, std::string& out);
  Encoding encoding_;
  uint32_t bits_ = 0;    // base64: what is left of the last group
  int bit_count_ = 0;    //
  std::string pending_;  // quoted-printable: "=", "=X" or blanks that may be a line's end
};
std::string decode_transfer(std::string_view body, Encoding encoding);
// Body octets of a text part as UTF-8 (at most `max_bytes` of encoded octets are read).
std::string decode_text(std::string_view body, Encoding encoding, std::string_view charset, size_t max_bytes = SIZE_MAX);

std::string encode_base64_body(std::string_view bytes);  // lines of 76, CRLF, the last one too
std::string encode_quoted_body(std::string_view text);   // CRLF or LF lines in, CRLF lines of at most 76 out

}  // namespace bz::mime
