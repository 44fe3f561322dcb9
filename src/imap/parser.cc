#include "imap/parser.h"

#include <array>

#include "base/text.h"
#include "imap/parse.h"

namespace bz::imap {
namespace {

using detail::Parse;
using detail::Read;
constexpr size_t kMaxTag = 256;

template <class Plain>
Read plain(Parse&) {
  return Plain{};
}
Read uid(Parse& p);

struct Entry {
  std::string_view name;
  Read (*read)(Parse&);
};
constexpr Entry kCommands[] = {
    {"APPEND", [](Parse& p) -> Read { return p.fail("APPEND needs a message literal"); }},
    {"AUTHENTICATE", detail::read_authenticate},
    {"CANCELUPDATE", detail::read_cancel_update},
    {"CAPABILITY", plain<Capability>},
    {"CHECK", plain<Check>},
    {"CLOSE", plain<Close>},
    {"COMPRESS", detail::read_compress},
    {"COPY", [](Parse& p) { return detail::read_copy(p, false); }},
    {"CREATE", detail::read_create},
    {"DELETE", detail::read_mailbox_command<Delete>},
    {"DELETEACL", detail::read_identifier_command<DeleteAcl>},
    {"ENABLE", detail::read_enable},
    {"ESEARCH", detail::read_esearch},
    {"EXAMINE", [](Parse& p) { return detail::read_select(p, true); }},
    {"EXPUNGE", plain<Expunge>},
    {"FETCH", [](Parse& p) { return detail::read_fetch(p, false); }},
    {"GENURLAUTH", detail::read_genurlauth},
    {"GETACL", detail::read_mailbox_command<GetAcl>},
    {"GETMETADATA", detail::read_getmetadata},
    {"GETQUOTA", detail::read_getquota},
    {"GETQUOTAROOT", detail::read_mailbox_command<GetQuotaRoot>},
    {"ID", detail::read_id},
    {"IDLE", plain<Idle>},
    {"LANGUAGE", detail::read_language},
    {"LIST", detail::read_list},
    {"LISTRIGHTS", detail::read_identifier_command<ListRights>},
    {"LOGIN", detail::read_login},
    {"LOGOUT", plain<Logout>},
    {"LSUB", detail::read_lsub},
    {"MOVE", [](Parse& p) { return detail::read_move(p, false); }},
    {"MYRIGHTS", detail::read_mailbox_command<MyRights>},
    {"NAMESPACE", plain<Namespace>},
    {"NOOP", plain<Noop>},
    {"NOTIFY", detail::read_notify},
    {"RENAME", detail::read_rename},
    {"REPLACE", [](Parse& p) -> Read { return p.fail("REPLACE needs a message literal"); }},
    {"RESETKEY", detail::read_resetkey},
    {"SEARCH", [](Parse& p) { return detail::read_search(p, false); }},
    {"SELECT", [](Parse& p) { return detail::read_select(p, false); }},
    {"SETACL", detail::read_setacl},
    {"SETMETADATA", detail::read_setmetadata},
    {"SETQUOTA", detail::read_setquota},
    {"SORT", [](Parse& p) { return detail::read_sort(p, false); }},
    {"STARTTLS", plain<StartTls>},
    {"STATUS", detail::read_status},
    {"STORE", [](Parse& p) { return detail::read_store(p, false); }},
    {"SUBSCRIBE", detail::read_mailbox_command<Subscribe>},
    {"THREAD", [](Parse& p) { return detail::read_thread(p, false); }},
    {"UID", uid},
    {"UIDBATCHES", detail::read_uid_batches},
    {"UNSELECT", plain<Unselect>},
    {"UNSUBSCRIBE", detail::read_mailbox_command<Unsubscribe>},
    {"URLFETCH", detail::read_urlfetch},
    {"XAPPLEPUSHSERVICE", detail::read_apple_push},
    {"XLIST", detail::read_xlist},
};
constexpr Entry kUidCommands[] = {
    {"COPY", [](Parse& p) { return detail::read_copy(p, true); }},
    {"EXPUNGE", detail::read_uid_expunge},
    {"FETCH", [](Parse& p) { return detail::read_fetch(p, true); }},
    {"MOVE", [](Parse& p) { return detail::read_move(p, true); }},
    {"SEARCH", [](Parse& p) { return detail::read_search(p, true); }},
    {"SORT", [](Parse& p) { return detail::read_sort(p, true); }},
    {"STORE", [](Parse& p) { return detail::read_store(p, true); }},
    {"THREAD", [](Parse& p) { return detail::read_thread(p, true); }},
};

// Section 6.4.8
Read uid(Parse& p) {
  if (!p.sp()) return std::nullopt;
  std::string_view word = p.lex.atom();
  for (const Entry& e : kUidCommands)
    if (base::iequals(e.name, word)) return e.read(p);
  return p.fail("Unknown UID command");
}

// tag = 1*<any ASTRING-CHAR except "+">
std::optional<std::string_view> take_tag(Lexer& lex) {
  std::string_view rest = lex.rest();
  size_t size = 0;
  while (size < rest.size() && is_astring_char(rest[size]) && rest[size] != '+') ++size;
  if (size == 0 || size > kMaxTag) return std::nullopt;
  lex.reset(lex.position() + size);
  return rest.substr(0, size);
}

ParsedCommand bad(std::string tag, std::string_view text, bool unknown = false) {
  return {std::move(tag), SyntaxError{.text = std::string(text), .unknown = unknown}};
}

ParsedCommand finish(std::string tag, Parse& p, Read read) {
  if (!read) return {std::move(tag), SyntaxError{.text = std::string(p.error), .well_formed = p.well_formed}};
  if (!p.lex.at_end()) return bad(std::move(tag), "Unexpected text at the end of the command");
  return {std::move(tag), std::move(*read)};
}

}  // namespace

std::string_view read_tag(std::string_view text) {
  Lexer lex(text);
  return take_tag(lex).value_or("*");
}

ParsedCommand parse_command(std::string_view text, bool utf8) {
  if (base::iequals(text, "DONE")) return {"", Command(Done{})};
  Parse p(text, utf8);
  auto tag_text = take_tag(p.lex);
  if (!tag_text) return bad("*", "No valid tag");
  std::string tag(*tag_text);
  if (!p.sp()) return bad(std::move(tag), "No command behind the tag");
  std::string_view word = p.lex.atom();
  for (const Entry& e : kCommands)
    if (base::iequals(e.name, word)) return finish(std::move(tag), p, e.read(p));
  return bad(std::move(tag), "Unknown command", true);
}

std::string_view name(const Command& command) {
  static constexpr std::array<std::string_view, std::variant_size_v<Command>> kNames = {
      "CAPABILITY",  "NOOP",         "LOGOUT",
      "ID",          "STARTTLS",     "AUTHENTICATE",
      "LOGIN",       "SELECT",       "CREATE",
      "DELETE",      "RENAME",       "SUBSCRIBE",
      "UNSUBSCRIBE", "STATUS",       "LIST",
      "LSUB",        "NAMESPACE",    "IDLE",
      "DONE",        "ENABLE",       "CHECK",
      "CLOSE",       "UNSELECT",     "EXPUNGE",
      "SEARCH",      "FETCH",        "STORE",
      "COPY",        "MOVE",         "SORT",
      "THREAD",      "RESETKEY",     "GENURLAUTH",
      "URLFETCH",    "COMPRESS",     "UIDBATCHES",
      "LANGUAGE",    "GETQUOTA",     "GETQUOTAROOT",
      "SETQUOTA",    "GETMETADATA",  "SETMETADATA",
      "NOTIFY",      "CANCELUPDATE", "ESEARCH",
      "SETACL",      "DELETEACL",    "GETACL",
      "LISTRIGHTS",  "MYRIGHTS",     "XAPPLEPUSHSERVICE"};
  return kNames[command.index()];
}

}  // namespace bz::imap
