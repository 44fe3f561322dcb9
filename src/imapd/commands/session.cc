// Commands about the session itself.
#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "imap/capability.h"
#include "imapd/commands/commands.h"

namespace bz::imapd {

namespace {
constexpr size_t kMaxClientName = 200;
}

Task<Reply> handle(Session& s, const imap::Capability&) {
  imap::capability_response(s.out(), s.capabilities());
  co_return ok("CAPABILITY completed");
}

Task<Reply> handle(Session&, const imap::Noop&) { co_return ok("NOOP completed"); }

// RFC 3501 section 6.4.1: everything acknowledged is durable already.
Task<Reply> handle(Session&, const imap::Check&) { co_return ok("CHECK completed"); }

Task<Reply> handle(Session& s, const imap::Logout&) {
  s.say(imap::Condition::Bye, {}, "Logging out");
  s.unselect();
  s.log_out();
  co_return ok("LOGOUT completed");
}

// RFC 2971. What the client says goes to the log (an administrator wants to know which phones there are) and decides about
// the rules of imap/client_rules.h.
Task<Reply> handle(Session& s, const imap::Id& command) {
  static constexpr std::string_view kLogged[] = {"name", "version", "os", "os-version", "vendor"};
  log::Event event(log::Info, "imap_id");
  event.field("sid", s.id());
  std::string client;
  for (std::string_view known : kLogged)
    for (const auto& [key, value] : command.fields) {
      if (!value || !base::iequals(key, known)) continue;
      event.field(known, std::string_view(*value).substr(0, 100));
      if (known != "vendor") client += (client.empty() ? "" : " ") + value->substr(0, 100);
    }
  s.client_named(client.substr(0, kMaxClientName));
  imap::IdFields fields;
  for (const auto& [key, value] : command.fields)
    if (value) fields.emplace_back(key, *value);
  s.identify(fields);
  s.out().append("* ID (\"name\" \"buzon\")\r\n");
  co_return ok("ID completed");
}

Task<Reply> handle(Session&, const imap::StartTls&) { co_return bad("Already logged in"); }
Task<Reply> handle(Session&, const imap::Authenticate&) { co_return bad("Already logged in"); }
Task<Reply> handle(Session&, const imap::Login&) { co_return bad("Already logged in"); }
Task<Reply> handle(Session&, const imap::Done&) { co_return bad("DONE without IDLE"); }

// RFC 5161: names that are not known are left out of the answer.
Task<Reply> handle(Session& s, const imap::Enable& command) {
  const auto& names = command.capabilities;
  auto asked = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), base::upper(name)) != names.end() && s.offers(name);
  };
  const bool qresync = asked(imap::kEnableQresync) && !s.qresync();
  const bool condstore = asked(imap::kEnableCondstore) && !s.condstore();
  const bool utf8 = asked(imap::kEnableUtf8) && !s.utf8_accept();
  const bool uid_only = asked(imap::kEnableUidOnly) && !s.uid_only();
  const bool rev2 = asked(imap::kRev2) && !s.rev2();
  const bool metadata = asked(imap::kEnableMetadata) && !s.metadata();
  s.out().append("* ENABLED");
  if (condstore) s.out().append(" CONDSTORE");
  if (qresync) s.out().append(" QRESYNC");
  if (utf8) s.out().append(" UTF8=ACCEPT");
  if (uid_only) s.out().append(" UIDONLY");
  if (rev2) s.out().append(" IMAP4rev2");
  if (metadata) s.out().append(" METADATA");
  s.out().append("\r\n");
  if (utf8) s.enable_utf8_accept();
  if (rev2) s.enable_rev2();
  if (qresync) s.enable_qresync();  // RFC 7162 section 3.2.3: enables CONDSTORE too
  if (condstore || qresync) s.enable_condstore();
  if (uid_only) s.enable_uid_only();
  if (metadata) s.enable_metadata();
  co_return ok("ENABLE completed");
}

// RFC 4978 section 3: what the client says next is compressed, and it waits for our answer. A client that did not wait has
// said something that may be either.
Task<Reply> handle(Session& s, const imap::Compress& command) {
  if (command.algorithm != "DEFLATE" || s.config().compress_level == 0) co_return bad("Unknown compression algorithm");
  if (s.compression()) co_return no("DEFLATE is active already", "COMPRESSIONACTIVE");
  if (s.framer().buffered() > 0) co_return bad("Nothing may follow COMPRESS before its response");
  s.start_compression();
  co_return ok(imap::kDeflateActive);
}

// RFC 5255 section 3.2. The languages speak from the response on that names the one chosen.
Task<Reply> handle(Session& s, const imap::SetLanguage& command) {
  if (command.ranges.empty()) {
    imap::language_response(s.out(), imap::language_tags());
    co_return ok("LANGUAGE completed");
  }
  const auto chosen = imap::choose_language(command.ranges);
  if (!chosen) co_return no("None of these languages is spoken here");
  const std::string_view tag = imap::tag(*chosen);
  imap::language_response(s.out(), {&tag, 1});
  s.set_language(*chosen);
  co_return ok("Language changed");
}

// RFC 2342
Task<Reply> handle(Session& s, const imap::Namespace&) {
  s.out().append("* NAMESPACE ((\"\" \"/\")) ");
  if (s.others())
    s.out().append("((\"").append(kOthersPrefix).append("\" \"/\"))");
  else
    s.out().append("NIL");
  s.out().append(" NIL\r\n");
  co_return ok("NAMESPACE completed");
}

}  // namespace bz::imapd
