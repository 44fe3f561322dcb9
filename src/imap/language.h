// LANGUAGE (RFC 5255 section 3): in which language the texts of status responses are. The code says them in English; what
// has a translation is exchanged where the response is written. The gateway and the session share this.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "imap/response.h"

namespace bz::imap {

enum class Language : uint8_t {
  Default,
  English,
  Spanish
};  // Default: "i-default", English in ASCII (RFC 2277 section 4.5)

std::string_view tag(Language language);                    // "es" (RFC 5646)
std::optional<Language> language_of(std::string_view tag);  // exactly, no case
std::span<const std::string_view> language_tags();          // all of them

bool is_language_range(std::string_view text);  // RFC 4647 section 2.1: "es-MX", "*"
// The first of the ranges that something here speaks (RFC 4647 section 3.4: "es-MX" is content with "es"); "default" and
// "*" are Default. None: nothing changes.
std::optional<Language> choose_language(std::span<const std::string> ranges);

// `english` as the client wants it, UTF-8. A code in front ("[TOOBIG] ...") stays. No translation: of BAD, which is for
// those who write clients, the English detail behind a word that says what kind of error it is; else the English text.
std::string in_language(Language language, Condition condition, std::string_view english);

// "* LANGUAGE (en es)": one tag says what is spoken now, several what there is (RFC 5255 section 3.3).
void language_response(std::string& out, std::span<const std::string_view> tags);

namespace detail {
std::optional<std::string> spanish(std::string_view english);
}

}  // namespace bz::imap
