// APPEND (RFC 3501 section 6.3.11, RFC 4315, RFC 7889): the message goes from the wire to the store in pieces. Between "+"
// and the tagged response nothing else is written: phones in the field cannot read it. News follows behind the tagged
// response.
#include "imapd/commands/commands.h"

namespace bz::imapd {
namespace {

// Why the message is not even wanted; decided before "+", so that the client does not send it.
std::optional<Reply> refusal(Session& s, const imap::ParsedCommand& parsed) {
  if (const imap::SyntaxError* error = parsed.error())
    return error->well_formed ? no(error->text, "CANNOT") : bad(error->text);
  const auto& append = std::get<imap::Append>(*parsed.command());
  const store::MailboxInfo* info = s.account().find(append.mailbox);
  if (!info || !info->selectable) return no("No such mailbox", "TRYCREATE");
  if (append.size > s.account().config().append_limit) return no("Message too large", "TOOBIG");
  return std::nullopt;
}

// Takes the message off the wire into `message`. After an error of the store the rest is read all the same, so that the
// session stays in step. unset: the connection is gone.
struct Received {
  Result<void> stored;
  bool clean = true;
};
Task<std::optional<Received>> receive(Session& s, store::Appender& message) {
  Received received;
  for (;;) {
    imap::Framer::Event event = s.framer().next();
    switch (event.kind) {
      case imap::Framer::Kind::NeedMore:
        if (!co_await s.read_more(s.config().literal_timeout)) co_return std::nullopt;
        break;
      case imap::Framer::Kind::AppendChunk:
        if (received.stored) {
          auto written = co_await message.write(event.text);
          received.stored = std::move(written);
        }
        break;
      case imap::Framer::Kind::AppendEnd:
        received.clean = event.clean;
        co_return std::move(received);
      default:
        BZ_CHECK(false, "a command inside a message");
    }
  }
}

Task<Reply> store_message(Session& s, MailboxId to, std::unique_ptr<store::Appender> message, const imap::Append& append) {
  std::optional<int64_t> date;
  if (append.date) date = append.date->unix_seconds;
  FlagList flags = append.flags;
  auto appended = co_await s.account().append(to, std::move(message), std::move(flags), date);
  if (!appended) {
    if (appended.error().code() == Errc::NotFound) co_return no("The mailbox is gone", "TRYCREATE");
    co_return reply_for(appended.error());
  }
  co_return ok("APPEND completed", imap::code_append_uid(appended->uid_validity, Uid(appended->uid)));
}

}  // namespace

Task<Reply> handle(Session&, const imap::Append&) { co_return bad("APPEND needs a message literal"); }

Task<void> run_append(Session& s, std::string head, bool sync) {
  imap::ParsedCommand parsed = imap::parse_append_head(head);
  s.set_tag(parsed.tag);
  if (auto why = refusal(s, parsed)) {
    s.framer().refuse_append(s.config().max_drain);
    s.write_tagged(*why);
    co_return;
  }
  const auto& append = std::get<imap::Append>(*parsed.command());
  MailboxId to = s.account().find(append.mailbox)->id;
  s.framer().accept_append();
  if (sync) imap::continuation(s.out(), "Send the message");
  if (!co_await s.flush()) co_return;
  auto message = s.account().begin_append();
  auto received = co_await receive(s, *message);
  if (!received) co_return;
  Reply reply;
  if (!received->clean) {
    reply = bad("Unexpected text behind the message");
  } else if (!received->stored) {
    reply = reply_for(received->stored.error());
  } else {
    reply = co_await store_message(s, to, std::move(message), append);
  }
  s.write_tagged(reply);
  s.report(store::View::Expunges::Hold);
}

}  // namespace bz::imapd
