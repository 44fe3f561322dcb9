// Search folding (text.h): decomposed, without accents, case-folded. Mail is mostly ASCII with single letters of something
// else in between, so ASCII and what a table knows are copied, and only what depends on its neighbours goes through ICU.
// Nothing composes or reorders across an ASCII character (it is a starter and decomposes to itself), which is what lets a
// text be cut there.
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "mime/text.h"
#include "mime/text_utf16.h"

namespace bz::mime {

using Utf16 = std::u16string;

Utf16 to_utf16(std::string_view utf8) {
  Utf16 out(utf8.size(), u'\0');
  int32_t used = 0;
  UErrorCode status = U_ZERO_ERROR;
  u_strFromUTF8WithSub(out.data(), static_cast<int32_t>(out.size()), &used, utf8.data(), static_cast<int32_t>(utf8.size()),
                       0xFFFD, nullptr, &status);
  out.resize(U_SUCCESS(status) ? static_cast<size_t>(used) : 0);
  return out;
}

std::string from_utf16(const char16_t* text, size_t size) {
  std::string out(size * 3, '\0');
  int32_t used = 0;
  UErrorCode status = U_ZERO_ERROR;
  u_strToUTF8WithSub(out.data(), static_cast<int32_t>(out.size()), &used, text, static_cast<int32_t>(size), 0xFFFD, nullptr,
                     &status);
  out.resize(U_SUCCESS(status) ? static_cast<size_t>(used) : 0);
  return out;
}

namespace {

// Letters that no decomposition takes apart although people search for them without the stroke.
char16_t plain_letter(char16_t c) {
  switch (c) {
    case u'ø':
    case u'Ø':
      return u'o';
    case u'ł':
    case u'Ł':
      return u'l';
    case u'đ':
    case u'Đ':
      return u'd';
    case u'ħ':
    case u'Ħ':
      return u'h';
    case u'ı':
      return u'i';
    default:
      return c;
  }
}

// Accents of Latin, Greek and Cyrillic, Hebrew points, Arabic vowel signs. Other marks (kana, Indic) make other letters.
bool is_dropped_mark(char16_t c) {
  return (c >= 0x300 && c <= 0x36F) || (c >= 0x591 && c <= 0x5C7 && c != 0x5BE && c != 0x5C0 && c != 0x5C3 && c != 0x5C6) ||
         (c >= 0x64B && c <= 0x65F) || c == 0x670 || c == 0xAD;
}

Utf16 decompose(const Utf16& text) {
  UErrorCode status = U_ZERO_ERROR;
  const UNormalizer2* normalizer = unorm2_getNFKDInstance(&status);
  if (U_FAILURE(status)) return text;
  Utf16 out(text.size() * 3 + 32, u'\0');
  for (int attempt = 0; attempt < 2; ++attempt) {
    status = U_ZERO_ERROR;
    int32_t used = unorm2_normalize(normalizer, text.data(), static_cast<int32_t>(text.size()), out.data(),
                                    static_cast<int32_t>(out.size()), &status);
    out.resize(static_cast<size_t>(std::max(used, 0)));
    if (U_SUCCESS(status)) return out;
    if (status != U_BUFFER_OVERFLOW_ERROR) break;
  }
  return text;
}

Utf16 fold_case(const Utf16& text) {
  Utf16 out(text.size() * 3 + 8, u'\0');
  UErrorCode status = U_ZERO_ERROR;
  int32_t used = u_strFoldCase(out.data(), static_cast<int32_t>(out.size()), text.data(), static_cast<int32_t>(text.size()),
                               U_FOLD_CASE_DEFAULT, &status);
  if (U_FAILURE(status)) return text;
  out.resize(static_cast<size_t>(used));
  return out;
}

Utf16 fold_utf16(const Utf16& raw) {
  Utf16 text = decompose(raw);
  std::erase_if(text, is_dropped_mark);
  for (char16_t& c : text) c = plain_letter(c);
  return fold_case(text);
}

// What a character becomes whatever stands beside it; size kAskIcu: it may move among its neighbours, or is longer.
struct Folded {
  static constexpr uint8_t kAskIcu = 0xFF;
  uint8_t size = kAskIcu;
  char text[7] = {};
};

Folded fold_alone(char16_t c) {
  const Utf16 folded = fold_utf16(Utf16(1, c));
  auto starter = [](char16_t unit) { return !U16_IS_SURROGATE(unit) && u_getCombiningClass(unit) == 0; };
  Folded out;
  if (!is_dropped_mark(c) && !starter(c)) return out;
  if (!std::all_of(folded.begin(), folded.end(), starter)) return out;
  const std::string text = from_utf16(folded.data(), folded.size());
  if (text.size() > sizeof out.text) return out;
  out.size = static_cast<uint8_t>(text.size());
  std::memcpy(out.text, text.data(), text.size());
  return out;
}

// Latin to Arabic, and the quotes, dashes and symbols of word processors.
struct Table {
  static constexpr char16_t kLow = 0x80, kLowEnd = 0x800, kHigh = 0x2000, kHighEnd = 0x2180;
  Folded low[kLowEnd - kLow], high[kHighEnd - kHigh];
  Table() {
    for (char16_t c = kLow; c < kLowEnd; ++c) low[c - kLow] = fold_alone(c);
    for (char16_t c = kHigh; c < kHighEnd; ++c) high[c - kHigh] = fold_alone(c);
  }
};
const Table& table() {
  static const Table made;
  return made;
}

constexpr bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// The well-formed character of two or three octets at the front; 0: something else.
struct Character {
  char16_t code = 0;
  size_t size = 0;
};
Character front_of(std::string_view text) {
  const auto octet = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.size() >= 2 && octet(0) >= 0xC2 && octet(0) < 0xE0 && is_continuation(text[1]))
    return {static_cast<char16_t>((octet(0) & 0x1F) << 6 | (octet(1) & 0x3F)), 2};
  if (text.size() >= 3 && octet(0) >= 0xE1 && octet(0) < 0xED && is_continuation(text[1]) && is_continuation(text[2]))
    return {static_cast<char16_t>((octet(0) & 0x0F) << 12 | (octet(1) & 0x3F) << 6 | (octet(2) & 0x3F)), 3};
  return {};
}

bool is_ideograph(char16_t c) { return (c >= 0x3400 && c < 0x4DC0) || (c >= 0x4E00 && c < 0xA000); }

// Appends a run without ASCII; false: nothing was appended, ICU has to look at it.
bool append_known(std::string_view run, std::string& out) {
  const size_t before = out.size();
  while (!run.empty()) {
    const Character c = front_of(run);
    const Folded* folded = nullptr;
    if (c.code >= Table::kLow && c.code < Table::kLowEnd) folded = &table().low[c.code - Table::kLow];
    if (c.code >= Table::kHigh && c.code < Table::kHighEnd) folded = &table().high[c.code - Table::kHigh];
    if (folded && folded->size != Folded::kAskIcu) {
      out.append(folded->text, folded->size);
    } else if (is_ideograph(c.code)) {
      out.append(run.substr(0, c.size));
    } else {
      out.resize(before);
      return false;
    }
    run.remove_prefix(c.size);
  }
  return true;
}

void append_by_icu(std::string_view run, std::string& out) {
  constexpr size_t kPiece = 32 * 1024;
  while (!run.empty()) {
    size_t cut = std::min(run.size(), kPiece);
    while (cut < run.size() && cut > kPiece - 4 && is_continuation(run[cut])) --cut;
    const Utf16 folded = fold_utf16(to_utf16(run.substr(0, cut)));
    out += from_utf16(folded.data(), folded.size());
    run.remove_prefix(cut);
  }
}

void append_lower(std::string_view ascii, std::string& out) {
  const size_t before = out.size();
  out.append(ascii);
  for (size_t i = before; i < out.size(); ++i) out[i] = base::to_lower(out[i]);
}

// Octets below 0x80 mean in these what they mean in ASCII, whatever stands before them.
bool is_ascii_based(std::string_view charset) {
  constexpr std::string_view kNames[] = {"", "us-ascii", "ascii", "utf-8", "utf8", "latin1"};
  const std::string name = base::lower(base::trim(charset));
  return name.starts_with("iso-8859-") || name.starts_with("windows-125") ||
         std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

}  // namespace

std::string fold(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size());
  while (!utf8.empty()) {
    size_t end = base::ascii_prefix(utf8);
    append_lower(utf8.substr(0, end), out);
    utf8.remove_prefix(end);
    for (end = 0; end < utf8.size() && static_cast<unsigned char>(utf8[end]) >= 0x80;) ++end;
    const std::string_view run = utf8.substr(0, end);
    if (!append_known(run, out)) append_by_icu(run, out);
    utf8.remove_prefix(end);
  }
  return out;
}

std::string fold_text(std::string bytes, std::string_view charset) {
  if (base::ascii_prefix(bytes) < bytes.size() || !is_ascii_based(charset)) return fold(to_utf8(bytes, charset));
  for (char& c : bytes) c = base::to_lower(c);
  return bytes;
}

}  // namespace bz::mime
