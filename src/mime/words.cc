// Encoded words (RFC 2047) and parameter values (RFC 2231), both ways.
#include <algorithm>
#include <map>

#include "base/text.h"
#include "mime/header.h"
#include "mime/text.h"

namespace bz::mime {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

struct EncodedWord {
  std::string_view charset;
  std::string bytes;  // decoded, in that charset
  size_t end = 0;     // one past it in the text
};

std::string decode_q(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '_', ' ');
  std::string out;
  TransferDecoder decoder(Encoding::QuotedPrintable);
  decoder.feed(spaced, out);
  decoder.feed("\n", out);  // a blank at the end counts here, and is put back
  if (out.ends_with('\n')) out.pop_back();
  for (size_t i = spaced.size(); i > 0 && spaced[i - 1] == ' '; --i) out += ' ';
  return out;
}

// The encoded word at `at`, which is "=?". Longer than the 75 octets of section 2 is fine, up to a bound that keeps a scan
// of many false starts linear.
std::optional<EncodedWord> encoded_word_at(std::string_view text, size_t at) {
  constexpr size_t kMaxCharset = 64, kMaxText = 4096;
  size_t mark = text.substr(0, at + 2 + kMaxCharset).find('?', at + 2);
  if (mark == std::string_view::npos || mark + 2 >= text.size() || text[mark + 2] != '?') return std::nullopt;
  char encoding = base::to_lower(text[mark + 1]);
  if (encoding != 'q' && encoding != 'b') return std::nullopt;
  size_t begin = mark + 3;
  size_t end = text.substr(0, begin + kMaxText).find("?=", begin);
  if (end == std::string_view::npos) return std::nullopt;
  EncodedWord word;
  word.charset = text.substr(at + 2, mark - at - 2);
  word.charset = word.charset.substr(0, word.charset.find('*'));  // the language of RFC 2231 section 5
  std::string_view inner = text.substr(begin, end - begin);
  if (encoding == 'b' && inner.find(' ') != std::string_view::npos) return std::nullopt;
  word.bytes = encoding == 'q' ? decode_q(inner) : decode_transfer(inner, Encoding::Base64);
  word.end = end + 2;
  return word;
}

// Decodes encoded words of unfolded text. Blanks between two of them go (section 6.2); octets of neighbours in one charset
// are joined before conversion, because senders cut characters.
std::string decode_words(std::string_view text) {
  std::string out, bytes, charset, blanks;
  bool in_word = false;  // `bytes` of `charset` wait for conversion
  auto flush = [&] {
    if (in_word) out += to_utf8(bytes, charset);
    bytes.clear();
    in_word = false;
  };
  size_t plain = 0;  // start of the plain text not yet copied
  for (size_t at = 0; (at = text.find("=?", at)) != std::string_view::npos;) {
    auto word = encoded_word_at(text, at);
    if (!word) {
      at += 2;
      continue;
    }
    std::string_view between = text.substr(plain, at - plain);
    bool glue = in_word && std::all_of(between.begin(), between.end(), is_blank);
    if (!glue) {
      flush();
      out += guess_utf8(between);
    } else if (!base::iequals(charset, word->charset)) {
      flush();
    }
    charset = word->charset;
    bytes += word->bytes;
    in_word = true;
    at = plain = word->end;
  }
  flush();
  return out += guess_utf8(text.substr(plain));
}

size_t character_size(unsigned char lead) { return lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4; }

bool q_safe(unsigned char c) {  // of a phrase, section 5 (3)
  return base::is_alpha(static_cast<char>(c)) || base::is_digit(static_cast<char>(c)) ||
         (c != 0 && std::string_view("!*+-/").find(static_cast<char>(c)) != std::string_view::npos);
}

std::string q_octet(unsigned char c) {
  if (c == ' ') return "_";
  if (q_safe(c)) return std::string(1, static_cast<char>(c));
  constexpr std::string_view kHex = "0123456789ABCDEF";
  return {'=', kHex[c >> 4], kHex[c & 15]};
}

// `utf8` is well-formed. Words of at most 75 octets: 12 of frame, 63 of text.
std::string encode_all(std::string_view utf8) {
  auto wide = static_cast<size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0x80) != 0; }));
  bool use_b = wide * 2 > utf8.size();  // Q stays legible where that costs little
  std::string out, raw, quoted;
  auto flush = [&] {
    if (raw.empty()) return;
    if (!out.empty()) out += ' ';
    out += use_b ? "=?UTF-8?B?" + base::base64(raw) + "?=" : "=?UTF-8?Q?" + quoted + "?=";
    raw.clear();
    quoted.clear();
  };
  for (size_t at = 0; at < utf8.size();) {
    std::string_view character = utf8.substr(at, character_size(static_cast<unsigned char>(utf8[at])));
    std::string q;
    for (char c : character) q += q_octet(static_cast<unsigned char>(c));
    if (use_b ? raw.size() + character.size() > 45 : quoted.size() + q.size() > 63) flush();
    raw += character;
    quoted += q;
    at += character.size();
  }
  flush();
  return out;
}

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= ' ' && c < 127) || c == '\t'; });
}

std::string percent_decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      if (auto byte = base::from_hex(text.substr(i + 1, 2)); byte && byte->size() == 1) {
        out += *byte;
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

}  // namespace

std::string_view cut_utf8(std::string_view text, size_t max) {
  if (text.size() <= max) return text;
  size_t cut = max;
  while (cut > 0 && max - cut < 3 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return text.substr(0, cut);
}

std::string decode_header(std::string_view raw_value) { return decode_words(unfold(raw_value)); }

std::string encode_words(std::string_view utf8) {
  std::string clean = guess_utf8(utf8);
  if (printable(clean) && clean.find("=?") == std::string::npos) return clean;
  return encode_all(clean);
}

std::string downgrade(std::string_view raw) {
  std::string text = guess_utf8(raw);
  if (base::is_ascii(text)) return text;
  std::string out;
  // a run is words with 8-bit and the blanks between them
  for (size_t at = 0; at < text.size();) {
    size_t word_end = std::min(text.find_first_of(" \t", at), text.size());
    if (base::is_ascii(std::string_view(text).substr(at, word_end - at))) {
      size_t next = std::min(text.find_first_not_of(" \t", word_end), text.size());
      out.append(text, at, next - at);
      at = next;
      continue;
    }
    size_t run_end = word_end;
    while (run_end < text.size()) {
      size_t begin = text.find_first_not_of(" \t", run_end);
      if (begin == std::string::npos) break;
      size_t end = std::min(text.find_first_of(" \t", begin), text.size());
      if (base::is_ascii(std::string_view(text).substr(begin, end - begin))) break;
      run_end = end;
    }
    out += encode_all(std::string_view(text).substr(at, run_end - at));
    at = run_end;
    size_t next = std::min(text.find_first_not_of(" \t", at), text.size());
    out.append(text, at, next - at);
    at = next;
  }
  return out;
}

std::optional<std::string> decode_param(const Params& params, std::string_view name) {
  struct Section {
    std::string_view value;
    bool extended = false;
  };
  std::map<unsigned, Section> sections;
  const std::string* plain = nullptr;
  const std::string* extended = nullptr;
  for (const auto& [attribute, value] : params) {
    if (!base::istarts_with(attribute, name)) continue;
    std::string_view rest = std::string_view(attribute).substr(name.size());
    if (rest.empty() && !plain) plain = &value;
    if (rest == "*" && !extended) extended = &value;
    if (rest.size() < 2 || rest[0] != '*') continue;
    bool encoded = rest.ends_with('*');
    auto number = base::parse_number<unsigned>(rest.substr(1, rest.size() - 1 - encoded));
    if (number && *number < 10'000) sections.try_emplace(*number, Section{value, encoded});
  }
  std::string charset, bytes;
  auto extended_value = [&](std::string_view value, bool first) {
    size_t one = value.find('\'');
    size_t two = one == std::string_view::npos ? one : value.find('\'', one + 1);
    if (first && two != std::string_view::npos) {
      charset = value.substr(0, one);
      value.remove_prefix(two + 1);
    }
    bytes += percent_decode(value);
  };
  if (extended) {
    extended_value(*extended, true);
    return to_utf8(bytes, charset);
  }
  if (sections.contains(0)) {
    unsigned expected = 0;
    for (const auto& [number, section] : sections) {
      if (number != expected++) break;  // a gap: what follows cannot be placed
      if (section.extended) {
        extended_value(section.value, number == 0);
      } else {
        bytes += section.value;
      }
    }
    return charset.empty() ? decode_words(bytes) : to_utf8(bytes, charset);
  }
  if (plain) return decode_words(*plain);
  return std::nullopt;
}

}  // namespace bz::mime
