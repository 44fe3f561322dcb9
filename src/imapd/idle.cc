// IDLE (RFC 2177). The session subscribes before its first diff, so no change falls in between; news within a few
// milliseconds goes out together. While the client does not read, changes pile up in the view and become one diff. DONE and
// the commands behind it may come in one packet or cut anywhere: the framer keeps them. A tagged IDLE while idling is taken
// as DONE and a new IDLE, which one of Apple's clients does.
#include "base/text.h"
#include "imapd/commands/commands.h"

namespace bz::imapd {
namespace {

// What a line means to the one who idles; unset: go on idling.
std::optional<Reply> line_ends(Session& s, std::string_view line) {
  if (base::iequals(line, "DONE")) return ok("IDLE completed");
  imap::ParsedCommand parsed = imap::parse_command(line, s.utf8());
  if (parsed.command() && std::holds_alternative<imap::Idle>(*parsed.command())) {
    s.write_tagged(ok("IDLE completed"));
    s.set_tag(parsed.tag);
    imap::continuation(s.out(), "idling");
    return std::nullopt;
  }
  s.run_next(std::string(line));
  return bad("DONE was expected");
}

Task<Reply> idle(Session& s) {
  for (;;) {
    co_await s.tell(store::View::Expunges::Report);  // RFC 5465 section 4: what NOTIFY asked for, here too
    if (s.ended()) co_return Reply{};
    imap::Framer::Event event = s.framer().next();
    if (event.kind == imap::Framer::Kind::Command) {
      auto end = line_ends(s, event.text);
      if (end) co_return *end;
      continue;
    }
    if (event.kind == imap::Framer::Kind::Refused) co_return bad(event.text);
    if (event.kind == imap::Framer::Kind::Fatal) {
      s.bye(event.text);
      co_return Reply{};
    }
    if (!co_await s.flush()) co_return Reply{};
    Session::Waited waited = co_await s.wait(s.config().keepalive);
    if (s.stop_requested()) {
      s.bye_as_asked();
      co_return Reply{};
    }
    if (waited == Session::Waited::TimedOut) {
      s.say(imap::Condition::Ok, {}, "Still here");
    } else if (waited == Session::Waited::Woken) {
      co_await s.loop().sleep(net::Deadline::in(s.config().coalesce));
    } else if (!co_await s.read_more(s.config().literal_timeout)) {
      co_return Reply{};
    }
  }
}

}  // namespace

Task<Reply> handle(Session& s, const imap::Idle&) {
  store::Mailbox::Subscription subscription;
  if (s.selected()) subscription = s.mailbox().subscribe([&s] { s.wake(); });
  imap::continuation(s.out(), "idling");
  s.framer().set_plain_lines(true);
  Reply reply = co_await idle(s);
  s.framer().set_plain_lines(false);
  co_return reply;
}

}  // namespace bz::imapd
