// RESETKEY, GENURLAUTH, URLFETCH (RFC 4467 section 9, RFC 5524 section 5). URLs are any strings here; what they are is
// told by url.h.
#include "base/text.h"
#include "imap/parse.h"

namespace bz::imap::detail {
namespace {

// mechanism = "INTERNAL" / 1*(ALPHA / DIGIT / "-" / ".")
std::optional<std::string> mechanism(Parse& p) {
  const std::string_view word = p.lex.atom();
  if (word.empty()) return std::nullopt;
  return base::upper(word);
}

// url-fetch-param = "BODY" / "BINARY" / "BODYPARTSTRUCTURE" / atom, each once, not BODY and BINARY together (RFC 5524
// section 3.1)
bool fetch_parameter(Parse& p, UrlFetch::Wanted& wanted) {
  bool* known = p.lex.take("BODYPARTSTRUCTURE") ? &wanted.structure
                : p.lex.take("BODY")            ? &wanted.body
                : p.lex.take("BINARY")          ? &wanted.binary
                                                : nullptr;
  if (!known) return p.fail("Unknown URLFETCH parameter"), false;
  if (*known) return p.fail("A URLFETCH parameter is there twice"), false;
  *known = wanted.extended = true;
  if (wanted.body && wanted.binary) return p.fail("BODY and BINARY exclude each other"), false;
  return true;
}

// url-fetch-arg = url-full / "(" url-full *(SP url-fetch-param) ")"
bool fetch_argument(Parse& p, UrlFetch::Wanted& wanted) {
  const bool list = p.lex.take('(');
  auto url = p.lex.astring();
  if (!url) return false;
  wanted.url = std::move(*url);
  if (!list) return true;
  while (p.sp())
    if (!fetch_parameter(p, wanted)) return false;
  return p.lex.take(')');
}

}  // namespace

Read read_resetkey(Parse& p) {
  ResetKey command;
  if (p.lex.at_end()) return command;
  if (!p.sp()) return std::nullopt;
  command.mailbox = p.mailbox();
  if (!command.mailbox) return std::nullopt;
  while (p.sp()) {
    auto name = mechanism(p);
    if (!name) return std::nullopt;
    command.mechanisms.push_back(std::move(*name));
    if (command.mechanisms.size() > kMaxUrls) return p.fail("Too many mechanisms");
  }
  return command;
}

Read read_genurlauth(Parse& p) {
  GenUrlAuth command;
  while (p.sp()) {
    auto url = p.lex.astring();
    if (!url || !p.sp()) return std::nullopt;
    auto name = mechanism(p);
    if (!name) return std::nullopt;
    if (command.rumps.size() == kMaxUrls) return p.fail("Too many URLs");
    command.rumps.push_back({std::move(*url), std::move(*name)});
  }
  if (command.rumps.empty()) return std::nullopt;
  return command;
}

Read read_urlfetch(Parse& p) {
  UrlFetch command;
  while (p.sp()) {
    UrlFetch::Wanted wanted;
    if (!fetch_argument(p, wanted)) return std::nullopt;
    if (command.urls.size() == kMaxUrls) return p.fail("Too many URLs");
    command.urls.push_back(std::move(wanted));
  }
  if (command.urls.empty()) return std::nullopt;
  return command;
}

}  // namespace bz::imap::detail
