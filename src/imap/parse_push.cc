// XAPPLEPUSHSERVICE. Apple has published no grammar; this is what its phones send and its own server reads: pairs of a key
// and a value in any order, keys without case, the mailboxes in parentheses. Unknown keys are passed over, for phones to
// come.
#include <algorithm>

#include "base/text.h"
#include "imap/parse.h"

namespace bz::imap::detail {
namespace {

constexpr size_t kLeastToken = 64, kMostToken = 200, kMostWord = 100;
constexpr int kMostDepth = 4;

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= kMostWord && std::all_of(text.begin(), text.end(), [](char c) {
    return base::is_alpha(c) || base::is_digit(c) || c == '-' || c == '.' || c == '_';
  });
}

bool is_token(std::string_view text) {
  return text.size() >= kLeastToken && text.size() <= kMostToken && text.size() % 2 == 0 &&
         std::all_of(text.begin(), text.end(), [](char c) { return base::is_digit(c) || (c >= 'a' && c <= 'f'); });
}

bool mailboxes(Parse& p, std::vector<std::string>& into) {
  into.clear();
  if (!p.lex.take('(')) return false;
  if (p.lex.take(')')) return true;
  do {
    auto name = p.mailbox();
    if (!name) return false;
    if (into.size() == kMaxPushNames) return p.fail("Too many mailboxes"), false;
    into.push_back(std::move(*name));
  } while (p.sp());
  return p.lex.take(')');
}

// value = astring / "(" value *(SP value) ")"
bool skip_value(Parse& p, int depth = 0) {
  if (!p.lex.take('(')) return p.lex.astring().has_value();
  if (depth == kMostDepth) return p.fail("Too deep"), false;
  if (p.lex.take(')')) return true;
  do {
    if (!skip_value(p, depth + 1)) return false;
  } while (p.sp());
  return p.lex.take(')');
}

bool pair(Parse& p, ApplePush& command) {
  auto key = p.lex.astring();
  if (!key || !p.sp()) return false;
  const std::string name = base::lower(*key);
  if (name == "mailboxes") return mailboxes(p, command.mailboxes);
  if (!name.starts_with("aps-")) return skip_value(p);
  auto value = p.lex.astring();
  if (!value) return false;
  if (name == "aps-version")
    command.version = base::parse_number<uint32_t>(*value).value_or(0);
  else if (name == "aps-account-id")
    command.account_id = std::move(*value);
  else if (name == "aps-device-token")
    command.device_token = base::lower(*value);
  else if (name == "aps-subtopic")
    command.subtopic = std::move(*value);
  return true;
}

}  // namespace

Read read_apple_push(Parse& p) {
  ApplePush command;
  size_t keys = 0;
  if (!p.sp()) return std::nullopt;
  do {
    if (++keys > kMaxPushKeys) return p.fail("Too many keys");
    if (!pair(p, command)) return std::nullopt;
  } while (p.sp());
  if (command.version == 0) return p.fail("aps-version is missing");
  if (!is_word(command.account_id)) return p.fail("aps-account-id is missing or not one");
  if (!is_token(command.device_token)) return p.fail("aps-device-token is missing or not one");
  if (!is_word(command.subtopic)) return p.fail("aps-subtopic is missing or not one");
  return command;
}

}  // namespace bz::imap::detail
