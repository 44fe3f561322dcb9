#include "mime/transfer_encoder.h"

#include <algorithm>

#include "base/text.h"

namespace bz::mime {
namespace {
constexpr size_t kMaxLine = 76;       // RFC 2045 6.7 (5) and 6.8
constexpr size_t kOctetsOfLine = 57;  // that make 76 of base64
bool is_blank(char c) { return c == ' ' || c == '\t'; }
}  // namespace

void TransferEncoder::feed(std::string_view bytes, std::string& out) {
  switch (encoding_) {
    case Encoding::QuotedPrintable:
      return feed_quoted(bytes, out);
    case Encoding::Base64:
      return feed_base64(bytes, out);
    case Encoding::Identity:
      out += bytes;
  }
}

void TransferEncoder::finish(std::string& out) {
  if (encoding_ == Encoding::QuotedPrintable) put_held(true, out);
  if (encoding_ != Encoding::Base64 || group_.empty()) return;
  if (!first_) out += "\r\n";
  out += base::base64(group_);
  group_.clear();
}

void TransferEncoder::feed_base64(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    const auto part = bytes.substr(0, kOctetsOfLine - group_.size());
    group_ += part;
    bytes.remove_prefix(part.size());
    if (group_.size() < kOctetsOfLine) return;
    if (!first_) out += "\r\n";
    first_ = false;
    out += base::base64(group_);
    group_.clear();
  }
}

void TransferEncoder::feed_quoted(std::string_view bytes, std::string& out) {
  for (const char c : bytes) {
    if (c == '\n' && held_ == '\r') {
      out += "\r\n";
      held_ = 0;
      column_ = 0;
      continue;
    }
    put_held(c == '\r', out);
    if (is_blank(c) || c == '\r') {
      held_ = c;
    } else if (c > ' ' && c <= '~' && c != '=') {
      put(std::string_view(&c, 1), out);
    } else {
      put_escaped(c, out);
    }
  }
}

// 6.7 (3): no blank at the end of a line; (4): CR only together with LF.
void TransferEncoder::put_held(bool last_of_line, std::string& out) {
  if (held_ == 0) return;
  const char octet = std::exchange(held_, '\0');
  if (octet == '\r' || last_of_line) return put_escaped(octet, out);
  put(std::string_view(&octet, 1), out);
}

void TransferEncoder::put_escaped(char octet, std::string& out) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const auto value = static_cast<unsigned char>(octet);
  const char escaped[] = {'=', kHex[value >> 4], kHex[value & 15]};
  put(std::string_view(escaped, sizeof escaped), out);
}

void TransferEncoder::put(std::string_view token, std::string& out) {
  if (column_ + token.size() > kMaxLine - 1) {
    out += "=\r\n";
    column_ = 0;
  }
  out += token;
  column_ += token.size();
}

}  // namespace bz::mime
