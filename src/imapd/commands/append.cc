// APPEND and REPLACE (RFC 3501 section 6.3.11, RFC 3502, RFC 4315, RFC 4469, RFC 7889, RFC 8508): messages go from the wire
// to the store in pieces, and into the mailbox together, in one commit. Between "+" and the tagged response nothing else is
// written: phones in the field cannot read it. News follows behind the tagged response. What is not wanted is refused
// before "+", so that the client does not send it.
#include <algorithm>

#include "imap/append.h"
#include "imapd/commands/commands.h"
#include "imapd/commands/url_content.h"

namespace bz::imapd {
namespace {

constexpr size_t kShownUrl = 1000;
constexpr uint64_t kPiece = 256 * 1024;             // = kv::kBlobChunk
constexpr uint64_t kMaxUpload = uint64_t{1} << 30;  // octets of one command, beyond its first message

using Event = imap::Framer::Event;
using Kind = imap::Framer::Kind;
using Step = imap::AppendStep;
using Outcome = imap::AppendReader::Outcome;
using Refusal = std::optional<Reply>;

struct Announced {  // a literal
  uint64_t size = 0;
  bool sync = false;
};

struct Upload {  // one command
  explicit Upload(bool utf8) : reader(utf8) {}
  imap::AppendReader reader;
  Place place;
  std::optional<MailboxId> to;
  store::Rights rights = 0;                  // there
  uint32_t replaced = 0;                     // UID of REPLACE
  std::vector<store::NewMessage> messages;   // complete,
  uint64_t complete = 0;                     // and their octets
  std::unique_ptr<store::Appender> message;  // the one under way,
  store::NewMessage next;                    // and what is known of it
  Refusal failed;                            // the store took no more; the octets are read all the same
  store::MailboxPtr source;                  // of the last URL
};

// The message that REPLACE takes away, as the session knows it.
Refusal find_replaced(Session& s, Upload& upload) {
  const auto& replaced = upload.reader.replaced();
  if (!replaced) return std::nullopt;
  if (!s.selected()) return bad("No mailbox is selected");
  if (s.read_only()) return no("The mailbox is read-only", "READ-ONLY");
  constexpr store::Rights kTakeAway = store::right::kDeleteMessages | store::right::kExpunge;
  if ((s.rights() & kTakeAway) != kTakeAway) return no("Not permitted", "NOPERM");
  if (s.mailbox_account().id() != upload.place.account->id())
    return no("REPLACE cannot go to another user's mailbox, use APPEND", "CANNOT");
  imap::SequenceSet one;
  one.add({replaced->number, replaced->number});
  auto uids = resolve(s, one, replaced->uid);
  if (!uids) return bad("No such message number");
  if (uids->empty()) return no("No such message");
  upload.replaced = uids->min();
  return std::nullopt;
}

Task<Refusal> find_target(Session& s, Upload& upload) {
  if (upload.to) co_return std::nullopt;
  std::string name = upload.reader.mailbox();
  auto reaching = reach(s, std::move(name));
  auto place = co_await std::move(reaching);
  if (!place && place.error().code() != Errc::NotFound) co_return reply_for(place.error());
  if (!place) co_return no("No such mailbox", "TRYCREATE");
  upload.place = std::move(*place);
  if (auto why = find_replaced(s, upload)) co_return why;
  auto info = permitted(s, upload.place, store::right::kInsert);
  if (!info && info.error().code() == Errc::Denied) co_return reply_for(info.error());
  if (!info || !(*info)->selectable) co_return no("No such mailbox", "TRYCREATE");
  upload.to = (*info)->id;
  upload.rights = rights_in(s, *upload.place.account, **info);
  co_return std::nullopt;
}

Refusal begin_message(Upload& upload, const Step& step) {
  if (upload.messages.size() == store::kAppendMessages) return no("Too many messages in one command", "LIMIT");
  upload.next = {nullptr, only_permitted(step.flags, upload.rights), std::nullopt};
  if (step.date) upload.next.internal_date = step.date->unix_seconds;
  upload.message = upload.place.account->begin_append();
  return std::nullopt;
}

Refusal may_grow(const Upload& upload, uint64_t by) {
  const uint64_t limit = upload.place.account->config().append_limit, size = upload.message->size();
  if (!upload.messages.empty() && upload.complete + size > kMaxUpload) return no("Too much in one command", "LIMIT");
  if (size > limit || by > limit - size) return no("Message too large", "TOOBIG");
  if (upload.reader.replaced()) return std::nullopt;  // what it frees is known at its end
  auto taken = upload.place.account->takes(*upload.to, upload.messages.size() + 1, upload.complete + size + by);
  if (!taken) return reply_for(taken.error());
  return std::nullopt;
}

Task<Refusal> end_message(Session& s, Upload& upload) {
  // RFC 3502: "A zero-length message literal argument is an error ... This can be used to cancel the append."
  if (upload.message->size() == 0) co_return no("Cancelled by an empty message");
  auto completed = co_await upload.place.account->complete(std::move(upload.message));
  if (!completed && completed.error().code() == Errc::Unsupported)
    co_return no("NUL stands where it cannot be encoded", "UNKNOWN-CTE");
  if (!completed) co_return reply_for(completed.error());
  if (s.config().refuse_eight_bit_headers && !s.utf8() && (*completed)->eight_bit_header())
    co_return no("Header fields with 8-bit need ENABLE UTF8=ACCEPT", "CANNOT");
  upload.next.message = std::move(*completed);
  upload.complete += upload.next.message->size();
  upload.messages.push_back(std::move(upload.next));
  co_return std::nullopt;
}

// BADURL with the URL, as far as it may stand there: text without "]" (RFC 4469 section 5).
Reply bad_url(std::string_view url) {
  std::string shown(url.substr(0, kShownUrl));
  std::replace_if(shown.begin(), shown.end(), [](char c) { return c <= ' ' || c >= 0x7f || c == ']'; }, '?');
  return no("Nothing to be had by this URL", "BADURL " + (shown.empty() ? "?" : shown));
}

// CATENATE's URLs are of this session's server and user, and say neither (RFC 4469 section 3).
Task<Refusal> copy_url(Session& s, Upload& upload, const std::string& text) {
  auto url = imap::parse_message_url(text);
  if (!url || url->server || url->auth) co_return bad_url(text);
  auto content = co_await resolve_url(s.account(), std::move(*url));
  if (!content && content.error().code() == Errc::NotFound) co_return bad_url(text);
  if (!content) co_return reply_for(content.error());
  upload.source = content->mailbox;
  if (auto why = may_grow(upload, content->size())) co_return why;
  for (uint64_t done = 0; done < content->size(); done += kPiece) {
    auto octets = co_await read_content(s.account(), *content, done, kPiece);
    if (!octets && octets.error().code() == Errc::NotFound) co_return bad_url(text);  // expunged just now
    if (!octets) co_return reply_for(octets.error());
    auto written = co_await upload.message->write(*octets);
    if (!written) co_return reply_for(written.error());
    base::Yield yield(s.loop());
    co_await yield;
  }
  co_return std::nullopt;
}

// Does what the text in front of a literal, or at the end, asks for.
Task<Refusal> follow(Session& s, Upload& upload) {
  auto finding = find_target(s, upload);
  if (auto why = co_await std::move(finding)) co_return why;
  for (const Step& step : upload.reader.steps()) {
    Refusal why;
    switch (step.kind) {
      case Step::Kind::Message:
        why = begin_message(upload, step);
        break;
      case Step::Kind::Literal:
        why = may_grow(upload, step.size);
        if (step.binary) upload.message->allow_nul();
        break;
      case Step::Kind::Url:
        why = co_await copy_url(s, upload, step.url);
        break;
      case Step::Kind::Done:
        why = co_await end_message(s, upload);
        break;
    }
    if (why) co_return why;
  }
  co_return std::nullopt;
}

Reply syntax_error(const imap::SyntaxError& error) {
  return error.well_formed ? no(error.text, "CANNOT") : bad(error.text);
}

// Tells the framer what to do with the literal, unless it is refused.
Task<Refusal> accept_literal(Session& s, Upload& upload, std::string text, Announced literal) {
  const auto outcome = upload.reader.read(text, true);
  s.set_tag(upload.reader.tag());
  if (upload.failed) co_return upload.failed;
  if (!literal.sync && s.config().literals == imap::Literals::Minus && literal.size > imap::kMinusLiteral)
    co_return Reply{imap::Condition::Bad, "TOOBIG", "LITERAL- allows 4096 octets without waiting"};  // RFC 7888 section 5
  if (outcome == Outcome::Error) co_return syntax_error(upload.reader.error());
  if (outcome == Outcome::Argument) {
    if (!s.framer().accept_argument()) co_return no("Literal too large", "TOOBIG");
    co_return std::nullopt;
  }
  if (auto why = co_await follow(s, upload)) co_return why;
  s.framer().accept_append();
  co_return std::nullopt;
}

// False: the command is over.
Task<bool> take_literal(Session& s, Upload& upload, std::string text, Announced literal) {
  if (auto why = co_await accept_literal(s, upload, std::move(text), literal)) {
    s.framer().refuse_append(s.config().max_drain);
    s.write_tagged(*why);
    co_return false;
  }
  if (literal.sync) imap::continuation(s.out(), "Go ahead");
  co_return true;
}

Task<void> take_chunk(Upload& upload, std::string_view octets) {
  if (upload.failed) co_return;
  auto written = co_await upload.message->write(octets);
  if (!written) upload.failed = reply_for(written.error());
}

std::string code_of(const std::vector<store::Appended>& appended) {
  std::vector<uint32_t> uids;
  for (const store::Appended& a : appended) uids.push_back(a.uid);
  return imap::code_append_uid(appended.front().uid_validity, uids);
}

Reply store_error(const Error& error) {
  if (error.code() == Errc::NotFound) return no("The mailbox is gone", "TRYCREATE");
  if (error.code() == Errc::Conflict) return no("The message is gone", "EXPUNGEISSUED");  // of REPLACE
  return reply_for(error);
}

// RFC 8508 section 4.3: APPENDUID comes in front of the EXPUNGE, as with MOVE. Who says REPLACE reads untagged responses.
Task<Reply> replace(Session& s, Upload& upload) {
  store::MailboxPtr from = s.mailbox_ptr();
  auto replaced = co_await upload.place.account->replace(std::move(from), upload.replaced, *upload.to,
                                                         std::move(upload.messages.front()));
  if (!replaced) co_return store_error(replaced.error());
  s.say(imap::Condition::Ok, code_of({*replaced}), "The new message is there");
  s.own_new(*upload.place.account, *upload.to, replaced->uid, replaced->uid, replaced->modseq, replaced->modseq);
  s.answers_by_news();
  co_await s.tell(store::View::Expunges::Report);
  if (s.ended()) co_return Reply{};
  if (s.condstore())
    co_return ok("REPLACE completed", imap::code_number("HIGHESTMODSEQ", s.mailbox().info().highest_modseq));
  co_return ok("REPLACE completed");
}

Task<Reply> finish(Session& s, Upload& upload, std::string text) {
  const auto outcome = upload.reader.read(text, false);
  s.set_tag(upload.reader.tag());
  if (upload.failed) co_return std::move(*upload.failed);
  if (outcome == Outcome::Error) co_return syntax_error(upload.reader.error());
  if (auto why = co_await follow(s, upload)) co_return std::move(*why);
  if (upload.reader.replaced()) co_return co_await replace(s, upload);
  auto appended = co_await upload.place.account->append(*upload.to, std::move(upload.messages));
  if (!appended) co_return store_error(appended.error());
  for (const store::Appended& a : *appended) s.own_new(*upload.place.account, *upload.to, a.uid, a.uid, a.modseq, a.modseq);
  co_return ok("APPEND completed", code_of(*appended));
}

}  // namespace

Task<void> run_append(Session& s, Event event) {
  Upload upload(s.utf8());
  for (;; event = s.framer().next()) {
    switch (event.kind) {
      case Kind::NeedMore:
        if (!co_await s.flush() || !co_await s.read_more(s.config().literal_timeout)) co_return;
        break;
      case Kind::AppendLiteral: {
        std::string text(event.text);
        if (!co_await take_literal(s, upload, std::move(text), {event.size, event.sync})) co_return;
        break;
      }
      case Kind::AppendChunk:
        co_await take_chunk(upload, event.text);
        break;
      case Kind::Command:
      case Kind::AppendEnd: {
        std::string text(event.text);
        const Reply reply = co_await finish(s, upload, std::move(text));
        if (s.ended()) co_return;
        s.write_tagged(reply);
        co_await s.tell(store::View::Expunges::Hold);
        co_return;
      }
      case Kind::Refused:
        s.write_tagged(bad(event.text));
        co_return;
      case Kind::Fatal:
        s.bye(event.text);
        co_return;
      case Kind::Continue:
        BZ_CHECK(false, "APPEND decides about its literals itself");
    }
  }
}

}  // namespace bz::imapd
