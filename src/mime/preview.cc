#include "mime/preview.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "mime/text.h"

namespace bz::mime {
namespace {

// Collects characters until there are enough; blanks of any kind become one space.
class Line {
 public:
  bool full() const { return chars_ >= kPreviewChars; }
  void blank() { blank_ = !out_.empty(); }
  void add(char32_t c, std::string_view utf8) {
    if (is_blank(c)) return blank();
    if (is_invisible(c) || full()) return;
    if (blank_) {
      blank_ = false;
      out_ += ' ';
      if (++chars_ == kPreviewChars) return;
    }
    out_ += utf8;
    ++chars_;
  }
  std::string take() {
    while (out_.ends_with(' ')) out_.pop_back();
    return std::move(out_);
  }

 private:
  static bool is_blank(char32_t c) {
    return c <= 0x20 || c == 0x7F || (c >= 0x80 && c <= 0xA0) || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
           c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
  }
  // What senders pad their first line with so that a list shows nothing behind it, marks of direction, and U+FFFD, which
  // at the end of what we read is only a torn character.
  static bool is_invisible(char32_t c) {
    return c == 0xAD || c == 0x34F || c == 0x61C || (c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) ||
           (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || c == 0xFFFD;
  }
  std::string out_;
  size_t chars_ = 0;
  bool blank_ = false;
};

// The character at `at` of well-formed UTF-8; moves on.
char32_t next_char(std::string_view text, size_t& at, std::string_view& utf8) {
  const auto first = static_cast<unsigned char>(text[at]);
  const size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  utf8 = text.substr(at, size);
  char32_t c = size == 1 ? first : first & (0xFFU >> (size + 1));
  for (size_t i = 1; i < utf8.size(); ++i) c = c << 6 | (static_cast<unsigned char>(utf8[i]) & 0x3FU);
  at += utf8.size();
  return c;
}

void add_text(Line& line, std::string_view text) {
  for (size_t at = 0; at < text.size() && !line.full();) {
    std::string_view utf8;
    const char32_t c = next_char(text, at, utf8);
    line.add(c, utf8);
  }
}

void plain(Line& line, std::string_view text) {
  for (std::string_view row : base::split(text, '\n')) {
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (row == "-- " || line.full() || row.starts_with("-----BEGIN PGP MESSAGE")) return;
    if (!row.starts_with('>')) add_text(line, row);
    line.blank();
  }
}

std::string utf8_of(uint32_t c) {
  if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return {};
  std::string out;
  if (c < 0x80) return {static_cast<char>(c)};
  const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  constexpr std::array<unsigned, 4> kFirst = {0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(kFirst[static_cast<size_t>(more)] | c >> (6 * more));
  for (int i = more - 1; i >= 0; --i) out += static_cast<char>(0x80U | (c >> (6 * i) & 0x3FU));
  return out;
}

// "amp", "#233", "#xE9": what stands between & and ;. Empty: not known.
std::string entity(std::string_view name) {
  static constexpr struct {
    std::string_view name;
    uint32_t c;
  } kNames[] = {{"amp", '&'},       {"lt", '<'},       {"gt", '>'},       {"quot", '"'},      {"apos", '\''},
                {"nbsp", 0xA0},     {"shy", 0xAD},     {"zwnj", 0x200C},  {"zwj", 0x200D},    {"copy", 0xA9},
                {"reg", 0xAE},      {"trade", 0x2122}, {"euro", 0x20AC},  {"hellip", 0x2026}, {"ndash", 0x2013},
                {"mdash", 0x2014},  {"lsquo", 0x2018}, {"rsquo", 0x2019}, {"ldquo", 0x201C},  {"rdquo", 0x201D},
                {"laquo", 0xAB},    {"raquo", 0xBB},   {"bull", 0x2022},  {"middot", 0xB7},   {"iexcl", 0xA1},
                {"iquest", 0xBF},   {"aacute", 0xE1},  {"eacute", 0xE9},  {"iacute", 0xED},   {"oacute", 0xF3},
                {"uacute", 0xFA},   {"ntilde", 0xF1},  {"uuml", 0xFC},    {"ouml", 0xF6},     {"auml", 0xE4},
                {"Aacute", 0xC1},   {"Eacute", 0xC9},  {"Iacute", 0xCD},  {"Oacute", 0xD3},   {"Uacute", 0xDA},
                {"Ntilde", 0xD1},   {"Uuml", 0xDC},    {"Ouml", 0xD6},    {"Auml", 0xC4},     {"szlig", 0xDF},
                {"agrave", 0xE0},   {"egrave", 0xE8},  {"ecirc", 0xEA},   {"ccedil", 0xE7},   {"ocirc", 0xF4},
                {"thinsp", 0x2009}, {"ensp", 0x2002},  {"emsp", 0x2003},  {"deg", 0xB0},      {"ordf", 0xAA}};
  if (name.starts_with('#')) {
    const bool hex = name.size() > 1 && (name[1] == 'x' || name[1] == 'X');
    uint32_t c = 0;
    for (const char digit : name.substr(hex ? 2 : 1)) {
      const char low = base::to_lower(digit);
      const bool letter = hex && low >= 'a' && low <= 'f';
      if ((!base::is_digit(digit) && !letter) || c > 0x10FFFF) return {};
      c = c * (hex ? 16 : 10) + static_cast<uint32_t>(letter ? low - 'a' + 10 : digit - '0');
    }
    return utf8_of(c);
  }
  for (const auto& known : kNames)
    if (known.name == name) return utf8_of(known.c);
  return {};
}

// Where the tag that begins at `at` ends, one past ">". A ">" in a quoted value does not count, unless the quote does not
// end soon: a bound, lest a text of nothing but open quotes take the square of its length.
size_t tag_end(std::string_view html, size_t at) {
  constexpr size_t kLongestTag = 1024;
  char quote = 0;
  for (size_t i = at; i < std::min(html.size(), at + kLongestTag); ++i) {
    const char c = html[i];
    if (quote) {
      if (c == quote) quote = 0;
    } else if ((c == '"' || c == '\'') && html[i - 1] == '=') {
      quote = c;
    } else if (c == '>') {
      return i + 1;
    }
  }
  const size_t end = html.find('>', at);
  return end == html.npos ? html.size() : end + 1;
}

// One past "</name>", from `at` on; the end when there is none.
size_t skip_element(std::string_view html, size_t at, std::string_view name) {
  for (; (at = html.find("</", at)) != html.npos; at += 2)
    if (base::iequals(html.substr(at + 2, name.size()), name)) return tag_end(html, at + 1);
  return html.size();
}

bool one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view n) { return base::iequals(n, name); });
}

// Behind the markup that begins at `at` with "<".
size_t skip_markup(Line& line, std::string_view html, size_t at) {
  if (html.substr(at).starts_with("<!--")) {
    const size_t end = html.find("-->", at + 4);
    return end == html.npos ? html.size() : end + 3;
  }
  size_t name_end = at + 1;
  while (name_end < html.size() && (base::is_alpha(html[name_end]) || base::is_digit(html[name_end]))) ++name_end;
  const std::string_view name = html.substr(at + 1, name_end - at - 1);
  const size_t end = tag_end(html, at + 1);
  if (one_of(name, {"style", "script", "title", "template"})) return skip_element(html, end, name);
  const bool closes = name.empty() && at + 1 < html.size() && html[at + 1] == '/';
  const std::string_view closed = closes ? html.substr(at + 2, 6) : std::string_view();
  const auto inline_end = [&](std::string_view n) {
    return closed.size() > n.size() && base::iequals(closed.substr(0, n.size()), n) && closed[n.size()] == '>';
  };
  const bool within_word = one_of(name, {"a", "b", "i", "u", "em", "strong", "span", "font", "wbr", "small", "big"}) ||
                           inline_end("a") || inline_end("b") || inline_end("i") || inline_end("u") || inline_end("em") ||
                           inline_end("span") || inline_end("font") || base::iequals(closed, "strong");
  if (!within_word) line.blank();
  return end;
}

void html(Line& line, std::string_view text) {
  for (size_t at = 0; at < text.size() && !line.full();) {
    const char c = text[at];
    const char after = at + 1 < text.size() ? text[at + 1] : ' ';
    if (c == '<' && (base::is_alpha(after) || after == '/' || after == '!' || after == '?')) {
      at = skip_markup(line, text, at);
      continue;
    }
    if (c == '&') {
      const size_t end = text.substr(at, 12).find(';');
      const std::string sign = end == text.npos ? std::string() : entity(text.substr(at + 1, end - 1));
      if (!sign.empty()) {
        add_text(line, sign);
        at += end + 1;
        continue;
      }
    }
    std::string_view utf8;
    const char32_t sign = next_char(text, at, utf8);
    line.add(sign, utf8);
  }
}

}  // namespace

std::vector<uint32_t> preview_parts(const std::vector<RecordPart>& parts) {
  std::vector<uint32_t> found;
  for (const bool wants_html : {false, true}) {
    for (uint32_t i = 0; i < parts.size(); ++i) {
      if (parts[i].kind == Part::Kind::Message) {  // mail within mail says what somebody else said
        i = parts[i].end - 1;
        continue;
      }
      if (!parts[i].text || parts[i].attachment || parts[i].html != wants_html) continue;
      found.push_back(i);
      break;
    }
  }
  return found;
}

// Most mail says enough in its first few kilobytes; HTML often begins with as much style.
std::string preview_text(const RecordPart& part, std::string_view body) {
  std::string out;
  for (size_t window = 4 << 10; window <= kPreviewInput; window *= 4) {
    const std::string text = decode_text(body.substr(0, window), part.encoding, part.charset);
    Line line;
    part.html ? html(line, text) : plain(line, text);
    const bool enough = line.full() || window >= body.size();
    out = line.take();
    if (enough) break;
  }
  return out;
}

std::string preview_of(const std::vector<RecordPart>& parts, std::string_view raw) {
  for (const uint32_t i : preview_parts(parts)) {
    std::string text = preview_text(parts[i], raw.substr(parts[i].body.at, parts[i].body.size));
    if (!text.empty()) return text;
  }
  return {};
}

}  // namespace bz::mime
