#include "imap/language.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace bz::imap {
namespace {

constexpr std::array<std::string_view, 3> kTags = {"i-default", "en", "es"};  // by Language
constexpr size_t kMaxSubtag = 8;

}  // namespace

std::string_view tag(Language language) { return kTags[static_cast<size_t>(language)]; }

std::optional<Language> language_of(std::string_view tag) {
  for (size_t i = 0; i < kTags.size(); ++i)
    if (base::iequals(kTags[i], tag)) return static_cast<Language>(i);
  return std::nullopt;
}

std::span<const std::string_view> language_tags() { return kTags; }

bool is_language_range(std::string_view text) {
  if (text == "*") return true;
  for (bool first = true;; first = false) {
    const size_t size = std::min(text.find('-'), text.size());
    const std::string_view subtag = text.substr(0, size);
    auto fits = [&](char c) { return base::is_alpha(c) || (!first && base::is_digit(c)); };
    if (subtag.empty() || subtag.size() > kMaxSubtag || !std::all_of(subtag.begin(), subtag.end(), fits)) return false;
    if (size == text.size()) return true;
    text.remove_prefix(size + 1);
  }
}

std::optional<Language> choose_language(std::span<const std::string> ranges) {
  for (std::string_view range : ranges) {
    if (range == "*" || base::iequals(range, "default")) return Language::Default;
    for (;;) {
      if (auto found = language_of(range)) return found;
      size_t end = range.rfind('-');
      if (end == std::string_view::npos) break;
      if (end > 1 && range[end - 2] == '-') end -= 2;  // a subtag of one letter goes with what followed it
      range = range.substr(0, end);
    }
  }
  return std::nullopt;
}

std::string in_language(Language language, Condition condition, std::string_view english) {
  if (language != Language::Spanish) return std::string(english);
  std::string out;
  if (const size_t end = english.find("] "); english.starts_with('[') && end != std::string_view::npos) {
    out = english.substr(0, end + 2);
    english.remove_prefix(end + 2);
  }
  constexpr std::string_view kCompleted = " completed";
  if (auto translated = detail::spanish(english))
    out += *translated;
  else if (english.ends_with(kCompleted))
    out.append(english.substr(0, english.size() - kCompleted.size())).append(" terminado");
  else if (condition == Condition::Bad)
    out.append("Orden incorrecta (").append(english).append(")");
  else
    out += english;
  return out;
}

void language_response(std::string& out, std::span<const std::string_view> tags) {
  out.append("* LANGUAGE (");
  for (size_t i = 0; i < tags.size(); ++i) out.append(i > 0 ? " " : "").append(tags[i]);
  out.append(")\r\n");
}

}  // namespace bz::imap
