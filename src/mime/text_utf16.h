// Inside mime: between UTF-8 and the UTF-16 that ICU works on. What is ill-formed becomes U+FFFD.
#pragma once
#include <string>
#include <string_view>

namespace bz::mime {

std::u16string to_utf16(std::string_view utf8);
std::string from_utf16(const char16_t* text, size_t size);

}  // namespace bz::mime
