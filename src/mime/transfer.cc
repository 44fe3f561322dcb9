// Transfer encodings of RFC 2045 section 6: what mail really holds is decoded as far as it goes, nothing is refused.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "mime/text.h"

namespace bz::mime {
namespace {

constexpr int base64_value_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}
constexpr auto kBase64Values = [] {
  std::array<int8_t, 256> values{};
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int8_t>(base64_value_of(static_cast<char>(i)));
  return values;
}();
int base64_value(char c) { return kBase64Values[static_cast<unsigned char>(c)]; }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  char low = base::to_lower(c);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Of quoted-printable: how far the octets are what they look like, whatever comes behind them.
size_t literal_run(std::string_view bytes) {
  size_t i = 0;
  for (; i < bytes.size() && bytes[i] != '='; ++i) {
    if (!is_blank(bytes[i])) continue;
    if (i + 1 == bytes.size()) break;
    const char next = bytes[i + 1];
    if (is_blank(next) || next == '\r' || next == '\n') break;
  }
  return i;
}

}  // namespace

Encoding parse_encoding(std::string_view token) {
  if (base::iequals(token, "base64")) return Encoding::Base64;
  if (base::iequals(token, "quoted-printable")) return Encoding::QuotedPrintable;
  return Encoding::Identity;
}

void TransferDecoder::feed(std::string_view bytes, std::string& out) {
  switch (encoding_) {
    case Encoding::Base64:
      return feed_base64(bytes, out);
    case Encoding::QuotedPrintable:
      return feed_quoted(bytes, out);
    case Encoding::Identity:
      out += bytes;
  }
}

// Octets outside the alphabet are ignored (section 6.8); padding ends a group, another may follow.
void TransferDecoder::feed_base64(std::string_view bytes, std::string& out) {
  for (char c : bytes) {
    if (c == '=') {
      bits_ = 0;
      bit_count_ = 0;
      continue;
    }
    int value = base64_value(c);
    if (value < 0) continue;
    bits_ = bits_ << 6 | static_cast<uint32_t>(value);
    bit_count_ += 6;
    if (bit_count_ < 8) continue;
    bit_count_ -= 8;
    out += static_cast<char>(bits_ >> bit_count_);
    bits_ &= (1U << bit_count_) - 1;
  }
}

// pending_ is what may still turn out to be something else: blanks before a line end (dropped there, section 6.7 rule 3),
// "=" and "=X" of an octet, "=" and blanks of a soft line break.
void TransferDecoder::feed_quoted(std::string_view bytes, std::string& out) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (pending_.empty()) {
      const size_t run = literal_run(bytes.substr(i));
      out += bytes.substr(i, run);
      i += run;
      if (i < bytes.size()) pending_ = bytes[i];
    } else if (pending_[0] != '=') {
      if (is_blank(c)) {
        pending_ += c;
      } else {
        if (c != '\r' && c != '\n') out += pending_;
        pending_.clear();
        --i;
      }
    } else if (pending_.size() == 2 && hex_value(pending_[1]) >= 0) {
      if (hex_value(c) >= 0) {
        out += static_cast<char>(hex_value(pending_[1]) << 4 | hex_value(c));
      } else {
        out += pending_;
        --i;
      }
      pending_.clear();
    } else if (pending_.back() == '\r') {
      pending_.clear();
      if (c != '\n') --i;
    } else if (c == '\n') {
      pending_.clear();
    } else if (c == '\r' || is_blank(c) || (pending_.size() == 1 && hex_value(c) >= 0)) {
      pending_ += c;
    } else {
      out += pending_;
      pending_.clear();
      --i;
    }
  }
}

void TransferDecoder::finish(std::string& out) {
  if (pending_.size() == 2 && pending_[0] == '=' && hex_value(pending_[1]) >= 0) out += pending_;
  pending_.clear();
}

std::string decode_transfer(std::string_view body, Encoding encoding) {
  std::string out;
  out.reserve(encoding == Encoding::Base64 ? body.size() / 4 * 3 : body.size());
  TransferDecoder decoder(encoding);
  decoder.feed(body, out);
  decoder.finish(out);
  return out;
}

std::string decode_text(std::string_view body, Encoding encoding, std::string_view charset, size_t max_bytes) {
  return to_utf8(decode_transfer(body.substr(0, max_bytes), encoding), charset);
}

std::string encode_base64_body(std::string_view bytes) {
  std::string out;
  for (size_t at = 0; at < bytes.size(); at += 57) out += base::base64(bytes.substr(at, 57)) + "\r\n";
  return out;
}

std::string encode_quoted_body(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out, line;
  auto put = [&](std::string_view piece) {
    if (line.size() + piece.size() > 75) {
      out += line + "=\r\n";
      line.clear();
    }
    line += piece;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    bool at_end = i + 1 == text.size() || text[i + 1] == '\n' || text.substr(i + 1, 2) == "\r\n";
    if (c == '\n' || (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n')) {
      if (c == '\r') ++i;
      out += line + "\r\n";
      line.clear();
    } else if ((c > 32 && c < 127 && c != '=') || ((c == ' ' || c == '\t') && !at_end)) {
      put(text.substr(i, 1));
    } else {
      const char escaped[] = {'=', kHex[c >> 4], kHex[c & 15]};
      put(std::string_view(escaped, 3));
    }
  }
  if (!line.empty()) out += line + (text.ends_with('\n') ? "\r\n" : "=\r\n");
  return out;
}

}  // namespace bz::mime
