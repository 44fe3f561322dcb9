#include "imapd/commands/list_match.h"

#include <vector>

#include "base/text.h"

namespace bz::imapd {
namespace {

// One row per sign of the pattern: row[i] says whether the pattern so far matches the first i octets of the name.
bool match(std::string_view pattern, std::string_view name) {
  std::vector<char> row(name.size() + 1, 0);
  row[0] = 1;
  for (char p : pattern) {
    bool wild = p == '*' || p == '%';
    char diagonal = row[0];
    if (!wild) row[0] = 0;
    bool any = row[0] != 0;
    for (size_t i = 1; i <= name.size(); ++i) {
      char above = row[i];
      bool from_left = row[i - 1] && (p == '*' || name[i - 1] != '/');
      row[i] = wild ? above || from_left : diagonal && p == name[i - 1];
      any |= row[i] != 0;
      diagonal = above;
    }
    if (!any) return false;
  }
  return row[name.size()] != 0;
}

}  // namespace

bool list_match(std::string_view pattern, std::string_view name) {
  constexpr std::string_view kInbox = "INBOX";
  bool inbox_pattern =
      base::istarts_with(pattern, kInbox) && (pattern.size() == kInbox.size() || pattern[kInbox.size()] == '/' ||
                                              pattern[kInbox.size()] == '*' || pattern[kInbox.size()] == '%');
  if (inbox_pattern && (name == kInbox || name.starts_with("INBOX/")))
    return match(pattern.substr(kInbox.size()), name.substr(kInbox.size()));
  return match(pattern, name);
}

}  // namespace bz::imapd
