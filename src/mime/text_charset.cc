// Charset conversion: with text_fold.cc the room's door to ICU.
#include <unicode/ucnv.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "mime/text.h"
#include "mime/text_utf16.h"

namespace bz::mime {
namespace {

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

}  // namespace bz::mime
