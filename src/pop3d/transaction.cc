// The commands that read or change messages.
#include <algorithm>

#include "base/log.h"
#include "mime/record.h"
#include "pop3/response.h"
#include "pop3d/session.h"

namespace bz::pop3d {
namespace {

constexpr uint64_t kPiece = 256 * 1024;  // = kv::kBlobChunk
constexpr uint32_t kSlice = 1024;        // lines of a list between two looks at the clock of others

}  // namespace

void Session::append_item(uint32_t number, pop3::Verb verb) {
  out_.append(std::to_string(number)).append(1, ' ');
  if (verb == pop3::Verb::Uidl)
    maildrop_->append_unique_id(out_, number);
  else
    out_ += std::to_string(maildrop_->size(number));
  out_ += "\r\n";
}

// LIST and UIDL: one message, or all that are not marked as deleted. What the client does not take stays unmade.
Task<void> Session::list(std::optional<uint32_t> number, pop3::Verb verb) {
  if (number) {
    out_ += "+OK ";
    append_item(*number, verb);
    co_return;
  }
  ok("Messages: " + std::to_string(maildrop_->messages()));
  for (uint32_t n = 1; n <= maildrop_->last(); ++n) {
    if (maildrop_->has(n)) append_item(n, verb);
    if (n % kSlice != 0) continue;
    if (!co_await flush_if_large()) co_return;
    base::Yield yield(stream_->loop());
    co_await yield;
  }
  out_ += ".\r\n";
}

// Octets of the first read. TOP needs the header and seldom more, which lies beside the record of the message.
Task<uint64_t> Session::first_piece(EmailId email, std::optional<uint32_t> lines) {
  if (!lines) co_return kPiece;
  auto record = co_await account_->record(email);
  if (!record) co_return kPiece;
  mime::SectionPath header;
  header.kind = mime::SectionPath::Kind::Header;
  auto range = mime::section(**record, header);
  if (!range || range->size == 0) co_return kPiece;
  co_return std::min<uint64_t>(kPiece, range->size);
}

// RETR (no `lines`) and TOP.
Task<void> Session::retrieve(uint32_t number, std::optional<uint32_t> lines) {
  const store::Entry* entry = maildrop_->entry(number);
  if (!entry) {
    err("Another client has removed the message");
    co_return;
  }
  const EmailId email(entry->email);  // the entry dies with the first wait
  const uint64_t size = entry->size;
  uint64_t want = co_await first_piece(email, lines);
  pop3::DotStuffer stuffer;
  pop3::TopFilter top(lines.value_or(0));
  uint64_t at = 0;
  do {
    want = std::min(want, size - at);
    auto piece = co_await account_->read(email, at, want);
    if (piece && piece->size() != want) piece = fail(Errc::Corrupt, "a message is shorter than its record says");
    if (!piece) {
      unreadable(number, piece.error(), at > 0);
      co_return;
    }
    if (at == 0) ok(lines ? "The top follows" : std::to_string(size) + " octets");
    stuffer.add(lines ? top.take(*piece) : std::string_view(*piece), out_);
    at += want;
    want = kPiece;
    if (!co_await flush_if_large()) co_return;
  } while (at < size && !(lines && top.done()));
  stuffer.finish(out_);
  if (lines) co_return;
  ++retrieved_;
  maildrop_->mark_retrieved(number);
}

// A response that has begun cannot be taken back; one without its end tells the client that it is not whole.
void Session::unreadable(uint32_t number, const Error& error, bool begun) {
  const bool gone = maildrop_->entry(number) == nullptr;
  if (!gone) log::event(log::Err, "pop3_read_failed").field("sid", start_.id).field("number", number).error(error);
  if (begun) {
    end_ = "a message could not be read to its end";
    ended_ = true;
  } else if (gone) {
    err("Another client has removed the message");
  } else {
    err("The message cannot be read; the administrator finds it in the log", pop3::kSysPerm);
  }
}

// The UPDATE state (RFC 1939 section 6).
Task<void> Session::quit() {
  ended_ = true;
  end_ = "quit";
  UidSet deleted = maildrop_->deleted();
  UidSet retrieved = config_.marks_seen ? maildrop_->retrieved() : UidSet();
  Result<UidSet> removed = UidSet();
  if (!deleted.empty()) {
    auto erasing = account_->erase(maildrop_->inbox(), std::move(deleted));
    removed = co_await std::move(erasing);
  }
  if (removed && !retrieved.empty()) {
    auto marking = account_->store_flags(maildrop_->inbox(), std::move(retrieved), store::FlagOp::Add, {kSeen, {}}, {});
    auto marked = co_await std::move(marking);
    if (!marked) log::event(log::Warn, "pop3_mark_failed").field("sid", start_.id).error(marked.error());
  }
  maildrop_.reset();
  start_.lock.reset();
  if (removed) {
    removed_ = removed->count();
    ok("Goodbye");
    co_return;
  }
  log::event(log::Err, "pop3_remove_failed").field("sid", start_.id).error(removed.error());
  err("The marked messages could not be removed", pop3::kSysTemp);
}

}  // namespace bz::pop3d
