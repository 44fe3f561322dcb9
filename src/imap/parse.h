// Inside the parser: one command being read, and the productions that several commands share. Not for other rooms.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "imap/command.h"
#include "imap/lexer.h"

namespace bz::imap::detail {

inline constexpr size_t kMaxFetchItems = 256, kMaxHeaderFields = 256, kMaxPartDepth = 128;
inline constexpr size_t kMaxKeyword = 100;  // 59 keywords fit into a line of a response
inline constexpr size_t kMaxUrls = 256;     // of GENURLAUTH or URLFETCH
inline constexpr size_t kMaxLanguages = 32;
inline constexpr size_t kMaxEntries = 100;                       // of GETMETADATA and SETMETADATA
inline constexpr size_t kMaxResources = 16;                      // of SETQUOTA
inline constexpr size_t kMaxCancelled = 256;                     // tags of CANCELUPDATE
inline constexpr size_t kMaxPushKeys = 20, kMaxPushNames = 256;  // of XAPPLEPUSHSERVICE
inline constexpr size_t kMaxIdFields = 30, kMaxPatterns = 256, kMaxFlags = 256;

class Parse {
 public:
  explicit Parse(std::string_view text, bool utf8 = false) : lex(text, utf8), utf8(utf8) {}
  Lexer lex;
  std::string_view error = "Syntax error";
  bool well_formed = false;  // with an error: SyntaxError::well_formed
  const bool utf8;           // ENABLE UTF8=ACCEPT has been: names of mailboxes are UTF-8

  std::nullopt_t fail(std::string_view text) {
    error = text;
    return std::nullopt;
  }
  bool sp() { return lex.sp(); }
  std::optional<std::string> mailbox();       // section 9 "mailbox", as UTF-8
  std::optional<std::string> list_pattern();  // "list-mailbox", as UTF-8
  std::optional<FlagList> flag_list();        // "(" [flag *(SP flag)] ")"
  bool flag(FlagList& into);
  std::optional<PartialRange> partial_range();  // RFC 9394 section 4
  std::optional<StatusItems> status_items();    // "(" status-att *(SP status-att) ")"
};

// filter-mailboxes (RFC 5465 section 8, RFC 7377 section 4); names_read: of the command so far, at most kMaxNotifyNames.
bool mailbox_filter(Parse& p, MailboxFilter& into, size_t& names_read);

// Each reads what follows the command's name and must leave the lexer at the end of the command.
using Read = std::optional<Command>;
Read read_id(Parse& p);
Read read_authenticate(Parse& p);
Read read_login(Parse& p);
Read read_enable(Parse& p);
Read read_compress(Parse& p);
Read read_language(Parse& p);
Read read_select(Parse& p, bool examine);
Read read_create(Parse& p);
Read read_rename(Parse& p);
Read read_status(Parse& p);
Read read_list(Parse& p);
Read read_lsub(Parse& p);
Read read_xlist(Parse& p);
Read read_store(Parse& p, bool uid);
Read read_copy(Parse& p, bool uid);
Read read_move(Parse& p, bool uid);
Read read_uid_expunge(Parse& p);
Read read_fetch(Parse& p, bool uid);
Read read_uid_batches(Parse& p);
Read read_notify(Parse& p);
Read read_cancel_update(Parse& p);
Read read_search(Parse& p, bool uid);
Read read_esearch(Parse& p);
Read read_sort(Parse& p, bool uid);
Read read_thread(Parse& p, bool uid);
Read read_resetkey(Parse& p);
Read read_genurlauth(Parse& p);
Read read_urlfetch(Parse& p);
Read read_getmetadata(Parse& p);
Read read_setmetadata(Parse& p);
// entries = entry / "(" entry *(SP entry) ")" (RFC 5464 section 5)
bool metadata_entries(Parse& p, std::vector<std::string>& entries);
Read read_setacl(Parse& p);
Read read_apple_push(Parse& p);
Read read_getquota(Parse& p);
Read read_setquota(Parse& p);
// section = "[" [section-spec] "]" (section 9)
bool read_section(Parse& p, BodySection& section);
// "(" fetch-att *(SP fetch-att) ")"
bool fetch_list(Parse& p, std::vector<FetchItem>& items);
// "RETURN" has been read: SP "(" [option *(SP option)] ")" (RFC 4731, RFC 5182, RFC 9394)
bool return_options(Parse& p, Search& search);
// search-key *(SP search-key) up to the end of the command
bool search_keys(Parse& p, Search& search);
template <class MailboxCommand>
Read read_mailbox_command(Parse& p) {
  if (!p.sp()) return std::nullopt;
  auto mailbox = p.mailbox();
  if (!mailbox) return std::nullopt;
  return MailboxCommand{std::move(*mailbox)};
}
// mailbox SP identifier (RFC 4314 section 7)
template <class IdentifierCommand>
Read read_identifier_command(Parse& p) {
  if (!p.sp()) return std::nullopt;
  auto mailbox = p.mailbox();
  if (!mailbox || !p.sp()) return std::nullopt;
  auto identifier = p.lex.astring();
  if (!identifier) return std::nullopt;
  return IdentifierCommand{std::move(*mailbox), std::move(*identifier)};
}

}  // namespace bz::imap::detail
