#include "mime/builder.h"

#include <algorithm>

#include "base/text.h"
#include "mime/text.h"

namespace bz::mime {
namespace {

std::string clean(std::string_view value) {
  std::string out(value);
  std::replace_if(out.begin(), out.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  return out;
}

std::string crlf_lines(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) out += '\r';
    out += text[i];
  }
  if (!out.empty() && !out.ends_with('\n')) out += "\r\n";
  return out;
}

// RFC 2045 section 2.7: ASCII, no NUL, no lone CR, lines of at most 998 octets.
bool is_7bit(std::string_view crlf_text) {
  size_t line = 0;
  for (size_t i = 0; i < crlf_text.size(); ++i) {
    char c = crlf_text[i];
    if (c == '\0' || (c & 0x80) != 0) return false;
    if (c == '\r' && (i + 1 == crlf_text.size() || crlf_text[i + 1] != '\n')) return false;
    line = c == '\n' ? 0 : line + 1;
    if (line > 998) return false;
  }
  return true;
}

}  // namespace

std::string fold_header(std::string_view name, std::string_view value) {
  constexpr size_t kWidth = 78;
  std::string text = clean(value), out(name);
  out += ':';
  size_t line = out.size();
  for (size_t at = 0; at < text.size();) {
    size_t word = std::min(text.find_first_not_of(" \t", at), text.size());
    size_t end = std::min(text.find_first_of(" \t", word), text.size());
    if (word == end) break;
    std::string blanks = at == 0 ? " " : text.substr(at, word - at);
    if (at > 0 && line + blanks.size() + (end - word) > kWidth) {
      out += "\r\n";
      line = 0;
    }
    out += blanks;
    out.append(text, word, end - word);
    line += blanks.size() + end - word;
    at = end;
  }
  if (text.empty()) out += ' ';
  return out += "\r\n";
}

PartBuilder& PartBuilder::header(std::string_view name, std::string_view ascii_value) {
  bytes_ += fold_header(name, ascii_value);
  return *this;
}
PartBuilder& PartBuilder::text_header(std::string_view name, std::string_view utf8_value) {
  return header(name, encode_words(utf8_value));
}

void PartBuilder::end_header(std::string_view encoding) {
  if (!encoding.empty()) header("Content-Transfer-Encoding", encoding);
  bytes_ += "\r\n";
}

PartBuilder& PartBuilder::text(std::string_view utf8) {
  std::string lines = crlf_lines(utf8);
  bool plain = is_7bit(lines);
  end_header(plain ? "7bit" : "quoted-printable");
  bytes_ += plain ? lines : encode_quoted_body(lines);
  return *this;
}
PartBuilder& PartBuilder::base64(std::string_view bytes) {
  end_header("base64");
  bytes_ += encode_base64_body(bytes);
  return *this;
}
PartBuilder& PartBuilder::raw(std::string_view bytes) {
  end_header("");
  bytes_ += bytes;
  return *this;
}

MessageBuilder& MessageBuilder::header(std::string_view name, std::string_view ascii_value) {
  head_ += fold_header(name, ascii_value);
  return *this;
}
MessageBuilder& MessageBuilder::text_header(std::string_view name, std::string_view utf8_value) {
  return header(name, encode_words(utf8_value));
}

std::string MessageBuilder::single(const PartBuilder& part) const { return head_ + "MIME-Version: 1.0\r\n" + part.bytes(); }

std::string MessageBuilder::multipart(std::string_view subtype, std::string_view boundary_seed,
                                      const std::vector<PartBuilder>& parts) const {
  std::string boundary = "=_" + std::string(boundary_seed);  // "=_" is in no base64 and no quoted-printable text
  auto taken = [&](const PartBuilder& part) { return part.bytes().find("--" + boundary) != std::string::npos; };
  while (std::any_of(parts.begin(), parts.end(), taken) && boundary.size() < 70) boundary += '_';
  std::string out = head_ + "MIME-Version: 1.0\r\n";
  out += fold_header("Content-Type", "multipart/" + std::string(subtype) + "; boundary=\"" + boundary + "\"");
  for (const PartBuilder& part : parts) out += "\r\n--" + boundary + "\r\n" + part.bytes();
  return out += "\r\n--" + boundary + "--\r\n";
}

}  // namespace bz::mime
