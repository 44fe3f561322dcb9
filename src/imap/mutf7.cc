#include "imap/mutf7.h"

#include <cstdint>

#include "base/text.h"

namespace bz::imap {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

int value_of(char c) {
  size_t at = kAlphabet.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}
bool is_direct(char32_t c) { return c >= 0x20 && c <= 0x7e; }
bool is_high(char32_t unit) { return unit >= 0xd800 && unit <= 0xdbff; }
bool is_low(char32_t unit) { return unit >= 0xdc00 && unit <= 0xdfff; }

// One shifted run, without "&" and "-": UTF-16BE in base64 without padding.
bool decode_shifted(std::string_view run, std::string& out) {
  uint32_t bits = 0;
  int count = 0;
  char32_t high = 0;
  for (char c : run) {
    int v = value_of(c);
    if (v < 0) return false;
    bits = (bits << 6 | static_cast<uint32_t>(v)) & 0x3fffff;
    count += 6;
    if (count < 16) continue;
    count -= 16;
    char32_t unit = (bits >> count) & 0xffff;
    if (high != 0) {
      if (!is_low(unit)) return false;
      base::append_utf8(out, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
      high = 0;
    } else if (is_high(unit)) {
      high = unit;
    } else if (is_low(unit) || is_direct(unit)) {
      return false;
    } else {
      base::append_utf8(out, unit);
    }
  }
  bool junk = (bits & ((1u << count) - 1)) != 0;
  return high == 0 && count < 6 && !junk;
}

// The next code point; U+FFFD and one octet for what is ill-formed.
char32_t next_code_point(std::string_view text, size_t& at) {
  auto lead = static_cast<unsigned char>(text[at]);
  size_t size = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (!base::is_utf8(text.substr(at, size)) || at + size > text.size()) {
    ++at;
    return 0xfffd;
  }
  char32_t c = size == 1 ? lead : lead & (0x7fu >> size);
  for (size_t i = 1; i < size; ++i) c = c << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3f);
  at += size;
  return c;
}

class Shifter {  // collects UTF-16 units of one run
 public:
  explicit Shifter(std::string& out) : out_(out) {}
  void put(char32_t c) {
    if (!open_) out_ += '&';
    open_ = true;
    if (c >= 0x10000) {
      unit(0xd800 + ((c - 0x10000) >> 10));
      unit(0xdc00 + ((c - 0x10000) & 0x3ff));
    } else {
      unit(c);
    }
  }
  void close() {
    if (!open_) return;
    if (count_ > 0) out_ += kAlphabet[(bits_ << (6 - count_)) & 0x3f];
    out_ += '-';
    open_ = false;
    bits_ = 0;
    count_ = 0;
  }

 private:
  void unit(char32_t u) {
    bits_ = bits_ << 16 | u;
    for (count_ += 16; count_ >= 6;) {
      count_ -= 6;
      out_ += kAlphabet[(bits_ >> count_) & 0x3f];
    }
    bits_ &= (1u << count_) - 1;
  }
  std::string& out_;
  bool open_ = false;
  uint32_t bits_ = 0;
  int count_ = 0;
};

}  // namespace

std::optional<std::string> decode_mutf7(std::string_view wire) {
  std::string out;
  bool after_shift = false;  // "&...-&" would be a superfluous shift
  for (size_t i = 0; i < wire.size();) {
    char c = wire[i];
    if (!is_direct(static_cast<unsigned char>(c))) return std::nullopt;
    if (c != '&') {
      out += c;
      ++i;
      after_shift = false;
      continue;
    }
    size_t end = wire.find('-', i + 1);
    if (end == std::string_view::npos) return std::nullopt;
    std::string_view run = wire.substr(i + 1, end - i - 1);
    if (run.empty()) {
      out += '&';
      after_shift = false;
    } else {
      if (after_shift || !decode_shifted(run, out)) return std::nullopt;
      after_shift = true;
    }
    i = end + 1;
  }
  return out;
}

std::string encode_mutf7(std::string_view utf8) {
  std::string out;
  Shifter shifter(out);
  for (size_t i = 0; i < utf8.size();) {
    char32_t c = next_code_point(utf8, i);
    if (!is_direct(c)) {
      shifter.put(c);
      continue;
    }
    shifter.close();
    out += static_cast<char>(c);
    if (c == '&') out += '-';
  }
  shifter.close();
  return out;
}

}  // namespace bz::imap
