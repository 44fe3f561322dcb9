// RESETKEY, GENURLAUTH and URLFETCH (RFC 4467; RFC 5524 for the parameters of URLFETCH; PARTIAL in URLs by RFC 5550 section
// 5.7.1). A URL is signed by its mailbox's key, which only the store sees. URLFETCH says NIL and nothing else of a URL that
// is not good, whatever is wrong with it.
#include <algorithm>

#include "base/text.h"
#include "imapd/commands/commands.h"
#include "imapd/commands/fetch_binary.h"
#include "imapd/commands/url_content.h"
#include "mime/part_structure.h"

namespace bz::imapd {
namespace {

using Access = imap::UrlAuth::Access;
constexpr std::string_view kInternal = "internal";
constexpr uint64_t kPiece = 256 * 1024;  // = kv::kBlobChunk

// A userid of a URL: the login name, or its local part at a server of that domain's name.
bool names_user(const std::string& account, const std::string& user, const std::string& host) {
  return base::iequals(account, user) || base::iequals(account, user + "@" + host);
}

// Why no URL is made of it. RFC 4467: the answer to each of these is BAD.
const char* refusal(Session& s, const std::optional<imap::MessageUrl>& url) {
  if (!url || !url->auth) return "No URL of a message with an access identifier";
  if (!url->auth->token.empty()) return "The URL is authorized already";
  if (!url->server || url->server->user.empty()) return "The URL names no owner";
  if (!names_user(s.account().account_name(), url->server->user, url->server->host)) return "Another user's mailbox";
  const store::MailboxInfo* info = s.account().find(url->mailbox);
  if (!info || !info->selectable) return "No such mailbox";
  return nullptr;
}

bool may_fetch(int64_t now, const std::string& account, const imap::MessageUrl& url) {
  const imap::UrlAuth& auth = *url.auth;
  if (auth.expire && now > *auth.expire) return false;
  switch (auth.access) {
    case Access::Anonymous:
    case Access::AuthUser:
      return true;  // every session is somebody's
    case Access::User:
      return names_user(account, auth.user, url.server->host);
    case Access::Submit:
      return false;  // nobody logs in here as a submission server
  }
  return false;
}

// The content of a URL that is good; unset: NIL.
Task<Result<std::optional<UrlContent>>> authorized(Session& s, std::string text) {
  std::optional<UrlContent> none;
  auto url = imap::parse_message_url(text);
  if (!url || !url->server || !url->auth || url->auth->mechanism != kInternal) co_return none;
  store::Account& account = s.account();
  if (!names_user(account.account_name(), url->server->user, url->server->host)) co_return none;
  const store::MailboxInfo* info = account.find(url->mailbox);
  std::string rump = text.substr(0, url->auth->rump), token = url->auth->token;
  auto is_signed = co_await account.url_is_signed(info ? info->id : MailboxId(), std::move(rump), std::move(token));
  if (!is_signed) co_return std::move(is_signed).error();
  if (!*is_signed || !may_fetch(s.clock().unix_seconds(), account.account_name(), *url)) co_return none;
  auto content = co_await resolve_url(account, std::move(*url));
  if (content) co_return std::move(*content);
  if (content.error().code() == Errc::NotFound) co_return none;
  co_return std::move(content).error();
}

// The octets as they lie in the message.
Task<Result<void>> write_body(Session& s, store::Account& account, imap::Encoder& e, const UrlContent& content) {
  if (content.size() == 0) {
    e.raw("\"\"");
    co_return Result<void>();
  }
  e.literal_head(content.size());
  for (uint64_t done = 0; done < content.size(); done += kPiece) {
    auto octets = co_await read_content(account, content, done, kPiece);
    if (!octets) co_return std::move(octets).error();
    s.out().append(*octets);
    if (done + kPiece < content.size() && !co_await s.flush_if_large()) co_return fail(Errc::Closed);
  }
  e.literal_done();
  co_return Result<void>();
}

struct Extended {
  std::optional<DecodedPart> part;  // set: BINARY has to decode it; counted
  mime::Range window;               // of what is decoded
  bool unknown_encoding = false;    // BINARY is NIL
};

// RFC 5524 section 3.2.
Task<Result<Extended>> look_closer(Session& s, store::Account& account, const imap::UrlFetch::Wanted& wanted,
                                   const imap::MessageUrl& url, const UrlContent& content) {
  Extended out;
  if (!wanted.binary || url.section.what != imap::BodySection::What::All) co_return out;
  auto known = co_await encoding_known(account, url.section.part, content.email, content.record);
  if (!known) co_return std::move(known).error();
  out.unknown_encoding = !*known;
  auto part = decoded_part(url.section.part, content.email, *content.record);
  if (out.unknown_encoding || !part || part->encoding == mime::Encoding::Identity) co_return out;
  auto counted = co_await count_decoded(s, account, *part);
  if (!counted) co_return std::move(counted).error();
  out.window = cut({0, *part->size}, url.range);
  out.part = std::move(part);
  co_return out;
}

// Nothing for what is no part by itself: a header or the text behind it.
std::string structure_of(const Extended& look, const imap::MessageUrl& url, const UrlContent& content) {
  if (url.section.what != imap::BodySection::What::All) return {};
  auto structure = mime::part_structure(content.record->bodystructure, url.section.part);
  if (!structure || !look.part) return std::string(structure.value_or(""));
  const DecodedPart& part = *look.part;
  const std::string_view encoding = part.has_nul ? "binary" : part.has_eight_bit ? "8bit" : "7bit";
  return mime::with_decoded(*structure, {encoding, *part.size, part.lines});
}

Task<Result<void>> write_extended(Session& s, store::Account& account, imap::Encoder& e,
                                  const imap::UrlFetch::Wanted& wanted, const UrlContent& content) {
  const imap::MessageUrl url = *imap::parse_message_url(wanted.url);
  auto look = co_await look_closer(s, account, wanted, url, content);
  if (!look) co_return std::move(look).error();
  const std::string structure = wanted.structure ? structure_of(*look, url, content) : std::string();
  if (structure.empty() && !wanted.body && !wanted.binary) e.raw(" NIL");
  if (!structure.empty()) e.raw(" (BODYPARTSTRUCTURE ").raw(structure).raw(")");
  if (!wanted.body && !wanted.binary) co_return Result<void>();
  e.raw(wanted.body ? " (BODY " : " (BINARY ");
  if (look->unknown_encoding) {
    e.raw("NIL)");
    co_return Result<void>();
  }
  auto writing = look->part ? write_decoded(s, account, e, *look->part, look->window) : write_body(s, account, e, content);
  auto written = co_await std::move(writing);
  e.raw(")");
  co_return std::move(written);
}

Task<Result<void>> write_url(Session& s, const imap::UrlFetch::Wanted& wanted) {
  std::string text = wanted.url;
  auto content = co_await authorized(s, std::move(text));
  if (!content) co_return std::move(content).error();
  imap::Encoder e(s.out());
  e.raw("* URLFETCH ").string(wanted.url);
  Result<void> written;
  if (!*content) {
    e.raw(" NIL");
  } else if (wanted.extended) {
    auto writing = write_extended(s, s.account(), e, wanted, **content);
    written = co_await std::move(writing);
  } else {
    e.sp();
    auto writing = write_body(s, s.account(), e, **content);
    written = co_await std::move(writing);
  }
  e.crlf();
  co_return std::move(written);
}

}  // namespace

Task<Reply> handle(Session& s, const imap::ResetKey& command) {
  for (const std::string& mechanism : command.mechanisms)
    if (!base::iequals(mechanism, kInternal)) co_return no("Only INTERNAL is known", "CANNOT");
  std::optional<MailboxId> only;
  if (command.mailbox) {
    const store::MailboxInfo* info = s.account().find(*command.mailbox);
    if (!info || !info->selectable) co_return no("No such mailbox", "NONEXISTENT");
    only = info->id;
  }
  auto reset = co_await s.account().reset_url_keys(only);
  if (!reset) co_return reply_for(reset.error());
  if (!only) co_return ok("All keys are removed");
  if (s.selected() && s.selected_place().own() && s.mailbox().info().id == *only)
    s.url_key_told();  // by this very response
  co_return ok("RESETKEY completed", std::string(kUrlMechanisms));
}

Task<Reply> handle(Session& s, const imap::GenUrlAuth& command) {
  std::vector<std::string> urls;
  for (const imap::GenUrlAuth::Rump& rump : command.rumps) {
    const auto url = imap::parse_message_url(rump.url);
    if (const char* why = refusal(s, url)) co_return bad(why);
    if (!base::iequals(rump.mechanism, kInternal)) co_return no("Only INTERNAL is known", "CANNOT");
    auto token = co_await s.account().sign_url(s.account().find(url->mailbox)->id, rump.url);
    if (!token) co_return reply_for(token.error());
    urls.push_back(rump.url + ":" + std::string(kInternal) + ":" + *token);
  }
  imap::Encoder e(s.out());
  e.raw("* GENURLAUTH");
  for (const std::string& url : urls) e.sp().string(url);
  e.crlf();
  co_return ok("GENURLAUTH completed");
}

Task<Reply> handle(Session& s, const imap::UrlFetch& command) {
  for (const imap::UrlFetch::Wanted& wanted : command.urls) {
    const size_t before = s.out().size();
    const uint64_t flushed = s.flushed();
    auto written = co_await write_url(s, wanted);
    if (s.ended()) co_return Reply{};
    if (!written) {
      if (s.flushed() != flushed) {  // half a response is out, its literal's size is promised
        s.bye("A message could not be read to its end", "UNAVAILABLE");
        co_return Reply{};
      }
      s.out().resize(before);
      if (written.error().code() != Errc::NotFound) co_return reply_for(written.error());
      imap::Encoder(s.out()).raw("* URLFETCH ").string(wanted.url).raw(" NIL").crlf();  // expunged just now
    }
    if (!co_await s.flush_if_large()) co_return Reply{};
  }
  co_return ok("URLFETCH completed");
}

}  // namespace bz::imapd
