// Unicode Normalization Form C (text.h), what RFC 5198 wants of text on the wire.
#include <unicode/unorm2.h>

#include "base/text.h"
#include "mime/text.h"
#include "mime/text_utf16.h"

namespace bz::mime {

std::string nfc(std::string_view utf8) {
  std::string unchanged(utf8);
  if (base::is_ascii(utf8) || !base::is_utf8(utf8)) return unchanged;
  UErrorCode status = U_ZERO_ERROR;
  const UNormalizer2* normalizer = unorm2_getNFCInstance(&status);
  if (U_FAILURE(status)) return unchanged;
  const std::u16string text = to_utf16(utf8);
  // No character becomes more than three (Unicode Standard Annex 15, section 9.2).
  std::u16string out(text.size() * 3 + 8, u'\0');
  const int32_t used = unorm2_normalize(normalizer, text.data(), static_cast<int32_t>(text.size()), out.data(),
                                        static_cast<int32_t>(out.size()), &status);
  if (U_FAILURE(status)) return unchanged;
  return from_utf16(out.data(), static_cast<size_t>(used));
}

}  // namespace bz::mime
