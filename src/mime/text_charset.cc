// Charset conversion and search folding: with text.h this is the room's door to ICU.
#include <unicode/ucnv.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "mime/text.h"

namespace bz::mime {
namespace {

using Utf16 = std::u16string;
struct CloseConverter {
  void operator()(UConverter* converter) const { ucnv_close(converter); }
};
using Converter = std::unique_ptr<UConverter, CloseConverter>;

// Names as mail uses them to names as ICU knows them, and narrow sets to what senders mean by them (WHATWG Encoding).
std::string icu_name(std::string_view charset) {
  std::string name = base::lower(base::trim(charset));
  std::erase_if(name, [](char c) { return c == '"' || c == '\''; });
  if (name == "iso-8859-1" || name == "latin1" || name == "us-ascii" || name == "ascii") return "windows-1252";
  if (name == "gb2312" || name == "gbk" || name == "x-gbk") return "gb18030";
  if (name == "ks_c_5601-1987" || name == "ksc5601" || name == "euc-kr") return "windows-949";
  if (name == "iso-8859-8-i" || name == "iso-8859-8-e") return "iso-8859-8";
  if (name == "iso-8859-6-i" || name == "iso-8859-6-e") return "iso-8859-6";
  if (name == "iso-8859-9") return "windows-1254";
  if (name == "shift_jis" || name == "x-sjis" || name == "shift-jis") return "windows-31j";
  if (name == "utf8") return "utf-8";
  return name;
}

Converter open_converter(const std::string& name) {
  if (name.empty() || name.size() > 60 || !base::is_ascii(name) || name.find_first_of(", \\/") != std::string::npos) {
    return nullptr;
  }
  UErrorCode status = U_ZERO_ERROR;
  Converter converter(ucnv_open(name.c_str(), &status));
  return U_SUCCESS(status) ? std::move(converter) : nullptr;
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

// In pieces, so that the UTF-16 in between stays small.
std::string convert(UConverter* converter, std::string_view bytes) {
  std::string out;
  char16_t buffer[4096];
  const char *from = bytes.data(), *end = from + bytes.size();
  char16_t held = 0;  // a high surrogate that the last piece ended with
  for (bool more = true; more;) {
    char16_t* to = buffer;
    if (held) *to++ = std::exchange(held, char16_t{0});
    UErrorCode status = U_ZERO_ERROR;
    ucnv_toUnicode(converter, &to, buffer + std::size(buffer), &from, end, nullptr, true, &status);
    more = status == U_BUFFER_OVERFLOW_ERROR;
    auto size = static_cast<size_t>(to - buffer);
    if (more && size > 0 && U16_IS_LEAD(buffer[size - 1])) held = buffer[--size];
    out += from_utf16(buffer, size);
    if (U_FAILURE(status) && !more) break;
  }
  return out;
}

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

Utf16 to_utf16(std::string_view utf8) {
  Utf16 out(utf8.size(), u'\0');
  int32_t used = 0;
  UErrorCode status = U_ZERO_ERROR;
  u_strFromUTF8WithSub(out.data(), static_cast<int32_t>(out.size()), &used, utf8.data(), static_cast<int32_t>(utf8.size()),
                       0xFFFD, nullptr, &status);
  out.resize(U_SUCCESS(status) ? static_cast<size_t>(used) : 0);
  return out;
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

std::string fold_piece(std::string_view utf8) {
  if (base::is_ascii(utf8)) return base::lower(utf8);
  Utf16 text = decompose(to_utf16(utf8));
  std::erase_if(text, is_dropped_mark);
  for (char16_t& c : text) c = plain_letter(c);
  text = fold_case(text);
  return from_utf16(text.data(), text.size());
}

}  // namespace

bool charset_known(std::string_view charset) { return open_converter(icu_name(charset)) != nullptr; }

std::string guess_utf8(std::string_view bytes) {
  if (base::is_utf8(bytes)) return std::string(bytes);
  Converter converter = open_converter("windows-1252");
  BZ_CHECK(converter != nullptr, "ICU without windows-1252");
  return convert(converter.get(), bytes);
}

std::string to_utf8(std::string_view bytes, std::string_view charset) {
  std::string name = icu_name(charset);
  // an ASCII claim with 8-bit octets is no better than no claim
  if (name.empty() || base::iequals(base::trim(charset), "us-ascii")) return guess_utf8(bytes);
  if (name == "utf-8" && base::is_utf8(bytes)) return std::string(bytes);
  Converter converter = open_converter(name);
  return converter ? convert(converter.get(), bytes) : guess_utf8(bytes);
}

// Piece by piece, cut at line ends or blanks, where nothing composes across.
std::string fold(std::string_view utf8) {
  constexpr size_t kPiece = 32 * 1024;
  std::string out;
  out.reserve(utf8.size());
  while (utf8.size() > kPiece) {
    size_t cut = utf8.find_last_of(" \n", kPiece);
    if (cut == std::string_view::npos) {
      cut = kPiece;
      while (cut > kPiece - 4 && (static_cast<unsigned char>(utf8[cut]) & 0xC0) == 0x80) --cut;
    }
    cut = std::max<size_t>(cut, 1);
    out += fold_piece(utf8.substr(0, cut));
    utf8.remove_prefix(cut);
  }
  return out += fold_piece(utf8);
}

}  // namespace bz::mime
