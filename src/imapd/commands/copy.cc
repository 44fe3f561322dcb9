// COPY (RFC 3501 section 6.4.7, RFC 4315) and MOVE (RFC 6851). Messages that are gone already are no error: a phone that
// got NO would show messages for ever that nobody can delete.
#include "imapd/commands/commands.h"
#include "imapd/commands/message_limit.h"

namespace bz::imapd {
namespace {

uint32_t last_uid(const store::Copied& copied) {
  return static_cast<uint32_t>(copied.first_uid + copied.source.count() - 1);
}

std::string copy_code(const store::Copied& copied) {
  UidSet to;
  to.add(copied.first_uid, last_uid(copied));
  return imap::code_copy_uid(copied.uid_validity, copied.source, to);
}

struct Target {
  MailboxId id;
  std::optional<Reply> refusal;
};
Target find_target(Session& s, const std::string& name) {
  const store::MailboxInfo* info = s.account().find(name);
  if (!info || !info->selectable) return {{}, no("No such mailbox", "TRYCREATE")};
  return {info->id, std::nullopt};
}

Reply destination_error(const Error& error) {
  if (error.code() == Errc::NotFound) return no("The mailbox is gone", "TRYCREATE");
  return reply_for(error);
}

}  // namespace

Task<Reply> handle(Session& s, const imap::Copy& command) {
  auto uids = resolve(s, command.set, command.uid);
  if (!uids) co_return bad("No such message number");
  Target target = find_target(s, command.mailbox);
  if (target.refusal) co_return *target.refusal;
  if (uids->empty()) co_return ok("Nothing to copy");
  if (auto limit = message_limit(s, LimitedBy::Save); limit && uids->count() > *limit)
    co_return over_limit(s, "Too many messages to copy, try a smaller subset",
                         uids->slice(uids->count() - *limit, 1).min());
  store::MailboxPtr from = s.mailbox_ptr();
  auto copied = co_await s.account().copy(std::move(from), std::move(*uids), target.id);
  if (!copied) co_return destination_error(copied.error());
  if (copied->source.empty()) co_return ok("The messages are gone already");
  s.own_new(target.id, copied->first_uid, last_uid(*copied), copied->first_modseq, copied->last_modseq);
  co_return ok("COPY completed", copy_code(*copied));
}

// COPYUID goes in an untagged OK before the EXPUNGE responses (RFC 6851 section 4.3).
Task<Reply> handle(Session& s, const imap::Move& command) {
  if (s.read_only()) co_return no("The mailbox is read-only", "READ-ONLY");
  auto uids = resolve(s, command.set, command.uid);
  if (!uids) co_return bad("No such message number");
  Target target = find_target(s, command.mailbox);
  if (target.refusal) co_return *target.refusal;
  if (uids->empty()) co_return ok("Nothing to move");
  const auto lowest = take_highest(s, *uids);
  store::MailboxPtr from = s.mailbox_ptr();
  auto moved = co_await s.account().move(std::move(from), std::move(*uids), target.id);
  if (!moved) co_return destination_error(moved.error());
  if (moved->source.empty()) co_return cut_reply(s, ok("The messages are gone already"), lowest);
  s.own_new(target.id, moved->first_uid, last_uid(*moved), moved->first_modseq, moved->last_modseq);
  s.say(imap::Condition::Ok, copy_code(*moved), "Moved");
  co_return cut_reply(s, ok("MOVE completed"), lowest);
}

}  // namespace bz::imapd
